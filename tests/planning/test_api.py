"""Windows, freezes and times by the API: instants that no calendar has, and what a token's scope opens."""

import json
from datetime import UTC, datetime
from typing import Any

from django.test import Client

from tests.planning.builders import SUBJECT, at, make_exception, make_freeze
from tests.support.unchanged import every_row
from weilu.accounts.tokens import make_token
from weilu.demo import PASSWORD
from weilu.kernel.times import SHANGHAI, now
from weilu.planning.models import Booking, Freeze, FreezeException
from weilu.process.models import WorkItem

BEYOND = "时间应在 2000 年到 2100 年之间。检查年份"
FREEZE = {"owner": "JZ", "name": "国庆封网", "reason": "节日保障"}


def client_of(person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def post(client: Client, act: str, body: dict[str, Any], **headers: str) -> tuple[int, str]:
    """Status, and the reason where it is refused."""
    answer = client.post(f"/api/v1/planning/{act}", json.dumps(body), content_type="application/json", **headers)
    return answer.status_code, answer.json().get("reason", "")


def test_the_last_and_the_first_instant_there_are_break_no_page(cast, plan, movable):
    """A freeze in the year 9999 was kept once, and its list answered nobody any more."""
    one, admin, planner = plan("10-09T22:00", "10-10T01:00"), client_of(cast.zheng), client_of(cast.chen)
    before = every_row("Session")
    for starts, ends in (
        ("9999-12-31T01:00:00Z", "9999-12-31T20:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "2031-10-08T08:00:00Z"),
        ("2100-12-31T15:59:59Z", "2100-12-31T16:00:00Z"),  # the first moment of 2101 in Shanghai
    ):
        assert post(admin, "add_freeze", FREEZE | {"starts": starts, "ends": ends}) == (409, BEYOND)
    window = {"system": str(one.system.uid), "name": "夜间", "rule": "FREQ=DAILY", "minutes": 60}
    assert post(admin, "add_window", window | {"starts": "9999-12-31T20:00:00Z"}) == (409, BEYOND)
    for instant in ("9999-12-31T20:00:00Z", "0001-01-01T00:00:00%2B14:00"):
        move = {"booking": str(one.uid), "starts": instant.replace("%2B", "+")}
        assert post(planner, "move_booking", move) == (409, BEYOND)
        for path in (f"calendar?since={instant}", f"calendar?until={instant}", f"bookings/{one.uid}?starts={instant}"):
            answer = planner.get(f"/api/v1/planning/{path}")
            assert (answer.status_code, answer.json()["reason"]) == (409, BEYOND), path
    assert every_row("Session") == before
    assert admin.get("/calendar/freezes/").status_code == 200


def test_the_last_day_of_the_calendar_is_one_of_its_days(cast):
    last = FREEZE | {"starts": "2100-12-31T01:00:00Z", "ends": "2100-12-31T15:59:59Z"}
    assert post(client_of(cast.zheng), "add_freeze", last) == (200, "")
    assert Freeze.objects.get().ends == datetime(2100, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert client_of(cast.zheng).get("/calendar/freezes/").status_code == 200


def by_token(person, *scope: str) -> dict[str, str]:
    """The header of a token of this person with this scope."""
    _token, secret = make_token(
        person, name="排期程序", scope=scope, until=now().astimezone(SHANGHAI).date(), password=PASSWORD,
        address="10.0.0.1",
    )  # fmt: skip
    return {"HTTP_AUTHORIZATION": f"Bearer {secret}"}


def test_a_token_for_work_items_keeps_no_windows_moves_nothing_and_lets_nothing_through(cast, plan, movable):
    freeze, one = make_freeze(cast.jz), plan("09-30T22:00", "10-01T01:00")
    asked = make_exception(freeze, one, cast, approved_by=None, approved_at=None)
    kept = FREEZE | {"starts": "2031-10-01T00:00:00Z", "ends": "2031-10-02T00:00:00Z"}
    admin, planner, office = (by_token(person, "work") for person in (cast.zheng, cast.chen, cast.wu))
    answer = {"exception": str(asked.uid), "words": "值班到位"}
    lacking = "这个访问令牌的范围不含「{}」".format
    before = every_row("ApiToken", "SecurityEvent")
    assert post(Client(), "add_freeze", kept, **admin) == (403, lacking("维护窗口与封网期"))
    assert post(Client(), "end_freeze", {"freeze": str(freeze.uid), "reason": "不用了"}, **admin) == (
        403, lacking("维护窗口与封网期"),
    )  # fmt: skip
    move = {"booking": str(one.uid), "starts": "2031-10-09T14:00:00Z"}
    ask = {"item": str(one.item.uid), "freeze": str(freeze.uid), "why": "漏洞已被利用"}
    assert post(Client(), "move_booking", move, **planner) == (403, lacking("改期和申请封网破例"))
    assert post(Client(), "ask_exception", ask, **planner) == (403, lacking("改期和申请封网破例"))
    assert post(Client(), "approve_exception", answer, **office) == (403, lacking("批准封网破例"))
    assert post(Client(), "refuse_exception", answer, **office) == (403, lacking("批准封网破例"))
    assert every_row("ApiToken", "SecurityEvent") == before


def test_a_token_with_the_scope_does_what_its_maker_may(cast, plan, movable):
    freeze, one = make_freeze(cast.jz), plan("09-30T22:00", "10-01T01:00")
    WorkItem.objects.filter(id=one.item_id).update(subject=SUBJECT)
    ask = {"item": str(one.item.uid), "freeze": str(freeze.uid), "why": "漏洞已被利用"}
    assert post(Client(), "ask_exception", ask, **by_token(cast.chen, "planning.ask")) == (200, "")
    answer = {"exception": str(FreezeException.objects.get().uid), "words": "值班到位"}
    assert post(Client(), "approve_exception", answer, **by_token(cast.wu, "planning.except")) == (200, "")
    move = {"booking": str(one.uid), "starts": "2031-10-09T14:00:00Z"}
    chen = by_token(cast.zhou, "planning.ask")
    assert post(Client(), "move_booking", move, **chen) == (200, "")
    assert Booking.objects.kept().get().starts == at("10-09T22:00")
    kept = FREEZE | {"starts": "2031-10-01T00:00:00Z", "ends": "2031-10-02T00:00:00Z"}
    assert post(Client(), "add_freeze", kept, **by_token(cast.zheng, "planning.keep")) == (200, "")
