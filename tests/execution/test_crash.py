"""kill -9 of the worker at the boundaries of steps: nothing is done twice without knowing."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.execution.conftest import Target, carry_out, states
from weilu.execution import actions, journal, lease
from weilu.execution.lease import Fenced
from weilu.execution.models import Run, RunEvent, RunStep
from weilu.execution.target.fence import Fence
from weilu.execution.target.place import Failed
from weilu.execution.worker import Worker

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.served, pytest.mark.django_db(transaction=True)]

ONCE = ["began", "done"]


def die_at(run: Run, place: str, step: str) -> None:
    """A worker of its own process works until it kills itself there; then its lease ends."""
    program = Path(__file__).with_name("dying_worker.py")
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "weilu.settings", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, str(program), place, step], env=env, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == -9, done.stderr.decode()
    Run.objects.filter(id=run.id).update(lease_until=None)
    run.refresh_from_db()
    assert states(run)[step] == "started"


@pytest.mark.parametrize(("place", "attempts"), [("before-launch", 2), ("before-settle", 1)])
def test_a_step_cut_short_by_the_workers_death_happens_once(target: Target, place: str, attempts: int) -> None:
    run = target.order()
    die_at(run, place, "backup")

    carry_out(run, until="backup")

    assert states(run)["backup"] == "done"
    assert target.effects(run) == {"backup": ONCE}
    assert run.steps.get(key="backup").attempt == attempts


def test_an_install_that_outlives_its_worker_is_followed_to_its_end(target: Target) -> None:
    run = target.order()
    die_at(run, "after-launch", "install")

    carry_out(run)

    assert run.state == Run.State.SUCCEEDED
    assert target.effects(run) == dict.fromkeys(target.effects(run), ONCE)
    assert run.steps.get(key="install").attempt == 1
    assert target.get("/healthz")["version"] == "1.1.0"


def test_an_install_that_died_with_everything_is_looked_at_before_it_is_done_again(target: Target) -> None:
    run = target.order()
    die_at(run, "with-everything", "install")

    carry_out(run)

    assert run.state == Run.State.SUCCEEDED
    assert target.effects(run)["install"] == ["began", "began", "done"]
    said = list(run.events.filter(step="install").values_list("text", flat=True))
    assert "目标机显示这一步没有做过，现在重做" in said
    assert not list((target.root / "releases").glob(".incoming*"))


def test_an_attempt_of_another_boot_is_asked_of_the_target(target: Target) -> None:
    run = target.order()
    die_at(run, "before-launch", "backup")
    RunStep.objects.filter(run=run, key="backup").update(boot="another-life")

    carry_out(run, until="backup")

    assert states(run)["backup"] == "done"
    assert target.effects(run)["backup"] == ONCE
    assert run.steps.get(key="backup").attempt == 3


def test_what_nobody_can_tell_waits_for_a_named_person(target: Target) -> None:
    before = target.rows()
    run = target.order()
    die_at(run, "with-everything", "migrate")
    with closing(sqlite3.connect(target.root / "shared" / "desk.sqlite3")) as db:
        db.execute("PRAGMA user_version=7")

    carry_out(run)
    assert (run.state, states(run)["migrate"]) == (Run.State.ASKS, "asks")
    assert target.effects(run)["migrate"][-1] == "began"
    assert Worker().work_once() is False

    actions.answer_step(target.cast.chen, run, answer="give_up")
    carry_out(run)
    assert run.state == Run.State.WENT_BACK
    assert target.rows() == before
    assert target.get("/healthz")["version"] == "1.0.0"


def test_a_worker_that_lost_its_run_writes_nothing(target: Target) -> None:
    run = target.order()
    old, new = Worker(), Worker()
    carry_out(run, old, until="check_source")
    Run.objects.filter(id=run.id).update(lease_until=None)
    carry_out(run, new, until="backup")
    stale = Run.objects.get(id=run.id)
    stale.fence = old.fence
    step = run.steps.get(key="prove_backup")
    before = (list(run.steps.values()), RunEvent.objects.count())

    with pytest.raises(Fenced):
        journal.begin(stale, step)
    with pytest.raises(Fenced):
        journal.settle(stale, step, ok=True, words="", result={})
    with pytest.raises(Fenced):
        lease.beat(run.id, old.fence)
    old.work_once()
    assert (list(run.steps.values()), RunEvent.objects.count()) == before
    assert old.run_id == 0


def test_the_target_refuses_an_older_fence_and_another_run_while_it_is_held(tmp_path: Path) -> None:
    with Fence(tmp_path, "R-1", 2).entered():
        pass
    with pytest.raises(Failed, match="另一台工作机已接手"), Fence(tmp_path, "R-1", 1).entered():
        pass
    held = Fence(tmp_path, "R-1", 3)
    with held.entered():
        held.hold()
    with pytest.raises(Failed, match="执行 R-1 正占用"), Fence(tmp_path, "R-2", 1).entered():
        pass
