"""What people type into the forms of a change, read from the request into what the actions take."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from weilu.kernel import text
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI

PLAN_FIELDS = ("version", "impact", "risk", "way_back", "window_from", "window_to", "upgrade_notes")
TEMPLATE_FIELDS = (
    "version", "window_minutes", "window_after", "window_before", "impact", "risk", "way_back", "upgrade_notes",
)  # fmt: skip
SCHEDULE_FIELDS = ("version", "window_from", "window_to", "digest")
DOCUMENT = ("number", "title", "version")
BLANK_ROWS = 2


def typed(post: QueryDict, *names: str) -> dict[str, str]:
    """The entries as typed, to be shown again when the act is refused."""
    return {name: post.get(name, "") for name in names}


def turn_of(post: QueryDict) -> int:
    """The item's turn that the page showed; a page without one is stale."""
    value = post.get("turn", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1


def choice(post: QueryDict, name: str, label: str) -> bool:
    """A yes or no that must be chosen."""
    value = post.get(name)
    if value not in ("yes", "no"):
        raise Refused(_("%(label)s没有选。选一项再提交") % {"label": label}, field=name)
    return value == "yes"


def instant(value: str, label: str, field: str) -> datetime:
    """A date and time of Asia/Shanghai, as the browser or a person writes it, full-width digits included."""
    written = text.code(value, label, field=field, longest=30).replace("/", "-")
    try:
        return datetime.fromisoformat(written).replace(tzinfo=SHANGHAI)
    except ValueError:
        raise Refused(
            _("%(label)s「%(value)s」不是日期时间，应写成 2026-09-29 22:00") % {"label": label, "value": written},
            field=field,
        ) from None


def whole(value: str) -> int:
    """A whole number as typed, full-width digits included; -1 for anything else, which the action turns down."""
    written = str(value).strip().translate(text.FULL_WIDTH)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 7 else -1


def documents(post: QueryDict) -> list[dict[str, str]]:
    """The affected documents as typed, blank rows left out."""
    columns = [post.getlist(f"document_{part}") for part in DOCUMENT]
    rows = [dict(zip(DOCUMENT, cells, strict=True)) for cells in zip(*columns, strict=False)]
    return [row for row in rows if any(value.strip() for value in row.values())]


def with_blank_documents(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows and some blank ones to write in."""
    return rows + [dict.fromkeys(DOCUMENT, "") for _blank in range(max(BLANK_ROWS, 3 - len(rows)))]


def criteria(post: QueryDict) -> list[dict[str, str]]:
    """The acceptance rows as typed, blank ones included."""
    columns = [post.getlist(f"criteria_{part}") for part in ("title", "path", "expect")]
    rows = [dict(zip(("title", "path", "expect"), cells, strict=True)) for cells in zip(*columns, strict=False)]
    return [row for row in rows if any(value.strip() for value in row.values())]


def with_blanks(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The rows and some blank ones to write in."""
    return rows + [{"title": "", "path": "", "expect": ""} for _blank in range(max(BLANK_ROWS, 3 - len(rows)))]


def plan_entries(post: QueryDict) -> dict[str, Any]:
    """What `changes.submit_plan` takes, with the window as instants."""
    entries: dict[str, Any] = typed(post, *PLAN_FIELDS)
    entries["window_from"] = instant(entries["window_from"], _("窗口开始"), "window_from")
    entries["window_to"] = instant(entries["window_to"], _("窗口结束"), "window_to")
    return entries | {"criteria": criteria(post)}


def schedule_entries(post: QueryDict) -> dict[str, Any]:
    """What `changes.schedule_standard` takes, with the window as instants."""
    entries: dict[str, Any] = typed(post, *SCHEDULE_FIELDS)
    entries["window_from"] = instant(entries["window_from"], _("窗口开始"), "window_from")
    entries["window_to"] = instant(entries["window_to"], _("窗口结束"), "window_to")
    return entries


def template_entries(post: QueryDict) -> dict[str, Any]:
    """The plan of a template as `changes.propose_template` takes it."""
    entries: dict[str, Any] = typed(post, *TEMPLATE_FIELDS)
    return entries | {"window_minutes": whole(entries["window_minutes"]), "criteria": criteria(post)}


def from_template(content: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier template as entries of the form."""
    entries = {name: str(content[name]) for name in TEMPLATE_FIELDS}
    return entries | {"criteria": [dict(row) for row in content["criteria"]]}


def from_plan(content: Mapping[str, Any]) -> dict[str, Any]:
    """An earlier plan as entries of the form, to be written on."""
    entries = {name: content[name] for name in PLAN_FIELDS}
    for name in ("window_from", "window_to"):
        local = datetime.fromisoformat(content[name]).astimezone(SHANGHAI)
        entries[name] = local.strftime("%Y-%m-%dT%H:%M")
    return entries | {"criteria": [dict(row) for row in content["criteria"]]}


@dataclass(frozen=True)
class Held:
    """What stands in a form when the page comes back: the entries, and the refusal that belongs to one of them."""

    typed: Mapping[str, Any]
    refused: Refused | None = None
