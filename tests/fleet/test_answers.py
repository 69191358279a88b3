"""Hosts that answer slowly, half, with noise or not at all, and clocks that jump: a step acts once and ends known."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.fleet.conftest import COUNT, Fleet, acted, carry_out, host_states, log
from weilu.execution.models import Run
from weilu.execution.worker import Worker
from weilu.kernel.times import now

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.django_db(transaction=True)]
Stand = Callable[..., Fleet]


BENT = """import itertools, time
real, days = time.time_ns, itertools.cycle((900, -900))
time.time_ns = lambda: real() + next(days) * 86_400 * 10**9
time.time = lambda: time.time_ns() / 1e9
"""


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


def test_a_host_that_answers_half_is_asked_about_and_acts_once(fleet: Stand) -> None:
    here = fleet(1, python="/opt/half/python")
    host = here.real[0]
    host.write("/opt/half/python", '#!/bin/sh\n/usr/bin/python3 "$@" | head -c 20\n')
    host.run("chmod", "755", "/opt/half/python")

    run = carry_out(here.order(slow_step(here, 0)), seconds=300)

    cell = run.steps.get(key="s1").cells.get()
    assert (run.state, cell.state, acted(host)) == ("asks", "asks", 1), log(run)
    assert cell.words.startswith("几次查看都没有得到主机的回答：")
    assert "是否做过，要人判断：" in run.cause


def test_a_host_whose_clock_jumps_back_and_forth_takes_its_steps_once(fleet: Stand) -> None:
    """libfaketime makes Python's own waiting fail, so that the clock is bent inside the host's Python.

    What is bent there is an addition to Python, which a step is called without: here those options are taken away.
    """
    here = fleet(1, python="/opt/bent/python")
    host = here.real[0]
    host.write("/opt/bent/sitecustomize.py", BENT)
    alone = '[ "$1 $2" = "-I -S" ] && shift 2\n'
    host.write("/opt/bent/python", f'#!/bin/sh\n{alone}PYTHONPATH=/opt/bent exec /usr/bin/python3 "$@"\n')
    host.run("chmod", "755", "/opt/bent/python")
    told = slow_step(here, 1)
    told["steps"].append(told["steps"][0] | {"key": "s2"})

    run = carry_out(here.order(told))
    assert (run.state, acted(host)) == ("succeeded", 2), log(run)
    journal = host.read(f"/var/lib/weilu/{here.hosts[0].uid}/journal.jsonl")
    rows = [json.loads(line) for line in journal.splitlines()]
    assert [row["state"] for row in rows] == ["began", "done"] * 2
    years = [datetime.fromtimestamp(row["at"] / 1e9, UTC).year - now().year for row in rows]
    assert {year > 1 for year in years} == {True, False}  # the clock did jump while it worked
