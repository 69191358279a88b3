"""The cells of a list of work as HTML: put together here, since a template takes three times as long for fifty rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.process.columns import Column
from weilu.process.pages import Line
from weilu.ui.templatetags.weilu import show_clock, show_person, show_when, tag

QUIET = '<span class="quiet">{}</span>'


def cells_of(line: Line, columns: Sequence[Column], reader: Person, *, picking: bool = False) -> SafeString:
    """The cells of one row, the box to tick first where rows are picked."""
    found = [_pick(line)] if picking else []
    found.append(_item(line))
    for column in columns:
        inside = (
            DRAWN[column.key](line, reader)
            if column.key in DRAWN
            else conditional_escape(str(column.value(line.row) or "—"))
        )
        found.append(f'<td class="w-{column.key}">{inside}</td>')
    return mark_safe("".join(found))  # noqa: S308  (each was escaped where it was made)


def _pick(line: Line) -> str:
    shut = line.gates is not None and line.gates.open < line.gates.all
    kept_out = " data-not" if (line.row.step and line.row.step.form) or shut else ""
    box = '<td class="w-pick"><input type="checkbox" name="item" value="{}" aria-label="{}"{}></td>'
    return format_html(box, line.picked, line.row.item.number, mark_safe(kept_out))  # noqa: S308


def _item(line: Line) -> str:
    item, tags = line.row.item, []
    if line.overdue:
        tags.append(tag("refused", _("逾期"), "alert-triangle"))
    elif item.priority == "urgent":
        tags.append(tag("solid", _("紧急"), ""))
    if line.gates:
        word = _("关口 %(n)s/%(m)s") % {"n": line.gates.open, "m": line.gates.all}
        tags.append(tag("passed" if line.gates.open == line.gates.all else "watch", word, ""))
    row = '<td class="w-item"><a class="row-title" href="{}">{}</a>{}<span class="under">{}</span></td>'
    marks = mark_safe("".join(f" {one}" for one in tags))  # noqa: S308
    return format_html(row, line.url, item.title, marks, item.number)


def _step(line: Line, reader: Person) -> str:
    if line.row.step is None:
        return tag("passed", _("已办结"))
    return format_html('{}<span class="under">{}</span>', _(line.row.step.title), line.place)


def _who(line: Line, reader: Person) -> str:
    if line.first is None:
        return format_html(QUIET, _("自动办理") if line.row.step and line.row.step.auto else "—")
    under = format_html('<span class="under">{}</span>', line.waiting_more) if line.waiting_more else ""
    first = show_person(line.first, reader)
    return format_html('<span class="persons">{}<span>{}</span></span>{}', first, line.waiting, under)


def _clock(line: Line, reader: Person) -> str:
    if line.row.step is None:
        return format_html(QUIET, show_when(line.row.item.closed_at))
    return show_clock(line.row.due_at, line.row.since)


DRAWN: dict[str, Callable[[Line, Person], str]] = {
    "step": _step,
    "who": _who,
    "clock": _clock,
    "opened": lambda line, _reader: format_html(QUIET, show_when(line.row.item.opened_at)),
    "closed": lambda line, _reader: format_html(QUIET, show_when(line.row.item.closed_at)),
}
