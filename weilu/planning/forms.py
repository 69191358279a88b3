"""What people type about windows, freezes and planned times, read from the request into what the actions take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.http import QueryDict
from django.utils.translation import gettext as _

from weilu.kernel import text
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI
from weilu.planning.models import Window
from weilu.planning.recurrence import FIRST_YEAR, LAST_YEAR, read_rule
from weilu.planning.wording import rule_entries, rule_of

WINDOW_FIELDS = (
    "system", "name", "starts", "minutes", "repeat", "which", "weekday", "month_day", "rule", "until", "left_out",
    "days",
)  # fmt: skip
FREEZE_FIELDS = ("system", "name", "starts", "ends", "reason")
SPANS = (7, 14, 28)


@dataclass(frozen=True)
class Shown:
    """What of the calendar is asked for."""

    first: date
    days: int
    page: int
    as_list: bool


def shown(query: Mapping[str, Any], today: date) -> Shown:
    """Read from the address; what is not there is the present day and two weeks. Raises BadRequest."""
    try:
        first = date.fromisoformat(query["from"]) if query.get("from") else today
        days, page = int(query.get("days") or 14), int(query.get("page") or 0)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    if days not in SPANS or not 0 <= page < 1000 or not FIRST_YEAR <= first.year <= LAST_YEAR:
        raise BadRequest(_("日历只有 2000 年到 2100 年，一次 7、14 或 28 天"))
    return Shown(first, days, page, query.get("as") == "list")


def instant(value: str, label: str, field: str) -> datetime:
    """A date and time of Asia/Shanghai, as the browser or a person writes it, full-width digits included."""
    written = text.code(value, label, field=field, longest=30).replace("/", "-")
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        raise Refused(
            _("%(label)s「%(value)s」不是日期时间，应写成 2026-09-29 22:00") % {"label": label, "value": written},
            field=field,
        ) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise Refused(_("%(label)s应在 2000 年到 2100 年之间") % {"label": label}, field=field)
    return found.replace(tzinfo=SHANGHAI) if found.tzinfo is None else found


def typed(post: QueryDict, *names: str) -> dict[str, Any]:
    """The entries as typed, to be shown again when the act is refused."""
    return {name: post.get(name, "") for name in names} | {"weekdays": post.getlist("weekdays")}


def whole(value: str) -> int:
    """A whole number as typed, full-width digits included; -1 for anything else, which the action turns down."""
    written = str(value).strip().translate(text.FULL_WIDTH)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 7 else -1


def window_entries(entries: Mapping[str, Any]) -> dict[str, Any]:
    """What `add_window` takes beside the system."""
    return {
        "name": entries["name"],
        "rule": rule_of(entries, entries["weekdays"]),
        "starts": instant(entries["starts"], _("首次开始"), "starts"),
        "minutes": whole(entries["minutes"]),
        "left_out": [day for day in re.split(r"[\s,，、;；]+", entries["left_out"]) if day],
        "days": entries["days"] or "any",
    }


def from_window(window: Window) -> dict[str, Any]:
    """A window as entries of the form, to be changed."""
    starts = window.starts.astimezone(SHANGHAI)
    entries: dict[str, Any] = {
        "system": str(window.system.uid), "name": window.name, "starts": starts.strftime("%Y-%m-%dT%H:%M"),
        "minutes": str(window.minutes), "left_out": "\n".join(window.left_out), "days": window.days, "weekdays": [],
    }  # fmt: skip
    return entries | rule_entries(read_rule(window.rule), window.rule, starts.date())


def freeze_entries(entries: Mapping[str, Any]) -> dict[str, Any]:
    """What `add_freeze` takes beside customer and system."""
    return {
        "name": entries["name"],
        "starts": instant(entries["starts"], _("开始"), "starts"),
        "ends": instant(entries["ends"], _("结束"), "ends"),
        "reason": entries["reason"],
    }


def blank_window(system: str, tonight: datetime) -> dict[str, Any]:
    """A new window as the form first shows it: Friday nights from tonight on."""
    starts = tonight.astimezone(SHANGHAI).replace(hour=22, minute=0)
    return {
        "system": system, "starts": starts.strftime("%Y-%m-%dT%H:%M"), "minutes": "480", "repeat": "weekly",
        "weekdays": ["FR"], "days": "any", "which": "2", "weekday": "SA", "month_day": "1",
    }  # fmt: skip


def following(first: date, days: int) -> tuple[date, date]:
    """The first days of the pages before and after."""
    return first - timedelta(days=days), first + timedelta(days=days)
