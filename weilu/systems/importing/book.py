"""A workbook of hosts: its first row names the columns, each further one is a host."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.systems.host_workbook import COLUMNS
from weilu.systems.importing.book_child import RECKONED
from weilu.systems.importing.inventory import PRIVATE, TEMPLATE
from weilu.systems.importing.reading import MOST_HOSTS, Reading, Row, longest_of, too_many

ROOT = Path(__file__).parents[3]
START = "import sys; sys.path.insert(0, sys.argv[1]); from weilu.systems.importing.book_child import main; main()"
MEGABYTES, SECONDS = 600, 15  # of address space and processor time for one file
HEAD_WITHIN = 10  # rows, in which the names of the columns stand
OTHER_HEADS = {
    "系统": "system", "所属系统": "system", "system": "system", "环境名称": "environment", "environment": "environment",
    "组": "group", "分组": "group", "group": "group", "主机": "name", "名称": "name", "主机名称": "name",
    "name": "name", "host": "name", "hostname": "name", "ip": "address", "ip地址": "address", "主机地址": "address",
    "address": "address", "port": "port", "ssh端口": "port", "用户": "user", "用户名": "user", "user": "user",
    "become": "become", "提权": "become", "site": "site", "zone": "zone", "区域": "zone", "pool": "pool",
    "python": "python", "python路径": "python", "密钥": "key", "key": "key",
}  # fmt: skip
HEADS = {head.lower(): key for key, head, _width, _example in COLUMNS} | OTHER_HEADS
KNOWN_ELSEWHERE = {"密钥指纹", "最近连通", "概况", "时钟偏差", "停用"}  # columns of our own list that are only read


def read_book(data: bytes, *, megabytes: int = MEGABYTES, seconds: int = SECONDS) -> Reading:
    """The rows of a workbook; raises Refused for a file that is none, or that does more than hold cells."""
    told = _ask(data, megabytes, seconds)
    if "unfit" in told:
        raise Refused(_unfit(told["unfit"], told["what"]), field="file")
    return rows_of_book(told["rows"])


def rows_of_book(rows: Sequence[tuple[int, list[str]]]) -> Reading:
    """Cells as rows of hosts. Pure."""
    reading = Reading()
    heads = _heads(reading, rows)
    for line, cells in rows:
        if line <= heads[0] or not any(cell.strip() for cell in cells):
            continue
        said = {key: cells[place].strip() for place, key in heads[1].items() if place < len(cells)}
        given = {key: value for key, value in said.items() if value}
        if not given:
            continue
        if len(reading.rows) >= MOST_HOSTS:
            raise too_many()
        for key, value in given.items():
            _check(reading, line, key, value)
        group = given.pop("group", "")
        reading.rows.append(Row(line, given.pop("name", ""), [group] if group else [], given))
    return reading


def _heads(reading: Reading, rows: Sequence[tuple[int, list[str]]]) -> tuple[int, dict[int, str]]:
    """The line of the heads, and which column holds what."""
    for line, cells in rows[:HEAD_WITHIN]:
        named = {place: HEADS.get(_head(cell), "") for place, cell in enumerate(cells)}
        if "name" not in named.values():
            continue
        kept = {place: key for place, key in named.items() if key}
        twice = next((key for key in kept.values() if list(kept.values()).count(key) > 1), None)
        if twice:
            word = next(cells[place] for place, key in kept.items() if key == twice)
            raise Refused(_("「%(head)s」有两列。留一列") % {"head": word[:40]}, field="file")
        for place, cell in enumerate(cells):
            if cell.strip() and place not in kept and cell.strip() not in KNOWN_ELSEWHERE:
                reading.leave(line, _("没有带入「%(head)s」这一列") % {"head": cell.strip()[:40]})
        return line, kept
    raise Refused(_("前 10 行里没有「主机名」这一列。用模板的列名"), field="file")


def _head(cell: str) -> str:
    return "".join(cell.split()).lower().rstrip("*:：")


def _check(reading: Reading, line: int, key: str, value: str) -> None:
    if value.startswith(RECKONED):
        reading.fault(line, _("「%(value)s」是公式或错误值。写成固定的值") % {"value": value[1:41]})
    elif TEMPLATE.search(value):
        reading.fault(line, _("「%(name)s」里有模板。写成固定的值") % {"name": value[:60]})
    elif PRIVATE.search(value):
        reading.fault(line, _("「%(name)s」像是密码或私钥。放进保险库，从文件里删去") % {"name": key})
    elif len(value) > longest_of(key):
        reading.fault(line, _("「%(name)s」太长") % {"name": value[:40]})


def _ask(data: bytes, megabytes: int, seconds: int) -> Mapping[str, Any]:
    """What the limited process says of the file."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", START, str(ROOT), str(megabytes), str(seconds)],
            input=data, capture_output=True, timeout=seconds + 10, env={"LC_ALL": "C.UTF-8"}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"unfit": "limits", "what": ""}
    if done.returncode < 0:
        return {"unfit": "limits", "what": ""}
    if done.returncode:
        return {"unfit": "memory" if b"MemoryError" in done.stderr else "broken", "what": ""}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _unfit(code: str, what: str) -> str:
    reason = {
        "no_docx": _("这不是 Excel 的 XLSX 文件"),
        "no_xlsx": _("这不是 Excel 的 XLSX 文件"),
        "old_word": _("这是旧格式（.xls）或加了密码的文件。另存为没有密码的 XLSX 再传"),
        "broken": _("文件已损坏，打不开。用 Excel 另存后再传"),
        "locked": _("文件加了密码。去掉密码后再传"),
        "too_many_parts": _("文件里的部件太多（最多 400 个）"),
        "bomb": _("文件解开后太大（压缩炸弹）"),
        "escapes": _("文件里的路径「%(what)s」指到文件之外"),
        "dtd": _("部件「%(what)s」声明了 DTD 或实体"),
        "xml": _("部件「%(what)s」不是完好的 XML"),
        "runs": _("文件含有宏或嵌入的对象：「%(what)s」。另存为 XLSX 再传"),
        "outside": _("文件引用外部内容：「%(what)s」。断开链接后再传"),
        "too_many_rows": _("表里超过 3,000 行。删去多余的行，分成几个文件再传"),
        "limits": _("读这个文件超过了时间限制，已停止"),
        "memory": _("读这个文件超过了内存限制，已停止"),
    }[code]
    return reason % {"what": what}
