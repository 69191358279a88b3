"""A requirement nobody could meet is refused when it is written: roles, heads, people who leave, the second step."""

import threading
from typing import Any

import pytest
from django.db import connections

from tests.accounts.test_people_pages import signed_in
from tests.cast import Cast, make_change, make_installation
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import add_person, end_role, give_role
from weilu.accounts.credentials import ApiToken, Visit
from weilu.accounts.house import amend_person, let_go, name_head, take_back
from weilu.accounts.models import Department, Grant, Organisation, Person, RoleHolding
from weilu.accounts.needs import gaps
from weilu.accounts.second import require_second_factor
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged
from weilu.kernel.refused import Refused
from weilu.notify.models import Notice
from weilu.process.flow_actions import install_flow
from weilu.process.hand import transfer
from weilu.process.models import FlowVersion

pytestmark = pytest.mark.django_db
CHECK = "流程「正常变更」：「方案确认」要的 软件开发负责人 没有人"
HEADLESS = "流程「正常变更」：「需求确认」要部门负责人，信息科没有"
INSTEAD = "先把角色给别人，把在等的工单转办。人已经不在的，写明原因后仍可结束"
NEW = {"username": "newcomer", "name": "新人", "password": "long-enough-1"}


def said(kind: str) -> dict[str, Any]:
    """What the last entry of this kind says."""
    return Staged.objects.filter(kind=kind).order_by("-id")[0].said["data"]  # type: ignore[no-any-return]


def anew(person: Person) -> Person:
    return Person.objects.select_related("organisation").get(id=person.id)


def test_the_last_holder_of_a_role_that_a_step_asks_for_keeps_it(cast: Cast):
    told = refusal_of(lambda: end_role(cast.zheng, cast.zhou, cast.jz, "development_head"))
    assert told == Refusal(f"这样就没有人能办：{CHECK}", "CHG-1", "anyway")


def test_once_somebody_else_holds_it_the_role_ends(cast: Cast):
    give_role(cast.zheng, cast.sun, cast.jz, "development_head", source="合同 JZ-HT-2026-009")
    end_role(cast.zheng, cast.zhou, cast.jz, "development_head")
    assert list(Person.objects.holding("development_head", cast.jz)) == [cast.sun]
    assert CHECK not in gaps(cast.jz)


def test_a_role_that_no_step_asks_for_ends(cast: Cast):
    end_role(cast.zheng, cast.li, cast.jz, "department_head")
    assert not Person.objects.holding("department_head", cast.jz).exists()


def test_who_really_left_is_ended_with_the_reason_on_record_and_the_gap_shown_until_it_is_filled(cast: Cast):
    assert gaps(cast.jz) == [HEADLESS]
    end_role(cast.zheng, cast.zhou, cast.jz, "development_head", anyway="周毅已离职")

    assert said("accounts.role_ended") == {
        "person": cast.zhou.actor, "role": "development_head", "gaps": [CHECK], "anyway": "周毅已离职",
    }  # fmt: skip
    notice = Notice.objects.get(person=cast.zheng)
    assert (notice.title, notice.kind, notice.link) == ("有 1 处没有人能办，要补上", "security", "/people/roles")
    assert notice.body == f"{CHECK}\n郑洁 写明的原因：周毅已离职"
    assert CHECK in signed_in(cast.zheng).get("/people/roles").content.decode()
    assert CHECK not in signed_in(cast.wang).get("/people/roles").content.decode()

    give_role(cast.zheng, cast.sun, cast.jz, "development_head")
    assert gaps(cast.jz) == [HEADLESS]
    assert CHECK not in signed_in(cast.zheng).get("/people/roles").content.decode()


def test_people_who_would_be_left_but_may_not_do_both_steps_are_too_few(cast: Cast):
    """钱 and 周 in one person: who confirms the plan for the vendor may not confirm it again for the customer."""
    give_role(cast.zheng, cast.qian, cast.jz, "development_head")
    told = refusal_of(lambda: end_role(cast.zheng, cast.zhou, cast.jz, "development_head"))
    assert told.reason == (
        "这样就没有人能办：流程「正常变更」：「需求与方案确认」要 1 人，除去办过「方案确认」的人，只剩 0 人"
    )


