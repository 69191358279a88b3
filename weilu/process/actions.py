"""What moves a work item: open, sign, return, facts."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.events import announce
from weilu.kernel.numbering import take_number
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.statements import Prepared, insert, slot
from weilu.kernel.times import now
from weilu.process import rules
from weilu.process.flow import parse_flow
from weilu.process.models import Event, Fact, FlowVersion, Opinion, Seat, StepVisit, WorkItem
from weilu.process.queries import gates_of
from weilu.process.search import keep_words
from weilu.process.seats import locked, say, seated, settle
from weilu.process.walk import enter, finish, go_back, visited
from weilu.systems.models import System

Outcome = StepVisit.Outcome
NEWEST = Prepared(lambda: FlowVersion.objects.filter(owner=slot("owner"), key=slot("key")).order_by("-number")[:1])


def open_item(
    by: Person,
    *,
    system: System,
    kind: str,
    series: str,
    title: str,
    flow: str,
    facets: dict[str, Any],
    words: str,
    found_by: Iterable[str] = (),
    priority: str = "normal",
) -> WorkItem:
    """A new item of the newest version of `flow`, its first step signed by its requester; part of an action above.

    Searching finds it by title, system and requester, and by `found_by`.
    """
    version = next(iter(NEWEST(owner=system.owner_id, key=flow)), None)
    if version is None:
        raise Refused(_("「%(flow)s」还没有发布流程") % {"flow": flow}, help=_("系统管理员可以发布"))
    instant = now()
    item = WorkItem(
        owner=system.owner,
        number=take_number(system.owner.code, series, instant),
        kind=kind,
        title=title,
        system=system,
        requester=by,
        flow=version,
        step="",
        facets=facets,
        priority=priority,
        opened_at=instant,
    )
    insert(item)
    keep_words(item, found_by)
    definition = parse_flow(version.source)
    first = definition.steps[0]
    visit = StepVisit(item=item, step=first.key, ordinal=1, opened_at=instant)
    insert(visit)
    item.step = first.key
    say(by, item, first, visit, Opinion.Act.AGREE, words)
    finish(item, visit, Outcome.DONE)
    enter(item, definition, first.then, visit)
    return item


@action("process.sign_step")
def sign_step(by: Person, item: WorkItem, *, turn: int, subject: str = "", words: str = "", step: str = "") -> WorkItem:
    """Agree in the present step, with the digest the page showed; the step ends when enough have agreed.

    `step` says which, where the item stays at several. Raises Stale when the item moved on since
    `turn`, Refused when the step is not theirs, is done by a form, or a gate is closed.
    """
    return say_in_step(by, item, turn=turn, subject=subject, words=words, form="", step=step)


def say_in_step(
    by: Person, item: WorkItem, *, turn: int, subject: str, words: str, form: str, step: str = ""
) -> WorkItem:
    """`sign_step` for the action of a room above that has just kept the step's `form`."""
    item, flow = locked(item)
    place = seated(by, item, flow, turn, step)
    if place.seat.part in Seat.ADDED:
        rules.check_does_the_step(place.step, added=bool(form))
    else:
        rules.check_form(place.step, form)
    rules.check_asked_first(place.before_me)
    if item.subject and not form:
        rules.check_subject(subject, item.subject)
    rules.check_gates(gates_of(item, place.step))
    say(by, item, place.step, place.visit, Opinion.Act.AGREE, words, behalf=place.behalf)
    settle(by, item, flow, place, Opinion.Act.AGREE)
    return item


@action("process.refuse_step")
def refuse_step(by: Person, item: WorkItem, *, turn: int, words: str, step: str = "") -> WorkItem:
    """Disagree where the step says `veto: false`: the vote is lost, the step goes on while it can.

    Who was only asked for an opinion before another signs may disagree anywhere.
    """
    item, flow = locked(item)
    place = seated(by, item, flow, turn, step)
    if place.step.veto and not place.advises:
        raise Refused(_("这一步不同意就是退回。用「退回」并写明退到哪一步"), rules.NO_STEP_SKIPPED)
    words = text.prose(words, _("意见"), field="words", longest=1000)
    rules.check_asked_first(place.before_me)
    say(by, item, place.step, place.visit, Opinion.Act.REFUSE, words, behalf=place.behalf)
    settle(by, item, flow, place, Opinion.Act.REFUSE)
    return item


