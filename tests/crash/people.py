"""What people do meanwhile: they answer what is asked by looking at the host, confirm, sign, and end what stopped."""

import time
from collections.abc import Sequence
from contextlib import suppress
from subprocess import Popen

from tests.crash.conftest import Field, Trial, mend
from tests.fleet.conftest import carry_out, log
from tests.hosts.packages import installed
from weilu.execution.fleet.actions import answer_hosts, confirm_manual, end_run, go_back, resume_run, sign_wait
from weilu.execution.fleet.orders import step_of
from weilu.execution.models import Cell, Run, RunStep
from weilu.execution.worker import Worker
from weilu.kernel.refused import Refused


def attend(field: Field, trial: Trial, processes: Sequence["Popen[str]"], seconds: float) -> None:
    """People act for as long as one of these works, at most so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(one.poll() is None for one in processes):
        trial.run.refresh_from_db()
        if trial.run.state in (Run.State.ASKS, Run.State.PAUSED):
            with suppress(Refused):  # something was quicker
                act(field, trial)
        time.sleep(0.1)


def go_on(field: Field, trial: Trial) -> None:
    """The lease ends, other workers go on; people act until the run is over."""
    Run.objects.filter(id=trial.run.id).update(lease_until=None)
    trial.run.refresh_from_db()
    for _round in range(12):
        if not trial.run.live:
            return
        if trial.run.state in (Run.State.ASKS, Run.State.PAUSED):
            act(field, trial)
        trial.run = carry_out(trial.run, Worker(), seconds=300)
    raise AssertionError(f"{trial.run.number} stops again and again: {trial.run.cause} {log(trial.run)[-25:]}")


def act(field: Field, trial: Trial) -> None:
    """What a person does about a run that rests."""
    run, cast = trial.run, field.fleet.cast
    assert run.cause, "it says what it waits for"
    if run.state == Run.State.PAUSED:
        if run.phase == Run.Phase.BACK:
            resume_run(cast.chen, run, why="继续回退")
        else:
            end_run(cast.chen, run, why="试验到此为止")
        return
    step = run.steps.filter(state=RunStep.State.ASKS).order_by("ordinal").first()
    assert step is not None
    kind = step_of(run.plan, step.key)["kind"]
    if kind == "manual" and trial.drawn.name == "back":
        go_back(cast.chen, run, why="不等了")
    elif kind == "manual":
        confirm_manual(cast.chen, run, words="看过了", evidence=[(b"picture", "机柜.png")])
    elif kind == "signature":
        sign_wait(cast.wu, run)
    else:
        answer_hosts(cast.chen, run, answers=judged(field, trial, step))


def judged(field: Field, trial: Trial, step: RunStep) -> dict[int, str]:
    """What a person says who looked: done where the host's own counter says so, else do it."""
    told = step_of(trial.run.plan, step.key)
    asking = Cell.objects.filter(step=step, state=Cell.State.ASKS).values_list("host__ordinal", flat=True)
    return {ordinal: "done" if _took_effect(field, trial, step, told, ordinal) else "retry" for ordinal in asking}


def _took_effect(field: Field, trial: Trial, step: RunStep, told: dict[str, object], ordinal: int) -> bool:
    if told["kind"] == "package":
        host = field.fleet.real[ordinal - 1]
        mend(host)
        return installed(host) == (trial.version if step.phase == Run.Phase.BACK else trial.drawn.version)
    if told["kind"] not in ("script", "bundle"):
        return False
    word = "bundled" if told["kind"] == "bundle" else told["with"]["arguments"][0]  # type: ignore[index]
    return bool(field.effects(trial, ordinal)[str(word)][step.phase == Run.Phase.BACK])
