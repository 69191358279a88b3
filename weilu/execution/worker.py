"""The worker: takes a run, carries its steps out one after another, and goes on where another one died."""

import logging
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections
from django.utils.translation import gettext as _

from weilu.execution import ansible, inplace, journal, lease
from weilu.execution.fleet import engine
from weilu.execution.fleet.calls import end_begun_here
from weilu.execution.fleet.journal import pause as rest_on_hosts
from weilu.execution.models import Run, RunStep
from weilu.execution.steps import BEFORE_STOP, IN_WINDOW, PROOF_FIRST, RECHECKED
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

log = logging.getLogger(__name__)
State = RunStep.State
LONGEST_ATTEMPT = timedelta(minutes=15)
MOST_PROBES, MOST_STUMBLES = 3, 3
IDLE_SECONDS, FOLLOW_SECONDS, TICK_SECONDS = 0.5, 0.08, 0.5


class Worker:
    """One worker process: the run it holds and its fence; everything else is read anew each time."""

    def __init__(self, pools: Sequence[str] = ()) -> None:
        self.holder, self.pools = lease.new_holder(), ("", *pools)
        self.run_id, self.fence = 0, 0
        self.beaten = 0.0
        self.stumbles, self.stumbled_on = 0, 0

    def work_once(self) -> bool:
        """Do what can be done now, at most one step's beginning or end; whether there was anything."""
        if not self.run_id:
            taken = lease.claim(self.holder, self.pools)
            if taken is None:
                return False
            self.run_id, self.fence = taken
            self.beaten = time.monotonic()
        try:
            return self._advance()
        except lease.Fenced:
            self._let_go()
            return True

    def _let_go(self) -> None:
        """The run rests, has ended, or is another's now."""
        run = Run.objects.filter(id=self.run_id).first()
        self.run_id = 0
        if run is not None and run.on_hosts:
            end_begun_here(run)

    def stumbled(self) -> None:
        """A turn ended in an error nobody foresaw; after the third in a row on one run a person has to look."""
        self.stumbles = self.stumbles + 1 if self.run_id == self.stumbled_on else 1
        self.stumbled_on = self.run_id
        run = Run.objects.filter(id=self.run_id, fence=self.fence).first() if self.run_id else None
        if self.stumbles >= MOST_STUMBLES and run is not None and run.on_hosts:
            rest_on_hosts(run, _("工作机内部错误，三次都没有过去。详情在工作机的日志里，查明后再继续"))
            self.run_id, self.stumbles = 0, 0

    def _advance(self) -> bool:
        run = self._read()
        if run is None:
            self._let_go()
            return True
        if run.on_hosts:
            moved = engine.advance(run)
            if not moved and run.cause and not run.steps.filter(state=State.STARTED).exists():
                lease.rest(run.id, run.fence)  # it waits for something outside: meanwhile another run may go on
                self.run_id = 0
            return moved
        step = run.steps.filter(state__in=(State.STARTED, State.WAITING)).order_by("ordinal").first()
        if step is None:
            raise RuntimeError(f"{run.number} runs and has no step left")
        if step.state == State.WAITING:
            return self._begin(run, step)
        return self._follow(run, step)

    def _read(self) -> Run | None:
        """The run while it is ours and runs; keeps the lease alive."""
        run: Run | None = (
            Run.objects.select_related(
                "item__system", "item__flow", "item__owner", "owner", "installation", "cancelled_by"
            )
            .filter(id=self.run_id, fence=self.fence, state__in=(Run.State.QUEUED, Run.State.RUNNING))
            .first()
        )
        if run is not None and time.monotonic() - self.beaten > lease.BEAT_SECONDS:
            lease.beat(self.run_id, self.fence)
            self.beaten = time.monotonic()
        return run

    def _begin(self, run: Run, step: RunStep) -> bool:
        if run.cancelled_by and run.phase == Run.Phase.FORWARD and step.key in (*BEFORE_STOP, "stop"):
            held = run.steps.filter(key="hold_writes", state=State.DONE).exists()
            journal.cancel(run, _("%(name)s 取消了这次执行") % {"name": run.cancelled_by.name}, held=held)
            return True
        refusal = _recheck(run, step)
        if refusal:
            step.attempt = step.attempt or 1
            step.started_at = now()
            journal.settle(run, step, ok=False, words=refusal, result={}, untouched=True)
            return True
        journal.begin(run, step)
        if step.kind.on_target:
            _launch(run, step, "do")
            return True
        return self._in_place(run, step)

    def _follow(self, run: Run, step: RunStep) -> bool:
        if not step.kind.on_target:
            return self._in_place(run, step)
        if (step.machine, step.boot) != (lease.machine(), lease.boot_id()):
            return self._probe(run, step, _("这一步由另一台工作机或上次开机时开始，先查看目标机"))
        folder = attempt_folder(run, step)
        seen = ansible.look(folder, step.seen)
        if seen.state == "running":
            return self._running(run, step, folder, seen)
        if seen.state == "never":
            journal.begin(
                run, step, _("上一个工作进程在这一步开始之前停了；目标机没有动过，现在开始"), probing=step.probing
            )
            _launch(run, step, "probe" if step.probing else "do")
        elif seen.state == "lost":
            journal.take_over_lines(run, step, seen.seen, seen.lines)
            self._probe(run, step, _("执行中断，没有结果；先查看目标机，再决定是否重做"))
            ansible.scrub(folder)
        else:
            self._finished(run, step, seen)
            ansible.scrub(folder)
        return True

    def _running(self, run: Run, step: RunStep, folder: Path, seen: ansible.Seen) -> bool:
        if seen.lines:
            journal.take_over_lines(run, step, seen.seen, seen.lines)
        if step.started_at and now() - step.started_at > LONGEST_ATTEMPT * step.attempt:
            ansible.stop(folder)
        return bool(seen.lines)

    def _probe(self, run: Run, step: RunStep, words: str) -> bool:
        if step.attempt > MOST_PROBES * 2:
            journal.ask(run, step, _("几次查看都没有得到目标机的回答"))
            return True
        journal.begin(run, step, words, probing=True)
        _launch(run, step, "probe")
        return True

    def _finished(self, run: Run, step: RunStep, seen: ansible.Seen) -> None:
        journal.take_over_lines(run, step, seen.seen, seen.lines)
        answer = seen.result
        if not step.probing or not answer.get("ok"):
            if step.probing:
                journal.ask(run, step, answer["sentence"])
                return
            _settle(run, step, answer)
            return
        shown = answer["result"]
        if shown["state"] == "undone":
            journal.begin(run, step, _("目标机显示这一步没有做过，现在重做"))
            _launch(run, step, "do")
        elif shown["state"] == "unknown":
            journal.ask(run, step, _("目标机看不出这一步是否做过"))
        elif shown["state"] == "done":
            _settle(run, step, {"ok": True, "result": {**shown["result"], "probed": True}})
        else:
            _settle(run, step, {"ok": False, **shown})

    def _in_place(self, run: Run, step: RunStep) -> bool:
        """Steps the worker takes itself: they only read, so beginning again is harmless."""
        try:
            done = inplace.STEPS[step.key](run)
        except Refused as problem:
            found = problem.result if isinstance(problem, inplace.NotAccepted) else {}
            journal.settle(run, step, ok=False, words=problem.reason, result=found, untouched=True)
            return True
        if done is None:
            return False
        words, result = done
        journal.settle(run, step, ok=True, words=words, result=result)
        return True


