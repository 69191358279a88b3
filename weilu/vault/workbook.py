"""The list of credentials as an Excel workbook: what they are called and what they open, never what they hold."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from weilu.ui.workbook import Value, sheet
from weilu.vault.models import Credential
from weilu.vault.queries import line_of

MOST = 10_000


def workbook(rows: QuerySet[Any]) -> bytes:
    """The credentials as .xlsx; past MOST rows it ends with a line that says so."""
    heads = (
        _("名称"), _("种类"), _("指纹"), _("打开"), _("录入人"), _("录入时间"), _("最近使用"), _("用于"), _("停用时间"),
        _("单位"),
    )  # fmt: skip
    widths = (22, 14, 54, 44, 12, 18, 18, 26, 18, 12)
    found = (_values(one) for one in rows[: MOST + 1])
    return sheet(_("凭据"), heads, found, widths=widths, most=MOST, past=_("只导出前 %(most)s 个凭据。"))


def _values(one: Credential) -> tuple[Value, ...]:
    line = line_of(one)
    return (
        one.name, str(Credential.Kind(one.kind).label), line.print_, _("；").join(line.places), one.made_by.name,
        one.made_at, one.used_at, one.used_for, one.retired_at, one.owner.short_name,
    )  # fmt: skip
