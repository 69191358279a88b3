"""Hosts that answer slowly, with noise or not at all, and clocks that jump: a step acts once and its end is known."""

import time
from collections.abc import Callable

import pytest

from tests.fleet.conftest import COUNT, Fleet, acted, carry_out, host_states, log
from tests.hosts.site import CannotHost
from weilu.execution.models import Run
from weilu.execution.worker import Worker

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.django_db(transaction=True)]
Stand = Callable[..., Fleet]


def slow_step(here: Fleet, seconds: int) -> dict[str, object]:
    script = here.keep(f"{COUNT}sleep {seconds}\necho 做完\n")
    return here.orders({"kind": "script", "with": {"sha256": script["sha256"]}}, artefacts=[script])


def until_acted(here: Fleet, run: Run, worker: Worker) -> None:
    limit = time.monotonic() + 60
    while acted(here.real[0]) == 0:
        assert time.monotonic() < limit, log(run)
        if not worker.work_once():
            time.sleep(0.02)


def test_a_host_that_hangs_in_the_middle_of_a_step_is_waited_for(fleet: Stand) -> None:
    here = fleet(1)
    run, worker = here.order(slow_step(here, 6)), Worker()
    until_acted(here, run, worker)
    with here.real[0].stalled():
        limit = time.monotonic() + 12
        while time.monotonic() < limit:
            if not worker.work_once():
                time.sleep(0.05)

    run = carry_out(run, worker, seconds=200)
    assert (run.state, acted(here.real[0])) == ("succeeded", 1), log(run)


def test_what_a_shell_prints_of_its_own_accord_does_no_harm(fleet: Stand) -> None:
    here = fleet(1)
    noise = 'echo "欢迎 {\\"works\\": false}"\necho half {\n'
    here.real[0].write("/root/.bashrc", noise)
    here.real[0].write("/root/.profile", noise)

    run = carry_out(here.order(slow_step(here, 1)))
    assert (run.state, acted(here.real[0])) == ("succeeded", 1), log(run)
    assert [line for line in log(run) if "欢迎" in line or "half" in line] == []


def test_a_host_whose_python_is_gone_fails_without_being_touched(fleet: Stand) -> None:
    here = fleet(1, python="/usr/bin/python-that-is-not-there")
    run = carry_out(here.order(slow_step(here, 1)))
    assert (run.state, host_states(run), acted(here.real[0])) == ("paused", {"host-1": "left"}, 0), log(run)


@pytest.mark.parametrize("offset", ["+400d", "-400d"])
def test_a_host_whose_clock_is_far_off_takes_its_steps_once(fleet: Stand, offset: str) -> None:
    here = fleet(1)
    try:
        here.real[0].set_clock(offset)
    except CannotHost as why:
        pytest.skip(str(why))
    run = carry_out(here.order(slow_step(here, 1)))
    assert (run.state, acted(here.real[0])) == ("succeeded", 1), log(run)
