"""谁会收到: a flow played through with the people who exist, without an item and without writing anything."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cast import Cast, system_of
from tests.support.unchanged import every_row
from weilu.kernel.times import SHANGHAI, now
from weilu.process import simulation
from weilu.process.absence import delegate
from weilu.process.flow import Flow, parse_flow
from weilu.process.simulation import Case, Visit, simulate

pytestmark = pytest.mark.django_db
ASK = "  - {key: ask, title: 申请, who: requester}\n"
PLAN = "  - {key: plan, title: 方案, who: contract_engineer, sign: any, hours: 8}\n"
TWO = "  - {key: two, title: 会审, who: [role(technical_head), role(leader)], sign: any, hours: 4}\n"
THEN = "  - {key: then, title: 复核, who: [role(leader), role(technical_head)], sign: 1, not_also: [two]}\n"
SAFE = "  - {key: safe, title: 安全, who: role(security_office), when: running == true}\n"
MONDAY = datetime(2026, 11, 23, 9, tzinfo=SHANGHAI)


def flow(*steps: str) -> Flow:
    return parse_flow("flow: test.flow\ntitle: 试\nsteps:\n" + ASK + "".join(steps))


def played(cast: Cast, parsed: Flow, **over: Any) -> list[Visit]:
    given: dict[str, Any] = {
        "owner": cast.jz, "requester": cast.wang, "system": None, "facets": {"running": True}, "chosen": {},
    }  # fmt: skip
    return simulate(parsed, Case(**(given | over)), over.get("now", MONDAY)) if "now" not in over else []


def names(visit: Visit) -> list[tuple[str, bool]]:
    return [(one.person.name, one.signs) for one in visit.asked]


def test_each_step_shows_who_would_be_asked_and_by_when_in_working_time(cast: Cast):
    visits = played(cast, flow(PLAN, TWO))

    assert [(one.step.key, names(one)) for one in visits] == [
        ("ask", [("王敏", True)]),
        ("plan", [("陈航", True)]),
        ("two", [("赵立新", True), ("钱文远", False)]),
    ]
    assert [one.due for one in visits] == [None, MONDAY + timedelta(hours=9), MONDAY + timedelta(days=1, hours=5)]


def test_who_signed_before_is_barred_and_the_choice_of_who_signs_decides_who(cast: Cast):
    usual = played(cast, flow(TWO, THEN))[-1]
    other = played(cast, flow(TWO, THEN), chosen={"two": "qianwenyuan"})[-1]

    assert (usual.stuck, [(one.person.name, one.because) for one in usual.barred]) == (
        "除去不能办的人，没有人可办", [("赵立新", "会审")],
    )  # fmt: skip
    assert [one.person.name for one in other.barred] == ["钱文远"]


def test_it_ends_where_nobody_is_left(cast: Cast):
    visits = played(cast, flow(TWO, THEN, PLAN))

    assert [one.step.key for one in visits] == ["ask", "two", "then"]
    assert [bool(one.stuck) for one in visits] == [False, False, True]


def test_a_step_that_is_not_required_says_why(cast: Cast):
    required, skipped = (played(cast, flow(SAFE), facets={"running": running})[-1] for running in (True, False))

    assert (names(required), required.skipped) == ([("吴静", True)], "")
    assert (names(skipped), skipped.skipped) == ([], "不需要，因为 running == true 不成立")


def test_who_is_away_is_shown_with_who_stands_in(cast: Cast):
    week = now() + timedelta(days=7)
    delegate(cast.zheng, owner=cast.jz, person=cast.wu, delegate=cast.qian, since=now(), until=week, reason="休假")
    personal = SAFE.replace("}", ", personal: true}")
    parsed, own = flow(SAFE), flow(personal)

    shown = simulate(parsed, Case(cast.jz, cast.wang, None, {"running": True}), now())[-1]
    alone = simulate(own, Case(cast.jz, cast.wang, None, {"running": True}), now())[-1]

    assert [(one.person.name, one.stands_in and one.stands_in.name) for one in shown.asked] == [("吴静", "钱文远")]
    assert [one.stands_in for one in alone.asked] == [None]


def test_a_return_that_is_assumed_goes_through_every_step_again(cast: Cast):
    visits = played(cast, flow(PLAN, TWO), chosen={"two": "return:plan"})

    assert [(one.step.key, one.number, one.back) for one in visits] == [
        ("ask", 1, ""), ("plan", 1, ""), ("two", 1, "方案"), ("plan", 2, ""), ("two", 2, ""),
    ]  # fmt: skip


def test_a_return_leaves_no_signature_of_who_returned_it(cast: Cast):
    visits = played(cast, flow(PLAN, TWO, THEN), chosen={"two": "return:plan"})

    assert [one.person.name for one in visits[-1].barred] == ["赵立新"]
    assert visits[2].back == "方案"


def test_who_acted_and_who_owns_the_backups_are_known_from_what_is_assumed(cast: Cast):
    parsed = flow(PLAN, "  - {key: a, title: 甲, who: [actor(plan), system_owner]}\n")

    assert names(played(cast, parsed, system=system_of(cast))[-1]) == [("陈航", True), ("郑洁", True)]
    assert played(cast, parsed)[-1].stuck == "先选系统，才知道备份责任人是谁"


def test_lines_that_run_together_have_each_its_own_clock(cast: Cast):
    lines = (
        "  - {key: a, title: 甲, who: role(leader), branch: 一, hours: 4}\n"
        "  - {key: b, title: 乙, who: role(technical_head), branch: 二, hours: 8}\n"
        "  - {key: c, title: 丙, who: requester, hours: 4}\n"
    )
    visits = played(cast, flow(lines))

    assert [(one.step.key, one.since) for one in visits[1:]] == [
        ("a", MONDAY), ("b", MONDAY), ("c", MONDAY + timedelta(hours=9)),
    ]  # fmt: skip


def test_playing_a_flow_through_writes_nothing(cast: Cast):
    before = every_row()
    simulation.simulate(flow(PLAN, TWO, THEN), Case(cast.jz, cast.wang, system_of(cast), {"running": True}), now())
    assert {key: rows for key, rows in every_row().items() if key != "systems.System"} == {
        key: rows for key, rows in before.items() if key != "systems.System"
    }
