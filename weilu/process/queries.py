"""What pages read of work items; no function here writes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel.statements import Prepared, slot
from weilu.process.flow import Flow, Step, parse_flow
from weilu.process.models import Event, Fact, Opinion, Seat, StepVisit, WorkItem
from weilu.process.rules import Gate, return_targets
from weilu.process.vocabulary import fact_title

AGREED = Prepared(
    lambda: Opinion.objects.filter(item=slot("item"), act=Opinion.Act.AGREE, withdrawal=None).values_list(
        "visit__step", "person_id", "on_behalf_id"
    )
)
FACTS = Prepared(
    lambda: Fact.objects.filter(item=slot("item")).order_by("id").values_list("key", "subject", "holds", "proof")
)
# What the page of every item reads.
VISITS = Prepared(lambda: StepVisit.objects.filter(item=slot("item")).order_by("id"))
OPINIONS = Prepared(
    lambda: (
        Opinion.objects.filter(item=slot("item"))
        .select_related("person__organisation", "on_behalf", "visit", "withdrawal")
        .order_by("-at", "-id")
    )
)
EVENTS = Prepared(
    lambda: Event.objects.filter(item=slot("item")).select_related("actor__organisation").order_by("-at", "-id")
)
PLACES = Prepared(
    lambda: (
        Seat.objects.filter(Q(open=True) | Q(part__in=Seat.ADDED), item=slot("item"))
        .order_by("id")
        .select_related("person__organisation", "visit", "asked_by")
    )
)
PAGE = 50
CAP = 1000  # counts beyond it are shown as 1000+


@dataclass(frozen=True)
class Row:
    """One line of a list of work: the item, the seat where it is one's own, and who is being waited for."""

    item: WorkItem
    step: Step | None
    place: int  # of the step among the numbered ones, from 1
    steps: int
    waiting: list[Person]
    due_at: datetime | None
    since: datetime
    cursor: str


def todo(person: Person, after: str = "", limit: int = PAGE) -> list[Row]:
    """What waits for `person`, the earliest due first, undated last; `after` is the last row's cursor."""
    seats: QuerySet[Seat] = Seat.objects.todo(person)
    if after:
        due, number = after.rsplit("_", 1)
        instant = datetime.fromtimestamp(float(due), UTC)
        seats = seats.filter(Q(due_at__gt=instant) | Q(due_at=instant, id__gt=int(number)))
    found = list(seats.select_related("item").prefetch_related("item__system", "item__flow")[:limit])
    return _rows([(s.item, s.due, s.since, f"{s.due_at.timestamp()}_{s.id}") for s in found])


def done(person: Person, after: str = "", limit: int = PAGE) -> list[Row]:
    """Items in which `person` has said something, the latest opinion first."""
    said = Opinion.objects.filter(person=person, item__owner_id__in=person.owner_ids).order_by("-id")
    if after:
        said = said.filter(id__lt=int(after))
    newest: dict[int, Opinion] = {}
    for opinion in said.select_related("item").prefetch_related("item__system", "item__flow")[: limit * 3]:
        newest.setdefault(opinion.item_id, opinion)
    found = list(newest.values())[:limit]
    return _rows([(o.item, o.item.due_at, o.at, str(o.id)) for o in found])


def mine(person: Person, after: str = "", limit: int = PAGE) -> list[Row]:
    """Items that `person` asked for, newest first."""
    items = WorkItem.objects.visible_to(person).filter(requester=person).order_by("-id")
    if after:
        items = items.filter(id__lt=int(after))
    found = items.prefetch_related("system", "flow")[:limit]
    return _rows([(item, item.due_at, item.opened_at, str(item.id)) for item in found])


def all_items(person: Person, kind: str = "", after: str = "", limit: int = PAGE) -> list[Row]:
    """Every item that `person` may see, newest first."""
    items = WorkItem.objects.visible_to(person).order_by("-id")
    if kind:
        items = items.filter(kind=kind)
    if after:
        items = items.filter(id__lt=int(after))
    found = items.prefetch_related("system", "flow")[:limit]
    return _rows([(item, item.due_at, item.opened_at, str(item.id)) for item in found])


