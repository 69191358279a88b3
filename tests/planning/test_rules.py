"""Openings, freezes and clashes (CHG-3): by cases of 2026, and by what holds for all of them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.unchanged import Refusal, ruling
from weilu.kernel.times import SHANGHAI
from weilu.planning import rules
from weilu.planning.recurrence import read_rule
from weilu.planning.rules import NIGHT, Clash, Frozen, Kind, Near, Recurring, Span, Taken
from weilu.planning.timetable import Timetable

pytestmark = pytest.mark.once
ZERO = datetime(2026, 9, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=SHANGHAI).astimezone(UTC)


def weekly(names: str, minutes: int = 480, **over: object) -> Recurring:
    facts = {"rule": read_rule(f"FREQ=WEEKLY;BYDAY={names}"), "starts": at("09-01T22:00"), "minutes": minutes}
    return Recurring(**(facts | over))


def openings(window: Recurring, since: str, until: str) -> list[str]:
    """As `10-09 22:00`, in Asia/Shanghai."""
    found = rules.expand(window, at(since), at(until))
    return [f"{one.start.astimezone(SHANGHAI):%m-%d %H:%M}" for one in found]


def test_a_window_opens_by_its_rule_and_not_on_days_left_out():
    window = weekly("FR,SA", left_out=frozenset([date(2026, 10, 3)]))
    assert openings(window, "09-28T00:00", "10-12T00:00") == [
        "10-02 22:00", "10-09 22:00", "10-10 22:00",
    ]  # fmt: skip


def test_a_window_of_working_days_follows_the_calendar_not_the_weekday():
    """1 to 7 October are off, Saturday the 10th is worked."""
    working, off = (weekly("TH,FR,SA", days=days) for days in ("working", "off"))
    assert openings(working, "09-28T00:00", "10-12T00:00") == ["10-08 22:00", "10-09 22:00", "10-10 22:00"]
    assert openings(off, "09-28T00:00", "10-12T00:00") == ["10-01 22:00", "10-02 22:00", "10-03 22:00"]


def test_an_opening_that_began_the_evening_before_is_found_whole():
    found = rules.expand(NIGHT, at("09-29T01:00"), at("09-29T02:00"))
    assert found == [Span(at("09-28T22:00"), at("09-29T06:00"))]


def test_the_night_goes_from_ten_to_six():
    assert openings(NIGHT, "09-28T12:00", "09-30T12:00") == ["09-28 22:00", "09-29 22:00"]
    assert {one.end - one.start for one in rules.expand(NIGHT, at("09-28T12:00"), at("09-30T12:00"))} == {
        timedelta(hours=8)
    }


SPANS = st.tuples(st.integers(0, 500), st.integers(1, 60)).map(
    lambda pair: Span(ZERO + timedelta(minutes=pair[0]), ZERO + timedelta(minutes=sum(pair)))
)
MANY = st.lists(SPANS, max_size=12)


def minutes(spans) -> set[int]:
    """The minutes since ZERO that the spans hold."""
    return {
        minute
        for start, end in spans
        for minute in range((start - ZERO) // timedelta(minutes=1), (end - ZERO) // timedelta(minutes=1))
    }


@given(MANY)
def test_merged_spans_hold_the_same_minutes_in_order_and_apart(spans):
    merged = rules.merge(spans)
    assert minutes(merged) == minutes(spans)
    assert all(one.end < other.start for one, other in pairwise(merged))


@given(MANY, MANY)
def test_what_is_cut_out_is_gone_and_nothing_else(opens, taken):
    left = rules.without(rules.merge(opens), taken)
    assert minutes(left) == minutes(opens) - minutes(taken)
    assert left == rules.merge(left)


@given(MANY, SPANS)
def test_a_span_is_inside_exactly_where_every_minute_of_it_is_open(opens, span):
    found = rules.inside(span, rules.merge(opens))
    assert (found is not None) == (minutes([span]) <= minutes(opens))


@given(st.lists(SPANS, min_size=1, max_size=5), SPANS)
def test_an_opening_is_found_exactly_where_it_touches_the_time_asked_for(openings_of, asked):
    for one in openings_of:
        window = Recurring(read_rule("FREQ=DAILY;COUNT=1"), one.start, int((one.end - one.start).total_seconds()) // 60)
        assert (rules.expand(window, *asked) == [one]) == bool(minutes([one]) & minutes([asked]))


TAKEN = st.builds(
    Taken,
    id=st.integers(1, 9),
    system=st.integers(1, 4),
    span=SPANS,
    hosts=st.frozensets(st.sampled_from("abc"), max_size=2),
    people=st.frozensets(st.integers(1, 3), max_size=2),
)
NEAR = st.builds(Near, needs=st.frozensets(st.integers(1, 4)), needed_by=st.frozensets(st.integers(1, 4)))


@given(TAKEN, st.lists(TAKEN, max_size=8, unique_by=lambda one: one.id), NEAR)
def test_other_work_clashes_exactly_where_it_is_at_the_same_time_and_something_is_shared(wanted, others, near):
    found = {clash.of for clash in rules.clashes(wanted, others, near, [wanted.span], [])}
    assert found == {
        other.id
        for other in others
        if other.id != wanted.id
        and minutes([other.span]) & minutes([wanted.span])
        and (
            other.system in {wanted.system} | near.needs | near.needed_by
            or other.hosts & wanted.hosts
            or other.people & wanted.people
        )
    }


@given(TAKEN, TAKEN)
def test_of_two_works_on_one_system_each_is_in_the_way_of_the_other(one, other):
    mine, theirs = (
        [clash.kind for clash in rules.clashes(a, [b], Near(), [a.span], [])] for a, b in ((one, other), (other, one))
    )
    assert mine == theirs


FROZEN = st.builds(Frozen, id=st.integers(1, 9), system=st.none() | st.integers(1, 4), span=SPANS)


@given(TAKEN, st.lists(FROZEN, max_size=6), NEAR)
def test_a_freeze_holds_for_its_system_for_all_and_for_what_the_frozen_one_needs(wanted, freezes, near):
    found = [clash.of for clash in rules.clashes(wanted, [], near, [wanted.span], freezes)]
    concerned = {None, wanted.system, *near.needed_by}
    assert found == [
        one.id for one in freezes if one.system in concerned and minutes([one.span]) & minutes([wanted.span])
    ]


def test_an_approved_exception_lets_through_and_only_the_excepted_freeze():
    span = Span(at("10-01T22:00"), at("10-02T01:00"))
    wanted, freezes = Taken(1, 1, span), [Frozen(1, None, span, excepted=True), Frozen(2, 1, span)]
    assert rules.clashes(wanted, [], Near(), [span], freezes) == [Clash(Kind.FREEZE, 2)]


def test_work_that_sticks_out_of_its_window_is_outside():
    opens = [Span(at("10-09T22:00"), at("10-10T06:00"))]
    for start, end, inside in (("22:00", "06:00", True), ("22:00", "06:01", False), ("21:59", "23:00", False)):
        span = Span(at(f"10-09T{start}"), at(f"10-10T{end}"))
        kinds = [clash.kind for clash in rules.clashes(Taken(1, 1, span), [], Near(), opens, [])]
        assert kinds == ([] if inside else [Kind.OUTSIDE]), (start, end)


def test_of_several_reasons_the_closest_is_told():
    span = Span(at("10-09T22:00"), at("10-09T23:00"))
    wanted = Taken(1, 1, span, frozenset("a"), frozenset([7]))
    others = [
        Taken(2, 1, span, frozenset("a"), frozenset([7])),
        Taken(3, 5, span, frozenset("a"), frozenset([7])),
        Taken(4, 6, span, frozenset("a"), frozenset([7])),
        Taken(5, 9, span, frozenset("a"), frozenset([7])),
        Taken(6, 9, span, frozenset("b"), frozenset([7])),
    ]
    found = rules.clashes(wanted, others, Near(frozenset([5]), frozenset([6])), [span], [])
    assert [clash.kind for clash in found] == [Kind.SYSTEM, Kind.NEEDS, Kind.NEEDED_BY, Kind.HOST, Kind.PERSON]


@given(MANY, MANY)
def test_a_timetable_finds_what_overlaps_whatever_its_length(taken, asked):
    rows = [Taken(number, 1, span) for number, span in enumerate(taken)]
    table = Timetable(rows)
    for span in asked:
        assert sorted(one.id for one in table.during(span)) == [
            one.id for one in rows if rules.overlap(one.span, span)
        ]  # fmt: skip


def test_the_next_quarter_of_an_hour():
    assert rules.quarter(at("10-10T05:00")) == at("10-10T05:00")
    assert rules.quarter(at("10-10T05:00:01")) == at("10-10T05:15")
    assert rules.quarter(at("10-10T05:46")) == at("10-10T06:00")


WINDOW = {"rule": "FREQ=DAILY", "starts": at("10-09T22:00"), "minutes": 60, "left_out": [], "days": "any"}


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"days": "holidays"}, "开放的日子没有选", "days"),
        ({"minutes": 0}, "时长应在 1 分钟到 10080 分钟之间", "minutes"),
        ({"minutes": 10081}, "时长应在 1 分钟到 10080 分钟之间", "minutes"),
        ({"rule": "FREQ=HOURLY"}, "规则的 FREQ=HOURLY 不能用。只能是 DAILY、WEEKLY、MONTHLY、YEARLY", "rule"),
        ({"left_out": ["2026-02-30"]}, "例外日期「2026-02-30」不对。写成 2026-10-01", "left_out"),
        ({"left_out": ["2026-10-01"] * 401}, "例外日期最多 400 个", "left_out"),
    ],
)
def test_a_window_that_is_typed_wrong_is_refused(over, reason, field):
    assert ruling(lambda: rules.check_window(**(WINDOW | over))) == Refusal(reason, "", field)


@pytest.mark.parametrize(
    ("starts", "ends", "reason"),
    [
        ("10-01T00:00", "10-01T00:00", "结束时间不晚于开始时间。把结束时间改到开始之后"),
        ("08-01T00:00", "08-31T00:00", "这段时间已经过去。选一个还没结束的时间"),
    ],
)
def test_a_freeze_that_is_typed_wrong_is_refused(starts, ends, reason):
    freeze = ruling(lambda: rules.check_freeze(at(starts), at(ends), ZERO))
    assert freeze == Refusal(reason, "", "ends")


def test_a_freeze_ends_within_a_year_and_planned_work_within_a_week():
    start = at("10-01T00:00")
    assert ruling(lambda: rules.check_freeze(start, start + timedelta(days=367), ZERO)) == Refusal(
        "封网期最长一年。分成几段，或检查年份", "", "ends"
    )
    assert ruling(lambda: rules.check_span(start, start + timedelta(days=8))) == Refusal(
        "一次安排最长七天。分成几次，或检查日期", "CHG-3", "ends"
    )
    assert ruling(lambda: rules.check_span(start, start)) == Refusal(
        "结束时间不晚于开始时间。把结束时间改到开始之后", "CHG-3", "ends"
    )
    assert ruling(lambda: rules.check_span(start, start + timedelta(days=7))) is None


def test_nobody_excepts_their_own_plan():
    assert ruling(lambda: rules.check_may_except(1, 1, [])) == Refusal("破例不能由您批准：是您申请的", "ROL-1")
    assert ruling(lambda: rules.check_may_except(1, 2, [1, 3])) == Refusal(
        "破例不能由您批准：这张工单是您提出或安排的", "ROL-1"
    )
    assert ruling(lambda: rules.check_may_except(1, 2, [3])) is None
