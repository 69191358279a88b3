"""The register of security events (OPS-9): what is turned down leaves one bounded row and changes nothing else."""

import threading
from collections import Counter
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from tests.accounts.test_people_pages import signed_in
from tests.cast import Cast, make_change, make_installation
from tests.support.unchanged import every_row
from weilu.accounts import register
from weilu.accounts.actions import end_role, give_role, sign_in
from weilu.accounts.models import Person
from weilu.accounts.register import FLOOR, note, old_events
from weilu.accounts.second import require_second_factor
from weilu.accounts.security import Filters, entries, events, seen_by
from weilu.accounts.watched import SecurityEvent
from weilu.demo import PASSWORD
from weilu.evidence.actions import tick
from weilu.evidence.keeping import prune, set_retention
from weilu.evidence.looks import Look
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db
Kind = SecurityEvent.Kind


def rows() -> list[tuple[str, str, str, int, dict[str, int]]]:
    """Kind, who, from where, how often, what: of every row, those put together that only a new minute parted."""
    found: dict[tuple[str, str, str], tuple[int, Counter[str]]] = {}
    for one in SecurityEvent.objects.select_related("person").order_by("id"):
        key = (one.kind, one.person.name if one.person else "", one.address)
        count, acts = found.get(key, (0, Counter()))
        found[key] = (count + one.count, acts + Counter(one.acts))
    return [(*key, count, dict(acts)) for key, (count, acts) in found.items()]


def anew(person: Person) -> Person:
    return Person.objects.select_related("organisation").get(id=person.id)


def post(client: Client, path: str, body: dict[str, Any]) -> int:
    return client.post(f"/api/v1/{path}", body, content_type="application/json").status_code


def test_an_act_that_is_refused_leaves_one_row_and_nothing_else(cast: Cast):
    item = make_change(cast, make_installation(cast)).item
    before = every_row()

    body = {"item": str(item.uid), "turn": item.turn}
    assert [post(signed_in(cast.qian), "process/sign_step", body) for _once in range(3)] == [409] * 3

    assert rows() == [("refused", "钱文远", "127.0.0.1", 3, {"POST /api/v1/process/sign_step CHG-1": 3})]
    assert SecurityEvent.objects.count() <= 2  # one row, or two where the minute turned
    assert every_row() == before
    page = signed_in(cast.wu).get("/security/").content.decode()
    assert ("钱文远" in page, "POST /api/v1/process/sign_step CHG-1" in page, "操作被拒" in page) == (True, True, True)


def test_a_right_that_is_lacking_is_named(cast: Cast):
    assert signed_in(cast.wang).get("/people/add").status_code == 403
    assert rows() == [("denied", "王敏", "127.0.0.1", 1, {"GET /people/add people.manage": 1})]


def test_who_looks_for_what_they_may_not_see_is_registered_without_the_id(cast: Cast):
    client = signed_in(cast.sun)
    for uid in (cast.wang.uid, cast.li.uid):
        assert client.get(f"/people/{uid}/").status_code == 404
    assert client.get("/no/such/page").status_code == 404  # an address of nothing is a slip of the pen
    assert rows() == [("hidden", "孙莉", "127.0.0.1", 2, {"GET /people/<uuid:uid>/": 2})]


def test_slips_of_the_pen_and_stale_pages_are_no_attempts(cast: Cast):
    item = make_change(cast, make_installation(cast)).item
    stale = {"item": str(item.uid), "turn": item.turn + 7, "feasible": True, "analysis": "可行。", "need": "要。"}
    assert post(signed_in(cast.chen), "changes/submit_analysis", stale) == 409
    nameless = {"organisation": cast.jz.uid, "username": "x", "name": "", "password": "a long pass phrase"}
    assert signed_in(cast.zheng).post("/people/add", nameless).status_code == 422
    typo = {"owner": "JZ", "person": "wujing", "role": "king"}
    assert post(signed_in(cast.zheng), "accounts/give_role", typo) == 409
    assert rows() == []


def test_failed_sign_ins_and_locks_are_registered_and_never_what_was_typed(cast: Cast):
    for name in ("wangmin", "my-secret-password"):
        for _guess in range(6):
            with pytest.raises(Refused):
                sign_in(name, "wrong", "10.0.0.9")
    assert rows() == [
        ("failed", "王敏", "10.0.0.9", 6, {"password": 5, "while locked": 1}),
        ("locked", "王敏", "10.0.0.9", 1, {"here": 1}),
        ("failed", "", "10.0.0.9", 6, {"password": 5, "while locked": 1}),
        ("locked", "", "10.0.0.9", 1, {"here": 1}),
    ]
    assert "my-secret" not in str(list(SecurityEvent.objects.values()))


