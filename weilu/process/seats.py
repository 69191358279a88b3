"""Who acts, from which seat, and what follows from it; parts of actions on an item whose row is locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.statements import Prepared, change, insert, slot
from weilu.kernel.times import now
from weilu.process import rules
from weilu.process.flow import Flow, Step, parse_flow
from weilu.process.models import Delegation, Opinion, Seat, StepVisit, WorkItem
from weilu.process.queries import acted
from weilu.process.walk import Outcome, enter, finish, go_back, visited
from weilu.process.who import is_meant

Part = Seat.Part

ITEM = Prepared(
    lambda: WorkItem.objects.select_for_update(of=("self",)).select_related("flow", "owner").filter(id=slot("item"))
)
SEATS = Prepared(
    lambda: Seat.objects.filter(item=slot("item"), visit__outcome=Outcome.OPEN).select_related("visit").order_by("id")
)


@dataclass(frozen=True)
class Place:
    """From where somebody acts: their seat, the others of its visit, and in whose name."""

    step: Step
    seat: Seat
    others: list[Seat]  # of the same visit, whatever their part
    behalf: Person | None  # the absent one, where somebody stands in
    before_me: list[str]  # names of those whose opinion the seat's holder has asked for and not yet got

    @property
    def visit(self) -> StepVisit:
        return self.seat.visit

    @property
    def advises(self) -> bool:
        """Whether the seat is only there for an opinion."""
        return self.seat.part == Part.BEFORE


def locked(item: WorkItem) -> tuple[WorkItem, Flow]:
    """The item's row, locked and read again, with its flow; raises Stale when the item has ended."""
    found = ITEM(item=item.id)[0]
    if found.state != WorkItem.State.OPEN:
        raise Stale(_("工单已办结，不能再改"), rules.NO_STEP_SKIPPED)
    return found, parse_flow(found.flow.source)


def seated(by: Person, item: WorkItem, flow: Flow, turn: int, key: str = "") -> Place:
    """The seat from which `by` may act now, their own or that of somebody absent; `key` names one step of several.

    Raises Stale when the page was older than the visit, Refused when nobody asks `by`, when they
    are barred, have lost the role, or have acted already.
    """
    if key and key not in {step.key for step in flow.steps}:
        raise Refused(_("这张工单没有步骤「%(step)s」") % {"step": key[:40]}, field="step")
    seats = [seat for seat in SEATS(item=item.id) if key in ("", seat.visit.step)]
    if not flow.branched:
        rules.check_turn(turn, item.turn)
    own = [seat for seat in seats if seat.person_id == by.id and seat.part != Part.GONE]
    seat = next((one for one in own if one.open), own[0] if own else None)
    behalf = None
    if seat is None:
        seat, behalf = _stands_in(by, item, seats)
    step = flow.step(seat.visit.step if seat else key or item.step)
    rules.check_not_barred(flow, step, by.id, acted(item, step.not_also))
    if seat is None:
        raise Refused(
            _("「%(step)s」不由您办") % {"step": step.title}, rules.NO_STEP_SKIPPED, help=in_words(waiting(seats))
        )
    if flow.branched:
        rules.check_turn(turn, item.turn, since=seat.visit.turn)
    others = [one for one in seats if one.visit_id == seat.visit_id and one.id != seat.id]
    _check_authority(item, flow, step, seat, behalf, by)
    if not seat.open:
        raise Refused(_("您已签过这一步"), rules.NO_STEP_SKIPPED, help=in_words(waiting(seats)))
    first = [one for one in others if one.open and one.part == Part.BEFORE and one.asked_by_id == seat.person_id]
    return Place(step, seat, others, behalf, [person.name for person in waiting(first)])


def doing(by: Person, item: WorkItem, turn: int, key: str = "") -> Place:
    """The place from which `by` does the step itself, for the act of a room above; added signers have none."""
    place = seated(by, item, parse_flow(item.flow.source), turn, key)
    rules.check_does_the_step(place.step, place.seat.part in Seat.ADDED)
    return place


