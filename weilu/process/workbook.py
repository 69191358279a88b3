"""A list of work as an Excel workbook, with the columns and filters of the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from weilu.accounts.models import Person
from weilu.kernel.times import SHANGHAI
from weilu.process import columns as table
from weilu.process.columns import Column, Value
from weilu.process.filters import Filters
from weilu.process.lists import rows
from weilu.process.queries import Row

MOST = 10_000
AT_ONCE = 500
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would begin to reckon at
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def workbook(person: Person, name: str, filters: Filters, chosen: Sequence[Column], most: int = MOST) -> bytes:
    """The list `name` of `person` as .xlsx; past `most` rows it ends with a line that says so."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(_("工单"))
    for place, width in enumerate((24, 48, *(column.width for column in chosen))):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    sheet.freeze_panes = "A2"
    heads = [_("单号"), str(table.ITEM), *(_("到期") if one.key == "clock" else str(one.title) for one in chosen)]
    sheet.append([_bold(sheet, head) for head in heads])
    for count, row in enumerate(_all(person, name, filters)):
        if count == most:
            words = _("只导出前 %(most)s 项。用筛选缩小范围，分几次导出。") % {"most": f"{most:,}"}
            sheet.append([_bold(sheet, words)])
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


def cell_of(sheet: Any, value: Value) -> Any:
    """A cell that holds `value` and never a formula: text stays text, also when somebody edits it."""
    if isinstance(value, datetime):
        cell = WriteOnlyCell(sheet, value.astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0))
        cell.number_format = "yyyy-mm-dd hh:mm"
        return cell
    words = UNPRINTABLE.sub("", value or "")
    cell = WriteOnlyCell(sheet, words)
    cell.data_type = "s"
    if words.startswith(FORMULA):
        cell.quotePrefix = True
    return cell


def _bold(sheet: Any, words: str) -> Any:
    cell = cell_of(sheet, words)
    cell.font = Font(bold=True)
    return cell
