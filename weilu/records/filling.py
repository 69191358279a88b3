"""A sheet in the customer's own Word template: an output beside the official PDF, of the same frozen record."""

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.documents.models import Version
from weilu.documents.queries import template_in_force
from weilu.documents.templating import fill_template
from weilu.evidence.files import keep, read
from weilu.kernel.actions import ACTIONS
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import NotVisible, Refused, Stale
from weilu.records.actions import locked, stage_of
from weilu.records.models import RecordSheet, SheetDocx
from weilu.records.template import KEY, name_of, sheet_values

CONTROLLED = Clause("DOC-1")


def fill_sheet(by: Person, sheet: RecordSheet, *, template: str) -> SheetDocx:
    """The sheet in the template with this uid, filed by digest; the same state of the sheet gives the same file.

    Not one transaction with the filling: no lock is held while it runs.
    """
    version = template_of(sheet, template)
    if sheet.state == RecordSheet.State.DRAFT:
        raise Refused(_("报告单还没有定稿，不能按单位模板生成"), CONTROLLED)
    values = sheet_values(sheet, version)
    made = fill_template(read(version.sha256), values)
    with transaction.atomic():
        sheet = locked(sheet)
        if sheet_values(sheet, version) != values:
            raise Stale(_("报告单刚刚有变动，没有生成。再生成一次"), CONTROLLED)
        kept = keep(made, f"{sheet.number}-{version.document.number}.docx")
        before = SheetDocx.objects.filter(sheet=sheet, sha256=kept.sha256).first()
        if before is not None:
            return before
        facts = {"sha256": sheet.digest, "template": name_of(version), "template_sha256": version.sha256}
        ref = stage_of("records.template_filled", sheet, by, facts, files=[kept])
        found: SheetDocx = SheetDocx.objects.create(
            sheet=sheet, template=version, sha256=kept.sha256, by=by, evidence=ref
        )
        return found


# Registered by hand: it is two steps, since the template is filled in before anything is locked.
ACTIONS["records.fill_sheet"] = fill_sheet


def template_of(sheet: RecordSheet, uid: str) -> Version:
    """The template in force of the sheet's owner with this uid; raises NotVisible."""
    found = next((one for one in template_in_force(sheet.owner_id, KEY) if str(one.uid) == uid), None)
    if found is None:
        raise NotVisible(uid)
    return found
