"""Deaths at random moments: worker, Ansible, host, network, each alone and together."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.crash.conftest import MANY, Field, check_after, end, go_on, mortal, order, playing, stand_up
from tests.fleet.conftest import Fleet
from tests.hosts.packages import Repository
from weilu.execution.models import Run

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.timeout(20000), pytest.mark.django_db(transaction=True)]
KINDS = ("worker", "ansible", "both", "network", "reboot")
LONGEST = 12.0  # seconds that a whole run may take here; a moment after its end harms nobody


def strike(field: Field, run: Run, kind: str) -> None:
    host = field.random.choice(field.fleet.real)
    match kind:
        case "ansible" | "both":
            for pid in playing(run):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        case "network":
            host.cut()
            time.sleep(1.5)
            host.mend()
        case "reboot":
            host.reboot()
            host.run("service", "jzhello", "start", check=False)


def test_at_random_moments_no_step_takes_effect_twice(fleet: Callable[..., Fleet], repository: Repository) -> None:
    field = stand_up(fleet, repository)
    ends: dict[str, int] = {}
    for number in range(MANY or len(KINDS)):
        kind = KINDS[number % len(KINDS)]
        run = order(field)
        dying = mortal(0)
        time.sleep(1.0 + field.random.random() * LONGEST)
        if kind in ("worker", "both"):
            end(dying)
        strike(field, run, kind)
        if kind not in ("worker", "both"):
            dying.wait(timeout=300)
            end(dying)
        run = go_on(field, run)
        check_after(field, run)
        ends[run.state] = ends.get(run.state, 0) + 1
    print(ends)
