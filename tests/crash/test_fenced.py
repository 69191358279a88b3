"""A worker that was only paused: another machine took its run, and it writes nothing, and its hosts refuse its call."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tests.crash.after import agents_of, check_after, rows_on
from tests.crash.conftest import Field, stand_up
from tests.crash.deaths import end, mortal, playing, send, wait_until
from tests.crash.people import attend
from tests.fleet.conftest import COUNT, Fleet, acted, carry_out
from tests.hosts.packages import Repository
from weilu.execution.fleet.attempt import RESULT
from weilu.execution.models import Run, RunStep
from weilu.execution.worker import Worker

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.crash, pytest.mark.django_db(transaction=True)]
SQLITE = connection.vendor == "sqlite"
# Another machine in all that a worker knows one by: its own id, life, temporary folder, and attempts.
ELSEWHERE = """mount --bind {own}/machine-id /etc/machine-id
mount --bind {own}/boot-id /proc/sys/kernel/random/boot_id
mount -t tmpfs attempts {data}/attempts
TMPDIR={own} exec "$@"
"""


@pytest.mark.skipif(SQLITE, reason="SQLite 上停住的进程会占住整个库，那里也只有一台工作机")
def test_a_paused_worker_that_wakes_up_after_another_took_over_does_nothing(
    fleet: Callable[..., Fleet], repository: Repository, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    field = stand_up(fleet, repository, 1)
    trial = field.order("people")  # its first step is a script
    run = trial.run
    sleeper = mortal(0)
    request.addfinalizer(lambda: end(sleeper))  # also where this fails: nothing of it may hold the database
    wait_until(lambda: bool(playing(run)))
    ansible = playing(run)
    send(ansible, signal.SIGSTOP)  # it has not come to the host yet
    request.addfinalizer(lambda: send(ansible, signal.SIGKILL))
    wait_until(lambda: run.steps.filter(key="s1", state="started").exists())
    heard = Run.objects.get(id=run.id).lease_until
    wait_until(lambda: Run.objects.get(id=run.id).lease_until != heard)  # the call is made: it follows it now
    sleeper.send_signal(signal.SIGSTOP)
    assert rows_on(field, trial, 1) == []
    fence = Run.objects.get(id=run.id).fence
    Run.objects.filter(id=run.id).update(lease_until=None)

    other = elsewhere(tmp_path)
    request.addfinalizer(lambda: end(other))
    wait_until(lambda: Run.objects.get(id=run.id).state == "asks", 120)
    run.refresh_from_db()
    ended = (run.state, run.fence, run.lines)
    assert run.fence > fence
    assert [row["state"] for row in rows_on(field, trial, 1)] == ["began", "done"]
    held = holder(field)

    send(ansible, signal.SIGCONT)  # what it had started wakes up first, and comes to the host now
    step = run.steps.get(key="s1", phase="forward")
    told = refusal(run, step)
    assert held["token"] > told["mine"]
    assert (told["ok"], told["untouched"]) == (False, True)
    assert told["sentence"] == f"主机已由更新的调用接手（见过 {held['token']}，本次 {told['mine']}），不再动作"
    assert (holder(field), len(rows_on(field, trial, 1))) == (held, 2)

    sleeper.send_signal(signal.SIGCONT)
    wait_until(lambda: agents_of(run) == [], 20)  # nobody else could end what it had begun
    time.sleep(2)
    run.refresh_from_db()
    assert (run.state, run.fence, run.lines) == ended
    end(sleeper)
    assert field.effects(trial, 1) == {"first": (1, 0), "second": (0, 0)}
    attend(field, trial, [other], 200)
    end(other)
    run.refresh_from_db()
    check_after(field, trial)


def test_what_a_replaced_worker_has_begun_is_followed_by_the_next_one_on_its_machine(
    fleet: Callable[..., Fleet],
) -> None:
    here = fleet(1)
    script = here.keep(COUNT + "sleep 1\n")
    step = {"kind": "script", "with": {"sha256": script["sha256"]}}
    run = here.order(here.orders(step, artefacts=[script]))
    first, second = Worker(), Worker()
    while not run.steps.filter(key="s1", state="started").exists():
        first.work_once()
    Run.objects.filter(id=run.id).update(lease_until=None)
    second.work_once()
    first.work_once()
    assert playing(run) != []
    run = carry_out(run, second)
    assert (run.state, run.steps.get(key="s1").attempt, acted(here.real[0])) == ("succeeded", 1, 1)


def elsewhere(own: Path) -> Any:
    """A worker that takes itself for one on another machine."""
    (own / "machine-id").write_text("b" * 32 + "\n")
    (own / "boot-id").write_text("00000000-0000-4000-8000-000000000000\n")
    script = ELSEWHERE.format(own=own, data=settings.CONFIG.data_dir)
    return mortal(0, "unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "-")


def holder(field: Field) -> dict[str, Any]:
    """Which call the host saw last."""
    uid = field.fleet.hosts[0].uid
    found: dict[str, Any] = json.loads(field.fleet.real[0].read(f"/var/lib/weilu/{uid}/holder.json"))
    return found


def refusal(run: Run, step: RunStep) -> dict[str, Any]:
    """What the host answered to the first call of the step, as the one who had made it took it down."""
    folder = Path(settings.CONFIG.data_dir) / "attempts" / str(run.uid) / f"{step.ordinal}-1"
    place = folder / "output" / "1"
    wait_until(lambda: place.exists() and RESULT in place.read_text())
    line = next(line for line in place.read_text().splitlines() if line.startswith(RESULT))
    turn = run.hosts.get().turn
    return json.loads(line.removeprefix(RESULT)) | {"mine": [turn, 1, step.ordinal, 1]}