def test_a_customer_keeps_an_administrator_whatever_is_said(cast: Cast):
    told = Refusal("这样就没有系统管理员了，没有人能再给角色", "", "role")
    assert refusal_of(lambda: end_role(cast.zheng, cast.zheng, cast.jz, "administrator", anyway="不干了")) == told
    give_role(cast.zheng, cast.wu, cast.jz, "administrator")
    end_role(cast.zheng, cast.zheng, cast.jz, "administrator")
    assert refusal_of(lambda: end_role(cast.wu, cast.wu, cast.jz, "administrator", anyway="不干了")) == told


def test_whoever_an_open_item_waits_for_hands_it_on_first(cast: Cast):
    item = make_change(cast, make_installation(cast)).item
    give_role(cast.zheng, cast.sun, cast.jz, "engineer")
    told = refusal_of(lambda: end_role(cast.zheng, cast.chen, cast.jz, "engineer"))
    assert told == Refusal(f"这样就没有人能办：{item.number} 的「可行性分析」在等陈航", "CHG-1", "anyway")

    other = _vendor(cast)
    give_role(cast.zheng, other, cast.jz, "engineer")
    item.refresh_from_db()
    transfer(anew(cast.zheng), item, turn=item.turn, to=other, words="换人", of=cast.chen)
    end_role(cast.zheng, cast.chen, cast.jz, "engineer")
    assert list(Person.objects.holding("engineer", cast.jz)) == [cast.sun, other]


def _vendor(cast: Cast) -> Person:
    """Another person of 禾川."""
    found = Person.objects.filter(username="hechuan").first()
    return found or add_person(None, cast.hc, **(NEW | {"username": "hechuan"}))


def test_an_item_on_an_older_version_still_needs_its_people(cast: Cast):
    make_change(cast, make_installation(cast))
    source = FlowVersion.objects.get(owner=cast.jz).source
    install_flow(cast.jz, source.replace("who: role(development_head)", "who: role(department_head)"))

    told = refusal_of(lambda: end_role(cast.zheng, cast.zhou, cast.jz, "development_head"))

    assert told.reason == (
        "这样就没有人能办：流程「正常变更」第 1 版还有工单在办：「方案确认」要的 软件开发负责人 没有人"
    )


def test_the_last_head_whom_a_step_asks_for_stays(cast: Cast):
    department = Department.objects.get(organisation=cast.jz, name="养老待遇科")
    told = refusal_of(lambda: name_head(cast.zheng, department, None))
    assert told.field == "anyway"
    assert "流程「正常变更」：「需求确认」要部门负责人，养老待遇科没有" in told.reason

    name_head(cast.zheng, department, None, anyway="李科长调走，等任命")
    assert said("accounts.head_named")["anyway"] == "李科长调走，等任命"
    department.refresh_from_db()
    assert department.head is None


def test_whoever_moves_to_a_department_without_a_head_is_told_before(cast: Cast):
    told = refusal_of(lambda: amend_person(cast.zheng, cast.wang, name="王敏", department="信息科"))
    assert (told.field, "「需求确认」要的 部门负责人 没有人" in told.reason) == ("anyway", True)
    amend_person(cast.zheng, cast.wang, name="王敏", title="主任科员", department="养老待遇科")
    assert anew(cast.wang).title == "主任科员"


def test_who_leaves_can_do_nothing_any_more_and_what_they_held_is_ended(cast: Cast):
    qian = signed_in(cast.qian)
    with pytest.raises(Refused):
        let_go(cast.zheng, cast.qian, cast.jz)
    assert qian.get("/").status_code == 200

    let_go(cast.zheng, cast.qian, cast.jz, anyway="退休")

    assert qian.get("/")["Location"].startswith("/login")
    assert anew(cast.qian).is_active is False
    assert not Visit.objects.filter(person=cast.qian).exists()
    assert not RoleHolding.objects.filter(person=cast.qian, until=None).exists()
    assert not Grant.objects.filter(person=cast.qian, until=None).exists()
    entry = said("accounts.person_let_go")
    assert (entry["person"], entry["roles"], entry["left"], entry["anyway"]) == (
        cast.qian.actor, ["leader"], True, "退休",
    )  # fmt: skip
    told = refusal_of(lambda: give_role(cast.zheng, anew(cast.qian), cast.jz, "leader"))
    assert told == Refusal("钱文远 已离开，不能再给角色", "", "role")

    take_back(cast.zheng, anew(cast.qian))
    give_role(cast.zheng, anew(cast.qian), cast.jz, "leader")
    assert gaps(cast.jz) == [HEADLESS]


