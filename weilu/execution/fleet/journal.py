"""The journal of a run on hosts: intent before the effect, each host's result after, in guarded transactions.

These are the worker's own writes; what people do to a run stands in `actions.py`.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.execution import lease
from weilu.execution.fleet import orders
from weilu.execution.journal import LONGEST_LINE, WORKER
from weilu.execution.masking import mask
from weilu.execution.models import Cell, Run, RunEvent, RunHost, RunStep
from weilu.kernel.canonical import digest
from weilu.kernel.events import announce
from weilu.kernel.statements import insert
from weilu.kernel.times import iso, now
from weilu.process.actions import note, record_fact

PLAIN, OUTPUT, ERROR = RunEvent.Kind.PLAIN, RunEvent.Kind.LINE, RunEvent.Kind.ERROR
MOST_ROWS = 1000  # of one statement: databases bound its parameters
Line = tuple[int | None, str, str]  # ordinal of the host (None: the run itself), kind, text


def tell(run: Run, step: str, lines: Sequence[Line], **changes: Any) -> None:
    """Change the run's row while it is ours, and append to its log: numbers follow one another without a gap."""
    last = lease.guarded(run.id, run.fence, len(lines), **changes)
    rows = [
        RunEvent(run=run, seq=seq, step=step, host=host, kind=kind, text=mask(text)[:LONGEST_LINE])
        for seq, (host, kind, text) in enumerate(lines, start=last - len(lines) + 1)
    ]
    for part in range(0, len(rows), MOST_ROWS):
        insert(*rows[part : part + MOST_ROWS])
    for name, value in changes.items():
        setattr(run, name, value)


def say(run: Run, step: str, words: str, *, error: bool = False, **changes: Any) -> None:
    tell(run, step, [(None, ERROR if error else PLAIN, words)], **changes)


@transaction.atomic
def begin(run: Run, step: RunStep, hosts: Sequence[RunHost], verb: str, *, changing: bool, words: str = "") -> None:
    """Commit the intent of an attempt: from here on the step may have an effect on these hosts."""
    changes: dict[str, Any] = {"lease_until": now() + lease.LEASE, "state": Run.State.RUNNING}
    if run.started_at is None:
        changes["started_at"] = now()
    said = words or (_("开始：%(title)s，%(count)d 台") % {"title": step.title, "count": len(hosts)})
    say(run, step.key, said, **changes)
    step.attempt, step.state, step.probing = step.attempt + 1, RunStep.State.STARTED, verb == "probe"
    step.machine, step.boot = lease.machine(), lease.boot_id()
    step.started_at = step.started_at or now()
    step.save(update_fields=["attempt", "state", "probing", "machine", "boot", "started_at", "result"])
    known = {cell.host_id: cell for cell in step.cells.filter(host__in=hosts)}
    Cell.objects.bulk_create(Cell(step=step, host=host) for host in hosts if host.id not in known)
    for cell in known.values():
        cell.attempt, cell.todo, cell.seen, cell.state = cell.attempt + 1, "", 0, Cell.State.STARTED
    Cell.objects.bulk_update(known.values(), ["attempt", "todo", "seen", "state"])
    if changing:
        RunHost.objects.filter(id__in=[host.id for host in hosts], changed=False).update(changed=True)


@transaction.atomic
def take_over(run: Run, step: RunStep, lines: Sequence[Line], cells: Iterable[Cell], ended: Iterable[Cell]) -> None:
    """What hosts said since the last look, how far it was read, and the cells that told their end by it."""
    tell(run, step.key, lines, lease_until=now() + lease.LEASE)
    Cell.objects.bulk_update(cells, ["seen", "todo", "result"])
    Cell.objects.bulk_update(ended, ["state", "words", "result", "todo", "ended_at"])


