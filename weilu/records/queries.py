"""What the list of sheets and the rail show."""

from weilu.accounts.models import Person
from weilu.documents.printing import print_form
from weilu.kernel.refused import NotVisible
from weilu.kernel.statements import PreparedFor, slot
from weilu.process.models import WorkItem
from weilu.records.models import RecordSheet, Sheets
from weilu.records.paper import sheet_form

MOST = 1000  # counts say 1000+ from here on
AWAITING = PreparedFor(  # counted on every page
    lambda owners: RecordSheet.objects.filter(owner__id__in=owners).asking(slot("person"))[:MOST]
)


def sheets_of(person: Person, *, waiting: bool = False, before: int | None = None) -> Sheets:
    """The sheets `person` sees, the newest first; `waiting`: those that wait for their signature."""
    rows = RecordSheet.objects.awaiting(person) if waiting else RecordSheet.objects.visible_to(person)
    if before is not None:
        rows = rows.filter(id__lt=before)
    found: Sheets = rows.select_related("item__system", "owner").prefetch_related("signatures__person").order_by("-id")
    return found


def waiting_count(person: Person) -> int:
    """How many sheets wait for the signature of `person`."""
    return AWAITING.count(person.owner_ids, person=person.id)


def side_of(person: Person, sheet: RecordSheet) -> str:
    """The side `person` may still sign for, as the page offers it: the action decides; "" for none."""
    if sheet.state != RecordSheet.State.FROZEN:
        return ""
    signed = {one.side: one.person_id for one in sheet.signatures.all()}
    asked = sheet.signers.filter(person=person).values_list("side", flat=True).first()
    side = asked or ("vendor" if person.organisation.kind == "vendor" else "")
    return "" if side in signed or person.id in signed.values() else side


def sheet_of(person: Person, item: WorkItem) -> RecordSheet:
    """The newest sheet of an item that `person` may see; raises NotVisible when there is none."""
    found: RecordSheet | None = sheets_of(person).filter(item=item).first()
    if found is None:
        raise NotVisible(item.number)
    return found


def paper_of(sheet: RecordSheet) -> bytes:
    """The sheet as PDF, as it stands now."""
    return print_form("record-sheet", sheet_form(sheet))
