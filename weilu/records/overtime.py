"""Overtime on site: entered by the vendor before freezing, answered by the customer apart from the sheet (REC-5)."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts.actions import check_password
from weilu.accounts.models import Person
from weilu.documents.printing import print_form
from weilu.evidence.actions import stage
from weilu.evidence.files import keep
from weilu.kernel import text
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.kernel.worktime import Calendar
from weilu.process.models import WorkItem
from weilu.records import overtime_rules, rules
from weilu.records.actions import facts_of, locked, note_on, signer, stage_of
from weilu.records.models import Overtime, OvertimeAnswer, RecordSheet
from weilu.records.overtime_lines import overtime_digest
from weilu.records.paper import sheet_form

State = RecordSheet.State


@action("records.enter_overtime")
def enter_overtime(
    by: Person, item: WorkItem, *, since: datetime, until: datetime, reason: str, person: Person | None = None
) -> Overtime:
    """Enter overtime on site of `person` (default: `by`) from `since` to `until`; working time in it does not count."""
    item = _locked_item(item)
    overtime_rules.check_may_enter(signer(by, item.owner_id), _state(item), item.overtime.count())
    who = person or by
    overtime_rules.check_may_enter(signer(who, item.owner_id), "", 0)
    minutes = overtime_rules.minutes_outside(since, until, now(), Calendar())
    of_person = Overtime.objects.filter(person=who, until__gt=since, since__lt=until)
    overtime_rules.check_apart(since, until, of_person.values_list("since", "until"))
    reason = text.prose(reason, _("加班原因"), field="reason", longest=300)
    said = {"number": item.number, "person": who.actor, "since": iso(since), "until": iso(until), "minutes": minutes}
    ref = stage(
        "records.overtime_entered", said | {"reason": reason}, actor=by.actor, org=item.owner.code, item=str(item.uid)
    )
    made: Overtime = Overtime.objects.create(
        owner=item.owner, item=item, person=who, since=since, until=until, minutes=minutes, reason=reason, by=by,
        evidence=ref,
    )  # fmt: skip
    return made


@action("records.drop_overtime")
def drop_overtime(by: Person, overtime: Overtime) -> WorkItem:
    """Take an entry back before the sheet is frozen; evidence keeps that it stood there."""
    item = _locked_item(overtime.item)
    overtime_rules.check_may_enter(signer(by, item.owner_id), _state(item), 0)
    row = Overtime.objects.filter(id=overtime.id).first()
    if row is not None:
        said = {"number": item.number, "entered": str(row.evidence), "minutes": row.minutes}
        stage("records.overtime_dropped", said, actor=by.actor, org=item.owner.code, item=str(item.uid))
        row.delete()
    return item


def sign_overtime(
    by: Person,
    sheet: RecordSheet,
    *,
    password: str,
    address: str,
    digest: str,
    strokes: Any = None,
    name_instead: bool = False,
) -> OvertimeAnswer:
    """The customer's signer confirms the overtime whose `digest` the page showed, with password and drawn signature.

    Says nothing about the sheet itself. Not one transaction with the password, see `sign_sheet`.
    """
    check_password(by, password, address)
    with transaction.atomic():
        sheet = _answerable(by, sheet, digest)
        drawn = [] if name_instead else rules.checked_strokes(strokes)
        return _answer(by, sheet, signed=True, strokes=drawn)


def refuse_overtime(
    by: Person, sheet: RecordSheet, *, reason: str, password: str, address: str, digest: str
) -> OvertimeAnswer:
    """The customer's signer does not confirm the overtime and says why; the sheet can be signed all the same."""
    check_password(by, password, address)
    with transaction.atomic():
        sheet = _answerable(by, sheet, digest)
        reason = text.prose(reason, _("不认可的原因"), field="overtime_reason", longest=1000)
        return _answer(by, sheet, signed=False, reason=reason)


# Registered by hand: each is two steps, since a wrong password must stay counted when the act is undone.
ACTIONS["records.sign_overtime"] = sign_overtime
ACTIONS["records.refuse_overtime"] = refuse_overtime


def _answerable(by: Person, sheet: RecordSheet, shown: str) -> RecordSheet:
    sheet = locked(sheet)
    answered = OvertimeAnswer.objects.filter(sheet=sheet).exists()
    overtime_rules.check_may_answer(
        facts_of(sheet), signer(by, sheet.owner_id), overtime_digest(sheet), answered, shown
    )
    return sheet


def _answer(
    by: Person, sheet: RecordSheet, *, signed: bool, strokes: list[Any] | None = None, reason: str = ""
) -> OvertimeAnswer:
    digest, lines = overtime_digest(sheet), sheet.content["overtime"]
    said = {"sha256": sheet.digest, "overtime": digest, "minutes": sum(line["minutes"] for line in lines)}
    kind = "records.overtime_signed" if signed else "records.overtime_refused"
    ref = stage_of(kind, sheet, by, said | ({} if signed else {"reason": reason}), urgent=True)
    answer = OvertimeAnswer.objects.create(
        sheet=sheet, person=by, signed=signed, reason=reason, strokes=strokes or [], digest=digest, evidence=ref
    )
    words = _("甲方签认报告单 %(number)s 的加班") if signed else _("甲方不认可报告单 %(number)s 的加班")
    note_on(sheet, by, words % {"number": sheet.number}, ref)
    if sheet.state == State.SIGNED:
        kept = keep(print_form("record-sheet", sheet_form(sheet)), f"{sheet.number}-overtime.pdf")
        stage_of("records.overtime_filed", sheet, by, {"overtime": digest, "printed": kept.sha256}, files=[kept])
        answer.filed = kept.sha256
        answer.save()
    announce("records.overtime_answered", sheet=sheet)
    return answer


def _locked_item(item: WorkItem) -> WorkItem:
    rows = WorkItem.objects.select_for_update(of=("self",)).select_related("owner")
    found: WorkItem = rows.get(id=item.id)
    return found


def _state(item: WorkItem) -> str:
    """The state of the sheet that would state the overtime; "" where there is none."""
    live = item.sheets.exclude(state=State.CANCELLED).order_by("-id").values_list("state", flat=True).first()
    return str(live or "")


def may_enter(by: Person, item: WorkItem) -> bool:
    """Whether the page offers `by` to enter overtime; the action decides."""
    try:
        overtime_rules.check_may_enter(signer(by, item.owner_id), _state(item), 0)
    except Refused:
        return False
    return True
