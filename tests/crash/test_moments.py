"""Deaths at random moments: worker, Ansible, host, network, disk, database, each alone and together."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import DatabaseError, connection

from tests.crash.conftest import ENDED, MANY, Field, check_after, end, go_on, mortal, order, playing, stand_up
from tests.fleet.conftest import Fleet
from tests.hosts.packages import Repository
from weilu.execution.models import Run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.served,
    pytest.mark.crash,
    pytest.mark.timeout(20000),
    pytest.mark.django_db(transaction=True),
]
POSTGRES = connection.vendor == "postgresql"
# The short form leaves the database alone: the tests after it use the same server.
FEW = ("both", "reboot") if POSTGRES else ("worker", "ansible", "disk")
KINDS = ("worker", "ansible", "both", "network", "reboot", "disk", *(("database",) if POSTGRES else ()))
WORKERS = 3 if POSTGRES else 1
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
        case "disk":
            host.fill()
            time.sleep(2)
            host.free()
        case "database":
            kill_database()


def kill_database() -> None:
    """kill -9 of one of its processes: PostgreSQL ends every connection and recovers from its log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' LIMIT 1")
        os.kill(int(cursor.fetchone()[0]), signal.SIGKILL)
    connection.close()
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with suppress(DatabaseError):
            connection.ensure_connection()
            return
        time.sleep(0.2)


def test_at_random_moments_no_step_takes_effect_twice(fleet: Callable[..., Fleet], repository: Repository) -> None:
    field = stand_up(fleet, repository)
    ended = 0
    kinds = KINDS if MANY else FEW
    for number in range(MANY or len(FEW)):
        kind = kinds[number % len(kinds)]
        run = order(field)
        workers = [mortal(0) for _ in range(WORKERS)]
        time.sleep(1.0 + field.random.random() * LONGEST)
        if kind in ("worker", "both"):
            end(field.random.choice(workers))
        strike(field, run, kind)
        for worker in workers:
            worker.wait(timeout=300)
            end(worker)
        run = go_on(field, run)
        check_after(field, run)
        ended += run.state in ENDED
    assert ended == (MANY or len(FEW))
