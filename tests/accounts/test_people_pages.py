"""An administrator adds people, gives roles and ends them on pages; nobody else can, and strangers find nobody."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.support.unchanged import every_row
from weilu.accounts.models import Grant, Person, RoleHolding

pytestmark = pytest.mark.django_db

NEW = {"username": "liuyang", "name": "刘洋", "title": "科员", "department": "信息科", "password": "a long pass phrase"}


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def held(person: Person) -> list[str]:
    return sorted(RoleHolding.objects.filter(person=person, until=None).values_list("role", flat=True))


def test_an_administrator_adds_somebody_and_gives_a_role(cast: Cast):
    zheng = signed_in(cast.zheng)

    added = zheng.post("/people/add", NEW | {"organisation": cast.jz.uid})
    liu = Person.objects.get(username="liuyang")
    given = zheng.post(f"/people/{liu.uid}/give", {"owner": cast.jz.uid, "role": "requester"})

    assert (added.status_code, added["Location"]) == (302, f"/people/{liu.uid}/")
    assert (given.status_code, given["Location"]) == (302, f"/people/{liu.uid}/")
    assert (liu.name, liu.organisation, liu.department.name if liu.department else "") == ("刘洋", cast.jz, "信息科")
    assert held(liu) == ["requester"]
    assert "申请人" in zheng.get(f"/people/{liu.uid}/").content.decode()


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"username": "wangmin"}, "工号 wangmin 已有人用，换一个"),
        ({"name": " "}, "姓名没有填写。填好后再提交"),
        ({"password": "short"}, "密码至少 10 个字符"),
        ({"organisation": ""}, "没有选单位。选一个再提交"),
        ({"organisation": "HN"}, "没有选单位。选一个再提交"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays_but_the_password(cast: Cast, over: dict[str, str], reason: str):
    before = every_row()

    page = signed_in(cast.zheng).post("/people/add", NEW | {"organisation": cast.jz.uid} | over)

    assert (page.status_code, reason in page.content.decode()) == (422, True)
    assert 'value="信息科"' in page.content.decode()
    assert NEW["password"] not in page.content.decode()
    assert every_row() == before


def test_somebody_of_a_vendor_is_called_in_by_username_and_sees_from_then_on(cast: Cast):
    assert not Grant.objects.filter(person=cast.sun, organisation=cast.jz).exists()
    call = {"organisation": cast.jz.uid, "username": "sunli", "role": "engineer", "source": "JZ-HT-2026-009"}

    answer = signed_in(cast.zheng).post("/people/call-in", call)

    assert answer["Location"] == f"/people/{cast.sun.uid}/"
    assert Grant.objects.get(person=cast.sun, organisation=cast.jz).source == "JZ-HT-2026-009"
    assert list(RoleHolding.objects.filter(person=cast.sun, owner=cast.jz).values_list("role", flat=True)) == [
        "engineer"
    ]


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"username": "nobody"}, "服务商里没有工号「nobody」"),
        ({"username": "helin"}, "服务商里没有工号「helin」"),  # of another customer: told as nobody
        ({"role": "king"}, "没有「king」这个角色"),
        ({"source": ""}, "依据没有填写。填好后再提交"),
    ],
)
def test_a_call_that_is_wrong_changes_nothing(cast: Cast, over: dict[str, str], reason: str):
    before = every_row()
    call = {"organisation": cast.jz.uid, "username": "sunli", "role": "engineer", "source": "JZ-HT-2026-009"}

    page = signed_in(cast.zheng).post("/people/call-in", call | over)

    assert (page.status_code, reason in page.content.decode()) == (422, True)
    assert every_row() == before


def test_a_role_is_ended_and_its_period_stays(cast: Cast):
    zheng = signed_in(cast.zheng)
    before = held(cast.wang)

    ends = {"owner": cast.jz.uid, "role": "requester", "anyway": "调走了"}
    answer = zheng.post(f"/people/{cast.wang.uid}/end", ends)

    assert answer["Location"] == f"/people/{cast.wang.uid}/"
    assert held(cast.wang) == [role for role in before if role != "requester"]
    ended = RoleHolding.objects.get(person=cast.wang, role="requester")
    assert ended.until is not None
    assert ended.since < ended.until


def test_whoever_lost_the_last_role_as_a_vendor_is_no_longer_shown(cast: Cast):
    answer = signed_in(cast.zheng).post(
        f"/people/{cast.zhou.uid}/end", {"owner": cast.jz.uid, "role": "development_head", "anyway": "合同到期"}
    )

    assert answer["Location"] == "/people/"
    assert signed_in(cast.zheng).get(f"/people/{cast.zhou.uid}/").status_code == 404


@pytest.mark.parametrize("address", ["/people/add", "/people/call-in", "give", "end"])
@pytest.mark.parametrize("who", ["wang", "chen", "he", "sun"])
def test_nobody_but_an_administrator_of_the_customer_manages(cast: Cast, who: str, address: str):
    path = address if address.startswith("/") else f"/people/{cast.wang.uid}/{address}"
    given = NEW | {"organisation": cast.jz.uid, "owner": cast.jz.uid, "role": "requester", "source": "JZ-HT-2026-009"}
    before = every_row()

    answer = signed_in(getattr(cast, who)).post(path, given)

    assert answer.status_code in (403, 404, 422)
    assert every_row() == before


@pytest.mark.parametrize("who", ["he", "sun"])
def test_a_stranger_finds_a_person_no_more_than_one_who_does_not_exist(cast: Cast, who: str):
    client = signed_in(getattr(cast, who))

    assert client.get(f"/people/{cast.wang.uid}/").status_code == 404
    assert client.get(f"/people/{uuid.uuid4()}/").status_code == 404


def test_only_who_manages_sees_the_buttons(cast: Cast):
    def buttons(person: Any) -> list[bool]:
        client = signed_in(person)
        list_page = client.get("/people/").content.decode()
        page = client.get(f"/people/{cast.wang.uid}/").content.decode()
        return ["/people/add" in list_page, f"/people/{cast.wang.uid}/end" in page, "/give" in page]

    assert buttons(cast.zheng) == [True, True, True]
    assert buttons(cast.wang) == [False, False, False]


def test_the_page_of_a_person_asks_as_often_for_three_roles_as_for_one(cast: Cast):
    client, path = signed_in(cast.zheng), f"/people/{cast.wang.uid}/"

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    asked()
    one = asked()
    for role in ("leader", "security_office", "technical_head"):
        client.post(f"/people/{cast.wang.uid}/give", {"owner": cast.jz.uid, "role": role})
    asked()
    assert asked() == one