def _check_authority(item: WorkItem, flow: Flow, step: Step, seat: Seat, behalf: Person | None, by: Person) -> None:
    """NOT_ONES_OWN: whoever the flow asked still holds what it asked for, and the absent one is not barred either."""
    if behalf is not None:
        rules.check_not_barred(flow, step, behalf.id, acted(item, step.not_also))
    if seat.part in Seat.ADDED:
        return
    asked = (seat.authority if seat.authority_id else None) or behalf or by
    if any(is_meant(asked, who, item) for who in step.who):
        return
    words = _("您现在已没有「%(step)s」要求的角色") if asked == by else _("%(name)s现在已没有「%(step)s」要求的角色")
    raise Refused(
        words % {"name": asked.name, "step": step.title},
        rules.NOT_ONES_OWN,
        help=_("系统管理员可以指定有资格的人"),
    )


def _stands_in(by: Person, item: WorkItem, seats: Sequence[Seat]) -> tuple[Seat | None, Person | None]:
    """An open seat of somebody absent for whom `by` stands in; none where `by` has a word in that visit already."""
    away = {person.id: person for person in absent(by, item.owner_id)}
    for seat in seats:
        heard = Opinion.objects.filter(visit=seat.visit, person=by, withdrawal=None)
        if seat.person_id in away and seat.open and not seat.personal and not heard.exists():
            return seat, away[seat.person_id]
    return None, None


def absent(delegate: Person, owner_id: int) -> list[Person]:
    """For whom `delegate` stands in now towards a customer, in a stable order."""
    found = Delegation.objects.in_force(now()).filter(delegate=delegate, owner=owner_id)
    return [one.person for one in found.select_related("person").order_by("id")]


def waiting(seats: Sequence[Seat]) -> list[Person]:
    """Who sits on the open ones of these seats."""
    return list(Person.objects.in_bulk([seat.person_id for seat in seats if seat.open]).values())


def in_words(people: Sequence[Person]) -> str:
    """Who is waited for, as a refusal says it."""
    return _("在等 %(names)s") % {"names": _("、").join(person.name for person in people)}


def say(
    by: Person,
    item: WorkItem,
    step: Step,
    visit: StepVisit,
    act: str,
    words: str,
    to: str = "",
    behalf: Person | None = None,
) -> None:
    """One opinion, with its evidence; it is never changed. The caller closes the seat it was said from."""
    words = text.prose(words, _("意见"), field="words", longest=1000, required=False)
    data = {
        "number": item.number, "step": step.key, "title": step.title, "visit": visit.ordinal, "act": act,
        "words": words, "subject": item.subject, "flow": item.flow.digest,
    }  # fmt: skip
    if to:
        data["to"] = to
    if behalf is not None:
        data["on_behalf"] = behalf.actor
    ref = stage("process.step_signed", data, actor=by.actor, org=item.owner.code, item=str(item.uid), urgent=True)
    said = Opinion(
        visit=visit, item=item, person=by, on_behalf=behalf, act=act, words=words, subject=item.subject, evidence=ref
    )
    insert(said)


def settle(by: Person, item: WorkItem, flow: Flow, place: Place, act: str) -> None:
    """What follows from `act`, which `by` has just said from `place`."""
    step, visit = place.step, place.visit
    change(Seat, {"id": place.seat.id}, open=False)
    everybody = [place.seat, *place.others]
    asked = {seat.person_id for seat in everybody if seat.part == Part.ASKED}
    said = {seat.person_id: str(Opinion.Act.AGREE) for seat in place.others if not seat.open}
    if not step.veto:  # elsewhere a refusal ends the visit: whoever has left their seat has agreed
        heard = Opinion.objects.filter(visit=visit, withdrawal=None).order_by("id")
        said = {
            behalf or person: word for person, behalf, word in heard.values_list("person_id", "on_behalf_id", "act")
        }
    said[place.seat.person_id] = act
    agreed = {person for person in asked if said.get(person) == Opinion.Act.AGREE}
    refused = {person for person in asked if said.get(person) == Opinion.Act.REFUSE}
    after = any(seat.open and seat.part == Part.AFTER for seat in place.others)
    match rules.outcome(step, asked, agreed, refused):
        case "done" if after:
            change(Seat, {"visit": visit.id, "part": Part.ASKED, "open": True}, open=False, part=Part.SPARE)
        case "done":
            finish(item, visit, Outcome.DONE)
            announce("process.step_done", item=item, step=step, by=by)
            enter(item, flow, visit.resume or step.then, visit)
        case "returned":
            target = rules.return_targets(flow, step, visited(item))[-1]
            go_back(item, flow, visit, target.key, _("不同意的人太多，已达不到要求的人数"), Outcome.RETURNED)
