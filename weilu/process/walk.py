"""How an item walks through its flow: visits opened and closed, seats given, lines that join; parts of actions."""

from __future__ import annotations

from datetime import datetime

from weilu.evidence.actions import stage
from weilu.kernel import worktime
from weilu.kernel.events import announce
from weilu.kernel.statements import Prepared, change, insert, slot
from weilu.kernel.times import now
from weilu.process import rules
from weilu.process.flow import END, Flow, Step
from weilu.process.models import UNDATED, Seat, StepVisit, WorkItem
from weilu.process.queries import acted
from weilu.process.who import people_asked

Outcome = StepVisit.Outcome
OFFICE = worktime.Calendar()

VISITED = Prepared(lambda: StepVisit.objects.filter(item=slot("item")).values_list("step", "outcome"))
OPENED = Prepared(lambda: StepVisit.objects.filter(item=slot("item"), outcome=Outcome.OPEN).order_by("id"))


def visited(item: WorkItem) -> set[str]:
    """The steps that the item has been asked to stay at, those not required left out."""
    return {key for key, outcome in VISITED(item=item.id) if outcome != Outcome.NOT_REQUIRED}


def enter(
    item: WorkItem, flow: Flow, key: str, source: StepVisit | None = None, *, resume: str = "", alone: bool = False
) -> None:
    """Go on to `key` after `source` has ended, and on past what is not required, until somebody is waited for.

    At a joint all lines begin together, and the step after them waits for the last; `alone` goes
    straight to one step of a line, as a return does. With nothing left to wait for, the item ends.
    """
    item.turn += 1
    arrived = _arrive(item, flow, key, source, resume, alone)
    waiting = OPENED(item=item.id) if flow.branched else [visit for _step, visit in arrived]
    if not waiting:
        _close(item)
        return
    stand(item, flow, waiting)
    for step, _visit in arrived:
        announce("process.step_entered", item=item, step=step)


def stand(item: WorkItem, flow: Flow, waiting: list[StepVisit]) -> None:
    """Write down where the item is: the first of the steps visited now, and the earliest deadline."""
    item.step = min((visit.step for visit in waiting), key=flow.place)
    item.due_at = min((visit.due_at for visit in waiting if visit.due_at), default=None)
    change(WorkItem, {"id": item.id}, step=item.step, due_at=item.due_at, turn=item.turn)


def finish(item: WorkItem, visit: StepVisit, outcome: str, reason: str = "") -> None:
    """End a visit and every seat in it."""
    change(StepVisit, {"id": visit.id}, outcome=outcome, reason=reason, closed_at=now())
    change(Seat, {"visit": visit.id, "open": True}, open=False)


def go_back(item: WorkItem, flow: Flow, visit: StepVisit, to: str, reason: str, outcome: str) -> None:
    """End `visit` and go back to `to`; a return to before a joint closes the other lines as well."""
    step, target = flow.step(visit.step), flow.step(to)
    finish(item, visit, outcome, reason)
    leaves = not flow.together(step, target)
    for other in OPENED(item=item.id) if flow.branched and leaves else ():
        finish(item, other, Outcome.VOIDED, reason)
    straight = flow.section(step)[0].key if step.branch and leaves else step.key
    resume = straight if outcome == Outcome.RETURNED and step.direct else ""
    enter(item, flow, to, visit, resume=resume, alone=True)


def _arrive(
    item: WorkItem, flow: Flow, key: str, source: StepVisit | None, resume: str, alone: bool
) -> list[tuple[Step, StepVisit]]:
    """The visits opened from `key` on; none at the end, or while another line is not done."""
    origin = flow.step(source.step) if source else None
    if origin and origin.branch and not alone and _lines_open(item, flow, origin, key):
        return []
    while key != END:
        step = flow.step(key)
        inside = alone or (origin is not None and flow.together(origin, step))
        firsts = flow.lines(step) if step.branch and not inside else [step]
        arrived = []
        for first in firsts:
            found, key = _along(item, flow, first, source, resume)
            arrived += found
        if arrived or (step.branch and inside and _lines_open(item, flow, step, key)):
            return arrived
        alone = False
    return []


def _lines_open(item: WorkItem, flow: Flow, step: Step, key: str) -> bool:
    """Whether, on leaving the section of `step` for `key`, other lines of it are still on their way."""
    keys = {one.key for one in flow.section(step)}
    return key not in keys and any(visit.step in keys for visit in OPENED(item=item.id))


def _along(
    item: WorkItem, flow: Flow, step: Step, source: StepVisit | None, resume: str
) -> tuple[list[tuple[Step, StepVisit]], str]:
    """Open the first required step from `step` on along its line, and say what follows where there is none."""
    while step.when is not None and not step.when.holds(item.facets):
        visit = _new_visit(item, step, source)
        finish(item, visit, Outcome.NOT_REQUIRED, rules.why_not_required(step.when.text))
        if step.then == END or not step.branch or flow.step(step.then).branch != step.branch:
            return [], step.then
        step = flow.step(step.then)
    people = [] if step.auto else people_asked(step, item, rules.barred(step, acted(item, step.not_also)))
    if not step.auto:
        rules.check_enough(step, [person.id for person in people])
    visit = _new_visit(item, step, source, resume)
    seats = (
        Seat(
            visit=visit, item=item, person=person, due_at=visit.due_at or UNDATED, since=visit.opened_at,
            personal=step.personal,
        )
        for person in people
    )  # fmt: skip
    insert(*seats)
    return [(step, visit)], ""


def _new_visit(item: WorkItem, step: Step, source: StepVisit | None, resume: str = "") -> StepVisit:
    ordinal = sum(1 for key, _outcome in VISITED(item=item.id) if key == step.key) + 1
    instant = now()
    visit = StepVisit(
        item=item, step=step.key, ordinal=ordinal, opened_at=instant, due_at=_due(step, instant), resume=resume,
        source=source, turn=item.turn,
    )  # fmt: skip
    insert(visit)
    return visit


def _due(step: Step, instant: datetime) -> datetime | None:
    return worktime.add(instant, step.hours * 60, OFFICE) if step.hours else None


def _close(item: WorkItem) -> None:
    item.step, item.state, item.closed_at, item.due_at = "", WorkItem.State.CLOSED, now(), None
    item.save(update_fields=["step", "state", "closed_at", "due_at", "turn"])
    stage("process.item_closed", {"number": item.number}, actor="weilu", org=item.owner.code, item=str(item.uid))
    announce("process.item_closed", item=item)
