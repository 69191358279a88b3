"""RFC 5545 as Weilu reads it: against a second reading of the standard, by cases, and by what is refused."""

import time
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.unchanged import Refusal, ruling
from weilu.planning.recurrence import WEEKDAYS, check_comes_true, read_rule

pytestmark = pytest.mark.once
STARTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 12, 31)).map(  # noqa: DTZ001  (a clock on the wall)
    lambda at: at.replace(second=0, microsecond=0)
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """A rule that RFC 5545 allows; its BYDAY is all numbered or all plain: the second reading cannot mix."""
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={freq}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 5))}")
    by = []
    if draw(st.booleans()):
        by.append("BYMONTH=" + _listed(draw, st.integers(1, 12)))
    if freq != "WEEKLY" and draw(st.booleans()):
        by.append("BYMONTHDAY=" + _listed(draw, st.integers(1, 31) | st.integers(-31, -1)))
    if draw(st.booleans()):
        numbered = freq in ("MONTHLY", "YEARLY") and draw(st.booleans())
        which = (st.integers(1, 5) | st.integers(-5, -1)).map(str) if numbered else st.just("")
        by.append("BYDAY=" + _listed(draw, st.tuples(which, st.sampled_from(WEEKDAYS)).map("".join)))
    # A week is whole here; the second reading counts positions of the first week from the start's own day on.
    if by and freq != "WEEKLY" and draw(st.booleans()):
        by.append("BYSETPOS=" + _listed(draw, st.integers(1, 6) | st.integers(-6, -1)))
    if draw(st.booleans()):
        by.append("WKST=" + draw(st.sampled_from(WEEKDAYS)))
    end = draw(st.sampled_from(["", "COUNT", "UNTIL"]))
    if end == "COUNT":
        parts.append(f"COUNT={draw(st.integers(1, 40))}")
    elif end == "UNTIL":
        parts.append(f"UNTIL={draw(st.dates(date(2020, 1, 1), date(2032, 12, 31))):%Y%m%d}T120000")
    return ";".join(parts + by)


def _listed(draw: st.DrawFn, values: st.SearchStrategy[object]) -> str:
    return ",".join(map(str, draw(st.lists(values, min_size=1, max_size=3, unique=True))))


