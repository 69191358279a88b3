"""Working time: how long a clock runs, and which holidays stand in its way.

Everything is pure: instants are aware, the calendar is an argument. A year whose notice has not
been published is reckoned by weekends alone, and `Calendar.provisional` says so.
"""

import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

from weilu.kernel.times import SHANGHAI

TABLE = Path(__file__).with_name("holidays.toml")
OFFICE_HOURS = ((time(9), time(12)), (time(13), time(18)))


@dataclass(frozen=True)
class Notice:
    """What the State Council published: days off and make-up workdays by name."""

    years: frozenset[int]
    off: dict[date, str]
    work: dict[date, str]

    @cached_property
    def weekdays_off(self) -> list[date]:
        """Days off that would have been worked, sorted."""
        return sorted(day for day in self.off if day.weekday() < 5)

    @cached_property
    def weekends_worked(self) -> list[date]:
        """Make-up workdays on a weekend, sorted."""
        return sorted(day for day in self.work if day.weekday() >= 5 and day not in self.off)


@cache
def published() -> Notice:
    """The notices that ship with Weilu."""
    off: dict[date, str] = {}
    work: dict[date, str] = {}
    table = tomllib.loads(TABLE.read_text("utf-8"))
    for year, kinds in table.items():
        for kind, days in (("off", off), ("work", work)):
            days.update({date.fromisoformat(f"{year}-{day}"): name for day, name in kinds[kind].items()})
    return Notice(frozenset(int(year) for year in table), off, work)


@dataclass(frozen=True)
class Calendar:
    """Working periods of a day, and the notices that move days off."""

    periods: tuple[tuple[time, time], ...] = OFFICE_HOURS
    notice: Notice = field(default_factory=published)

    def __post_init__(self) -> None:
        edges = [edge for period in self.periods for edge in period]
        if not edges or any(a >= b for a, b in pairwise(edges)):
            raise ValueError("working periods must be in order and must not overlap")

    @property
    def day_minutes(self) -> int:
        """Working minutes of one working day."""
        return sum(_minutes(end) - _minutes(start) for start, end in self.periods)

    def is_workday(self, day: date) -> bool:
        if day in self.notice.off:
            return False
        return day in self.notice.work or day.weekday() < 5

    def provisional(self, day: date) -> bool:
        """Whether the notice for the year of `day` is still to come, so that its answer may change."""
        return day.year not in self.notice.years


def add(start: datetime, minutes: int, calendar: Calendar) -> datetime:
    """The earliest instant by which `minutes` of working time have passed since `start`.

    A deadline that falls on closing time stays there; it does not slip to the next opening.
    """
    if minutes < 0:
        raise ValueError("working time is not added backwards")
    left = timedelta(minutes=minutes)
    if not left:
        return start
    for opens, closes in _periods_from(start, calendar):
        begin = max(opens, start)
        if left <= closes - begin:
            return (begin + left).astimezone(start.tzinfo)
        left -= closes - begin
    raise OverflowError("the deadline lies beyond the calendar")


def between(start: datetime, end: datetime, calendar: Calendar) -> int:
    """Whole working minutes from `start` to `end`; 0 where `end` is not later."""
    if end <= start:
        return 0
    total = _before(end, calendar) - _before(start, calendar)
    return int(total // timedelta(minutes=1))


def why(start: datetime, end: datetime, calendar: Calendar) -> list[tuple[str, int]]:
    """The holidays met on the way from `start` to `end`, each with its days off, in order."""
    first, last = _local(start).date(), _local(end).date()
    met: dict[str, int] = {}
    for day in sorted(d for d in calendar.notice.off if first <= d <= last):
        name = calendar.notice.off[day]
        met[name] = met.get(name, 0) + 1
    return list(met.items())


def left_today(now: datetime, calendar: Calendar) -> int:
    """Working minutes still to come on the day of `now`, in Asia/Shanghai."""
    local = _local(now)
    return between(now, datetime.combine(local.date() + timedelta(days=1), time(), SHANGHAI), calendar)


def _local(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone is not an instant")
    return instant.astimezone(SHANGHAI)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _periods_from(start: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """Working periods that end after `start`, in order."""
    day = _local(start).date()
    while day < date.max:
        if calendar.is_workday(day):
            for opens, closes in calendar.periods:
                end = datetime.combine(day, closes, SHANGHAI)
                if end > start:
                    yield datetime.combine(day, opens, SHANGHAI), end
        day += timedelta(days=1)


def _before(instant: datetime, calendar: Calendar) -> timedelta:
    """Working time from the first day of all to `instant`."""
    local = _local(instant)
    total = timedelta(minutes=_workdays_before(local.date(), calendar.notice) * calendar.day_minutes)
    if not calendar.is_workday(local.date()):
        return total
    for opens, closes in calendar.periods:
        begin = datetime.combine(local.date(), opens, SHANGHAI)
        end = datetime.combine(local.date(), closes, SHANGHAI)
        total += max(timedelta(0), min(local, end) - begin)
    return total


def _workdays_before(day: date, notice: Notice) -> int:
    """Workdays before `day`: whole weeks counted at once, then corrected by the notices."""
    weeks, rest = divmod(day.toordinal() - 1, 7)
    weekdays = weeks * 5 + min(rest, 5)
    return weekdays - bisect_left(notice.weekdays_off, day) + bisect_left(notice.weekends_worked, day)
