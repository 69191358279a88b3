"""What people do with their place in a step besides signing: take back, hand on, ask others, press on, let know."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from weilu.accounts.models import Grant, Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused
from weilu.kernel.statements import insert
from weilu.kernel.times import now
from weilu.process import rules
from weilu.process.actions import note
from weilu.process.drafted import FlowMove
from weilu.process.flow import Flow, Step
from weilu.process.models import Copy, Event, Opinion, Seat, StepVisit, Withdrawal, WorkItem
from weilu.process.queries import acted
from weilu.process.seats import in_words, locked, seated, waiting
from weilu.process.walk import OPENED, Outcome, finish, stand
from weilu.process.who import is_meant

Part = Seat.Part
NAMED = ("requester", "actor", "person")  # a step asks for one certain person: who has left has no successor by role
MOST_ADDED = 20  # signers added to one visit
URGE_EVERY = timedelta(hours=2)


@action("process.withdraw")
def withdraw(by: Person, item: WorkItem, *, turn: int) -> WorkItem:
    """Take back one's last signature, the requester the item itself, while nobody has acted on it.

    The opinion stays, marked; what its signature had opened is closed again. Raises Refused once
    somebody else, a machine or a room above has gone on from it.
    """
    item, flow = locked(item)
    rules.check_turn(turn, item.turn)
    said = Opinion.objects.filter(item=item, person=by, withdrawal=None).select_related("visit")
    opinion = said.exclude(act=Opinion.Act.RETURN).order_by("-id").first()
    if opinion is None:
        raise Refused(_("这张工单上没有您可以撤回的签名"), rules.NO_STEP_SKIPPED)
    visit, step = opinion.visit, flow.step(opinion.visit.step)
    rules.check_not_acted_on(_gone_on(item, flow, opinion))
    for opened in OPENED(item=item.id):
        if opened.source_id == visit.id:
            finish(item, opened, Outcome.VOIDED, _("前一步的签名撤回了"))
    item.turn += 1
    _sit_down_again(item, opinion, step.personal)
    StepVisit.objects.filter(id=visit.id).update(outcome=Outcome.OPEN, reason="", closed_at=None, turn=item.turn)
    data = {"number": item.number, "step": step.key, "title": step.title, "visit": visit.ordinal, "act": opinion.act}
    ref = _stage(item, "process.signature_withdrawn", data | {"opinion": str(opinion.evidence)}, by)
    Withdrawal.objects.create(opinion=opinion, evidence=ref)
    note(item, "hand", _("撤回了「%(step)s」的签名") % {"step": step.title}, by, evidence=ref)
    stand(item, flow, OPENED(item=item.id))
    announce("process.signature_withdrawn", item=item, step=step, opinion=opinion)
    return item


def _gone_on(item: WorkItem, flow: Flow, opinion: Opinion) -> str:
    """What has happened since `opinion` that its withdrawal would undo, in words; empty when nothing has."""
    visit, step = opinion.visit, flow.step(opinion.visit.step)
    if visit.outcome not in (Outcome.OPEN, Outcome.DONE):
        return _("「%(step)s」已退回或失效") % {"step": step.title}
    for moved in FlowMove.objects.filter(item=item, at__gt=opinion.at).select_related("after")[:1]:
        return _("工单已迁到流程第 %(number)d 版") % {"number": moved.after.number}
    since = StepVisit.objects.filter(item=item, turn__gt=visit.turn).exclude(outcome=Outcome.NOT_REQUIRED)
    after = [one for one in since.order_by("id") if not flow.beside(step, flow.step(one.step))]
    begun = [one for one in after if one.source_id == visit.id]
    own = [one for one in begun if one.outcome == Outcome.OPEN]
    later = Opinion.objects.filter(item=item, id__gt=opinion.id, withdrawal=None, visit__in=[visit, *begun])
    for said in later.select_related("person", "visit").order_by("id")[:1]:
        return _("%(name)s已在「%(step)s」签过") % {"name": said.person.name, "step": flow.step(said.visit.step).title}
    for opened in after:
        if opened not in own or flow.step(opened.step).auto:
            return _("「%(step)s」已经开始") % {"step": flow.step(opened.step).title}
    for moved in Seat.objects.filter(visit__in=own).exclude(asked_by=None).select_related("visit").order_by("id")[:1]:
        return _("「%(step)s」已转办或加签") % {"step": flow.step(moved.visit.step).title}
    return ""


def _sit_down_again(item: WorkItem, opinion: Opinion, personal: bool) -> None:
    """Open the seats of the visit again that its end, or the withdrawn signature, had closed."""
    visit, holder = opinion.visit, opinion.on_behalf_id or opinion.person_id
    fresh = {"item": item, "personal": personal}
    own, _made = Seat.objects.get_or_create(visit=visit, person_id=holder, defaults=fresh)
    heard = Opinion.objects.filter(visit=visit, withdrawal=None).exclude(id=opinion.id)
    silent = {person for pair in heard.values_list("person_id", "on_behalf_id") for person in pair}
    again = [Part.ASKED, Part.BEFORE, Part.AFTER]
    if own.part == Part.ASKED:
        Seat.objects.filter(visit=visit, part=Part.SPARE).update(part=Part.ASKED)
    seats = Seat.objects.filter(visit=visit, part__in=again).exclude(person_id__in=silent - {None})
    seats.update(open=True)


@action("process.transfer")
def transfer(
    by: Person, item: WorkItem, *, turn: int, to: Person, words: str, of: Person | None = None, step: str = ""
) -> WorkItem:
    """Hand one's place in the step on to a colleague, or as administrator the place `of` another to who is meant by it.

    Both names stay on record. Raises Refused for a step done by oneself, another organisation, and whoever
    separation of duties bars (ROL-1). Of somebody who has left, the administrator hands on also what is
    done by oneself, and to a colleague what is asked of that one person.
    """
    item, flow = locked(item)
    words = text.prose(words, _("转办原因"), field="words", longest=300)
    seat = _taken_from(by, item, flow, turn, of, step)
    present = flow.step(seat.visit.step)
    gone = of is not None and not (seat.person.is_active and item.owner_id in seat.person.owner_ids)
    if seat.personal and not gone:
        raise Refused(_("「%(step)s」要本人办，不能转办") % {"step": present.title}, rules.NOT_ONES_OWN)
    _check_can_sit(item, seat.visit, present, to)
    if to.organisation_id != seat.person.organisation_id:
        raise Refused(_("只能转给本单位的人"), rules.NOT_ONES_OWN, field="to")
    theirs = Seat.objects.filter(visit=seat.visit, person=to).first()
    if theirs and theirs.part != Part.GONE:
        raise Refused(_("%(name)s已经在办这一步") % {"name": to.name}, field="to")
    authority = seat.authority_id or seat.person_id
    if of is not None and seat.part not in Seat.ADDED:
        meant = any(is_meant(to, who, item) for who in present.who)
        if not meant and not (gone and any(who.kind in NAMED for who in present.who)):
            raise Refused(
                _("%(name)s没有「%(step)s」要求的角色") % {"name": to.name, "step": present.title},
                rules.NOT_ONES_OWN,
                field="to",
            )
        authority = to.id if meant else authority
    Seat.objects.filter(id=seat.id).update(open=False, part=Part.GONE)
    fresh = {
        "item": item, "open": True, "part": seat.part, "asked_by_id": seat.person_id, "due_at": seat.due_at,
        "authority_id": None if authority == to.id else authority, "since": now(), "personal": seat.personal,
    }  # fmt: skip
    if seat.part in Seat.ADDED:
        fresh["asked_by_id"] = seat.asked_by_id
    Seat.objects.update_or_create(visit=seat.visit, person=to, defaults=fresh)
    Seat.objects.filter(visit=seat.visit, part=Part.BEFORE, asked_by=seat.person).update(asked_by=to)
    data = {"step": present.key, "from": seat.person.actor, "to": to.actor, "words": words}
    sentence = _("把「%(step)s」从%(of)s转给%(to)s：%(words)s") % {
        "step": present.title, "of": seat.person.name, "to": to.name, "words": words,
    }  # fmt: skip
    _hand_on(item, "process.transferred", data, by, sentence, [to])
    return item


def _taken_from(by: Person, item: WorkItem, flow: Flow, turn: int, of: Person | None, step: str) -> Seat:
    """The open seat that is handed on: one's own, or that of somebody whose work the administrator gives away."""
    if of is None:
        place = seated(by, item, flow, turn, step)
        if place.behalf is not None:
            raise Refused(_("您是代%(name)s办，不能再转给别人") % {"name": place.behalf.name}, rules.NOT_ONES_OWN)
        return place.seat
    rules.check_turn(turn, item.turn)
    if not by.may("people.manage", item.owner_id):
        raise Refused(_("指定别人来办要由系统管理员办"), rules.NOT_ONES_OWN)
    seats = Seat.objects.filter(item=item, person=of, open=True).select_related("visit", "person")
    found: Seat | None = next((seat for seat in seats.order_by("id") if step in ("", seat.visit.step)), None)
    if found is None:
        raise Refused(_("这一步不在等%(name)s") % {"name": of.name}, field="of")
    return found


