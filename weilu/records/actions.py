"""What happens to a record sheet: written, frozen under its number, signed by both sides, refused, cancelled."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts.actions import check_password
from weilu.accounts.models import Organisation, Person, RoleHolding
from weilu.documents.printing import print_form
from weilu.evidence.actions import stage
from weilu.evidence.files import keep
from weilu.kernel import text
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.canonical import canonical, digest, sha256_hex, sm3_hex
from weilu.kernel.events import announce
from weilu.kernel.numbering import take_number
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI, now
from weilu.process.actions import note
from weilu.process.models import WorkItem
from weilu.records import rules
from weilu.records.content import ACCEPTANCE, SATISFACTION, SheetContent, checked_content
from weilu.records.models import RecordSheet, SheetSignature, SheetSigner, Side
from weilu.records.overtime_lines import with_overtime
from weilu.records.paper import sheet_form
from weilu.records.sealing import sealed_facts

State = RecordSheet.State
SERIES = "WH"


@transaction.atomic
def draft_sheet(by: Person, item: WorkItem, content: SheetContent, *, engineer: Person | None = None) -> RecordSheet:
    """Write, or write anew, the draft of the sheet that `item` ends in; a draft has no number yet."""
    item = WorkItem.objects.select_for_update(of=("self",)).select_related("owner").get(id=item.id)
    rules.check_may_prepare(signer(by, item.owner_id))
    sheet = item.sheets.filter(state__in=[State.DRAFT, State.FROZEN, State.SIGNED]).first()
    rules.check_no_live_sheet(sheet and sheet.number, sheet is not None and sheet.state != State.DRAFT)
    sheet = sheet or RecordSheet(item=item, owner=item.owner)
    sheet.content, sheet.engineer = dict(checked_content(content)), engineer or by
    sheet.save()
    return sheet


@transaction.atomic
def freeze_sheet(
    by: Person,
    item: WorkItem,
    content: SheetContent,
    *,
    customer_signers: Sequence[int | Person],
    engineer: Person | None = None,
) -> RecordSheet:
    """Freeze the sheet of `item`: it gets its number (REC-3), its date and the digest that both sides sign.

    `customer_signers` are the people (or their ids) who may sign for the customer; `engineer` carried
    the work out (default: `by`). Raises Refused when the item has a sheet already or something is missing.
    """
    sheet = draft_sheet(by, item, content, engineer=engineer)
    signers = _customer_signers(sheet.owner, customer_signers)
    sheet.content = dict(with_overtime(item, sheet.content))
    sheet.frozen_at = at = now()
    sheet.number = take_number(sheet.owner.code, SERIES, at)
    sheet.record = canonical(_record(sheet, signers, at))
    sheet.digest, sheet.sm3, sheet.state = sha256_hex(sheet.record), sm3_hex(sheet.record), State.FROZEN
    sheet.evidence = stage_of(
        "records.sheet_frozen", sheet, by, {"sha256": sheet.digest, "sm3": sheet.sm3, "record": sheet.said}
    )
    sheet.save()
    SheetSigner.objects.bulk_create(SheetSigner(sheet=sheet, side=Side.CUSTOMER, person=person) for person in signers)
    SheetSigner.objects.create(sheet=sheet, side=Side.VENDOR, person=sheet.engineer)
    note_on(sheet, by, _("报告单 %(number)s 已定稿，等双方签署") % {"number": sheet.number}, sheet.evidence)
    announce("records.sheet_frozen", sheet=sheet)
    return sheet


def sign_sheet(
    by: Person,
    sheet: RecordSheet,
    *,
    side: str,
    password: str,
    address: str,
    digest: str,
    strokes: Any = None,
    name_instead: bool = False,
    opinion: str = "",
    satisfaction: str = "",
    acceptance: str = "",
) -> SheetSignature:
    """Sign the sheet whose `digest` the page showed, for one side, with password and drawn signature.

    `name_instead` lets the name stand in for a drawing, and the sheet says so. The customer's side gives an
    opinion, `satisfaction` (key of SATISFACTION) and `acceptance` (key of ACCEPTANCE). With the second
    signature the sheet is complete: it is printed and filed. Raises Refused; Stale when it moved on.
    Not one transaction with the password: a wrong one must stay counted although the act is refused.
    """
    check_password(by, password, address)
    with transaction.atomic():
        sheet = locked(sheet)
        rules.check_may_sign(facts_of(sheet), signer(by, sheet.owner_id), side, digest)
        said = _opinion(opinion, satisfaction, acceptance) if side == Side.CUSTOMER else {}
        drawn = [] if name_instead else rules.checked_strokes(strokes)
        return _sign(by, sheet, side, drawn, said)


def refuse_sheet(
    by: Person, sheet: RecordSheet, *, reason: str, password: str, address: str, digest: str
) -> RecordSheet:
    """The customer's signer refuses to sign and says why (REC-2); with the password, as a signature."""
    check_password(by, password, address)
    with transaction.atomic():
        sheet = locked(sheet)
        rules.check_may_refuse(facts_of(sheet), signer(by, sheet.owner_id), digest)
        reason = text.prose(reason, _("拒签原因"), field="reason", longest=1000)
        ref = _end(sheet, by, State.REFUSED, reason, "records.sheet_refused")
        note_on(sheet, by, _("甲方拒签报告单 %(number)s") % {"number": sheet.number}, ref)
        announce("records.sheet_refused", sheet=sheet)
        return sheet


