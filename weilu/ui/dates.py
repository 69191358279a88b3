"""How instants and spans read on a page: always Asia/Shanghai, the year only when it is not this one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from weilu.kernel.times import SHANGHAI

HOUR = timedelta(hours=1)
WEEKDAYS = "一二三四五六日"


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


def span(length: timedelta) -> str:
    """`2 天 3 小时`, `5 小时 30 分`, `40 分`: the two largest units."""
    minutes = max(0, int(length.total_seconds()) // 60)
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = []
    if days:
        parts.append(_("%(n)d 天") % {"n": days})
    if hours:
        parts.append(_("%(n)d 小时") % {"n": hours})
    if rest and not days:
        parts.append(_("%(n)d 分") % {"n": rest})
    return " ".join(parts) or _("不到 1 分")


@dataclass(frozen=True)
class Clock:
    """A deadline as it is drawn: a state, two lines, and the share of the time that is used (0 to 100)."""

    state: str
    first: str
    used: int
    second: str


def clock(due: datetime, since: datetime | None, now: datetime) -> Clock:
    """Ink by default, amber in the last hour or the last tenth, red when overdue."""
    second = _("%(when)s 到期") % {"when": when(due, now)}
    if now >= due:
        return Clock("refused", _("逾期 %(span)s") % {"span": span(now - due)}, 100, second)
    whole = due - since if since is not None and since < due else None
    used = 0 if whole is None else int(100 * (1 - (due - now) / whole))
    late = due - now < HOUR or (whole is not None and used >= 90)
    return Clock("watch" if late else "", _("剩 %(span)s") % {"span": span(due - now)}, max(0, min(100, used)), second)