def test_a_browser_not_known_before_is_registered_once(cast: Cast):
    client = Client(HTTP_USER_AGENT="Mozilla/5.0 (Windows NT 10.0) Chrome/130.0")
    for _visit in range(2):
        client.post("/login", {"username": "wangmin", "password": PASSWORD})
        client.post("/logout")
    assert rows() == [("device", "王敏", "127.0.0.1", 1, {"Chrome · Windows": 1})]


def test_a_token_that_opens_nothing_is_registered(cast: Cast):
    client = Client()
    for secret in ("wl_nobody-made-this", "wl_nor-this"):
        assert client.get("/api/v1/items", HTTP_AUTHORIZATION=f"Bearer {secret}").status_code == 401
    assert rows() == [("token", "", "127.0.0.1", 2, {})]


def test_a_flood_from_many_addresses_fills_no_disk(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(register, "MOST_FROM_OUTSIDE", 5)
    for number in range(40):
        note(Kind.FAILED, address=f"10.0.{number}.1", act=f"password {number}")
    found = list(SecurityEvent.objects.order_by("id"))
    assert len(found) in (
        6,
        7,
    )  # five rows of their own, then one an hour for all the rest; the hour may turn meanwhile
    assert sum(one.count for one in found) == 40
    assert [one.address for one in found[:5]] == [f"10.0.{number}.1" for number in range(5)]
    assert {one.address for one in found[5:]} == {"*"}
    assert all(len(one.acts) <= register.MOST_ACTS + 1 for one in found)


def test_one_insider_hides_nobody_elses_rows(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(register, "MOST_OF_PERSON", 3)
    for number in range(20):
        note(Kind.REFUSED, person=cast.wang, address=f"10.0.{number}.1")
    note(Kind.REFUSED, person=cast.li, address="10.1.0.1")
    assert ("refused", "李建国", "10.1.0.1", 1, {}) in rows()
    assert SecurityEvent.objects.filter(person=cast.wang).count() in (4, 5)


def test_addresses_of_one_ipv6_network_are_one(cast: Cast):
    for number in (1, 2, 3):
        note(Kind.TOKEN, address=f"2001:db8::{number}")
    assert [(address, count) for _kind, _who, address, count, _acts in rows()] == [("2001:db8::/64", 3)]


def test_a_security_office_sees_its_own_people_and_who_served_it_then(cast: Cast):
    def names(person: Person) -> list[str]:
        return sorted(one.person.name if one.person else "" for one in events(anew(person), Filters()))

    for person in (cast.wang, cast.chen, cast.sun, cast.he):
        note(Kind.REFUSED, person=person, address="10.0.0.1")
    note(Kind.TOKEN, address="10.0.0.1")
    assert names(cast.wu) == names(cast.zheng) == ["", "王敏", "陈航"]
    assert names(cast.he) == ["", "何琳", "孙莉"]

    end_role(cast.zheng, cast.chen, cast.jz, "engineer", anyway="合同到期")
    assert names(cast.wu) == ["", "王敏", "陈航"]  # they served us when it happened
    SecurityEvent.objects.filter(person=cast.chen).delete()
    note(Kind.DENIED, person=cast.chen, address="10.0.0.1")
    assert names(cast.wu) == ["", "王敏"]


@pytest.mark.parametrize(
    "path",
    [
        "/security/",
        "/security/log",
        "/security/alarms",
        "/security/export",
        "/security/settings",
        "/security/equipment",
    ],
)
@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "chen", "zhou", "sun"])
def test_nobody_else_sees_it(cast: Cast, who: str, path: str):
    assert signed_in(getattr(cast, who)).get(path).status_code == 403


def test_the_api_tells_nobody_else_anything(cast: Cast):
    note(Kind.REFUSED, person=cast.wang, address="10.0.0.1")
    found = {who: signed_in(getattr(cast, who)).get("/api/v1/security/events").json() for who in ("wu", "wang", "he")}
    assert [len(found[who]["events"]) for who in ("wu", "wang", "he")] == [1, 0, 0]


def test_privileged_acts_sign_ins_and_settings_are_read_from_the_log(cast: Cast):
    tick()
    Client().post("/login", {"username": "chenhang", "password": PASSWORD})
    give_role(cast.zheng, cast.wang, cast.jz, "leader")
    tick()
    page = signed_in(cast.wu).get("/security/log?kind=privileged&person=zhengjie").content.decode()
    assert "授予角色" in page
    require_second_factor(cast.zheng, cast.jz, required=True)
    tick()
    wu = anew(cast.wu)

    def told(kind: str) -> tuple[str, str]:
        newest = entries(wu, Filters(kind=kind))[0]
        return newest.word, newest.actor

    assert told("signed-in") == ("登录", "陈航 <chenhang@HC>")
    assert told("privileged") == ("授予角色", "郑洁 <zhengjie@JZ>")
    assert told("settings") == ("要求两步验证", "郑洁 <zhengjie@JZ>")
    assert "江州" not in str(entries(anew(cast.he), Filters()))