# Registered by hand: each is two steps, since a wrong password must stay counted when the act is undone.
ACTIONS["records.sign_sheet"] = sign_sheet
ACTIONS["records.refuse_sheet"] = refuse_sheet


@action("records.cancel_number")
def cancel_number(by: Person, sheet: RecordSheet, *, reason: str) -> RecordSheet:
    """Cancel the number of a sheet that nobody signed: it keeps its place in the series and says why (REC-3)."""
    sheet = locked(sheet)
    rules.check_may_cancel(facts_of(sheet), by.may("sheets.cancel", sheet.owner_id))
    reason = text.prose(reason, _("作废原因"), field="reason", longest=1000)
    ref = _end(sheet, by, State.CANCELLED, reason, "records.number_cancelled")
    note_on(sheet, by, _("编号 %(number)s 已作废") % {"number": sheet.number}, ref)
    announce("records.number_cancelled", sheet=sheet)
    return sheet


def _sign(by: Person, sheet: RecordSheet, side: str, strokes: list[Any], said: dict[str, str]) -> SheetSignature:
    drawing = digest(strokes) if strokes else ""
    data = {"side": side, "sha256": sheet.digest, "sm3": sheet.sm3, "drawing": drawing} | said
    ref = stage_of("records.sheet_signed", sheet, by, data, urgent=True)
    signature = SheetSignature.objects.create(
        sheet=sheet, side=side, person=by, at=now(), strokes=strokes, digest=sheet.digest, evidence=ref, **said
    )
    word = Side(side).label
    note_on(sheet, by, _("%(side)s签署报告单 %(number)s") % {"side": word, "number": sheet.number}, ref)
    announce("records.sheet_signed", sheet=sheet)
    if sheet.signatures.count() == len(Side):
        sheet.state, sheet.ended_at, sheet.ended_by = State.SIGNED, signature.at, by
        _file(sheet, by)
        _seal(sheet, by)
        announce("records.sheet_complete", sheet=sheet)
    return signature


def _file(sheet: RecordSheet, by: Person) -> None:
    """Keep the signed sheet as printed; what cannot be printed is not signed."""
    kept = keep(print_form("record-sheet", sheet_form(sheet)), f"{sheet.number}.pdf")
    sheet.filed = kept.sha256
    stage_of(
        "records.sheet_filed", sheet, by, {"sha256": sheet.digest, "printed": kept.sha256}, urgent=True, files=[kept]
    )