@settings(max_examples=400, deadline=None)
@given(rules(), STARTS, st.integers(-400, 1500), st.integers(0, 800))
def test_every_rule_names_the_days_that_another_reading_of_the_standard_names(rule, starts, ahead, length):
    first = starts.date() + timedelta(days=ahead)
    last = first + timedelta(days=length)
    endless = replace(read_rule(rule), count=None, until=None)
    # The second reading looks for a next day to the year 9999; only rules that have one soon are put to it.
    assume(endless.days(starts, max(last, starts.date()) + timedelta(days=1), last + timedelta(days=1500)))
    named = []
    for one in rrulestr(rule, dtstart=starts):
        if one.date() > last:
            break
        named.append(one.date())
    assert read_rule(rule).days(starts, first, last) == [day for day in named if day >= first]


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ("FREQ=WEEKLY;BYDAY=FR,SA", ["2026-10-02", "2026-10-03", "2026-10-09", "2026-10-10"]),
        ("freq=weekly;interval=2;byday=tu", ["2026-09-29", "2026-10-13"]),
        ("RRULE:FREQ=MONTHLY;BYDAY=2SA", ["2026-10-10"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ["2026-09-30"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", ["2026-09-30"]),
        ("FREQ=DAILY;COUNT=2", ["2026-09-28", "2026-09-29"]),
        ("FREQ=DAILY;UNTIL=20260930", ["2026-09-28", "2026-09-29", "2026-09-30"]),
        ("FREQ=DAILY;UNTIL=20260929T140000Z", ["2026-09-28", "2026-09-29"]),  # 22:00 in Shanghai, the last one
        ("FREQ=DAILY;UNTIL=20260929T135900Z", ["2026-09-28"]),
        ("FREQ=MONTHLY;BYDAY=MO,2SA", ["2026-09-28", "2026-10-05", "2026-10-10", "2026-10-12"]),
        ("FREQ=YEARLY", ["2026-09-28"]),
    ],
)
def test_known_days_around_national_day(rule, days):
    found = read_rule(rule).days(at("2026-09-28T22:00"), date(2026, 9, 28), date(2026, 10, 13))
    assert [day.isoformat() for day in found] == days


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "规则的「」看不懂。写成 名=值，用分号隔开"),
        ("每周五", "规则的「每周五」看不懂。写成 名=值，用分号隔开"),
        ("BYDAY=FR", "规则缺少 FREQ。例如 FREQ=WEEKLY;BYDAY=FR"),
        ("FREQ=SECONDLY", "规则的 FREQ=SECONDLY 不能用。只能是 DAILY、WEEKLY、MONTHLY、YEARLY"),
        ("FREQ=HOURLY;INTERVAL=1", "规则的 FREQ=HOURLY 不能用。只能是 DAILY、WEEKLY、MONTHLY、YEARLY"),
        ("FREQ=DAILY;BYHOUR=1,2", "规则的 BYHOUR 不能用。几点开始由「首次开始」定"),
        ("FREQ=DAILY;BYSECOND=1", "规则的 BYSECOND 不能用。几点开始由「首次开始」定"),
        ("FREQ=YEARLY;BYWEEKNO=20", "规则的 BYWEEKNO 不能用。用 BYMONTH、BYMONTHDAY 或 BYDAY 写"),
        (
            "FREQ=DAILY;DTSTART=20260101",
            "规则的 DTSTART 不能用。可用的有 FREQ、INTERVAL、COUNT、UNTIL、BYMONTH、BYMONTHDAY、BYDAY、BYSETPOS、WKST",
        ),
        ("FREQ=DAILY;FREQ=WEEKLY", "规则的 FREQ 写了两次。留一个"),
        ("FREQ=DAILY;INTERVAL=0", "规则的 INTERVAL=0 不对。应是 1 到 366 的数"),
        ("FREQ=DAILY;INTERVAL=-1", "规则的 INTERVAL=-1 不对。应是 1 到 366 的数"),
        ("FREQ=DAILY;INTERVAL=９", "规则的 INTERVAL=９ 不对。应是 1 到 366 的数"),
        ("FREQ=DAILY;COUNT=99999999999", "规则的 COUNT=99999999999 不对。应是 1 到 1000 的数"),
        ("FREQ=DAILY;COUNT=1;UNTIL=20270101", "规则的 COUNT 和 UNTIL 只能写一个"),
        ("FREQ=DAILY;UNTIL=tomorrow", "规则的 UNTIL=TOMORROW 不对。写成 20271231 这样的日期"),
        ("FREQ=DAILY;UNTIL=99991231", "规则的 UNTIL=99991231 不对。写成 20271231 这样的日期"),
        ("FREQ=WEEKLY;BYDAY=XX", "规则的 BYDAY=XX 不对。星期写成 MO、TU、WE、TH、FR、SA、SU，第二个周六写 2SA"),
        ("FREQ=WEEKLY;BYDAY=2SA", "规则的 BYDAY 带了第几个，只能和 FREQ=MONTHLY 或 YEARLY 一起用"),
        ("FREQ=MONTHLY;BYDAY=0SA", "规则的 BYDAY=0 不对。应是 1 到 53 的数，从后往前数写负号"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "规则的 BYMONTHDAY=32 不对。应是 1 到 31 的数，从后往前数写负号"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "规则的 BYMONTHDAY 不能和 FREQ=WEEKLY 一起用"),
        ("FREQ=YEARLY;BYMONTH=13", "规则的 BYMONTH=13 不对。应是 1 到 12 的数"),
        ("FREQ=MONTHLY;BYSETPOS=1", "规则的 BYSETPOS 要和 BYDAY、BYMONTHDAY 或 BYMONTH 一起用"),
        ("FREQ=DAILY;WKST=1", "规则的 WKST=1 不对。写 MO 或 SU"),
        ("FREQ=DAILY;" + "X" * 200, "规则太长，最多 200 个字符"),
    ],
)
def test_a_rule_that_cannot_be_read_is_refused_by_its_part(rule, reason):
    assert ruling(lambda: read_rule(rule)) == Refusal(reason, "", "rule")


@pytest.mark.parametrize(
    "rule",
    ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;UNTIL=20200101"],
)
def test_a_rule_that_never_comes_true_is_refused(rule):
    starts = at("2026-09-28T22:00")
    assert ruling(lambda: check_comes_true(read_rule(rule), starts)) == Refusal(
        "按这条规则，从 2026-09-28 起十年内一天也没有。检查月份和日期", "", "rule"
    )


@pytest.mark.parametrize("year", [1999, 2101])
def test_a_window_opens_first_in_this_century(year):
    rule = read_rule("FREQ=DAILY")
    assert ruling(lambda: check_comes_true(rule, datetime(year, 6, 1, 22))) == Refusal(  # noqa: DTZ001
        "首次开始应在 2000 年到 2100 年之间", "", "starts"
    )


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("FREQ=DAILYWKMOTHUBS;,-+0123456789é\x00 ")))
def test_whatever_is_typed_is_read_or_refused(text):
    refusal = ruling(lambda: read_rule(text))
    assert refusal is None or refusal.field == "rule"


def test_a_rule_that_hardly_ever_comes_true_takes_no_time_to_look_for():
    """29 February on a Monday, every 366th day: the second reading looks for it through 8,000 years."""
    rule = read_rule("FREQ=DAILY;INTERVAL=366;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO")
    begun = time.process_time()
    assert rule.days(at("2026-09-28T22:00"), date(2026, 1, 1), date(2036, 1, 1)) == []
    assert time.process_time() - begun < 5  # a bound on running away, not on speed
