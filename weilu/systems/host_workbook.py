"""The list of hosts as an Excel workbook; its first columns are those that an import reads."""

from io import BytesIO
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from openpyxl import Workbook

from weilu.systems import facts
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host
from weilu.ui.workbook import bold_cell, cell_of

MOST = 10_000  # hosts of one workbook
# The columns an import reads, in the words of the template: key, head, width, example.
COLUMNS = (
    ("system", "系统代号", 12, "YYPT"),
    ("environment", "环境", 12, "实验机"),
    ("group", "主机组", 12, "应用"),
    ("name", "主机名", 20, "app-01"),
    ("address", "地址", 20, "192.0.2.11"),
    ("port", "端口", 8, "22"),
    ("user", "登录用户", 12, "deploy"),
    ("become", "sudo", 8, "是"),
    ("site", "机房", 12, "主机房"),
    ("zone", "网络区", 12, "内网"),
    ("pool", "工作机标签", 14, ""),
    ("python", "Python", 18, "/usr/bin/python3"),
    ("key", "主机密钥", 40, ""),
)
READ_ONLY = (
    gettext_lazy("密钥指纹"), gettext_lazy("最近连通"), gettext_lazy("概况"), gettext_lazy("时钟偏差"),
    gettext_lazy("停用"),
)  # fmt: skip


def workbook(hosts: QuerySet[Any]) -> bytes:
    """The hosts as .xlsx; past MOST rows it ends with a line that says so."""
    book = Workbook(write_only=True)
    sheet: Any = _sheet(book, _("主机"))
    sheet.append([bold_cell(sheet, head) for head in (*(head for _key, head, _w, _e in COLUMNS), *map(str, READ_ONLY))])
    for count, host in enumerate(hosts[: MOST + 1].iterator(500)):
        if count == MOST:
            words = _("只导出前 %(most)s 台。用筛选缩小范围，分几次导出。") % {"most": f"{MOST:,}"}
            sheet.append([bold_cell(sheet, words)])
            break
        known = (fingerprint(host.key), host.facts_at, facts.short(host.facts), facts.drift(host.facts))
        values = [_value(host, key) for key, _head, _width, _example in COLUMNS]
        sheet.append([cell_of(sheet, value) for value in (*values, *known, host.retired_at)])
    return _saved(book)


def template() -> bytes:
    """An empty workbook to fill in: the columns and one example."""
    book = Workbook(write_only=True)
    sheet = _sheet(book, "主机")
    sheet.append([bold_cell(sheet, head) for _key, head, _width, _example in COLUMNS])
    sheet.append([cell_of(sheet, example) for _key, _head, _width, example in COLUMNS])
    return _saved(book)


def _value(host: Host, key: str) -> str | int:
    environment = host.group.environment
    if key in ("system", "environment", "group"):
        return {"system": environment.system.code, "environment": environment.name, "group": host.group.name}[key]
    value = getattr(host, key)
    if isinstance(value, bool):
        return "是" if value else "否"
    return value if isinstance(value, int) else str(value)


def _sheet(book: Workbook, title: str) -> Any:
    sheet: Any = book.create_sheet(title)
    for place, (_key, _head, width, _example) in enumerate(COLUMNS):
        sheet.column_dimensions[chr(ord("A") + place)].width = width
    sheet.freeze_panes = "A2"
    return sheet


def _saved(book: Workbook) -> bytes:
    out = BytesIO()
    book.save(out)
    return out.getvalue()