def counts(person: Person) -> dict[str, int]:
    """How many wait (`todo`), were said (`done`) and were asked for (`mine`), each counted to CAP + 1 at most."""
    return {
        "todo": Seat.objects.waiting_for(person)[: CAP + 1].count(),
        "done": Opinion.objects.filter(person=person, item__owner_id__in=person.owner_ids)
        .values("item")
        .distinct()[: CAP + 1]
        .count(),
        "mine": WorkItem.objects.visible_to(person).filter(requester=person)[: CAP + 1].count(),
    }


def _rows(found: list[tuple[WorkItem, datetime | None, datetime, str]]) -> list[Row]:
    """The rows of a list; what many of them share (system, flow, people) is read once, not joined to each."""
    open_seats = Seat.objects.filter(item_id__in={item.id for item, *_rest in found}, open=True)
    seats = list(open_seats.values_list("item_id", "person_id"))
    people = Person.objects.select_related("organisation").in_bulk({person for _item, person in seats})
    waiting: dict[int, list[Person]] = {}
    for item_id, person_id in seats:
        waiting.setdefault(item_id, []).append(people[person_id])
    rows = []
    for item, due, since, cursor in found:
        flow = parse_flow(item.flow.source)
        step = flow.step(item.step) if item.step else None
        numbered = [one.key for one in flow.steps if not one.mark]
        place = (
            sum(1 for one in flow.steps[: flow.place(item.step) + 1] if not one.mark) if item.step else len(numbered)
        )
        rows.append(Row(item, step, place, len(numbered), waiting.get(item.id, []), due, since, cursor))
    return rows


def acted(item: WorkItem, steps: Collection[str]) -> dict[str, set[int]]:
    """For each of `steps`: the ids of those who agreed in any of its visits; one who stood in, and the absent one.

    The first step is also its requester's, who may have taken it back and handed it on: it stays their request.
    """
    if not steps:
        return {}
    first = parse_flow(item.flow.source).steps[0].key
    found: dict[str, set[int]] = {first: {item.requester_id}} if first in steps else {}
    for step, person, absent in AGREED(item=item.id):
        if step in steps:
            found.setdefault(step, set()).update({person} if absent is None else {person, absent})
    return found


def gates_of(item: WorkItem, step: Step) -> list[Gate]:
    """The step's gates as they stand for the item's present subject, closed ones first."""
    if not step.gates:
        return []
    known: set[str] = set()
    newest: dict[str, tuple[bool, str]] = {}  # of those for the present subject
    for key, subject, holds, proof in FACTS(item=item.id):
        known.add(key)
        if subject == item.subject:
            newest[key] = holds, proof
    gates = []
    for key in step.gates:
        title, (holds, proof) = fact_title(key), newest.get(key, (False, ""))
        if holds:
            gates.append(Gate(key, True, proof))
        elif key in newest:
            gates.append(Gate(key, False, _("%(title)s未通过：%(proof)s") % {"title": title, "proof": proof}))
        elif key in known:
            gates.append(Gate(key, False, _("%(title)s已失效：它依据的是改前的方案") % {"title": title}, stale=True))
        else:
            gates.append(Gate(key, False, _("%(title)s还没有记录") % {"title": title}))
    return sorted(gates, key=lambda gate: gate.open)


@dataclass(frozen=True)
class StepView:
    """A step of an item as the chart and the list of visits show it."""

    step: Step
    number: int  # 0 for a step with a mark
    state: str  # done, present, future, not-required
    visits: list[StepVisit]
    opinions: list[Opinion]
    waiting: list[Person]
    agreed: list[Opinion]  # in the newest visit, from places that count among those who must agree
    asked: int  # how many these places are; added signers stand outside

    @property
    def since(self) -> datetime | None:
        """Since when it waits; None where it does not."""
        return next((visit.opened_at for visit in self.visits if visit.outcome == StepVisit.Outcome.OPEN), None)


@dataclass(frozen=True)
class ItemView:
    """Everything process knows of one item, read in a fixed number of queries."""

    item: WorkItem
    flow: Flow
    step: Step | None  # the one that waits for the reader, else the first of those present
    steps: list[StepView]
    gates: list[Gate]
    seat: Seat | None  # from which the reader may act: their own open one, or that of somebody absent
    behalf: Person | None  # the absent one, where the reader stands in
    signed: bool  # the reader has said something that still stands, and may want it back
    first: list[Person]  # whom the reader has asked to sign before them, and who has not yet
    targets: list[Step]  # where the reader may return it to
    opinions: list[Opinion]
    events: list[Event]
    visits: list[StepVisit]

    @property
    def does_the_step(self) -> bool:
        """Whether the reader does the step itself, and was not only added to give an opinion or sign as well."""
        return self.seat is not None and self.seat.part not in Seat.ADDED

    @property
    def may_refuse(self) -> bool:
        """Whether the reader may disagree without returning the item."""
        advises = self.seat is not None and self.seat.part == Seat.Part.BEFORE
        return self.step is not None and self.seat is not None and (advises or not self.step.veto)


