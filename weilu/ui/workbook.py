"""Lists as Excel workbooks, whose cells say what they say and reckon nothing."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from weilu.kernel.times import SHANGHAI

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # what a spreadsheet would begin to reckon at
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML cannot hold
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Value = str | int | datetime | None


def sheet(
    title: str,
    heads: Iterable[object],
    rows: Iterable[Sequence[Value]],
    *,
    widths: Sequence[int] = (),
    most: int | None = None,
    past: str = "",
) -> bytes:
    """A workbook of one sheet as .xlsx: heads in bold that stay in sight, then the rows.

    With `most` it ends after so many, and where there was another it says so by `past`, which may name %(most)s.
    """
    book = Workbook(write_only=True)
    made: Any = book.create_sheet(title)
    for place, width in enumerate(widths, start=1):
        made.column_dimensions[get_column_letter(place)].width = width
    made.freeze_panes = "A2"
    made.append([bold_cell(made, str(head)) for head in heads])
    for count, row in enumerate(rows):
        if count == most:
            made.append([bold_cell(made, past % {"most": f"{most:,}"})])
            break
        made.append([cell_of(made, value) for value in row])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def cell_of(sheet: Any, value: Value) -> Any:
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
