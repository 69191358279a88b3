"""Organisations and roles have pages: departments and heads, who serves by which grant; strangers see nothing."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.accounts.test_people_pages import signed_in
from tests.cast import Cast
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import add_person, end_role, found_organisation, give_role
from weilu.accounts.house import add_department, close_department, rename_department, rename_organisation
from weilu.accounts.house_queries import house_of, roles_held
from weilu.accounts.models import Department, Organisation, Person, RoleHolding

pytestmark = pytest.mark.django_db
NOT_YOURS = "管理人员与角色要由系统管理员办"
VENDOR = {"code": "TX", "name": "天行数据有限公司", "short_name": "天行数据"}


def place(cast: Cast) -> str:
    return f"/people/organisations/{cast.jz.uid}/"


def change(client: Client, cast: Cast, act: str, **given: str) -> tuple[int, str]:
    """The answer to one act, and the page after it."""
    answer = client.post(place(cast) + "change", {"act": act} | given)
    page = client.get(place(cast)) if answer.status_code == 302 else answer
    return answer.status_code, page.content.decode()


def department(cast: Cast, name: str) -> Department:
    return Department.objects.get(organisation=cast.jz, name=name, closed_at=None)


def test_the_page_says_who_heads_what_and_who_serves_by_which_grant(cast: Cast):
    house = house_of(cast.jz, Person.objects.get(id=cast.zheng.id))
    assert [(one.name, one.head and one.head.name, one.number) for one in house.departments] == [  # type: ignore[attr-defined]
        ("中心领导", None, 1), ("信息安全办", None, 1), ("信息科", None, 2), ("养老待遇科", "李建国", 2),
    ]  # fmt: skip
    assert [
        (one.organisation.name, [(line.grant.person.name, line.roles, line.grant.source) for line in one.people])
        for one in house.serving
    ] == [
        (
            "禾川软件有限公司",
            [
                ("周毅", ["软件开发负责人"], "合同 JZ-HT-2026-003"),
                ("陈航", ["维护工程师"], "合同 JZ-HT-2026-003"),
            ],
        )
    ]
    page = signed_in(cast.wang).get(place(cast)).content.decode()
    assert [word in page for word in ("养老待遇科", "李建国", "禾川软件有限公司", "陈航", "合同 JZ-HT-2026-003")] == [
        True
    ] * 5
    assert "没有期限" in page


def test_a_grant_that_ended_stays_on_the_page_with_its_last_day(cast: Cast):
    end_role(cast.zheng, cast.zhou, cast.jz, "development_head", anyway="合同到期")
    (serving,) = house_of(cast.jz, Person.objects.get(id=cast.wang.id)).serving
    assert [(one.grant.person.name, one.present, one.grant.until is None) for one in serving.people] == [
        ("陈航", True, True), ("周毅", False, False),
    ]  # fmt: skip


def test_an_administrator_keeps_the_departments(cast: Cast):
    zheng = signed_in(cast.zheng)

    assert change(zheng, cast, "add", name="财务科")[0] == 302
    assert change(zheng, cast, "rename-department", department="财务科", name="基金财务科")[0] == 302
    status, page = change(zheng, cast, "head", department="基金财务科", person="qianwenyuan")
    assert (status, "基金财务科" in page) == (302, True)
    assert department(cast, "基金财务科").head == cast.qian
    assert change(zheng, cast, "close", department="基金财务科")[0] == 302
    assert not Department.objects.filter(organisation=cast.jz, name="基金财务科", closed_at=None).exists()
    assert change(zheng, cast, "add", name="基金财务科")[0] == 302  # the name is free again


def test_a_department_where_somebody_works_is_not_closed_and_two_do_not_share_a_name(cast: Cast):
    told = refusal_of(lambda: close_department(cast.zheng, department(cast, "信息科")))
    assert told == Refusal("信息科还有 2 人。先改他们的部门，再撤销", "", "department")
    for act in (
        lambda: add_department(cast.zheng, cast.jz, name=" 信息科 "),
        lambda: rename_department(cast.zheng, department(cast, "中心领导"), name="信息科"),
    ):
        assert refusal_of(act) == Refusal("已有部门「信息科」，换一个名称", "", "department")


def test_what_is_wrong_is_said_and_stays_typed(cast: Cast):
    zheng, before = signed_in(cast.zheng), every_row()
    status, page = change(zheng, cast, "add", name="信息科")
    assert (status, "已有部门「信息科」，换一个名称" in page, 'value="信息科"' in page) == (422, True, True)
    status, page = change(zheng, cast, "found", **(VENDOR | {"code": "HC"}))
    assert (status, "代号 HC 已被使用，换一个" in page, 'value="天行数据"' in page) == (422, True, True)
    assert change(zheng, cast, "rename-department", department="没有的科", name="x")[0] == 422
    assert change(zheng, cast, "nothing")[0] == 404
    assert every_row() == before


def test_the_organisation_is_renamed_and_keeps_its_code(cast: Cast):
    status, page = change(signed_in(cast.zheng), cast, "rename", name="江州市社会保险中心", short_name="江州社保")
    assert (status, "江州市社会保险中心" in page, "代号 JZ" in page) == (302, True, True)
    told = refusal_of(lambda: rename_organisation(cast.wang, cast.jz, name="x", short_name="y"))
    assert told == Refusal(NOT_YOURS)


def test_a_vendor_is_registered_gets_people_and_one_of_them_is_called_in(cast: Cast):
    zheng = signed_in(cast.zheng)
    assert change(zheng, cast, "found", **VENDOR)[0] == 302
    made = Organisation.objects.get(code="TX")
    assert (made.kind, made.keeper) == ("vendor", cast.jz)

    new = {"organisation": made.uid, "username": "zhangtx", "name": "张天", "password": "a long pass phrase"}
    assert zheng.post("/people/add", new)["Location"] == "/people/call-in?username=zhangtx"
    zhang = Person.objects.get(username="zhangtx")
    assert zhang.owner_ids == frozenset()  # nobody has called them in yet
    assert 'value="zhangtx"' in zheng.get("/people/call-in?username=zhangtx").content.decode()
    call = {"organisation": cast.jz.uid, "username": "zhangtx", "role": "engineer", "source": "JZ-HT-2026-010"}
    assert zheng.post("/people/call-in", call).status_code == 302
    assert Person.objects.get(id=zhang.id).owner_codes == frozenset({"JZ"})
    assert "天行数据有限公司" in zheng.get(place(cast)).content.decode()


def test_nobody_adds_people_to_a_vendor_that_another_customer_looks_after(cast: Cast):
    made = found_organisation(cast.zheng, keeper=cast.jz, kind="vendor", **VENDOR)
    for by in (cast.he, cast.wang, cast.chen):
        told = refusal_of(lambda by=by: add_person(by, made, username="x1", name="某", password="a long pass phrase"))  # type: ignore[misc]
        assert told == Refusal(NOT_YOURS)
    told = refusal_of(lambda: found_organisation(cast.he, keeper=cast.jz, kind="vendor", **(VENDOR | {"code": "T2"})))
    assert told == Refusal(NOT_YOURS)


def test_a_customer_is_registered_at_the_machine_only(cast: Cast):
    told = refusal_of(lambda: found_organisation(cast.zheng, keeper=cast.jz, **VENDOR))
    assert told == Refusal("这里只能登记服务商或最终用户方", "", "kind")
    assert found_organisation(None, **VENDOR).kind == "customer"


@pytest.mark.parametrize("who", ["wang", "li", "wu", "chen", "he", "sun"])
@pytest.mark.parametrize("act", ["rename", "add", "head", "close", "found", "rename-department"])
def test_nobody_else_changes_anything(cast: Cast, who: str, act: str):
    before = every_row()
    given = {"name": "新名", "short_name": "新", "code": "XX", "department": "中心领导", "person": "wangmin"}
    status, _page = change(signed_in(getattr(cast, who)), cast, act, **given)
    assert (status in (403, 404), every_row() == before) == (True, True)


@pytest.mark.parametrize("who", ["he", "sun"])
def test_a_stranger_finds_the_organisation_no_more_than_one_that_does_not_exist(cast: Cast, who: str):
    client = signed_in(getattr(cast, who))
    assert client.get(place(cast)).status_code == 404
    assert client.get(f"/people/organisations/{uuid.uuid4()}/").status_code == 404
    assert "江州" not in client.get("/people/roles").content.decode()


def test_who_left_is_found_by_the_administrator_and_comes_back(cast: Cast):
    zheng = signed_in(cast.zheng)
    answer = zheng.post(f"/people/{cast.qian.uid}/let-go", {"owner": cast.jz.uid, "anyway": "退休"})
    assert answer["Location"] == place(cast)
    assert [one.name for one in house_of(cast.jz, Person.objects.get(id=cast.zheng.id)).gone] == ["钱文远"]
    assert f"/people/{cast.qian.uid}/take-back" in zheng.get(f"/people/{cast.qian.uid}/").content.decode()
    assert signed_in(cast.wang).get(f"/people/{cast.qian.uid}/").status_code == 404

    assert zheng.post(f"/people/{cast.qian.uid}/take-back").status_code == 302
    assert Person.objects.get(id=cast.qian.id).is_active is True


def test_the_roles_page_says_who_holds_each_what_it_opens_and_which_steps_ask_for_it(cast: Cast):
    end_role(cast.zheng, cast.zhou, cast.jz, "development_head", anyway="合同到期")
    (customer,) = roles_held(Person.objects.get(id=cast.zheng.id))
    held = {one.role.key: one for one in customer.roles}

    assert [one.person.name for one in held["security_office"].now] == ["吴静"]
    assert held["security_office"].steps == ["正常变更：信息安全办审批"]
    assert "导出存证包" in held["leader"].rights
    assert held["engineer"].steps == ["正常变更：可行性分析、设计与方案、实施与发布"]
    lost = held["development_head"]
    assert ([one.person.name for one in lost.ended], lost.now, lost.lacking) == (["周毅"], [], True)
    page = signed_in(cast.wang).get("/people/roles").content.decode()
    assert ["正常变更：方案确认" in page, "导出存证包" in page, "周毅" in page] == [True] * 3


@pytest.mark.parametrize("path", ["/people/roles", "organisation"])
def test_a_page_asks_as_often_for_three_as_for_one(cast: Cast, path: str):
    client, address = signed_in(cast.zheng), place(cast) if path == "organisation" else path

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(address).status_code == 200
        return len(seen)

    asked()
    one = asked()
    for number in range(3):
        add_department(cast.zheng, cast.jz, name=f"{number} 科")
        person = add_person(None, cast.bl, username=f"v{number}", name=f"{number} 工", password="a long pass phrase")
        give_role(cast.zheng, person, cast.jz, "engineer", source="合同")
        give_role(cast.zheng, person, cast.jz, "leader")
        end_role(cast.zheng, person, cast.jz, "leader")
    assert RoleHolding.objects.exclude(until=None).count() == 3
    assert asked() == one
