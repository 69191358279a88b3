"""The journal of a run: intent before the effect, result after, each in one guarded transaction.

These are the worker's own writes; what people do to a run stands in `actions.py`.
"""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.execution import lease
from weilu.execution.masking import mask
from weilu.execution.models import Run, RunEvent, RunStep
from weilu.execution.steps import FACTS, HOLDING, IN_WINDOW, KINDS, WAY_BACK
from weilu.kernel.canonical import digest
from weilu.kernel.events import announce
from weilu.kernel.statements import Prepared, change, insert, slot
from weilu.kernel.times import iso, now
from weilu.process.actions import note, record_fact
from weilu.systems.models import Installation

WORKER = "weilu"  # the actor of what no person did
State = RunStep.State
LONGEST_LINE = 2000
LEFT = Prepared(lambda: RunStep.objects.filter(run=slot("run"), state=State.WAITING).values_list("id", flat=True)[:1])
Line = tuple[str, str]  # kind, text


def tell(run: Run, step: str, lines: list[Line], **changes: Any) -> None:
    """Change the run's row while it is ours, and append to its log: numbers follow one another without a gap."""
    last = lease.guarded(run.id, run.fence, len(lines), **changes)
    insert(
        *(
            RunEvent(run=run, seq=seq, step=step, kind=kind, text=mask(text)[:LONGEST_LINE])
            for seq, (kind, text) in enumerate(lines, start=last - len(lines) + 1)
        )
    )


@transaction.atomic
def begin(run: Run, step: RunStep, words: str = "", *, probing: bool = False) -> None:
    """Commit the intent: from here on the step may have an effect."""
    changes: dict[str, Any] = {"lease_until": now() + lease.LEASE}
    if run.state != Run.State.RUNNING:
        run.state = changes["state"] = Run.State.RUNNING
    if run.started_at is None:
        run.started_at = changes["started_at"] = now()
    said = words or _("开始：%(title)s") % {"title": step.title}
    tell(run, step.key, [(RunEvent.Kind.PLAIN, said)], **changes)
    _put(
        step, state=State.STARTED, probing=probing, seen=0, attempt=step.attempt + 1,
        machine=lease.machine(), boot=lease.boot_id(), started_at=step.started_at or now(),
    )  # fmt: skip


def _put(step: RunStep, **values: Any) -> None:
    """Set these columns of the step, in its row and in hand."""
    change(RunStep, {"id": step.id}, **values)
    for name, value in values.items():
        setattr(step, name, value)


@transaction.atomic
def take_over_lines(run: Run, step: RunStep, seen: int, lines: list[tuple[str, str]]) -> None:
    """Output of a running attempt, and how far it has been read."""
    tell(run, step.key, lines, lease_until=now() + lease.LEASE)
    _put(step, seen=seen)


@transaction.atomic
def settle(run: Run, step: RunStep, *, ok: bool, words: str, result: dict[str, Any], untouched: bool = False) -> None:
    """Commit the result of a step, what it proves, and what comes next."""
    words = mask(words)
    kind = RunEvent.Kind.PLAIN if ok else RunEvent.Kind.ERROR
    tell(run, step.key, [(kind, words)], lease_until=now() + lease.LEASE)
    _write_result(run, step, ok, words, result)
    if ok:
        _go_on(run, step)
    elif run.phase != Run.Phase.FORWARD or step.key == "open_writes":
        _ask(run, step, words)
    else:
        _fail(run, step, words, untouched=untouched)


def _write_result(run: Run, step: RunStep, ok: bool, words: str, result: dict[str, Any]) -> None:
    state, ended_at = (State.DONE if ok else State.FAILED), now()
    record = {
        "run": run.number, "step": step.key, "attempt": step.attempt, "outcome": str(state),
        "words": words, "result": result, "plan": run.subject, "ended_at": iso(ended_at),
    }  # fmt: skip
    kind = "execution.step_done" if ok else "execution.step_failed"
    ref = stage(kind, record, actor=WORKER, org=run.owner.code, item=str(run.item.uid))
    _put(
        step, state=state, attempt=step.attempt, started_at=step.started_at, ended_at=ended_at,
        words=words, result=result, digest=digest(record), evidence=ref,
    )  # fmt: skip
    key = FACTS.get(step.key) or ("backup.restored" if step.key in ("backup", "hold_writes") and not ok else "")
    if key and run.phase == Run.Phase.FORWARD:
        record_fact(run.item, key, run.subject, ok, words, run.number, ref)