def _recheck(run: Run, step: RunStep) -> str:
    """Why this step may not begin now; asked by the worker itself, whatever was true when it was ordered."""
    if run.phase != Run.Phase.FORWARD:
        return ""
    try:
        inplace.recheck(
            run, approval=step.key in RECHECKED, window=step.key in IN_WINDOW, proof=step.key in PROOF_FIRST
        )
    except Refused as problem:
        return str(problem.reason)
    return ""


def _settle(run: Run, step: RunStep, answer: dict[str, Any]) -> None:
    if answer["ok"]:
        journal.settle(run, step, ok=True, words=inplace.words_of(step, answer["result"]), result=answer["result"])
    else:
        untouched = bool(answer.get("untouched"))
        journal.settle(run, step, ok=False, words=answer["sentence"], result={}, untouched=untouched)


def attempt_folder(run: Run, step: RunStep) -> Path:
    """Where one attempt of a step leaves its artifacts."""
    name = f"{step.key}-{step.ordinal}-{step.attempt}"
    return Path(settings.CONFIG.data_dir) / "attempts" / str(run.uid) / name


def _launch(run: Run, step: RunStep, verb: str) -> None:
    where = run.place
    rehearsed = run.steps.filter(key="rehearse").first()
    order = {
        "run": run.number, "fence": run.fence, "root": where.root, "name": where.name, "version": run.plan["version"],
        "sha256": run.plan["sha256"], "wheel": run.plan["wheel"], "channel": where.channel,
        "criteria": run.plan["criteria"], "schema": rehearsed.result.get("schema", -1) if rehearsed else -1,
    }  # fmt: skip
    folder = attempt_folder(run, step)
    attempts = folder.parent.parent
    attempts.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.exists() and not (folder / "launched.json").exists():
        shutil.rmtree(folder)
    ansible.start(folder, where.host, where.url, verb, step.key, order)


_worker: list[Worker] = []


def work_once() -> bool:
    """One turn of this process's worker."""
    if not _worker:
        _worker.append(Worker())
    return _worker[0].work_once()


def work_forever(stop: Event, pools: Sequence[str] = ()) -> None:
    """Take turns until `stop` is set; evidence gets its place in between. `pools`: labels of hosts it reaches."""
    from weilu.evidence.actions import tick

    worker, ticked = Worker(pools), 0.0
    while not stop.is_set():
        busy = False
        try:
            if time.monotonic() - ticked >= TICK_SECONDS:
                tick()
                ticked = time.monotonic()
            busy = worker.work_once()
        except (OperationalError, InterfaceError):
            # The edge of the worker: a database that is locked or away comes back; the journal says how far we are.
            log.exception("the database did not answer; trying again")
            stop.wait(2)
        except Exception:
            # A fault of Weilu's own: it must not take the other runs along, nor be tried for ever.
            log.exception("a turn of the worker failed")
            with suppress(OperationalError, InterfaceError, lease.Fenced):  # then the next turn finds out
                worker.stumbled()
            stop.wait(2)
        close_old_connections()
        if not busy:
            stop.wait(FOLLOW_SECONDS if worker.run_id else IDLE_SECONDS)
    if worker.run_id:
        try:
            lease.let_go(worker.run_id, worker.fence)
        except (lease.Fenced, DatabaseError):
            log.info("the run was taken or the database is away; the lease ends by itself")