def _check_can_sit(item: WorkItem, visit: StepVisit, step: Step, person: Person) -> None:
    """Whoever is given a place works there, may see the item, is not barred, and has not stood in for another."""
    if not person.is_active or item.owner_id not in person.owner_ids:
        raise Refused(_("%(name)s看不到这张工单，不能办") % {"name": person.name}, rules.NOT_ONES_OWN, field="to")
    if person.id in rules.barred(step, acted(item, step.not_also)):
        raise Refused(
            _("%(name)s办过这张工单的前面步骤，不能再办「%(step)s」") % {"name": person.name, "step": step.title},
            rules.NOT_ONES_OWN,
            field="to",
        )
    if Opinion.objects.filter(visit=visit, person=person, withdrawal=None).exists():
        raise Refused(_("%(name)s已经在办这一步") % {"name": person.name}, field="to")


@action("process.add_signer")
def add_signer(
    by: Person, item: WorkItem, *, turn: int, person: Person, before: bool, words: str, step: str = ""
) -> WorkItem:
    """Ask somebody else to sign in this step: *before* oneself, for an opinion, or *after*, before the step is over.

    They stand outside the number who must agree. Raises Refused for who is barred or has a place already.
    """
    item, flow = locked(item)
    words = text.prose(words, _("加签说明"), field="words", longest=300)
    place = seated(by, item, flow, turn, step)
    _check_can_sit(item, place.visit, place.step, person)
    seats = [place.seat, *place.others]
    if person.id in {seat.person_id for seat in seats}:
        raise Refused(_("%(name)s已经在办这一步") % {"name": person.name}, field="person")
    if sum(seat.part in Seat.ADDED for seat in seats) >= MOST_ADDED:
        raise Refused(_("一步最多加签 %(count)d 人") % {"count": MOST_ADDED}, field="person")
    part = Part.BEFORE if before else Part.AFTER
    insert(
        Seat(
            visit=place.visit, item=item, person=person, part=part, asked_by_id=place.seat.person_id,
            due_at=place.seat.due_at,
        )
    )  # fmt: skip
    data = {"step": place.step.key, "person": person.actor, "before": before, "words": words}
    sentence = (
        _("请%(name)s在自己之前签「%(step)s」：%(words)s") if before else _("加%(name)s会签「%(step)s」：%(words)s")
    )
    sentence %= {"name": person.name, "step": place.step.title, "words": words}
    _hand_on(item, "process.signer_added", data, by, sentence, [person])
    return item


