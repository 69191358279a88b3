"""Each action is one POST: `/api/v1/{room}/{verb}`; what a person may do here is what the pages let them do."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import AwareDatetime

from weilu.accounts import actions as accounts
from weilu.accounts.models import Organisation, Person
from weilu.accounts.reader import address_of, reader
from weilu.changes import actions as changes
from weilu.changes.queries import change_of
from weilu.execution import actions as execution
from weilu.execution.models import Run
from weilu.kernel.refused import NotVisible, Refused
from weilu.notify import actions as notify
from weilu.notify.models import Notice
from weilu.process import actions as process
from weilu.process.models import WorkItem
from weilu.records import actions as records
from weilu.records.models import RecordSheet
from weilu.systems import actions as systems
from weilu.systems.models import Installation, System

router = Router()


class Done(Schema):
    """What an action made or moved: its uid, and its number where it has one."""

    uid: str = ""
    number: str = ""


class ItemAct(Schema):
    """An act on an item as the caller saw it: `turn` and `subject` are those of GET /changes/{uid}."""

    item: UUID
    turn: int
    subject: str = ""
    words: str = ""


class Signing(ItemAct):
    step: str = ""  # which, where the item stays at several


class ReturnAct(Signing):
    to: str


class NewChange(Schema):
    """Of an installation, or of hosts of a system: one of the two."""

    installation: UUID | None = None
    system: UUID | None = None
    title: str
    need: str
    follows: str = ""  # the uid of an earlier change that this one comes after


class Analysis(ItemAct):
    feasible: bool
    analysis: str
    need: str


class Need(ItemAct):
    need: str


class CriterionIn(Schema):
    title: str
    path: str
    expect: str


class PlanIn(ItemAct):
    version: str
    impact: str
    risk: str
    way_back: str
    window_from: AwareDatetime  # an instant: with its offset, or nobody knows which hour is meant
    window_to: AwareDatetime
    criteria: list[CriterionIn]
    upgrade_notes: str


class FeedbackIn(ItemAct):
    works: bool
    opinion: str
    satisfaction: str


class SheetSignature(Schema):
    sheet: UUID
    side: str
    password: str
    digest: str
    strokes: list[list[list[int]]] = []
    name_instead: bool = False
    opinion: str = ""
    satisfaction: str = ""
    acceptance: str = ""


class SheetRefusal(Schema):
    sheet: UUID
    reason: str
    password: str
    digest: str


class SheetCancel(Schema):
    sheet: UUID
    reason: str


class RunAct(Schema):
    run: UUID
    reason: str = ""


class RunAnswer(RunAct):
    answer: str


class NoticeAct(Schema):
    notice: UUID


class PersonIn(Schema):
    organisation: str
    username: str
    name: str
    password: str
    title: str = ""
    department: str = ""


class RoleIn(Schema):
    owner: str
    person: str
    role: str


class SystemIn(Schema):
    owner: str
    code: str
    name: str
    importance: str = "normal"
    running: bool = True


class InstallationIn(Schema):
    system: UUID
    name: str
    host: str
    root: str
    url: str
    channel: str
    keyring: str
    version: str


class UsersIn(Schema):
    system: UUID
    people: list[str]


@router.post("/process/sign_step", response=Done)
def sign_step(request: HttpRequest, act: Signing) -> Done:
    shown: dict[str, Any] = {"turn": act.turn, "subject": act.subject, "words": act.words, "step": act.step}
    return _done(process.sign_step(reader(request), _item(request, act), **shown))


@router.post("/process/refuse_step", response=Done)
def refuse_step(request: HttpRequest, act: Signing) -> Done:
    shown: dict[str, Any] = {"turn": act.turn, "words": act.words, "step": act.step}
    return _done(process.refuse_step(reader(request), _item(request, act), **shown))


@router.post("/process/return_item", response=Done)
def return_item(request: HttpRequest, act: ReturnAct) -> Done:
    shown: dict[str, Any] = {"turn": act.turn, "to": act.to, "words": act.words, "step": act.step}
    return _done(process.return_item(reader(request), _item(request, act), **shown))


@router.post("/changes/request_change", response=Done)
def request_change(request: HttpRequest, act: NewChange) -> Done:
    before = change_of(reader(request), act.follows) if act.follows else None
    place = place_named(request, act.installation, act.system)
    made = changes.request_change(reader(request), place, title=act.title, need=act.need, follows=before)
    return _done(made.item)


@router.post("/changes/submit_analysis", response=Done)
def submit_analysis(request: HttpRequest, act: Analysis) -> Done:
    change = change_of(reader(request), act.item)
    changes.submit_analysis(
        reader(request), change, turn=act.turn, feasible=act.feasible, analysis=act.analysis, need=act.need
    )
    return _done(change.item)


@router.post("/changes/amend_need", response=Done)
def amend_need(request: HttpRequest, act: Need) -> Done:
    change = change_of(reader(request), act.item)
    changes.amend_need(reader(request), change, turn=act.turn, need=act.need)
    return _done(change.item)


@router.post("/changes/submit_plan", response=Done)
def submit_plan(request: HttpRequest, act: PlanIn) -> Done:
    change = change_of(reader(request), act.item)
    fields = act.dict(exclude={"item", "turn", "subject", "words"})
    changes.submit_plan(reader(request), change, turn=act.turn, **fields)
    return _done(change.item)


@router.post("/changes/order_upgrade", response=Done)
def order_upgrade(request: HttpRequest, act: ItemAct) -> Done:
    return _done(changes.order_upgrade(reader(request), change_of(reader(request), act.item), turn=act.turn))


@router.post("/changes/give_feedback", response=Done)
def give_feedback(request: HttpRequest, act: FeedbackIn) -> Done:
    change = change_of(reader(request), act.item)
    changes.give_feedback(
        reader(request), change, turn=act.turn, works=act.works, opinion=act.opinion, satisfaction=act.satisfaction
    )
    return _done(change.item)


@router.post("/execution/cancel_run", response=Done)
def cancel_run(request: HttpRequest, act: RunAct) -> Done:
    run = Run.objects.fetch(reader(request), act.run)
    execution.cancel_run(reader(request), run)
    return _done(run)


@router.post("/execution/answer_step", response=Done)
def answer_step(request: HttpRequest, act: RunAnswer) -> Done:
    run = Run.objects.fetch(reader(request), act.run)
    execution.answer_step(reader(request), run, answer=act.answer)
    return _done(run)


@router.post("/records/sign_sheet", response=Done)
def sign_sheet(request: HttpRequest, act: SheetSignature) -> Done:
    sheet = RecordSheet.objects.fetch(reader(request), act.sheet)
    fields = act.dict(exclude={"sheet"})
    records.sign_sheet(reader(request), sheet, address=address_of(request), **fields)
    return _done(sheet)


@router.post("/records/refuse_sheet", response=Done)
def refuse_sheet(request: HttpRequest, act: SheetRefusal) -> Done:
    sheet = RecordSheet.objects.fetch(reader(request), act.sheet)
    records.refuse_sheet(
        reader(request), sheet, reason=act.reason, password=act.password, address=address_of(request), digest=act.digest
    )
    return _done(sheet)


@router.post("/records/cancel_number", response=Done)
def cancel_number(request: HttpRequest, act: SheetCancel) -> Done:
    sheet = RecordSheet.objects.fetch(reader(request), act.sheet)
    return _done(records.cancel_number(reader(request), sheet, reason=act.reason))


@router.post("/notify/mark_read", response=Done)
def mark_read(request: HttpRequest, act: NoticeAct) -> Done:
    notice = Notice.objects.filter(person=reader(request), uid=act.notice).first()
    if notice is None:
        raise NotVisible(str(act.notice))
    notify.mark_read(reader(request), notice)
    return Done(uid=str(act.notice))


@router.post("/notify/mark_all_read", response=Done)
def mark_all_read(request: HttpRequest) -> Done:
    notify.mark_all_read(reader(request))
    return Done()


@router.post("/accounts/add_person", response=Done)
def add_person(request: HttpRequest, act: PersonIn) -> Done:
    fields = act.dict(exclude={"organisation"})
    return Done(uid=str(accounts.add_person(reader(request), owner_named(request, act.organisation), **fields).uid))


@router.post("/accounts/give_role", response=Done)
def give_role(request: HttpRequest, act: RoleIn) -> Done:
    accounts.give_role(reader(request), somebody(request, act.person), owner_named(request, act.owner), act.role)
    return Done()


@router.post("/systems/register_system", response=Done)
def register_system(request: HttpRequest, act: SystemIn) -> Done:
    fields = act.dict(exclude={"owner"})
    return Done(uid=str(systems.register_system(reader(request), owner_named(request, act.owner), **fields).uid))


@router.post("/systems/register_installation", response=Done)
def register_installation(request: HttpRequest, act: InstallationIn) -> Done:
    system = System.objects.select_related("owner").fetch(reader(request), act.system)
    return Done(uid=str(systems.register_installation(reader(request), system, **act.dict(exclude={"system"})).uid))


@router.post("/systems/name_users", response=Done)
def name_users(request: HttpRequest, act: UsersIn) -> Done:
    system = System.objects.select_related("owner").fetch(reader(request), act.system)
    systems.name_users(reader(request), system, [somebody(request, username) for username in act.people])
    return Done(uid=str(system.uid))


def place_named(request: HttpRequest, installation: UUID | None, system: UUID | None) -> Installation | System:
    """What a change is about; raises Refused unless exactly one is named, NotVisible where it is hidden."""
    found: list[Installation | System] = []
    if installation is not None:
        found.append(Installation.objects.select_related("system__owner").fetch(reader(request), installation))
    if system is not None:
        found.append(System.objects.select_related("owner").fetch(reader(request), system))
    if len(found) != 1:
        raise Refused(_("写明一套应用，或一个系统（在它的主机上做）"), field="installation")
    return found[0]


def _item(request: HttpRequest, act: ItemAct) -> WorkItem:
    found: WorkItem = WorkItem.objects.fetch(reader(request), act.item)
    return found


def owner_named(request: HttpRequest, code: str) -> Organisation:
    """A customer that the caller may see, by its code; raises NotVisible."""
    found = Organisation.objects.filter(id__in=reader(request).owner_ids, code=_name(code)).first()
    if found is None:
        raise NotVisible(code)
    return found


def _name(given: str) -> str:
    """`given` as PostgreSQL can be asked for it: what holds a NUL names nobody."""
    return given.replace("\0", "\ufffd")


def somebody(request: HttpRequest, username: str) -> Person:
    """Somebody who sees a customer that the caller sees too, by username; raises NotVisible."""
    near = Person.objects.filter(grants__organisation_id__in=reader(request).owner_ids, username=_name(username))
    found = near.select_related("organisation").first()
    if found is None:
        raise NotVisible(username)
    return found


def _done(row: Any) -> Done:
    return Done(uid=str(row.uid), number=row.number or "")