def _go_on(run: Run, step: RunStep) -> None:
    if LEFT(run=run.id):
        return
    ends = {Run.Phase.FORWARD: Run.State.SUCCEEDED, Run.Phase.BACK: Run.State.WENT_BACK}
    conclude(run, ends.get(Run.Phase(run.phase), Run.State.FAILED))


def _fail(run: Run, step: RunStep, words: str, *, untouched: bool) -> None:
    """Nothing changed yet: stop here. From `stop` on: go back."""
    run.steps.filter(state=State.WAITING).update(state=State.SKIPPED)
    changes: dict[str, Any] = {"cause": words}
    lines: list[Line] = []
    forward = list(KINDS).index(step.key) >= list(KINDS).index("stop") and not (step.key in HOLDING and untouched)
    if forward:
        _append(run, WAY_BACK)
        changes["phase"] = Run.Phase.BACK
        lines = [(RunEvent.Kind.PLAIN, _("升级没有通过，按方案回退"))]
    elif step.key in IN_WINDOW:
        _append(run, ("open_writes",))
        changes["phase"] = Run.Phase.STOPPING
    tell(run, step.key, lines, **changes)
    run.cause = changes["cause"]
    if "phase" not in changes:
        conclude(run, Run.State.FAILED)


def _append(run: Run, keys: tuple[str, ...]) -> None:
    last = run.steps.aggregate(last=Max("ordinal"))["last"]
    RunStep.objects.bulk_create(
        RunStep(run=run, key=key, title=str(KINDS[key].title), ordinal=last + place)
        for place, key in enumerate(keys, start=1)
    )


def _ask(run: Run, step: RunStep, words: str) -> None:
    RunStep.objects.filter(id=step.id).update(state=State.ASKS)
    lines: list[Line] = [(RunEvent.Kind.ERROR, _("等人判断：%(words)s") % {"words": words})]
    cause = run.cause or mask(words)
    tell(run, step.key, lines, state=Run.State.ASKS, cause=cause, lease_until=None, holder="")
    note(
        run.item, "run", _("%(run)s 在「%(step)s」等人判断") % {"run": run.number, "step": step.title}, link=_link(run)
    )
    run.state = Run.State.ASKS
    announce("execution.run_finished", run=run)


@transaction.atomic
def ask(run: Run, step: RunStep, words: str) -> None:
    """Nobody can tell whether the step took effect: wait for a named person."""
    lease.guarded(run.id, run.fence, lease_until=now() + lease.LEASE)
    record = {"run": run.number, "step": step.key, "attempt": step.attempt, "words": words, "plan": run.subject}
    stage("execution.step_asks", record, actor=WORKER, org=run.owner.code, item=str(run.item.uid), urgent=True)
    _ask(run, step, words)


@transaction.atomic
def cancel(run: Run, words: str, *, held: bool) -> None:
    """End a run that a person cancelled before the old version was stopped."""
    run.steps.filter(state=State.WAITING).update(state=State.SKIPPED)
    run.cause = words
    lease.guarded(run.id, run.fence, cause=words, phase=Run.Phase.STOPPING)
    run.phase = Run.Phase.STOPPING
    if held:
        _append(run, ("open_writes",))
    else:
        conclude(run, Run.State.FAILED)


def conclude(run: Run, state: str) -> None:
    """The run is over; inside a guarded transaction."""
    run.state, run.ended_at = state, now()
    words = {
        Run.State.SUCCEEDED: _("已升级到 %(version)s") % {"version": run.plan["version"]},
        Run.State.WENT_BACK: _("已回退到 %(version)s，代码与数据与升级前一致") % {"version": run.version_from},
    }.get(Run.State(state), _("没有升级：%(cause)s") % {"cause": run.cause})
    lines: list[Line] = [(RunEvent.Kind.PLAIN, words)]
    tell(run, "", lines, state=state, ended_at=run.ended_at, lease_until=None, holder="")
    record = {
        "run": run.number, "state": state, "plan": run.subject, "words": words, "cause": run.cause,
        "steps": [[step.key, step.state, step.digest] for step in run.steps.order_by("ordinal")],
    }  # fmt: skip
    ref = stage("execution.run_finished", record, actor=WORKER, org=run.owner.code, item=str(run.item.uid), urgent=True)
    if state == Run.State.SUCCEEDED:
        Installation.objects.filter(id=run.place.id).update(version=run.plan["version"])
    holds = state in (Run.State.SUCCEEDED, Run.State.WENT_BACK)
    record_fact(run.item, "run.concluded", run.subject, holds, words, run.number, ref)
    note(run.item, "run", f"{run.number} {words}", link=_link(run), evidence=ref)
    announce("execution.run_finished", run=run)


def _link(run: Run) -> str:
    return f"/runs/{run.uid}/"