def item_view(item: WorkItem, person: Person) -> ItemView:
    """What `person` sees of an item they were allowed to fetch."""
    flow = parse_flow(item.flow.source)
    visits, opinions = VISITS(item=item.id), OPINIONS(item=item.id)
    events, known = EVENTS(item=item.id), PLACES(item=item.id)
    seats = [one for one in known if one.open]
    seat = next((one for one in seats if one.person_id == person.id), None)
    behalf = None
    if seat is None and seats:
        seat = Seat.objects.waiting_for(person).filter(item=item).select_related("person", "visit").first()
        behalf = seat.person if seat else None
    step = flow.step(seat.visit.step if seat else item.step) if item.step else None
    visited = {visit.step for visit in visits if visit.outcome != StepVisit.Outcome.NOT_REQUIRED}
    asked = [one for one in seats if seat and one.visit_id == seat.visit_id and one.asked_by_id == seat.person_id]
    return ItemView(
        item=item,
        flow=flow,
        step=step,
        steps=_step_views(flow, visits, opinions, known),
        gates=gates_of(item, step) if step else [],
        seat=seat,
        behalf=behalf,
        signed=any(one.person_id == person.id and not hasattr(one, "withdrawal") for one in opinions),
        first=[one.person for one in asked if one.part == Seat.Part.BEFORE],
        targets=return_targets(flow, step, visited) if step and seat else [],
        opinions=opinions,
        events=events,
        visits=visits,
    )


def _step_views(flow: Flow, visits: list[StepVisit], opinions: list[Opinion], seats: list[Seat]) -> list[StepView]:
    views, number = [], 0
    present = [flow.step(visit.step) for visit in visits if visit.outcome == StepVisit.Outcome.OPEN]
    for step in flow.steps:
        number += 0 if step.mark else 1
        own = [visit for visit in visits if visit.step == step.key]
        here = [seat for seat in seats if own and seat.visit_id == own[-1].id]
        agreed, asked = _counted(opinions, here)
        state = _state(flow, step, present)
        if state == "done" and own and own[-1].outcome == StepVisit.Outcome.NOT_REQUIRED:
            state = "not-required"
        views.append(
            StepView(
                step=step,
                number=0 if step.mark else number,
                state=state,
                visits=own,
                opinions=[one for one in opinions if one.visit.step == step.key],
                waiting=[seat.person for seat in seats if seat.open and seat.visit.step == step.key],
                agreed=agreed,
                asked=asked,
            )
        )
    return views


def _counted(opinions: list[Opinion], seats: list[Seat]) -> tuple[list[Opinion], int]:
    """Who agreed in a visit, and among how many, from its open and its added seats."""
    added = {seat.person_id for seat in seats if seat.part in Seat.ADDED}
    agreed = [
        one
        for one in opinions
        if seats and one.visit_id == seats[0].visit_id
        and one.act == Opinion.Act.AGREE and not hasattr(one, "withdrawal")
        and (one.on_behalf_id or one.person_id) not in added
    ]  # fmt: skip
    return agreed, len(agreed) + sum(seat.open and seat.part == Seat.Part.ASKED for seat in seats)


def _state(flow: Flow, step: Step, present: list[Step]) -> str:
    """How far `step` is, with the item at `present`: of several lines each has its own progress."""
    if step in present:
        return "present"
    beside = [one for one in present if flow.together(step, one)]
    ahead = [one for one in beside if one.branch == step.branch] if beside else present
    return "done" if all(flow.place(step.key) < flow.place(one.key) for one in ahead) else "future"


def works_on(person: Person, item: str) -> bool:
    """Whether `person` has, had or asked for a place in the work item with this uid: they look at it for that work."""
    try:
        UUID(item)
    except ValueError:
        return False
    seat = Seat.objects.filter(item__uid=item, person=person)
    return seat.exists() or WorkItem.objects.filter(uid=item, requester=person).exists()
