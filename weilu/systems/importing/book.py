"""A workbook of hosts: its first row names the columns, each further one is a host."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from weilu.documents.limited import ask
from weilu.documents.unfit import unfit_words
from weilu.kernel.refused import Refused
from weilu.systems.host_workbook import COLUMNS, read_only_heads
from weilu.systems.importing.book_shape import RECKONED
from weilu.systems.importing.inventory import PRIVATE, TEMPLATE
from weilu.systems.importing.reading import MOST_HOSTS, Reading, Row, longest_of, too_many

CHILD = "weilu.systems.importing.book_child"
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


def read_book(data: bytes, *, megabytes: int = MEGABYTES, seconds: int = SECONDS) -> Reading:
    """The rows of a workbook; raises Refused for a file that is none, or that does more than hold cells."""
    told, _made = ask(CHILD, {}, data, megabytes=megabytes, seconds=seconds)
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
        only_read = read_only_heads()
        for place, cell in enumerate(cells):
            if cell.strip() and place not in kept and cell.strip() not in only_read:
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


def _unfit(code: str, what: str) -> str:
    own = {
        "other_kind": _("这不是 Excel 的 XLSX 文件"),
        "old_kind": _("这是旧格式（.xls）或加了密码的文件。另存为没有密码的 XLSX 再传"),
        "template": _("这是 Excel 模板格式（.xltx）。另存为 XLSX 再传"),
        "runs": _("文件含有宏或嵌入的对象：「%(what)s」。另存为 XLSX 再传"),
        "outside": _("文件引用外部内容：「%(what)s」。断开链接后再传"),
        "unknown_part": _("文件含有不允许的部件「%(what)s」。把主机清单复制到新的工作簿再传"),
        "too_many_rows": _("表里超过 3,000 行。删去多余的行，分成几个文件再传"),
        "limits": _("读这个文件超过了时间限制，已停止"),
        "memory": _("读这个文件超过了内存限制，已停止"),
        "fell": _("文件已损坏，打不开。用 Excel 另存后再传"),
    }
    return unfit_words(code, what, own)