@action("process.urge")
def urge(by: Person, item: WorkItem) -> list[Person]:
    """Remind those whom the item waits for; answers whom. Once in two hours an item, by who has a part in it."""
    item, _flow = locked(item)
    involved = item.requester_id == by.id or item.opinions.filter(person=by).exists()
    if not (involved or item.seats.filter(person=by).exists()):
        raise Refused(_("只有发起人和办过这张工单的人可以催办"))
    late = Event.objects.filter(item=item, kind="urge", at__gt=now() - URGE_EVERY).order_by("-id").first()
    if late is not None:
        raise Refused(_("两小时内已经催办过一次。稍后再催"))
    people = [person for person in waiting(list(item.seats.filter(open=True))) if person.id != by.id]
    if not people:
        raise Refused(_("现在没有在等别人，不用催办"))
    ref = _stage(item, "process.urged", {"people": sorted(person.actor for person in people)}, by)
    note(item, "urge", _("催办：%(people)s") % {"people": in_words(people)}, by, evidence=ref)
    announce("process.urged", item=item, by=by, people=people)
    return people


@action("process.copy_to")
def copy_to(by: Person, item: WorkItem, *, people: Sequence[Person], words: str) -> list[Copy]:
    """Let people know of an item who have nothing to do in it; answers the new copies, those told before left out."""
    words = text.prose(words, _("抄送说明"), field="words", longest=300, required=False)
    if item.owner_id not in by.owner_ids:
        raise Refused(_("这张工单不由您抄送"))
    WorkItem.objects.select_for_update(of=("self",)).get(id=item.id)  # of two at once the second sees what is there
    unseen = [person.name for person in people if not person.is_active or item.owner_id not in person.owner_ids]
    if unseen:
        raise Refused(_("%(names)s看不到这张工单，不能抄送") % {"names": _("、").join(unseen)}, field="people")
    known = set(Copy.objects.filter(item=item, person__in=people).values_list("person_id", flat=True))
    fresh = {person.id: person for person in people if person.id not in known}
    if not fresh:
        raise Refused(_("这些人都已经抄送过"), field="people")
    Copy.objects.bulk_create(Copy(item=item, person=person, by=by, words=words) for person in fresh.values())
    names = _("、").join(person.name for person in fresh.values())
    sentence = _("抄送%(names)s") % {"names": names} + (_("：%(words)s") % {"words": words} if words else "")
    data = {"people": sorted(person.actor for person in fresh.values()), "words": words}
    _hand_on(item, "process.copied", data, by, sentence, list(fresh.values()))
    return list(Copy.objects.filter(item=item, person__in=list(fresh.values())).order_by("id"))


def those_who_see(owner_id: int) -> QuerySet[Person]:
    """Everybody who may see a customer's items, of all organisations, by organisation and name."""
    seen = Grant.objects.in_force(now()).filter(organisation=owner_id).values("person")
    found = Person.objects.filter(id__in=seen, is_active=True).select_related("organisation")
    return found.order_by("organisation_id", "name")


def _hand_on(
    item: WorkItem, kind: str, data: Mapping[str, object], by: Person, sentence: str, to: list[Person]
) -> None:
    """Evidence, a line on the timeline; those whom it concerns hear of it, see `notices.py`."""
    ref = _stage(item, kind, data, by)
    note(item, "hand", sentence, by, evidence=ref)
    announce(kind, item=item, by=by, people=to, words=sentence)


def _stage(item: WorkItem, kind: str, data: Mapping[str, object], by: Person) -> uuid.UUID:
    return stage(kind, {"number": item.number, **data}, actor=by.actor, org=item.owner.code, item=str(item.uid))