@transaction.atomic
def finish(run: Run, step: RunStep, cells: Sequence[Cell]) -> None:
    """Every host of the step has ended: commit its result, and what it means for each host."""
    failed = [cell for cell in cells if cell.state == Cell.State.FAILED]
    rehearsal = run.purpose == Run.Purpose.REHEARSE
    for cell in failed:
        words = mask(cell.words)
        state = RunHost.State.STUCK if step.phase == Run.Phase.BACK else RunHost.State.FAILED
        if cell.result.get("by_hand"):  # the steps before it are undone all the same; its host is stuck at the end
            continue
        if not rehearsal:
            RunHost.objects.filter(id=cell.host_id).update(state=state, words=words)
    count = {"done": len(cells) - len(failed), "failed": len(failed)}
    words = _("%(title)s：通过 %(done)d 台，失败 %(failed)d 台") % {"title": step.title, **count}
    say(run, step.key, words, error=bool(failed), lease_until=now() + lease.LEASE)
    settle(run, step, not failed, words, count, cells)


def settle(run: Run, step: RunStep, ok: bool, words: str, result: dict[str, Any], cells: Sequence[Cell] = ()) -> UUID:
    """The step's result in its row and on record, which it answers; inside a guarded transaction."""
    state, ended_at = (RunStep.State.DONE if ok else RunStep.State.FAILED), now()
    record = {
        "run": run.number, "step": step.key, "batch": step.batch or 0, "phase": str(step.phase),
        "attempt": step.attempt, "outcome": str(state), "words": mask(words), "result": result, "plan": run.subject,
        "ended_at": iso(ended_at),
        "hosts": [[cell.host.name, str(cell.state), cell.attempt, mask(cell.words)] for cell in cells],
    }  # fmt: skip
    kind = "execution.step_done" if ok else "execution.step_failed"
    ref = stage(kind, record, actor=WORKER, org=run.owner.code, item=str(run.item.uid))
    step.state, step.ended_at, step.words, step.result = state, ended_at, mask(words), step.result | result
    step.digest, step.evidence = digest(record), ref
    step.started_at = step.started_at or ended_at
    step.save(update_fields=["state", "ended_at", "words", "result", "digest", "evidence", "started_at"])
    return ref


@transaction.atomic
def passed(run: Run, step: RunStep, words: str, fact: str = "") -> None:
    """A step of the worker itself is done; `fact` is what it proves."""
    say(run, step.key, words, lease_until=now() + lease.LEASE, cause="")
    ref = settle(run, step, True, words, {})
    if fact:
        record_fact(run.item, fact, run.subject, True, words, run.number, ref)


@transaction.atomic
def refused(run: Run, step: RunStep, words: str) -> None:
    """The worker did not begin: nothing was changed by this run, and nothing of it will be."""
    say(run, step.key, words, error=True, cause=mask(words))
    settle(run, step, False, words, {})
    run.steps.filter(state=RunStep.State.WAITING).update(state=RunStep.State.SKIPPED)
    run.hosts.filter(state=RunHost.State.WAITING).update(state=RunHost.State.LEFT)
    conclude(run, Run.State.FAILED)


@transaction.atomic
def ask(run: Run, step: RunStep, cells: Sequence[Cell]) -> None:
    """Nobody can tell of these hosts whether the step took effect: wait for a named person."""
    asking = [cell for cell in cells if cell.state == Cell.State.ASKS]
    words = _("「%(step)s」在 %(hosts)s 是否做过，要人判断：%(why)s") % {
        "step": step.title, "hosts": _("、").join(cell.host.name for cell in asking[:5]), "why": asking[0].words,
    }  # fmt: skip
    record = {
        "run": run.number, "step": step.key, "batch": step.batch or 0, "attempt": step.attempt, "plan": run.subject,
        "words": mask(words), "hosts": [cell.host.name for cell in asking],
    }  # fmt: skip
    stage("execution.step_asks", record, actor=WORKER, org=run.owner.code, item=str(run.item.uid), urgent=True)
    wait_for_people(run, step, words)


