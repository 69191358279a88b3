"""The process that opens an uploaded workbook: limited before it looks, asked and answering once, over its pipes.

It knows nothing of Weilu's rows: bytes in, cells as texts out.
"""

import io
import json
import resource
import sys
from datetime import date, datetime, time
from typing import Any

MOST_ROWS, MOST_COLUMNS, MOST_TEXT = 3_000, 40, 2_000
MOST_ANSWERED = 4_000_000  # characters of all cells: one long text may stand in thousands of them
SHEET = "主机"
RECKONED = "\0"  # stands before a formula or an error, which no text can begin with


def main() -> None:
    megabytes, seconds = int(sys.argv[2]), int(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    told = answer(sys.stdin.buffer.read())
    sys.stdout.buffer.write(json.dumps(told).encode())
    sys.stdout.buffer.flush()


def answer(data: bytes) -> dict[str, Any]:
    """The rows of the sheet that holds hosts, each with its number; or why the file is not taken."""
    from weilu.documents.word.shape import Unfit

    try:
        _check(data)
        return _rows(data)
    except Unfit as unfit:
        return {"unfit": unfit.code, "what": unfit.what}
    except MemoryError:
        return {"unfit": "memory", "what": ""}


def _check(data: bytes) -> None:
    """A plain workbook: bounded, without entities, macros or links outside."""
    from weilu.documents.word.shape import Unfit, check_xml, unpacked

    names = []
    for name, part in unpacked(data):
        names.append(name)
        low = name.lower()
        if "vbaproject" in low or "macrosheets/" in low or "/activex/" in low or "/embeddings/" in low:
            raise Unfit("runs", name)
        if "externallinks/" in low or low.endswith("connections.xml"):
            raise Unfit("outside", name)
        if low.endswith((".xml", ".rels", ".vml")):
            check_xml(name, part)
    if "xl/workbook.xml" not in names:
        raise Unfit("no_xlsx")


def _rows(data: bytes) -> dict[str, Any]:
    from openpyxl import load_workbook

    from weilu.documents.word.shape import Unfit

    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        sheets = [one for one in book.worksheets if one.title == SHEET] or book.worksheets[:1]
        if not sheets:
            raise Unfit("no_xlsx")
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
    except Unfit:
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


if __name__ == "__main__":
    main()
