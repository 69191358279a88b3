"""A list of work as an Excel workbook, with the columns and filters of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.process import columns as table
from weilu.process.columns import Column
from weilu.process.filters import Filters
from weilu.process.lists import rows
from weilu.process.queries import Row
from weilu.ui.workbook import Value, sheet

MOST = 10_000
AT_ONCE = 500


def workbook(person: Person, name: str, filters: Filters, chosen: Sequence[Column], most: int = MOST) -> bytes:
    """The list `name` of `person` as .xlsx; past `most` rows it ends with a line that says so."""
    heads = [_("单号"), table.ITEM, *(_("到期") if one.key == "clock" else one.title for one in chosen)]
    widths = [24, 48, *(column.width for column in chosen)]
    past = _("只导出前 %(most)s 项。用筛选缩小范围，分几次导出。")
    return sheet(_("工单"), heads, _values(person, name, filters, chosen), widths=widths, most=most, past=past)


def _values(person: Person, name: str, filters: Filters, chosen: Sequence[Column]) -> Iterator[list[Value]]:
    for row in _all(person, name, filters):
        yield [row.item.number, row.item.title, *(column.value(row) for column in chosen)]


def _all(person: Person, name: str, filters: Filters) -> Iterator[Row]:
    after = ""
    while True:
        found = rows(person, name, filters, after, AT_ONCE)
        yield from found
        if len(found) < AT_ONCE:
            return
        after = found[-1].cursor
