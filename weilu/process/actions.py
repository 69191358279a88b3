"""What moves a work item: open, sign, return, facts; the only code that writes its rows."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.kernel import text, worktime
from weilu.kernel.actions import action
from weilu.kernel.canonical import sha256_hex
from weilu.kernel.events import announce
from weilu.kernel.numbering import take_number
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.statements import Prepared, change, insert, slot
from weilu.kernel.times import now
from weilu.process import rules
from weilu.process.flow import END, Flow, Step, parse_flow
from weilu.process.models import UNDATED, Event, Fact, FlowVersion, Opinion, Seat, StepVisit, WorkItem
from weilu.process.publishing import check_publishable
from weilu.process.queries import acted, gates_of
from weilu.process.search import keep_words
from weilu.process.who import is_meant, people_asked
from weilu.systems.models import System

Outcome = StepVisit.Outcome
OFFICE = worktime.Calendar()

ITEM = Prepared(
    lambda: WorkItem.objects.select_for_update(of=("self",)).select_related("flow", "owner").filter(id=slot("item"))
)
SEATS = Prepared(lambda: Seat.objects.filter(item=slot("item"), visit__outcome=Outcome.OPEN).select_related("visit"))
VISITED = Prepared(lambda: StepVisit.objects.filter(item=slot("item")).values_list("step"))


@action("process.publish_flow")
def publish_flow(by: Person | None, owner: Organisation, source: str) -> FlowVersion:
    """Make `source` the newest version of its flow for `owner`; running items stay on theirs.

    The same bytes again are the same version. `by` is None only for flows the product ships.
    """
    if by is not None and not by.may("flows.publish", owner.id):
        raise Refused(_("发布流程要由系统管理员办"))
    flow = parse_flow(source)
    check_publishable(flow, owner)
    digest = sha256_hex(source.encode())
    same = FlowVersion.objects.filter(owner=owner, key=flow.key, digest=digest).first()
    if same:
        return same
    last = FlowVersion.objects.filter(owner=owner, key=flow.key).order_by("-number").first()
    number = last.number + 1 if last else 1
    version = FlowVersion.objects.create(
        owner=owner, key=flow.key, number=number, digest=digest, source=source, published_by=by.actor if by else "weilu"
    )
    stage(
        "process.flow_published",
        {"flow": flow.key, "number": number, "digest": digest},
        actor=version.published_by,
        org=owner.code,
    )
    return version


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
) -> WorkItem:
    """A new item of the newest version of `flow`, its first step signed by its requester; part of an action above.

    Searching finds it by title, system and requester, and by `found_by`.
    """
    version = FlowVersion.objects.filter(owner=system.owner, key=flow).order_by("-number").first()
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
        opened_at=instant,
    )
    insert(item)
    keep_words(item, found_by)
    definition = parse_flow(version.source)
    first = definition.steps[0]
    visit = StepVisit(item=item, step=first.key, ordinal=1, opened_at=instant)
    insert(visit)
    item.step = first.key
    _say(by, item, definition, first, visit, Opinion.Act.AGREE, words)
    _finish(item, visit, Outcome.DONE)
    _enter(item, definition, first.then)
    return item


@action("process.sign_step")
def sign_step(by: Person, item: WorkItem, *, turn: int, subject: str = "", words: str = "") -> WorkItem:
    """Agree in the present step, with the digest the page showed; the step ends when enough have agreed.

    Raises Stale when the item moved on since `turn`, Refused when the step is not theirs, is done
    by a form, or a gate is closed.
    """
    return say_in_step(by, item, turn=turn, subject=subject, words=words, form="")


def say_in_step(by: Person, item: WorkItem, *, turn: int, subject: str, words: str, form: str) -> WorkItem:
    """`sign_step` for the action of a room above that has just kept the step's `form`."""
    item, flow, step = _locked(item, turn)
    if step.form != form:
        raise Refused(_("「%(step)s」要填写内容，不能只签名") % {"step": step.title}, rules.NO_STEP_SKIPPED)
    mine, seats = _seated(by, item, flow, step)
    if item.subject and not form:
        rules.check_subject(subject, item.subject)
    rules.check_gates(gates_of(item, step))
    _say(by, item, flow, step, mine.visit, Opinion.Act.AGREE, words)
    _settle(by, mine, Opinion.Act.AGREE, item, flow, step, seats)
    return item


