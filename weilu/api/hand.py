"""What people do with their place in a step besides signing, as POSTs."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import AwareDatetime

from weilu.accounts.models import Person
from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named
from weilu.kernel.refused import NotVisible
from weilu.process import absence, hand
from weilu.process.models import Delegation, WorkItem

router = Router()


class Turned(Schema, extra="forbid"):
    """An item as the caller saw it; people are named by their sign-in name."""

    item: UUID
    turn: int


class Transfer(Turned):
    """`of` names whose place an administrator hands on; empty for one's own."""

    to: str
    words: str
    of: str = ""
    step: str = ""


class AddedSigner(Turned):
    person: str
    before: bool
    words: str
    step: str = ""


class Item(Schema, extra="forbid"):
    item: UUID


class CopyTo(Item):
    people: list[str]
    words: str = ""


class Absence(Schema, extra="forbid"):
    owner: str
    person: str
    delegate: str
    since: AwareDatetime
    until: AwareDatetime
    reason: str


class DelegationRef(Schema, extra="forbid"):
    delegation: UUID


@router.post("/process/withdraw", response=Done)
def withdraw(request: HttpRequest, act: Turned) -> Done:
    return _done(hand.withdraw(reader(request), _item(request, act.item), turn=act.turn))


@router.post("/process/transfer", response=Done)
def transfer(request: HttpRequest, act: Transfer) -> Done:
    item = _item(request, act.item)
    people: dict[str, Any] = {
        "to": _person(act.to, item.owner_id),
        "of": _person(act.of, item.owner_id) if act.of else None,
    }
    return _done(hand.transfer(reader(request), item, turn=act.turn, words=act.words, step=act.step, **people))


@router.post("/process/add_signer", response=Done)
def add_signer(request: HttpRequest, act: AddedSigner) -> Done:
    item = _item(request, act.item)
    asked: dict[str, Any] = {"person": _person(act.person, item.owner_id), "before": act.before}
    return _done(hand.add_signer(reader(request), item, turn=act.turn, words=act.words, step=act.step, **asked))


@router.post("/process/urge", response=Done)
def urge(request: HttpRequest, act: Item) -> Done:
    item = _item(request, act.item)
    hand.urge(reader(request), item)
    return _done(item)


@router.post("/process/copy_to", response=Done)
def copy_to(request: HttpRequest, act: CopyTo) -> Done:
    item = _item(request, act.item)
    hand.copy_to(reader(request), item, people=[_person(name, item.owner_id) for name in act.people], words=act.words)
    return _done(item)


@router.post("/process/delegate", response=Done)
def delegate(request: HttpRequest, act: Absence) -> Done:
    owner = owner_named(request, act.owner)
    people: dict[str, Any] = {"person": _person(act.person, owner.id), "delegate": _person(act.delegate, owner.id)}
    period: dict[str, Any] = {"since": act.since, "until": act.until, "reason": act.reason}
    made = absence.delegate(reader(request), owner=owner, **people, **period)
    return Done(uid=str(made.uid))


@router.post("/process/end_delegation", response=Done)
def end_delegation(request: HttpRequest, act: DelegationRef) -> Done:
    found = Delegation.objects.fetch(reader(request), act.delegation)
    absence.end_delegation(reader(request), found)
    return Done(uid=str(found.uid))


def _item(request: HttpRequest, uid: UUID) -> WorkItem:
    found: WorkItem = WorkItem.objects.select_related("owner").fetch(reader(request), uid)
    return found


def _person(username: str, owner_id: int) -> Person:
    """Somebody who works for the customer; raises NotVisible for anybody else, known or not."""
    found = hand.those_who_see(owner_id).filter(username=username.replace("\0", "")).first()
    if found is None:
        raise NotVisible(username)
    return found


def _done(item: WorkItem) -> Done:
    return Done(uid=str(item.uid), number=item.number)