def _seal(sheet: RecordSheet, by: Person) -> None:
    """Keep what the paper of an ended sheet is proved by (REC-4)."""
    sheet.sealed = stage_of("records.sheet_sealed", sheet, by, sealed_facts(sheet), urgent=True)
    sheet.save()


def _opinion(opinion: str, satisfaction: str, acceptance: str) -> dict[str, str]:
    if satisfaction not in SATISFACTION:
        raise Refused(_("没有选满意度"), rules.CUSTOMER_SIGNS, field="satisfaction")
    if acceptance not in ACCEPTANCE:
        raise Refused(_("没有选验收结论"), rules.CUSTOMER_SIGNS, field="acceptance")
    words = text.prose(opinion, _("甲方意见"), field="opinion", longest=600)
    return {"opinion": words, "satisfaction": satisfaction, "acceptance": acceptance}


def _end(sheet: RecordSheet, by: Person, state: str, reason: str, kind: str) -> uuid.UUID:
    sheet.state, sheet.reason, sheet.ended_at, sheet.ended_by = state, reason, now(), by
    ref = stage_of(kind, sheet, by, {"sha256": sheet.digest, "reason": reason}, urgent=True)
    _seal(sheet, by)
    return ref


def _customer_signers(owner: Organisation, chosen: Sequence[int | Person]) -> list[Person]:
    ids = {person.id if isinstance(person, Person) else int(person) for person in chosen}
    found = list(Person.objects.filter(id__in=ids, organisation=owner, is_active=True).order_by("id"))
    rules.check_customer_signers(len(ids), len(found))
    return found


def _record(sheet: RecordSheet, signers: Sequence[Person], at: datetime) -> dict[str, Any]:
    """What is frozen: everything on the paper but the signatures."""
    return {
        "v": 1,
        "form": "record-sheet",
        "number": sheet.number,
        "date": at.astimezone(SHANGHAI).date().isoformat(),
        "organisation": sheet.owner.name,
        "item": sheet.item.number,
        "engineer": sheet.engineer.actor,
        "customer_signers": [person.actor for person in signers],
        "content": sheet.content,
    }


def locked(sheet: RecordSheet) -> RecordSheet:
    """The sheet as it stands, held to the end of the transaction."""
    rows = RecordSheet.objects.select_for_update(of=("self",)).select_related("owner", "item", "engineer__organisation")
    found: RecordSheet = rows.get(id=sheet.id)
    return found


def facts_of(sheet: RecordSheet) -> rules.SheetFacts:
    """What the rules ask of a sheet."""
    asked = sheet.signers.filter(side=Side.CUSTOMER).values_list("person_id", flat=True)
    signed = dict(sheet.signatures.values_list("side", "person_id"))
    return rules.SheetFacts(sheet.state, sheet.digest, sheet.engineer_id, frozenset(asked), signed)


def signer(by: Person, owner_id: int) -> rules.Signer:
    """What the rules ask of a person towards this customer."""
    roles = RoleHolding.objects.in_force(now()).filter(person=by, owner_id=owner_id).values_list("role", flat=True)
    return rules.Signer(by.id, by.organisation.kind == Organisation.Kind.VENDOR, frozenset(roles))


def stage_of(
    kind: str, sheet: RecordSheet, by: Person, data: dict[str, Any], *, urgent: bool = False, files: Sequence[Any] = ()
) -> uuid.UUID:
    said = {"number": sheet.number} | data
    return stage(kind, said, actor=by.actor, org=sheet.owner.code, item=str(sheet.item.uid), urgent=urgent, files=files)


def note_on(sheet: RecordSheet, by: Person, words: str, ref: uuid.UUID | None) -> None:
    note(sheet.item, "file", words, actor=by, link=f"/sheets/{sheet.uid}/", evidence=ref)