def test_a_token_of_who_left_opens_nothing_also_after_they_come_back(cast: Cast):
    from datetime import timedelta

    from weilu.accounts.tokens import make_token
    from weilu.kernel.times import SHANGHAI, now

    until = now().astimezone(SHANGHAI).date() + timedelta(days=1)
    make_token(cast.li, name="报表", scope=[], until=until, password=PASSWORD, address="10.0.0.1")
    let_go(cast.zheng, cast.li, cast.jz, anyway="调走")
    take_back(cast.zheng, anew(cast.li))
    assert ApiToken.objects.get(person=cast.li).revoked_by == cast.zheng


def test_a_vendors_person_who_is_let_go_works_on_for_others(cast: Cast):
    give_role(cast.zheng, cast.sun, cast.jz, "engineer", source="合同 JZ-HT-2026-009")
    let_go(cast.zheng, cast.sun, cast.jz)
    assert (anew(cast.sun).is_active, anew(cast.sun).owner_codes) == (True, frozenset({"HN"}))
    told = refusal_of(lambda: let_go(cast.zheng, cast.sun, cast.jz))
    assert told == Refusal("孙莉 现在不办这个单位的工作")


def test_nobody_lets_themselves_go(cast: Cast):
    give_role(cast.zheng, cast.wu, cast.jz, "administrator")
    told = refusal_of(lambda: let_go(cast.zheng, cast.zheng, cast.jz, anyway="走了"))
    assert told == Refusal("自己离开要由另一位系统管理员办")


def test_the_second_step_is_not_asked_of_people_who_could_never_turn_it_on(cast: Cast):
    """Whoever signs in at an identity provider only has no password to confirm it by."""
    Person.objects.filter(id=cast.wang.id).update(password="!nothing")
    told = refusal_of(lambda: require_second_factor(cast.zheng, cast.jz, required=True))
    assert told == Refusal("有 1 人没有维录能核对的密码，开不了两步验证，会登录不了：王敏", "", "required")

    Person.objects.filter(id=cast.wang.id).update(password=cast.wang.password)
    require_second_factor(cast.zheng, cast.jz, required=True)
    assert Organisation.objects.get(id=cast.jz.id).second_factor_required is True


def test_the_page_names_the_steps_and_takes_the_reason(cast: Cast):
    zheng, ends = signed_in(cast.zheng), {"owner": str(cast.jz.uid), "role": "development_head"}
    before = every_row()

    page = zheng.post(f"/people/{cast.zhou.uid}/end", ends)
    text = page.content.decode()

    assert (page.status_code, CHECK in text, INSTEAD in text) == (422, True, True)
    assert '<input type="hidden" name="role" value="development_head">' in text
    assert every_row() == before
    assert zheng.post(f"/people/{cast.zhou.uid}/end", ends | {"anyway": "周毅已离职"}).status_code == 302
    assert not Person.objects.holding("development_head", cast.jz).exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_end_each_other_at_once_one_stays(cast: Cast):
    give_role(cast.zheng, cast.wu, cast.jz, "administrator")
    answers: list[str] = []

    def end(by: Person, whom: Person) -> None:
        try:
            end_role(by, whom, cast.jz, "administrator")
            answers.append("ended")
        except Refused as problem:
            answers.append(problem.reason)
        finally:
            connections.close_all()

    zheng, wu = anew(cast.zheng), anew(cast.wu)
    assert wu.rights
    assert zheng.rights
    threads = [threading.Thread(target=end, args=pair) for pair in ((wu, zheng), (zheng, wu))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["ended", "这样就没有系统管理员了，没有人能再给角色"]
    assert Person.objects.holding("administrator", cast.jz).count() == 1
