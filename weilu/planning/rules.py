"""When work on a system may be done: windows, freezes, and who or what is taken already (CHG-3)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI
from weilu.kernel.worktime import Calendar
from weilu.planning.recurrence import FIRST_YEAR, LAST_YEAR, Recurrence, check_comes_true, read_rule

LEAST_EFFECT = Clause("CHG-3")
APART = Clause("ROL-1")
MOST_MINUTES = 7 * 24 * 60  # of a window, and of what is planned
LONGEST_FREEZE = timedelta(days=366)
MOST_LEFT_OUT = 400
DAY = timedelta(days=1)
CALENDAR = Calendar()
EARLIEST, LATEST = datetime(FIRST_YEAR, 1, 1, tzinfo=SHANGHAI), datetime(LAST_YEAR + 1, 1, 1, tzinfo=SHANGHAI)


class Span(NamedTuple):
    """From an instant up to, not including, another; both aware."""

    start: datetime
    end: datetime


class Days(StrEnum):
    """On which of the days its rule names a window opens, by the working calendar."""

    ANY = "any"
    WORKING = "working"
    OFF = "off"


@dataclass(frozen=True)
class Recurring:
    """A window as its facts: when it opens first, by which rule again, for how many minutes, on which days not."""

    rule: Recurrence
    starts: datetime  # in UTC
    minutes: int
    left_out: frozenset[date] = frozenset()  # days of Asia/Shanghai on which it would open
    days: str = Days.ANY


# CHG-3: where a system has no window of its own, changes are made by night, from 22:00 to 06:00.
NIGHT = Recurring(read_rule("FREQ=DAILY"), datetime(FIRST_YEAR, 1, 1, 14, tzinfo=UTC), 480)


def expand(window: Recurring, since: datetime, until: datetime, working: Calendar = CALENDAR) -> list[Span]:
    """Its openings that touch the time from `since` to `until`, whole, in order; a window belongs to the day it opens.

    In Asia/Shanghai a day has 24 hours: there has been no summer time since `FIRST_YEAR`.
    """
    local = window.starts.astimezone(SHANGHAI).replace(tzinfo=None)
    length = timedelta(minutes=window.minutes)
    first, last = ((at + shift).astimezone(SHANGHAI).date() for at, shift in ((since, -length), (until, 0 * DAY)))
    days = window.rule.days(local, first, last)
    if window.left_out or window.days != Days.ANY:
        days = [day for day in days if day not in window.left_out and _fits_calendar(day, window.days, working)]
    base, opening = window.starts, local.toordinal()
    starts = [base + timedelta(day.toordinal() - opening) for day in days]
    return [Span(start, start + length) for start in starts if start < until and start + length > since]


def _fits_calendar(day: date, days: str, working: Calendar) -> bool:
    return days == Days.ANY or working.is_workday(day) == (days == Days.WORKING)


def merge(spans: Iterable[Span]) -> list[Span]:
    """The same time as spans in order that neither overlap nor touch."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def inside(span: Span, opens: Sequence[Span]) -> Span | None:
    """The one of `opens` (as `merge` leaves them) that holds the whole of `span`; None where none does."""
    place = bisect_right(opens, span.start, key=lambda one: one.start) - 1
    return opens[place] if place >= 0 and opens[place].end >= span.end else None