def wait_for_people(run: Run, step: RunStep, words: str) -> None:
    """The run rests in this step until a person acts; inside a transaction."""
    RunStep.objects.filter(id=step.id).update(state=RunStep.State.ASKS, started_at=step.started_at or now())
    changes: dict[str, Any] = {"state": Run.State.ASKS, "cause": mask(words), "lease_until": None, "holder": ""}
    if run.started_at is None:
        changes["started_at"] = now()
    say(run, step.key, _("等人判断：%(words)s") % {"words": words}, error=True, **changes)
    told = _("%(run)s 在「%(step)s」等人判断") % {"run": run.number, "step": step.title}
    note(run.item, "run", told, link=link(run))
    announce("execution.run_finished", run=run)


@transaction.atomic
def pause(run: Run, words: str, *, error: bool = True) -> None:
    """Begin nothing more until a person says what follows; what was begun has ended."""
    record = {"run": run.number, "words": mask(words), "plan": run.subject}
    stage("execution.run_paused", record, actor=WORKER, org=run.owner.code, item=str(run.item.uid), urgent=True)
    rest: dict[str, Any] = {"state": Run.State.PAUSED, "cause": mask(words), "lease_until": None, "holder": ""}
    say(run, "", words, error=error, **rest)
    note(run.item, "run", f"{run.number} {words}", link=link(run))
    announce("execution.run_finished", run=run)


def skip(run: Run, *, batch: int | None = None) -> None:
    """Steps forward that will not be taken, of one batch or of all."""
    left = run.steps.filter(state=RunStep.State.WAITING, phase=Run.Phase.FORWARD)
    (left.filter(batch=batch) if batch is not None else left).update(state=RunStep.State.SKIPPED)


@transaction.atomic
def skip_step(run: Run, step: RunStep) -> None:
    lease.guarded(run.id, run.fence, lease_until=now() + lease.LEASE)
    RunStep.objects.filter(id=step.id).update(state=RunStep.State.SKIPPED)


def append_way_back(run: Run, batch: int, hosts: Sequence[RunHost]) -> bool:
    """Steps that undo what was begun on these hosts in this batch, the last first; whether there are any.

    A step without a way back is named too: it fails there, and says what a person has to do.
    """
    wanted = {host.id for host in hosts}
    steps = run.steps.filter(batch=batch, phase=Run.Phase.FORWARD).prefetch_related("cells").order_by("-ordinal")
    last = run.steps.filter(**_room_of(run, batch)).aggregate(last=Max("ordinal"))["last"]
    ordinal = last or (WHOLE if run.phase == Run.Phase.BACK else batch * PLACES + BACK_FROM)
    fresh = []
    for step in steps:
        if not undoes(run, step.key):
            continue
        touched = sorted(cell.host_id for cell in step.cells.all() if cell.host_id in wanted and _acted(cell))
        if touched:
            ordinal += 1
            title = _("回退：%(title)s") % {"title": step.title}
            fresh.append(
                RunStep(
                    run=run,
                    key=step.key,
                    title=title[:60],
                    ordinal=ordinal,
                    batch=batch,
                    phase=Run.Phase.BACK,
                    result={"hosts": touched},
                )
            )
    RunStep.objects.bulk_create(fresh)
    return bool(fresh)


PLACES, BACK_FROM, WHOLE = 400, 200, 26_000  # ordinals: a batch's steps, its own way back, the whole run's


def _room_of(run: Run, batch: int) -> dict[str, int]:
    if run.phase == Run.Phase.BACK:
        return {"ordinal__gt": WHOLE}
    return {"ordinal__gt": batch * PLACES + BACK_FROM, "ordinal__lt": (batch + 1) * PLACES}


def undoes(run: Run, key: str) -> bool:
    """Whether a step changes hosts, so that going back has to deal with it."""
    return orders.step_of(run.plan, key)["kind"] in orders.CHANGING


def _acted(cell: Cell) -> bool:
    return not cell.result.get("untouched") or cell.state == Cell.State.DONE


