"""How instants and spans read on a page: always Asia/Shanghai, the year only when it is not this one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from weilu.kernel import worktime
from weilu.kernel.times import SHANGHAI

CALENDAR = worktime.Calendar()


def when(instant: datetime, now: datetime) -> str:
    """`今天 14:20`, `明天 10:50`, `09-28 14:20`, or `2025-09-28 14:20`."""
    local, today = instant.astimezone(SHANGHAI), now.astimezone(SHANGHAI).date()
    clock = local.strftime("%H:%M")
    distance = (local.date() - today).days
    if distance == 0:
        return _("今天 %(clock)s") % {"clock": clock}
    if distance == 1:
        return _("明天 %(clock)s") % {"clock": clock}
    return local.strftime("%m-%d %H:%M" if local.year == today.year else "%Y-%m-%d %H:%M")


def weekday(instant: datetime) -> str:
    """`周二`."""
    names = (_("周一"), _("周二"), _("周三"), _("周四"), _("周五"), _("周六"), _("周日"))
    return names[instant.astimezone(SHANGHAI).weekday()]


def window(start: datetime, end: datetime, now: datetime) -> str:
    """`09-29 周二 22:00–01:00`; the end carries its date only when it is more than a day later."""
    first, last = start.astimezone(SHANGHAI), end.astimezone(SHANGHAI)
    day = first.strftime("%m-%d" if first.year == now.astimezone(SHANGHAI).year else "%Y-%m-%d")
    far = last - first >= timedelta(days=1)
    return f"{day} {weekday(start)} {first:%H:%M}–{last.strftime('%m-%d %H:%M' if far else '%H:%M')}"


def span(minutes: int, *, days: bool = True) -> str:
    """Working minutes as `2 天 3 小时`, `5 小时 30 分`, `40 分`; a day is one working day of the calendar."""
    whole, rest = divmod(max(0, minutes), CALENDAR.day_minutes) if days else (0, minutes)
    hours, rest = divmod(rest, 60)
    parts = []
    if whole:
        parts.append(_("%(n)d 天") % {"n": whole})
    if hours:
        parts.append(_("%(n)d 小时") % {"n": hours})
    if rest and not whole:
        parts.append(_("%(n)d 分") % {"n": rest})
    return " ".join(parts) or _("%(n)d 分") % {"n": 0}


@dataclass(frozen=True)
class Clock:
    """A deadline as it is drawn: a state, two lines, and the share of the working time used (0 to 100)."""

    state: str
    first: str
    used: int
    second: str


def clock(due: datetime, since: datetime | None, now: datetime) -> Clock:
    """Ink by default, amber in the last working hour or the last tenth, red when overdue."""
    second = _("%(when)s 到期") % {"when": when(due, now)}
    if now >= due:
        late_by = worktime.between(due, now, CALENDAR)
        return Clock("refused", _("逾期 %(span)s") % {"span": span(late_by)} if late_by else _("刚刚逾期"), 100, second)
    second += "".join(f" · +{days} {_('天')}：{name}" for name, days in worktime.why(now, due, CALENDAR))
    left = worktime.between(now, due, CALENDAR)
    whole = worktime.between(since, due, CALENDAR) if since is not None else 0
    used = 100 - 100 * left // whole if whole else 0
    late = left < 60 or (whole > 0 and used >= 90)
    first = _("剩 %(span)s") % {"span": span(left)} if left else _("剩不到 1 分")
    return Clock("watch" if late else "", first, max(0, min(100, used)), second)


def today_left(now: datetime) -> str:
    """`今天还有 3 小时 40 分工作时间`, for the head of my work."""
    minutes = worktime.left_today(now, CALENDAR)
    if not minutes:
        return _("今天的工作时间已过") if CALENDAR.is_workday(now.astimezone(SHANGHAI).date()) else _("今天休息")
    return _("今天还有 %(span)s工作时间") % {"span": span(minutes, days=False)}