@action("process.return_item")
def return_item(by: Person, item: WorkItem, *, turn: int, to: str, words: str, step: str = "") -> WorkItem:
    """Send the item back to an earlier visited step, with a reason; opinions stay, a new visit opens there."""
    item, flow = locked(item)
    words = text.prose(words, _("退回原因"), field="words", longest=1000)
    place = seated(by, item, flow, turn, step)
    rules.check_return(flow, place.step, to, visited(item))
    say(by, item, place.step, place.visit, Opinion.Act.RETURN, words, to=to, behalf=place.behalf)
    go_back(item, flow, place.visit, to, words, Outcome.RETURNED)
    announce("process.item_returned", item=item, by=by, to=to)
    return item


def reopen_step(by: Person, item: WorkItem, *, turn: int, to: str, reason: str) -> WorkItem:
    """Take the item back to `to` because what was approved there is being changed; part of an action above."""
    item, flow = locked(item)
    rules.check_turn(turn, item.turn)
    visit = StepVisit.objects.get(item=item, step=item.step, outcome=Outcome.OPEN)
    stage(
        "process.step_voided",
        {"number": item.number, "step": item.step, "to": to, "reason": reason},
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
    )
    go_back(item, flow, visit, to, reason, Outcome.VOIDED)
    return item


def change_flow(by: Person, item: WorkItem, *, turn: int, kind: str, flow: str, to: str, reason: str) -> WorkItem:
    """Let an open item go on as another kind, from the step `to` of that kind's flow; part of an action above.

    Every step it has been at must be one of the new flow as well. What was said stays; nothing is its subject any
    more, so that no signature opens anything.
    """
    item, old = locked(item)
    rules.check_turn(turn, item.turn)
    version = FlowVersion.objects.filter(owner=item.owner, key=flow).order_by("-number").first()
    if version is None:
        raise Refused(_("「%(flow)s」还没有发布流程") % {"flow": flow}, help=_("系统管理员可以发布"))
    definition = parse_flow(version.source)
    been = StepVisit.objects.filter(item=item).values_list("step", flat=True)
    rules.check_knows_steps(definition.title, sorted(set(been) - {step.key for step in definition.steps}))
    visits = list(StepVisit.objects.filter(item=item, outcome=Outcome.OPEN).order_by("id"))
    data = {"number": item.number, "step": item.step, "to": to, "reason": reason, "from": old.key, "flow": flow}
    stage("process.step_voided", data, actor=by.actor, org=item.owner.code, item=str(item.uid))
    for visit in visits:
        finish(item, visit, Outcome.VOIDED, reason)
    item.flow, item.kind, item.subject, item.priority = version, kind, "", "normal"
    item.save(update_fields=["flow", "kind", "subject", "priority"])
    enter(item, definition, to, visits[0])
    return item


def conclude_step(item: WorkItem, step: str, words: str) -> None:
    """A step that a room above settles has been settled: an automatic one carried out, a form complete or refused.

    Raises Stale when the item is no longer there; the gates of the step hold here too.
    """
    item = WorkItem.objects.select_for_update(of=("self",)).select_related("flow", "owner", "system").get(id=item.id)
    flow = parse_flow(item.flow.source)
    visit = StepVisit.objects.filter(item=item, step=step, outcome=Outcome.OPEN).first()
    if visit is None or not (flow.step(step).auto or flow.step(step).form):
        raise Stale(_("「%(step)s」已经过去") % {"step": flow.step(step).title})
    rules.check_gates(gates_of(item, flow.step(step)))
    ref = stage(
        "process.step_concluded",
        {"number": item.number, "step": step, "words": words},
        actor="weilu",
        org=item.owner.code,
        item=str(item.uid),
    )
    note(item, "flow", words, evidence=ref)
    finish(item, visit, Outcome.DONE, words)
    enter(item, flow, flow.step(step).then, visit)


def set_subject(item: WorkItem, digest: str) -> None:
    """What is being approved is now `digest`: signatures and facts that named another no longer count."""
    WorkItem.objects.filter(id=item.id).update(subject=digest, turn=item.turn + 1)
    item.subject, item.turn = digest, item.turn + 1


def record_fact(
    item: WorkItem, key: str, subject: str, holds: bool, proof: str, source: str, evidence: uuid.UUID
) -> Fact:
    """Put a fact on record for the digest `subject`; the newest row of a key and digest is the one that counts."""
    fact = Fact(item=item, key=key, subject=subject, holds=holds, proof=proof[:300], source=source, evidence=evidence)
    insert(fact)
    return fact


def note(
    item: WorkItem,
    kind: str,
    words: str,
    actor: Person | None = None,
    link: str = "",
    evidence: uuid.UUID | None = None,
) -> None:
    """A line of the item's timeline; kinds: flow, file, run, notice, hand."""
    insert(Event(item=item, kind=kind, words=words[:400], actor=actor, link=link, evidence=evidence))