def without(opens: Sequence[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of `opens` (as `merge` leaves them) once `taken` is cut out, in order."""
    found, cuts = [], merge(taken)
    place = 0
    for start, end in opens:
        while place < len(cuts) and cuts[place].end <= start:
            place += 1
        here = place
        while here < len(cuts) and cuts[here].start < end:
            if cuts[here].start > start:
                found.append(Span(start, cuts[here].start))
            start = max(start, cuts[here].end)
            here += 1
        if start < end:
            found.append(Span(start, end))
    return found


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


class Kind(StrEnum):
    """What stands in the way of planned work."""

    SYSTEM = "system"  # the same system is worked on
    NEEDS = "needs"  # a system it depends on is
    NEEDED_BY = "needed_by"  # a system that depends on it is
    HOST = "host"
    PERSON = "person"
    OUTSIDE = "outside"  # of every window
    FREEZE = "freeze"


OCCUPIED = (Kind.SYSTEM, Kind.NEEDS, Kind.NEEDED_BY, Kind.HOST, Kind.PERSON)


@dataclass(frozen=True)
class Taken:
    """Planned work: on which system, when, on which hosts (by what tells a machine from others), by whom."""

    id: int
    system: int
    span: Span
    hosts: frozenset[str] = frozenset()
    people: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Near:
    """The systems that a change of one concerns as well: those it needs, and those that need it.

    Direct ones only. Whoever keeps the register writes down what a system fails without; were needs of needs
    counted, a directory or a network that everybody needs would leave one change a night for a whole customer.
    """

    needs: frozenset[int] = frozenset()
    needed_by: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Frozen:
    """A freeze that concerns a system: of that one (`system`), or of all (None)."""

    id: int
    system: int | None
    span: Span
    excepted: bool = False  # an approved exception lets this very plan through


@dataclass(frozen=True)
class Clash:
    """One thing in the way: its kind, the id of the other work or of the freeze, and the hosts or people both want."""

    kind: Kind
    of: int = 0
    hosts: frozenset[str] = frozenset()
    people: frozenset[int] = field(default=frozenset())


def clashes(
    wanted: Taken, others: Iterable[Taken], near: Near, opens: Sequence[Span], freezes: Iterable[Frozen]
) -> list[Clash]:
    """LEAST_EFFECT: everything in the way of `wanted`; of other work one clash each, the closest.

    `opens` are the merged windows of its system, `freezes` those of its customer. A freeze also holds for a
    system that the frozen one needs: what is frozen must not be disturbed from below.
    """
    found = [Clash(Kind.FREEZE, one.id) for one in freezes if not one.excepted and _frozen(wanted, one, near)]
    found += [clash for other in others if (clash := _between(wanted, other, near))]
    if inside(wanted.span, opens) is None:
        found.append(Clash(Kind.OUTSIDE))
    return found


def _frozen(wanted: Taken, one: Frozen, near: Near) -> bool:
    concerned = one.system is None or one.system == wanted.system or one.system in near.needed_by
    return concerned and overlap(wanted.span, one.span)


def _between(wanted: Taken, other: Taken, near: Near) -> Clash | None:
    if other.id == wanted.id or not overlap(wanted.span, other.span):
        return None
    if other.system == wanted.system:
        return Clash(Kind.SYSTEM, other.id)
    if other.system in near.needs:
        return Clash(Kind.NEEDS, other.id)
    if other.system in near.needed_by:
        return Clash(Kind.NEEDED_BY, other.id)
    if hosts := wanted.hosts & other.hosts:
        return Clash(Kind.HOST, other.id, hosts=hosts)
    if people := wanted.people & other.people:
        return Clash(Kind.PERSON, other.id, people=people)
    return None


def quarter(instant: datetime) -> datetime:
    """The next full quarter of an hour: nobody plans for 22:07."""
    past = timedelta(minutes=instant.minute % 15, seconds=instant.second, microseconds=instant.microsecond)
    return instant if not past else instant - past + timedelta(minutes=15)


# What people type.


def check_years(*instants: datetime) -> None:
    """Instants of the calendar lie in the years 2000 to 2100 of Asia/Shanghai: nothing is reckoned beyond."""
    if not all(EARLIEST <= one < LATEST for one in instants):
        raise Refused(_("时间应在 2000 年到 2100 年之间。检查年份"), LEAST_EFFECT, field="starts")


def check_window(rule: str, starts: datetime, minutes: int, left_out: Collection[str], days: str) -> Recurring:
    """A window as it was typed, fit to be kept; raises Refused with the field."""
    check_years(starts)
    if days not in tuple(Days):
        raise Refused(_("开放的日子没有选"), field="days")
    if not 1 <= minutes <= MOST_MINUTES:
        raise Refused(_("时长应在 1 分钟到 %(most)d 分钟之间") % {"most": MOST_MINUTES}, field="minutes")
    read = read_rule(rule)
    check_comes_true(read, starts.astimezone(SHANGHAI).replace(tzinfo=None))
    if len(left_out) > MOST_LEFT_OUT:
        raise Refused(_("例外日期最多 %(most)d 个") % {"most": MOST_LEFT_OUT}, field="left_out")
    return Recurring(read, starts, minutes, frozenset(_day(text) for text in left_out), days)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(_("例外日期「%(day)s」不对。写成 2026-10-01") % {"day": text[:20]}, field="left_out") from None


def check_freeze(starts: datetime, ends: datetime, at: datetime) -> None:
    """A freeze ends after it begins, within a year, and not before now."""
    check_years(starts, ends)
    if ends <= starts:
        raise Refused(_("结束时间不晚于开始时间。把结束时间改到开始之后"), field="ends")
    if ends - starts > LONGEST_FREEZE:
        raise Refused(_("封网期最长一年。分成几段，或检查年份"), field="ends")
    if ends <= at:
        raise Refused(_("这段时间已经过去。选一个还没结束的时间"), field="ends")


def check_span(starts: datetime, ends: datetime) -> None:
    """Planned work ends after it begins, within a week."""
    check_years(starts, ends)
    if ends <= starts:
        raise Refused(_("结束时间不晚于开始时间。把结束时间改到开始之后"), LEAST_EFFECT, field="ends")
    if ends - starts > timedelta(minutes=MOST_MINUTES):
        raise Refused(_("一次安排最长七天。分成几次，或检查日期"), LEAST_EFFECT, field="ends")


def check_ahead(ends: datetime, at: datetime) -> None:
    """Raises Refused where the time that was planned is over."""
    if ends <= at:
        raise Refused(_("安排的时间已经过去。改到以后的时段"), LEAST_EFFECT)


def check_may_except(by: int, asked_by: int, planned_by: Collection[int]) -> None:
    """APART: nobody approves the exception that they asked for, or one for their own work."""
    if by == asked_by:
        raise Refused(_("破例不能由您批准：是您申请的"), APART, help=_("要由另一个人批准"))
    if by in planned_by:
        raise Refused(_("破例不能由您批准：这张工单是您提出或安排的"), APART, help=_("要由另一个人批准"))
