"""The list of credentials as an Excel workbook: what they are called and what they open, never what they hold."""

from io import BytesIO
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from openpyxl import Workbook

from weilu.ui.workbook import bold_cell, cell_of
from weilu.vault.models import Credential
from weilu.vault.queries import line_of

MOST = 10_000


def workbook(rows: QuerySet[Any]) -> bytes:
    """The credentials as .xlsx; past MOST rows it ends with a line that says so."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(_("凭据"))
    for column, width in zip("ABCDEFGHIJ", (22, 14, 54, 44, 12, 18, 18, 26, 18, 12), strict=True):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    heads = (
        _("名称"), _("种类"), _("指纹"), _("打开"), _("录入人"), _("录入时间"), _("最近使用"), _("用于"), _("停用时间"),
        _("单位"),
    )  # fmt: skip
    sheet.append([bold_cell(sheet, head) for head in heads])
    for count, one in enumerate(rows[: MOST + 1]):
        if count == MOST:
            words = _("只导出前 %(most)s 个凭据。") % {"most": f"{MOST:,}"}
            sheet.append([bold_cell(sheet, words)])
            break
        line = line_of(one)
        values = (
            one.name, str(Credential.Kind(one.kind).label), line.print_, _("；").join(line.places), one.made_by.name,
            one.made_at, one.used_at, one.used_for, one.retired_at, one.owner.short_name,
        )  # fmt: skip
        sheet.append([cell_of(sheet, value) for value in values])
    out = BytesIO()
    book.save(out)
    return out.getvalue()
