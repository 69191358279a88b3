"""Working time, against known cases of 2026 and properties that hold for every instant."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weilu.kernel.times import SHANGHAI
from weilu.kernel.worktime import Calendar, add, between, left_today, published, why

pytestmark = pytest.mark.once
CALENDAR = Calendar()
INSTANTS = st.datetimes(
    datetime(2024, 1, 1),  # noqa: DTZ001 (the strategy adds the zone)
    datetime(2027, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, SHANGHAI]),
)
MINUTES = st.integers(0, 60 * 8 * 40)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-09-28T09:00", 480, "2026-09-28T18:00"),  # a deadline at closing time stays there
        ("2026-09-28T11:30", 60, "2026-09-28T13:30"),  # lunch is not worked
        ("2026-09-30T17:00", 120, "2026-10-08T10:00"),  # National Day, seven days off
        ("2026-10-09T17:00", 120, "2026-10-10T10:00"),  # a Saturday worked to make up
        ("2026-10-10T17:00", 120, "2026-10-12T10:00"),  # the Sunday after it is free
        ("2026-09-27T20:00", 1, "2026-09-28T09:01"),
        ("2026-09-28T20:00", 0, "2026-09-28T20:00"),
    ],
)
def test_known_deadlines(start: str, minutes: int, end: str):
    assert add(at(start), minutes, CALENDAR) == at(end)


def test_a_span_over_national_day_counts_only_worked_minutes_and_says_why():
    start, end = at("2026-09-30T09:00"), at("2026-10-08T18:00")

    assert between(start, end, CALENDAR) == 2 * 480
    assert why(start, end, CALENDAR) == [("国庆节", 7)]


def test_what_is_left_today():
    assert left_today(at("2026-09-28T08:00"), CALENDAR) == 480
    assert left_today(at("2026-09-28T12:30"), CALENDAR) == 300
    assert left_today(at("2026-09-28T18:00"), CALENDAR) == 0
    assert left_today(at("2026-10-01T10:00"), CALENDAR) == 0
    assert left_today(at("2026-10-10T10:00"), CALENDAR) == 420


def test_utc_and_shanghai_give_the_same_answer():
    start = at("2026-09-28T10:00")

    assert add(start.astimezone(UTC), 600, CALENDAR) == add(start, 600, CALENDAR)


def test_other_periods():
    night = Calendar(periods=((time(0), time(8)),))

    assert add(at("2026-09-28T07:00"), 120, night) == at("2026-09-29T01:00")


def test_a_year_without_a_notice_is_provisional():
    last = max(published().years)

    assert not CALENDAR.provisional(date(last, 6, 1))
    assert CALENDAR.provisional(date(last + 1, 6, 1))


@pytest.mark.parametrize("periods", [(), ((time(9), time(9)),), ((time(9), time(13)), (time(12), time(18)))])
def test_periods_out_of_order_are_turned_down(periods: tuple[tuple[time, time], ...]):
    with pytest.raises(ValueError, match="not overlap") as told:
        Calendar(periods=periods)
    assert str(told.value) == "working periods must be in order and must not overlap"


def test_an_instant_without_zone_is_turned_down():
    with pytest.raises(ValueError, match="an instant") as told:
        add(datetime(2026, 9, 28), 5, CALENDAR)  # noqa: DTZ001
    assert str(told.value) == "an instant without a time zone is not an instant"


def test_working_time_is_not_added_backwards():
    with pytest.raises(ValueError, match="added backwards") as told:
        add(at("2026-09-28T09:00"), -1, CALENDAR)
    assert str(told.value) == "working time is not added backwards"


@given(INSTANTS, MINUTES)
def test_between_undoes_add(start: datetime, minutes: int):
    assert between(start, add(start, minutes, CALENDAR), CALENDAR) == minutes


@given(INSTANTS, MINUTES, MINUTES)
def test_adding_in_two_parts_is_adding_once(start: datetime, first: int, second: int):
    assert add(add(start, first, CALENDAR), second, CALENDAR) == add(start, first + second, CALENDAR)


@given(INSTANTS, st.integers(0, 60 * 24 * 60), MINUTES)
def test_a_later_start_never_ends_earlier(start: datetime, later: int, minutes: int):
    assert add(start + timedelta(minutes=later), minutes, CALENDAR) >= add(start, minutes, CALENDAR)


@given(INSTANTS, st.integers(0, 60 * 24 * 20))
def test_counting_day_by_day_agrees(start: datetime, length: int):
    start = start.replace(second=0, microsecond=0)
    end = start + timedelta(minutes=length)
    worked = 0
    day = start.astimezone(SHANGHAI).date()
    while day <= end.astimezone(SHANGHAI).date():
        if CALENDAR.is_workday(day):
            for opens, closes in CALENDAR.periods:
                begin = max(start, datetime.combine(day, opens, SHANGHAI))
                close = min(end, datetime.combine(day, closes, SHANGHAI))
                worked += max(0, int((close - begin).total_seconds()) // 60)
        day += timedelta(days=1)

    assert between(start, end, CALENDAR) == worked