@action("process.refuse_step")
def refuse_step(by: Person, item: WorkItem, *, turn: int, words: str) -> WorkItem:
    """Disagree where the step says `veto: false`: the vote is lost, the step goes on while it can."""
    item, flow, step = _locked(item, turn)
    if step.veto:
        raise Refused(_("这一步不同意就是退回。用「退回」并写明退到哪一步"), rules.NO_STEP_SKIPPED)
    words = text.prose(words, _("意见"), field="words", longest=1000)
    mine, seats = _seated(by, item, flow, step)
    _say(by, item, flow, step, mine.visit, Opinion.Act.REFUSE, words)
    _settle(by, mine, Opinion.Act.REFUSE, item, flow, step, seats)
    return item


@action("process.return_item")
def return_item(by: Person, item: WorkItem, *, turn: int, to: str, words: str) -> WorkItem:
    """Send the item back to an earlier visited step, with a reason; opinions stay, a new visit opens there."""
    item, flow, step = _locked(item, turn)
    words = text.prose(words, _("退回原因"), field="words", longest=1000)
    mine, _seats = _seated(by, item, flow, step)
    rules.check_return(flow, step, to, _visited(item))
    _say(by, item, flow, step, mine.visit, Opinion.Act.RETURN, words, to=to)
    _go_back(item, flow, mine.visit, to, words, Outcome.RETURNED, resume=step.key if step.direct else "")
    announce("process.item_returned", item=item, by=by, to=to)
    return item


def reopen_step(by: Person, item: WorkItem, *, turn: int, to: str, reason: str) -> WorkItem:
    """Take the item back to `to` because what was approved there is being changed; part of an action above."""
    item, flow, step = _locked(item, turn)
    visit = StepVisit.objects.get(item=item, outcome=Outcome.OPEN)
    stage(
        "process.step_voided",
        {"number": item.number, "step": step.key, "to": to, "reason": reason},
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
    )
    _go_back(item, flow, visit, to, reason, Outcome.VOIDED)
    return item


def conclude_step(item: WorkItem, step: str, words: str) -> None:
    """A step that a room above settles has been settled: an automatic one carried out, a form complete or refused.

    Raises Stale when the item is no longer there; the gates of the step hold here too.
    """
    item = WorkItem.objects.select_for_update(of=("self",)).select_related("flow", "owner", "system").get(id=item.id)
    flow = parse_flow(item.flow.source)
    if item.step != step or not (flow.step(step).auto or flow.step(step).form):
        raise Stale(_("「%(step)s」已经过去") % {"step": flow.step(step).title})
    rules.check_gates(gates_of(item, flow.step(step)))
    visit = StepVisit.objects.get(item=item, step=step, outcome=Outcome.OPEN)
    ref = stage(
        "process.step_concluded",
        {"number": item.number, "step": step, "words": words},
        actor="weilu",
        org=item.owner.code,
        item=str(item.uid),
    )
    note(item, "flow", words, evidence=ref)
    _finish(item, visit, Outcome.DONE, words)
    _enter(item, flow, flow.step(step).then)


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
    """A line of the item's timeline; kinds: flow, file, run, notice."""
    insert(Event(item=item, kind=kind, words=words[:400], actor=actor, link=link, evidence=evidence))


def _locked(item: WorkItem, turn: int) -> tuple[WorkItem, Flow, Step]:
    found = ITEM(item=item.id)[0]
    if found.state != WorkItem.State.OPEN:
        raise Stale(_("工单已办结，不能再改"), rules.NO_STEP_SKIPPED)
    rules.check_turn(turn, found.turn)
    flow = parse_flow(found.flow.source)
    return found, flow, flow.step(found.step)


def _seated(by: Person, item: WorkItem, flow: Flow, step: Step) -> tuple[Seat, list[Seat]]:
    """The seat of `by` in the open visit, while it is open itself, and all seats of that visit."""
    seats = SEATS(item=item.id)
    rules.check_not_barred(flow, step, by.id, acted(item, step.not_also))
    mine = next((seat for seat in seats if seat.person_id == by.id), None)
    if mine is None:
        raise Refused(
            _("「%(step)s」不由您办") % {"step": step.title},
            rules.NO_STEP_SKIPPED,
            help=_waiting(seats),
        )
    if not any(is_meant(by, who, item) for who in step.who):
        raise Refused(
            _("您现在已没有「%(step)s」要求的角色") % {"step": step.title},
            rules.NOT_ONES_OWN,
            help=_("系统管理员可以指定有资格的人"),
        )
    if not mine.open:
        raise Refused(_("您已签过这一步"), rules.NO_STEP_SKIPPED, help=_waiting(seats))
    return mine, seats


def _waiting(seats: list[Seat]) -> str:
    people = Person.objects.in_bulk([seat.person_id for seat in seats if seat.open])
    return _("在等 %(names)s") % {"names": _("、").join(person.name for person in people.values())}