def leave_undecided(run: Run, words: str) -> None:
    """A person goes on past a question without an answer: it counts as failed, and is undone like what was done.

    A host whose way back was the question is in no known state: it is named until somebody has mended it.
    """
    for step in run.steps.filter(state=RunStep.State.ASKS):
        asking = step.cells.filter(state=Cell.State.ASKS)
        ids = list(asking.values_list("host", flat=True))
        asking.update(state=Cell.State.FAILED, words=words, ended_at=now())
        state = RunHost.State.STUCK if step.phase == Run.Phase.BACK else RunHost.State.FAILED
        run.hosts.filter(id__in=ids).update(state=state, words=words)
        by_people = not step.cells.exists()
        step.state = RunStep.State.SKIPPED if by_people else RunStep.State.FAILED
        step.ended_at, step.words = now(), words
        step.save(update_fields=["state", "ended_at", "words"])


@transaction.atomic
def turn_back(run: Run, words: str, hosts: Sequence[RunHost]) -> None:
    """The whole run goes back: every host it changed, the last batch first."""
    skip(run)
    say(run, "", words, error=True, phase=Run.Phase.BACK, cause=run.cause or mask(words), state=Run.State.RUNNING)
    run.steps.filter(state=RunStep.State.WAITING).update(state=RunStep.State.SKIPPED)
    run.hosts.filter(state=RunHost.State.WAITING).update(state=RunHost.State.LEFT)
    begun = (RunHost.State.RUNNING, RunHost.State.FAILED)
    run.hosts.filter(state__in=begun, changed=False).update(state=RunHost.State.LEFT)
    run.hosts.filter(id__in=[host.id for host in hosts]).update(state=RunHost.State.RETURNING)
    for batch in sorted({host.batch for host in hosts}, reverse=True):
        append_way_back(run, batch, [host for host in hosts if host.batch == batch])


def conclude(run: Run, state: str) -> None:
    """The run is over: said, on record, and its hosts are free; inside a guarded transaction."""
    hosts = list(run.hosts.order_by("ordinal").values_list("name", "state", "words"))
    words = _words(run, state, [str(each) for _name, each, _words in hosts])
    ended_at = now()
    done = state in (Run.State.SUCCEEDED, Run.State.WENT_BACK, Run.State.PARTLY)
    rest: dict[str, Any] = {"state": state, "ended_at": ended_at, "lease_until": None, "holder": ""}
    say(run, "", words, error=not done, **rest)
    record = {
        "run": run.number, "state": str(state), "plan": run.subject, "words": words, "cause": run.cause,
        "hosts": [list(each) for each in hosts],
        "steps": [[step.key, str(step.state), step.digest] for step in run.steps.order_by("ordinal")],
    }  # fmt: skip
    ref = stage("execution.run_finished", record, actor=WORKER, org=run.owner.code, item=str(run.item.uid), urgent=True)
    run.hosts.update(holds=None)
    if run.purpose == Run.Purpose.REHEARSE:
        record_fact(run.item, "rehearsal.matched", run.subject, state == Run.State.SUCCEEDED, words, run.number, ref)
    else:
        record_fact(run.item, "run.concluded", run.subject, done, words, run.number, ref)
    note(run.item, "run", f"{run.number} {words}", link=link(run), evidence=ref)
    announce("execution.run_finished", run=run)


def _words(run: Run, state: str, states: Sequence[str]) -> str:
    if run.purpose == Run.Purpose.REHEARSE:
        if state == Run.State.SUCCEEDED:
            return _("演练通过，%(count)d 台，逐台的变化见报告") % {"count": len(states)}
        return _("演练没有通过：%(cause)s") % {"cause": run.cause}
    count = {str(each): states.count(each) for each in RunHost.State.values}
    if state == Run.State.SUCCEEDED:
        return _("%(done)d 台全部完成") % count
    told = _("完成 %(done)d 台，已回退 %(back)d 台，未能回退 %(stuck)d 台，未执行 %(left)d 台") % count
    return told + (_("：%(cause)s") % {"cause": run.cause} if run.cause else "")


def link(run: Run) -> str:
    return f"/runs/{run.uid}/"
