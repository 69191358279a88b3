"""What every template may use: icons, clocks, dates, people, states, clauses, digests (built in, no `load`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from weilu.kernel import clauses
from weilu.kernel.times import now
from weilu.ui import dates, icons
from weilu.ui.retold import retold

register = template.Library()

STATE_ICONS = {
    "passed": "check", "watch": "clock", "refused": "x", "act": "player-play",
    "idle": "circle-minus", "solid": "alert-triangle", "outline": "flag",
}  # fmt: skip


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """`{% icon "check" %}`: one outline icon, 16 px; `classes` is added to its class."""
    return mark_safe(icons.svg(name, classes))  # noqa: S308  (drawings of our own sprite)


def show_when(instant: datetime | None) -> SafeString:
    """`{% when x %}` or `{{ x|when }}`: 今天 14:20 or 09-28 14:20, with the whole instant behind it."""
    if instant is None:
        return SafeString("—")
    return format_html('<time datetime="{}">{}</time>', instant.isoformat(), dates.when(instant, now()))


def show_clock(due: datetime | None, since: datetime | None = None, classes: str = "") -> SafeString:
    """`{% clock due since %}`: what is left, a bar of the time used, the due time."""
    if due is None:
        return format_html('<span class="clock idle {}"><b>{}</b></span>', classes, _("没有时限"))
    face = dates.clock(due, since, now())
    return format_html(
        '<span class="clock {} {}"><b>{}</b>{}<span class="due">{}</span></span>',
        face.state, classes, face.first, bar(face.used), face.second,
    )  # fmt: skip


def show_person(person: Any, viewer: Any = None, classes: str = "") -> SafeString:
    """A square with the surname for 甲方, a circle for 乙方, dark for `viewer` themself."""
    if person is None:
        return format_html('<span class="avatar {}" aria-hidden="true">{}</span>', classes, "·")
    shape = "round" if person.organisation.kind == "vendor" else ""
    mine = "me" if viewer is not None and viewer == person else ""
    return format_html(
        '<span class="avatar {} {} {}" aria-hidden="true">{}</span>', shape, mine, classes, person.name[:1]
    )


@register.simple_tag(takes_context=True, name="person")
def person_tag(context: dict[str, Any], person: Any, classes: str = "") -> SafeString:
    """`{% person p %}`: the mark of a person; the name stands in text beside it."""
    request = context.get("request")
    return show_person(person, getattr(request, "user", None), classes)


@register.simple_tag
def tag(state: str, word: object, icon_name: str | None = None) -> SafeString:
    """`{% tag "passed" "通过" %}`: a state as icon and word; `icon_name` "" leaves the icon out."""
    name = STATE_ICONS.get(state, "circle-minus") if icon_name is None else icon_name
    return format_html('<span class="tag {}">{}{}</span>', state, icon(name) if name else "", word)


def show_clause(id: object) -> SafeString:
    """A clause's id in grey; a click, a focus or the pointer shows what it says."""
    if not id:
        return SafeString("")
    row = clauses.clause_table().get(str(id)) if clauses.TABLE.exists() else None
    if row is None:
        return format_html('<span class="clause">{}</span>', id)
    return format_html(
        '<span class="clause" tabindex="0">{}<span class="clause-text">{}</span></span>', id, clause_text(row)
    )


def clause_text(row: dict[str, object]) -> object:
    """A clause in the language of the page."""
    from django.utils.translation import get_language

    return row.get("en" if (get_language() or "").startswith("en") else "zh") or row["zh"]


def show_digest(value: object, length: int = 4) -> SafeString:
    """`{{ sha|digest }}`: the first and last four of a digest; the whole in the title."""
    text = str(value or "")
    short = text if len(text) <= 2 * length + 1 else f"{text[:length]}…{text[-length:]}"
    return format_html('<span class="mono digest" title="{}">{}</span>', text, short)


@register.simple_tag
def bar(used: int, classes: str = "") -> SafeString:
    """A thin bar, `used` of 100 filled; a drawing, since the page allows no inline style."""
    return format_html(
        '<svg class="bar {}" viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="100" height="3"/><rect class="used" width="{}" height="3"/></svg>',
        classes,
        max(0, min(100, int(used))),
    )


@register.filter
def capped(count: int) -> str:
    """`1000+` from a thousand on."""
    return "1000+" if count >= 1000 else str(count)


@register.filter
def window(pair: Any) -> str:
    """`{{ plan|window }}` of anything with `window_from` and `window_to`: 09-29 周二 22:00–01:00."""
    if not pair or not pair.window_from or not pair.window_to:
        return "—"
    return dates.window(pair.window_from, pair.window_to, now())


register.simple_tag(show_when, name="when")
register.filter("when", show_when)
register.simple_tag(show_clock, name="clock")
register.filter("clock", show_clock)
register.filter("person", show_person)
register.simple_tag(show_clause, name="clause")
register.filter("clause", show_clause)
register.simple_tag(show_digest, name="digest")
register.filter("digest", show_digest)


@register.filter
def day_of_week(instant: datetime) -> str:
    """`09-28 周一 14:20`, for the head of a page."""
    from weilu.kernel.times import SHANGHAI

    return f"{instant.astimezone(SHANGHAI):%m-%d} {dates.weekday(instant)} {instant.astimezone(SHANGHAI):%H:%M}"


@register.filter
def translated(text: str) -> str:
    """A title that a flow or a table carries as data, in the language of the page."""
    return _(text)


@register.filter
def mark(sign: str) -> str:
    """The character in a step's diamond, in the language of the page."""
    return pgettext("mark", sign)


@register.filter(name="retold")
def tell_again(words: object) -> str:
    """A sentence that the product once stored, in the language of the page; not for people's own words."""
    return retold(words)


@register.filter
def when_words(instant: datetime) -> str:
    """`when` as plain words, for sentences that are put together first."""
    return dates.when(instant, now())


@register.filter
def get(table: dict[Any, Any], key: Any) -> Any:
    """The entry of a dictionary; None where it has none."""
    return table.get(key)


@register.filter
def thousands(number: int) -> str:
    """48,196."""
    return f"{number:,}"
