"""The list of hosts as an Excel workbook; its first columns are those that an import reads."""

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from weilu.systems import facts
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host
from weilu.ui.workbook import Value, sheet

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
WIDTHS = [width for _key, _head, width, _example in COLUMNS]
READ_ONLY = (
    gettext_lazy("密钥指纹"), gettext_lazy("最近连通"), gettext_lazy("概况"), gettext_lazy("时钟偏差"),
    gettext_lazy("停用"),
)  # fmt: skip


def workbook(hosts: QuerySet[Any]) -> bytes:
    """The hosts as .xlsx; past MOST rows it ends with a line that says so."""
    heads = [*(head for _key, head, _width, _example in COLUMNS), *READ_ONLY]
    past = _("只导出前 %(most)s 台。用筛选缩小范围，分几次导出。")
    found = map(_values, hosts[: MOST + 1].iterator(500))
    return sheet(_("主机"), heads, found, widths=WIDTHS, most=MOST, past=past)


def template() -> bytes:
    """An empty workbook to fill in: the columns and one example."""
    heads = [head for _key, head, _width, _example in COLUMNS]
    example = [example for _key, _head, _width, example in COLUMNS]
    return sheet("主机", heads, [example], widths=WIDTHS)


def read_only_heads() -> frozenset[str]:
    """The heads of columns that are for reading, in every language in which somebody may have taken the list."""
    found = set()
    for code, _language in settings.LANGUAGES:
        with override(code):
            found |= {str(head) for head in READ_ONLY}
    return frozenset(found)


def _values(host: Host) -> list[Value]:
    values = [_value(host, key) for key, _head, _width, _example in COLUMNS]
    known = (fingerprint(host.key), host.facts_at, facts.short(host.facts), facts.drift(host.facts))
    return [*values, *known, host.retired_at]


def _value(host: Host, key: str) -> str | int:
    environment = host.group.environment
    if key in ("system", "environment", "group"):
        return {"system": environment.system.code, "environment": environment.name, "group": host.group.name}[key]
    value = getattr(host, key)
    if isinstance(value, bool):
        return "是" if value else "否"
    return value if isinstance(value, int) else str(value)
