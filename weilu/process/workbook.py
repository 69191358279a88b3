"""A list of work as an Excel workbook, with the columns and filters of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import Workbook

from weilu.accounts.models import Person
from weilu.process import columns as table
from weilu.process.columns import Column
from weilu.process.filters import Filters
from weilu.process.lists import rows
from weilu.process.queries import Row
from weilu.ui.workbook import bold_cell, cell_of

MOST = 10_000
AT_ONCE = 500


def workbook(person: Person, name: str, filters: Filters, chosen: Sequence[Column], most: int = MOST) -> bytes:
    """The list `name` of `person` as .xlsx; past `most` rows it ends with a line that says so."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(_("工单"))
    for place, width in enumerate((24, 48, *(column.width for column in chosen))):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    sheet.freeze_panes = "A2"
    heads = [_("单号"), str(table.ITEM), *(_("到期") if one.key == "clock" else str(one.title) for one in chosen)]
    sheet.append([bold_cell(sheet, head) for head in heads])
    for count, row in enumerate(_all(person, name, filters)):
        if count == most:
            words = _("只导出前 %(most)s 项。用筛选缩小范围，分几次导出。") % {"most": f"{most:,}"}
            sheet.append([bold_cell(sheet, words)])
            break
        values = [row.item.number, row.item.title, *(column.value(row) for column in chosen)]
        sheet.append([cell_of(sheet, value) for value in values])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _all(person: Person, name: str, filters: Filters) -> Iterator[Row]:
    after = ""
    while True:
        found = rows(person, name, filters, after, AT_ONCE)
        yield from found
        if len(found) < AT_ONCE:
            return
        after = found[-1].cursor
