"""Standard and emergency changes, templates, amendments and documents, as the pages have them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import AwareDatetime

from weilu.accounts.reader import reader
from weilu.api.acts import CriterionIn, Done, owner_named, place_named
from weilu.changes import amendments, emergency_actions, standard_actions
from weilu.changes.queries import change_of
from weilu.systems.models import Installation

acts = Router(tags=["act"])


class TemplatePlan(Schema):
    """`version` is one version or how it begins (1.1.*); the hours are of Asia/Shanghai, both or neither."""

    version: str
    window_minutes: int
    window_after: str = ""
    window_before: str = ""
    impact: str
    risk: str
    way_back: str
    criteria: list[CriterionIn]
    upgrade_notes: str


class NewTemplate(TemplatePlan):
    installation: UUID
    title: str
    need: str
    replaces: str = ""  # the uid of the template whose place it takes; "" for none


class TemplateIn(TemplatePlan):
    item: UUID
    turn: int


class WithReason(Schema, extra="forbid"):
    item: UUID
    reason: str


class NewStandard(Schema):
    template: UUID
    title: str
    need: str


class Schedule(Schema):
    """`digest` is that of the template, as GET /changes/{uid} shows it."""

    item: UUID
    turn: int
    digest: str
    version: str
    window_from: AwareDatetime
    window_to: AwareDatetime


class NewEmergency(Schema):
    """Of an installation, or of hosts of a system: one of the two."""

    installation: UUID | None = None
    system: UUID | None = None
    title: str
    need: str
    reason: str


class NormalWay(Schema):
    item: UUID
    turn: int
    reason: str


class PolicyIn(Schema):
    owner: str
    follow_up_days: int
    remind_hours: int


class DocumentIn(Schema):
    number: str
    title: str
    version: str


class AmendmentIn(Schema):
    """`of` is need or design; without documents, `none_affected` says why there are none."""

    item: UUID
    turn: int
    of: str
    what: str
    reason: str
    documents: list[DocumentIn] = []
    none_affected: str = ""


class UpdateIn(Schema):
    item: UUID
    amendment: str
    document: str
    new_version: str
    record: str


def _installation(request: HttpRequest, uid: UUID) -> Installation:
    found: Installation = Installation.objects.select_related("system__owner").fetch(reader(request), uid)
    return found


@acts.post("/changes/propose_template", response=Done)
def propose_template(request: HttpRequest, act: NewTemplate) -> Done:
    person = reader(request)
    plan = act.dict(exclude={"installation", "title", "need", "replaces"})
    before = change_of(person, act.replaces) if act.replaces else None
    installation = _installation(request, act.installation)
    given: dict[str, Any] = {"title": act.title, "need": act.need, "plan": plan, "replaces": before}
    return _done(standard_actions.propose_template(person, installation, **given).item)


@acts.post("/changes/submit_template", response=Done)
def submit_template(request: HttpRequest, act: TemplateIn) -> Done:
    change = change_of(reader(request), act.item)
    standard_actions.submit_template(reader(request), change, turn=act.turn, plan=act.dict(exclude={"item", "turn"}))
    return _done(change.item)


@acts.post("/changes/withdraw_template", response=Done)
def withdraw_template(request: HttpRequest, act: WithReason) -> Done:
    change = change_of(reader(request), act.item)
    standard_actions.withdraw_template(reader(request), change, reason=act.reason)
    return _done(change.item)


@acts.post("/changes/request_standard", response=Done)
def request_standard(request: HttpRequest, act: NewStandard) -> Done:
    template = change_of(reader(request), act.template)
    return _done(standard_actions.request_standard(reader(request), template, title=act.title, need=act.need).item)


@acts.post("/changes/schedule_standard", response=Done)
def schedule_standard(request: HttpRequest, act: Schedule) -> Done:
    change = change_of(reader(request), act.item)
    standard_actions.schedule_standard(reader(request), change, **act.dict(exclude={"item"}))
    return _done(change.item)


@acts.post("/changes/request_emergency", response=Done)
def request_emergency(request: HttpRequest, act: NewEmergency) -> Done:
    given = act.dict(exclude={"installation", "system"})
    place = place_named(request, act.installation, act.system)
    return _done(emergency_actions.request_emergency(reader(request), place, **given).item)


@acts.post("/changes/take_normal_way", response=Done)
def take_normal_way(request: HttpRequest, act: NormalWay) -> Done:
    change = change_of(reader(request), act.item)
    emergency_actions.take_normal_way(reader(request), change, turn=act.turn, reason=act.reason)
    return _done(change.item)


@acts.post("/changes/set_policy", response=Done)
def set_policy(request: HttpRequest, act: PolicyIn) -> Done:
    owner = owner_named(request, act.owner)
    emergency_actions.set_policy(
        reader(request), owner, follow_up_days=act.follow_up_days, remind_hours=act.remind_hours
    )
    return Done(uid=str(owner.uid))


@acts.post("/changes/file_amendment", response=Done)
def file_amendment(request: HttpRequest, act: AmendmentIn) -> Done:
    change = change_of(reader(request), act.item)
    filed = amendments.file_amendment(reader(request), change, **act.dict(exclude={"item"}))
    return Done(uid=str(change.item.uid), number=filed.number)


@acts.post("/changes/record_update", response=Done)
def record_update(request: HttpRequest, act: UpdateIn) -> Done:
    change = change_of(reader(request), act.item)
    amendments.record_update(reader(request), change, **act.dict(exclude={"item"}))
    return _done(change.item)


def _done(item: Any) -> Done:
    return Done(uid=str(item.uid), number=item.number)