def test_lists_are_narrowed_and_go_on_by_key(cast: Cast):
    for number in range(3):
        note(Kind.REFUSED, person=cast.wang, address=f"10.0.0.{number}")
    note(Kind.DENIED, person=cast.li, address="10.0.0.1")
    wu, today = anew(cast.wu), now().astimezone(register.SHANGHAI).date()

    assert len(events(wu, Filters(kind="refused"))) == 3
    assert [one.kind for one in events(wu, Filters(person="lijianguo"))] == ["denied"]
    assert len(events(wu, Filters(since=str(today), until=str(today)))) == 4
    assert events(wu, Filters(until=str(today - timedelta(days=1)))) == []
    newest = events(wu, Filters())[0]
    assert len(events(wu, Filters(), after=str(newest.id))) == 3
    for query in ("?kind=nothing", "?since=yesterday", "?after=x", "?person=%00"):
        assert signed_in(cast.wu).get(f"/security/{query}").status_code == 400
        assert signed_in(cast.wu).get(f"/security/log{query}").status_code == 400


def test_the_workbook_holds_what_the_page_shows(cast: Cast):
    note(Kind.REFUSED, person=cast.wang, address="10.0.0.1", act="POST /x CHG-1")
    note(Kind.DENIED, person=cast.li, address="10.0.0.1")
    wu = signed_in(cast.wu)
    assert wu.get("/security/export?list=events").headers["Content-Type"].startswith("text/html")  # asks what for
    wu.post("/looks/purpose", {"key": "security:JZ.xlsx", "onward": "/security/", "purpose": "季度审计"})
    answer = wu.get("/security/export?list=events&kind=refused")
    sheet = load_workbook(BytesIO(answer.content)).active
    values = [[cell.value for cell in row] for row in sheet.iter_rows()]  # type: ignore[union-attr]
    assert [row[2:8] for row in values] == [
        ["类型", "姓名", "工号", "地址", "次数", "内容"],
        ["操作被拒", "王敏", "wangmin", "10.0.0.1", 1, "POST /x CHG-1 × 1"],
    ]
    assert wu.get("/security/export?list=log").status_code == 200
    assert wu.get("/security/export?list=secrets").status_code == 400
    wu.get("/security/")
    looks = Look.objects.order_by("id").values_list("kind", "what", "purpose", "times")
    assert list(looks) == [("security", "JZ.xlsx", "季度审计", 2), ("security", "JZ", "查看", 1)]


def test_rows_younger_than_half_a_year_are_never_deleted(cast: Cast):
    for number, age in enumerate((FLOOR + timedelta(days=2), FLOOR - timedelta(days=2), timedelta())):
        note(Kind.REFUSED, person=cast.wang, address=f"10.0.0.{number}")
        SecurityEvent.objects.filter(address=f"10.0.0.{number}").update(last_at=now() - age)
    assert [old_events(now() + timedelta(days=days)).count() for days in (-400, 1)] == [0, 1]


def test_registers_are_pruned_at_night_and_what_is_shared_stays_as_long_as_any_customer_says(cast: Cast):
    def kept() -> list[str]:
        return sorted(SecurityEvent.objects.values_list("address", flat=True))

    for address, person in (
        ("10.0.0.1", cast.wang),
        ("10.0.0.2", cast.chen),
        ("10.0.0.3", None),
        ("10.0.0.4", cast.he),
    ):
        note(Kind.REFUSED, person=person, address=address)
    SecurityEvent.objects.update(last_at=now() - timedelta(days=200))
    set_retention(anew(cast.he), org="HN", months={"security": 12})

    prune(["JZ", "HN"])
    assert kept() == ["10.0.0.2", "10.0.0.3", "10.0.0.4"]
    SecurityEvent.objects.update(last_at=now() - timedelta(days=400))
    prune(["JZ", "HN"])
    assert kept() == []


@pytest.mark.parametrize("path", ["/security/", "/security/log"])
def test_the_page_asks_as_often_for_three_as_for_one(cast: Cast, path: str):
    client = signed_in(cast.wu)

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    note(Kind.REFUSED, person=cast.wang, address="10.0.0.1")
    tick()
    asked()
    one = asked()
    for number, person in enumerate((cast.wang, cast.li, cast.chen)):
        note(Kind.REFUSED, person=person, address=f"10.0.0.{number + 2}")
        give_role(cast.zheng, person, cast.jz, "leader")
    tick()
    assert asked() == one


@pytest.mark.django_db(transaction=True)
def test_events_at_the_same_moment_are_all_counted(cast: Cast):
    def count() -> None:
        for _time in range(5):
            note(Kind.REFUSED, person=cast.wang, address="10.0.0.1", act="POST /x")
        connections.close_all()

    threads = [threading.Thread(target=count) for _one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = seen_by([cast.jz.id])
    assert sum(one.count for one in found) == 20
    assert len(found) <= 2  # the minute may turn meanwhile
