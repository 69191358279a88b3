"""Which days recur: a rule as RFC 5545 writes it (RRULE), read strictly, and the days it names.

A window opens at most once a day, so only FREQ from DAILY to YEARLY is read. Days are found period by period
within the range that is asked for: a rule that hardly ever, or never, comes true costs no more than any other.
Days are days of Asia/Shanghai.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LONGEST = 200  # characters of a rule
MOST_COUNT, MOST_INTERVAL = 1000, 366
LOOKED_AHEAD = 3660  # days within which a rule has to come true once
FIRST_YEAR, LAST_YEAR = 2000, 2100

WeekDay = tuple[int, int]  # which of its month or year (0: each), and which day of the week (0: Monday)


@dataclass(frozen=True)
class Recurrence:
    """A rule as read; an empty tuple is a part that was not written."""

    freq: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None  # the last possible start, as a clock on the wall shows it
    months: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    week_days: tuple[WeekDay, ...] = ()
    positions: tuple[int, ...] = ()
    week_start: int = 0

    def days(self, starts: datetime, first: date, last: date) -> list[date]:
        """The days from `first` to `last`, both included, on which it comes true; counted and aligned from `starts`.

        `starts` is local, without a zone. Where it is not itself named by the rule, it is no occurrence.
        """
        begin = starts.date()
        if self.until is not None:
            reach = self.until.date() - timedelta(days=self.until.time() < starts.time())
            last = min(last, reach)
        low = begin if self.count is not None else max(begin, first)
        quick = self._quick(begin, low, last)
        if quick is not None:
            return quick
        named = (day for day in self._from(begin, low, last) if low <= day <= last)
        if self.count is None:
            return list(named)
        return [day for _number, day in zip(range(self.count), named, strict=False) if day >= first]

    def _quick(self, begin: date, low: date, last: date) -> list[date] | None:
        """The days of the plainest rules, each so many days after another, at once; None for any other rule."""
        if self.count is not None or self.months or self.month_days or self.positions:
            return None
        first = max(begin, low).toordinal()
        if self.freq == "DAILY" and not self.week_days:
            first += (begin.toordinal() - first) % self.interval
            return [date.fromordinal(day) for day in range(first, last.toordinal() + 1, self.interval)]
        if self.freq != "WEEKLY":
            return None
        step = 7 * self.interval
        opening = begin.toordinal() - (begin.weekday() - self.week_start) % 7  # the week in which it begins
        names = [name for _which, name in self.week_days] or [begin.weekday()]
        found: list[int] = []
        for name in names:
            day = opening + (name - self.week_start) % 7
            found += range(first + (day - first) % step, last.toordinal() + 1, step)
        return [date.fromordinal(day) for day in sorted(found)]

    def _from(self, begin: date, low: date, last: date) -> Iterator[date]:
        for period in _PERIODS[self.freq](self, begin, low, last):
            found = self._named(period, begin)
            yield from found if not self.positions else _at(found, self.positions)

    def _named(self, period: list[date], begin: date) -> list[date]:
        """The days of one period that the BY parts leave; what a rule does not say comes from its first day."""
        months, month_days, week_days = self.months, self.month_days, self.week_days
        if not month_days and not week_days:
            if self.freq == "WEEKLY":
                week_days = ((0, begin.weekday()),)
            elif self.freq in ("MONTHLY", "YEARLY"):
                month_days = (begin.day,)
                months = months or ((begin.month,) if self.freq == "YEARLY" else ())
        if months:
            period = [day for day in period if day.month in months]
        if month_days:
            period = [day for day in period if _is_month_day(day, month_days)]
        if week_days:
            by_year = self.freq == "YEARLY" and not months
            period = [day for day in period if _is_week_day(day, week_days, by_year)]
        return period


def _at(found: list[date], positions: tuple[int, ...]) -> list[date]:
    kept = {place - 1 if place > 0 else len(found) + place for place in positions}
    return [day for place, day in enumerate(found) if place in kept]


def _is_month_day(day: date, month_days: tuple[int, ...]) -> bool:
    return day.day in month_days or day.day - calendar.monthrange(day.year, day.month)[1] - 1 in month_days


def _is_week_day(day: date, week_days: tuple[WeekDay, ...], by_year: bool) -> bool:
    for which, name in week_days:
        if name != day.weekday():
            continue
        if not which:
            return True
        place = day.timetuple().tm_yday if by_year else day.day
        whole = 365 + calendar.isleap(day.year) if by_year else calendar.monthrange(day.year, day.month)[1]
        if which in ((place - 1) // 7 + 1, -((whole - place) // 7 + 1)):
            return True
    return False


def _daily(rule: Recurrence, begin: date, low: date, last: date) -> Iterator[list[date]]:
    skipped = -(-max(0, (low - begin).days) // rule.interval) * rule.interval
    for number in range(begin.toordinal() + skipped, last.toordinal() + 1, rule.interval):
        yield [date.fromordinal(number)]


def _weekly(rule: Recurrence, begin: date, low: date, last: date) -> Iterator[list[date]]:
    opening = begin.toordinal() - (begin.weekday() - rule.week_start) % 7
    step = 7 * rule.interval
    opening += max(0, low.toordinal() - opening) // step * step
    for monday in range(opening, last.toordinal() + 1, step):
        yield [date.fromordinal(number) for number in range(monday, monday + 7)]


def _monthly(rule: Recurrence, begin: date, low: date, last: date) -> Iterator[list[date]]:
    opening, end = begin.year * 12 + begin.month - 1, last.year * 12 + last.month - 1
    opening += max(0, low.year * 12 + low.month - 1 - opening) // rule.interval * rule.interval
    for month in range(opening, end + 1, rule.interval):
        yield _month(month // 12, month % 12 + 1)


def _yearly(rule: Recurrence, begin: date, low: date, last: date) -> Iterator[list[date]]:
    opening = begin.year + max(0, low.year - begin.year) // rule.interval * rule.interval
    for year in range(opening, last.year + 1, rule.interval):
        yield [day for month in range(1, 13) for day in _month(year, month)]


def _month(year: int, month: int) -> list[date]:
    return [date(year, month, day) for day in range(1, calendar.monthrange(year, month)[1] + 1)]


_PERIODS: dict[str, Callable[[Recurrence, date, date, date], Iterator[list[date]]]] = {
    "DAILY": _daily, "WEEKLY": _weekly, "MONTHLY": _monthly, "YEARLY": _yearly,
}  # fmt: skip


def read_rule(text: str) -> Recurrence:
    """The rule that `text` writes; raises Refused with a sentence that names the part in the way."""
    if len(text) > LONGEST:
        raise _wrong(_("规则太长，最多 %(longest)d 个字符") % {"longest": LONGEST})
    parts: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").strip(";").split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals or not value.strip():
            raise _wrong(_("规则的「%(part)s」看不懂。写成 名=值，用分号隔开") % {"part": part[:40]})
        if name not in _READ:
            raise _wrong(_("规则的 %(part)s 不能用。%(instead)s") % {"part": name[:20], "instead": _instead(name)})
        if name in parts:
            raise _wrong(_("规则的 %(part)s 写了两次。留一个") % {"part": name})
        parts[name] = value.strip()
    if "FREQ" not in parts:
        raise _wrong(_("规则缺少 FREQ。例如 FREQ=WEEKLY;BYDAY=FR"))
    found = {field: read(name, parts[name]) for name, (field, read) in _READ.items() if name in parts}
    rule = Recurrence(**found)  # type: ignore[arg-type]  # each reader gives what its field takes
    _check_together(rule)
    return rule


def check_comes_true(rule: Recurrence, starts: datetime) -> None:
    """Raises Refused where the first years after `starts` (local, without a zone) see no day of the rule."""
    first = starts.date()
    if not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise Refused(
            _("首次开始应在 %(first)d 年到 %(last)d 年之间") % {"first": FIRST_YEAR, "last": LAST_YEAR}, field="starts"
        )
    if not rule.days(starts, first, first + timedelta(days=LOOKED_AHEAD)):
        raise _wrong(_("按这条规则，从 %(first)s 起十年内一天也没有。检查月份和日期") % {"first": first.isoformat()})


def _instead(name: str) -> str:
    if name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        return _("几点开始由「首次开始」定")
    if name in ("BYWEEKNO", "BYYEARDAY"):
        return _("用 BYMONTH、BYMONTHDAY 或 BYDAY 写")
    return _("可用的有 %(parts)s") % {"parts": _("、").join(_READ)}


def _wrong(words: str) -> Refused:
    return Refused(words, field="rule")


def _frequency(name: str, value: str) -> str:
    if value not in FREQUENCIES:
        raise _wrong(
            _("规则的 FREQ=%(value)s 不能用。只能是 %(known)s")
            % {"value": value[:20], "known": _("、").join(FREQUENCIES)}
        )
    return value


def _numbers(low: int, high: int, *, signed: bool = False) -> Callable[[str, str], tuple[int, ...]]:
    def read(name: str, value: str) -> tuple[int, ...]:
        return tuple(sorted({_number(name, one, low, high, signed) for one in value.split(",")}))

    return read


def _one(low: int, high: int) -> Callable[[str, str], int]:
    return lambda name, value: _number(name, value, low, high, False)


def _number(name: str, value: str, low: int, high: int, signed: bool) -> int:
    digits = value.strip()
    sign = -1 if signed and digits.startswith("-") else 1
    digits = digits[1:] if signed and digits[:1] in ("-", "+") else digits
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6 and low <= int(digits) <= high):
        limits = {"part": name, "value": value[:20], "low": low, "high": high}
        words = _("规则的 %(part)s=%(value)s 不对。应是 %(low)d 到 %(high)d 的数") % limits
        raise _wrong(words + (_("，从后往前数写负号") if signed else ""))
    return sign * int(digits)


def _until(name: str, value: str) -> datetime:
    for form in ("%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"):
        try:
            found = datetime.strptime(value, form)  # noqa: DTZ007  (a clock on the wall, see `Recurrence.until`)
        except ValueError:
            continue
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            break
        if form.endswith("Z"):
            return (found + _OFFSET).replace(tzinfo=None)
        return found if "T" in form else datetime.combine(found.date(), time.max)
    raise _wrong(_("规则的 UNTIL=%(value)s 不对。写成 20271231 这样的日期") % {"value": value[:20]})


_OFFSET: timedelta = datetime(FIRST_YEAR, 1, 1, tzinfo=SHANGHAI).utcoffset() or timedelta()  # the same ever since


def _week_days(name: str, value: str) -> tuple[WeekDay, ...]:
    found = set()
    for one in value.split(","):
        which, day = one.strip()[:-2], one.strip()[-2:]
        if day not in WEEKDAYS:
            raise _wrong(
                _("规则的 BYDAY=%(value)s 不对。星期写成 %(known)s，第二个周六写 2SA")
                % {"value": one[:20], "known": _("、").join(WEEKDAYS)}
            )
        found.add((_number("BYDAY", which, 1, 53, True) if which else 0, WEEKDAYS.index(day)))
    return tuple(sorted(found))


def _week_start(name: str, value: str) -> int:
    if value not in WEEKDAYS:
        raise _wrong(_("规则的 WKST=%(value)s 不对。写 MO 或 SU") % {"value": value[:20]})
    return WEEKDAYS.index(value)


_READ: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "FREQ": ("freq", _frequency),
    "INTERVAL": ("interval", _one(1, MOST_INTERVAL)),
    "COUNT": ("count", _one(1, MOST_COUNT)),
    "UNTIL": ("until", _until),
    "BYMONTH": ("months", _numbers(1, 12)),
    "BYMONTHDAY": ("month_days", _numbers(1, 31, signed=True)),
    "BYDAY": ("week_days", _week_days),
    "BYSETPOS": ("positions", _numbers(1, 366, signed=True)),
    "WKST": ("week_start", _week_start),
}


def _check_together(rule: Recurrence) -> None:
    """What RFC 5545 forbids of parts that are each well written."""
    if rule.count is not None and rule.until is not None:
        raise _wrong(_("规则的 COUNT 和 UNTIL 只能写一个"))
    if rule.freq == "WEEKLY" and rule.month_days:
        raise _wrong(_("规则的 BYMONTHDAY 不能和 FREQ=WEEKLY 一起用"))
    if rule.freq in ("DAILY", "WEEKLY") and any(which for which, _day in rule.week_days):
        raise _wrong(_("规则的 BYDAY 带了第几个，只能和 FREQ=MONTHLY 或 YEARLY 一起用"))
    if rule.positions and not (rule.months or rule.month_days or rule.week_days):
        raise _wrong(_("规则的 BYSETPOS 要和 BYDAY、BYMONTHDAY 或 BYMONTH 一起用"))
