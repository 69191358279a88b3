"""What is asked of an uploaded workbook in a limited process (`documents.limited`).

It knows nothing of Weilu's rows: bytes in, cells as texts out.
"""

import io
from datetime import date, datetime, time
from typing import Any

from openpyxl import load_workbook

from weilu.documents.package import Unfit, checked
from weilu.systems.importing.book_shape import PLAIN, RECKONED

MOST_ROWS, MOST_COLUMNS, MOST_TEXT = 3_000, 40, 2_000
MOST_ANSWERED = 4_000_000  # characters of all cells: one long text may stand in thousands of them
SHEET = "主机"


def answer(_order: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """The rows of the sheet that holds hosts, each with its number; raises Unfit where the file is not taken."""
    checked(data, PLAIN)
    return _rows(data), b""


def _rows(data: bytes) -> dict[str, Any]:
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheets = [one for one in book.worksheets if one.title == SHEET] or book.worksheets[:1]
        if not sheets:
            raise Unfit("other_kind")
        sheet: Any = sheets[0]
        sheet.reset_dimensions()  # what the file says of its size may be a lie
        found, answered = [], 0
        for number, row in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS), start=1):
            if not any(cell.value is not None for cell in row):
                continue
            if number > MOST_ROWS:
                raise Unfit("too_many_rows")
            texts = [_text(cell) for cell in row]
            answered += sum(map(len, texts))
            if answered > MOST_ANSWERED:
                raise Unfit("bomb")
            found.append([number, texts])
    except (Unfit, MemoryError):
        raise
    except Exception as problem:
        raise Unfit("broken") from problem
    return {"sheet": str(sheet.title)[:60], "rows": found}


def _text(cell: Any) -> str:
    """A cell as people read it."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type in ("f", "e"):
        return RECKONED + str(getattr(value, "text", value))[:60]
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)[: MOST_TEXT + 1]
