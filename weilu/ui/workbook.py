"""Cells of an Excel workbook that say what they say and reckon nothing."""

import re
from datetime import datetime
from typing import Any

from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from weilu.kernel.times import SHANGHAI

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what a spreadsheet would begin to reckon at
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML cannot hold
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def cell_of(sheet: Any, value: str | int | datetime | None) -> Any:
    """A cell that holds `value` and never a formula: text stays text, also when somebody edits it."""
    if isinstance(value, datetime):
        cell = WriteOnlyCell(sheet, value.astimezone(SHANGHAI).replace(tzinfo=None, microsecond=0))
        cell.number_format = "yyyy-mm-dd hh:mm"
        return cell
    if isinstance(value, int):
        return WriteOnlyCell(sheet, value)
    words = UNPRINTABLE.sub("", value or "")
    cell = WriteOnlyCell(sheet, words)
    cell.data_type = "s"
    if words.startswith(FORMULA):
        cell.quotePrefix = True
    return cell


def bold_cell(sheet: Any, words: str) -> Any:
    """The same in bold, for heads and for a line about the sheet itself."""
    cell = cell_of(sheet, words)
    cell.font = Font(bold=True)
    return cell