def _say(
    by: Person, item: WorkItem, flow: Flow, step: Step, visit: StepVisit, act: str, words: str, to: str = ""
) -> None:
    """One opinion, with its evidence; it is never changed. The caller closes the seat it was said from."""
    words = text.prose(words, _("意见"), field="words", longest=1000, required=False)
    data = {
        "number": item.number, "step": step.key, "title": step.title, "visit": visit.ordinal, "act": act,
        "words": words, "subject": item.subject, "flow": item.flow.digest,
    }  # fmt: skip
    if to:
        data["to"] = to
    ref = stage("process.step_signed", data, actor=by.actor, org=item.owner.code, item=str(item.uid), urgent=True)
    insert(Opinion(visit=visit, item=item, person=by, act=act, words=words, subject=item.subject, evidence=ref))


def _settle(by: Person, mine: Seat, act: str, item: WorkItem, flow: Flow, step: Step, seats: list[Seat]) -> None:
    """What follows from `act`, which `by` has just said from the seat `mine`."""
    visit = mine.visit
    said = {seat.person_id: str(Opinion.Act.AGREE) for seat in seats if not seat.open}
    if not step.veto:  # elsewhere a refusal ends the visit: whoever has left their seat has agreed
        said = dict(Opinion.objects.filter(visit=visit).values_list("person_id", "act"))
    said[mine.person_id] = act
    agreed = {person for person, word in said.items() if word == Opinion.Act.AGREE}
    asked = {seat.person_id for seat in seats}
    match rules.outcome(step, asked, agreed, set(said) - agreed):
        case "open":
            change(Seat, {"id": mine.id}, open=False)
        case "done":
            _finish(item, visit, Outcome.DONE)
            announce("process.step_done", item=item, step=step, by=by)
            _enter(item, flow, visit.resume or step.then)
        case "returned":
            target = rules.return_targets(flow, step, _visited(item))[-1]
            _go_back(item, flow, visit, target.key, _("不同意的人太多，已达不到要求的人数"), Outcome.RETURNED)


def _finish(item: WorkItem, visit: StepVisit, outcome: str, reason: str = "") -> None:
    change(StepVisit, {"id": visit.id}, outcome=outcome, reason=reason, closed_at=now())
    change(Seat, {"visit": visit.id, "open": True}, open=False)


def _go_back(
    item: WorkItem, flow: Flow, visit: StepVisit, to: str, reason: str, outcome: str, resume: str = ""
) -> None:
    _finish(item, visit, outcome, reason)
    _enter(item, flow, to, resume)


def _enter(item: WorkItem, flow: Flow, key: str, resume: str = "") -> None:
    """Open the next visit; conditional steps that are not required are visited, recorded and passed."""
    while key != END:
        step = flow.step(key)
        if step.when is None or step.when.holds(item.facets):
            break
        reason = _("不需要，因为 %(condition)s 不成立") % {"condition": step.when.text}
        visit = _new_visit(item, step)
        _finish(item, visit, Outcome.NOT_REQUIRED, reason)
        key = step.then
    item.turn += 1
    if key == END:
        item.step, item.state, item.closed_at, item.due_at = "", WorkItem.State.CLOSED, now(), None
        item.save(update_fields=["step", "state", "closed_at", "due_at", "turn"])
        stage("process.item_closed", {"number": item.number}, actor="weilu", org=item.owner.code, item=str(item.uid))
        announce("process.item_closed", item=item)
        return
    item.step = key
    people = [] if step.auto else people_asked(step, item, rules.barred(step, acted(item, step.not_also)))
    if not step.auto:
        rules.check_enough(step, [person.id for person in people])
    visit = _new_visit(item, step, resume)
    item.due_at = visit.due_at
    change(WorkItem, {"id": item.id}, step=key, due_at=item.due_at, turn=item.turn)
    insert(
        *(
            Seat(visit=visit, item=item, person=person, due_at=visit.due_at or UNDATED, since=visit.opened_at)
            for person in people
        )
    )
    announce("process.step_entered", item=item, step=step)


def _new_visit(item: WorkItem, step: Step, resume: str = "") -> StepVisit:
    ordinal = sum(1 for (key,) in VISITED(item=item.id) if key == step.key) + 1
    instant = now()
    due = worktime.add(instant, step.hours * 60, OFFICE) if step.hours else None
    visit = StepVisit(item=item, step=step.key, ordinal=ordinal, opened_at=instant, due_at=due, resume=resume)
    insert(visit)
    return visit


def _visited(item: WorkItem) -> set[str]:
    return {key for (key,) in VISITED(item=item.id)}
