"""A worker that was only paused: another took its run, and it can write nothing and reach nothing any more."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection

from tests.crash.conftest import check_after, end, go_on, mortal, order, playing, stand_up, wait_until
from tests.fleet.conftest import Fleet
from tests.hosts.packages import Repository
from weilu.execution.models import Run

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.crash, pytest.mark.django_db(transaction=True)]
SQLITE = connection.vendor == "sqlite"


@pytest.mark.skipif(SQLITE, reason="SQLite 上停住的进程会占住整个库，那里也只有一台工作机")
def test_a_paused_worker_that_wakes_up_after_another_took_over_does_nothing(
    fleet: Callable[..., Fleet], repository: Repository, request: pytest.FixtureRequest
) -> None:
    field = stand_up(fleet, repository, 1)
    run = order(field)
    sleeper = mortal(0)
    request.addfinalizer(lambda: end(sleeper))  # also where this fails: nothing of it may hold the database
    wait_until(lambda: run.steps.filter(key="s2", state="started").exists() and bool(playing(run)))
    sleeper.send_signal(signal.SIGSTOP)
    ansible = playing(run)
    send(ansible, signal.SIGSTOP)  # what it had started sleeps as well, and wakes up with it
    fence = Run.objects.get(id=run.id).fence
    Run.objects.filter(id=run.id).update(lease_until=None)
    run.steps.filter(state="started").update(boot="dead")  # the machine was declared dead

    run = go_on(field, run)
    ended = (run.state, run.fence, run.lines)
    assert ended[0] == "succeeded"
    assert ended[1] > fence
    sleeper.send_signal(signal.SIGCONT)
    send(ansible, signal.SIGCONT)
    time.sleep(4)
    end(sleeper)

    run.refresh_from_db()
    assert (run.state, run.fence, run.lines) == ended
    check_after(field, run)
    assert field.counts(run) == [(1, 1)]


def send(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)
