"""What dies at a random moment of a run: workers, Ansible, a host, its network, its disk, the machine, the database."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from django.db import DatabaseError, connection, transaction

from tests.crash.conftest import Field, Trial
from tests.crash.deaths import end, playing, send
from tests.support import postgres
from weilu.execution.fleet.actions import declare_dead
from weilu.execution.models import Run
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

POSTGRES = connection.vendor == "postgresql"
# `locked`: SQLite has no server that could stop; there somebody keeps everybody else from writing.
KINDS = (
    "worker", "ansible", "both", "network", "reboot", "disk", "machine",
    *(("stopped", "backend") if POSTGRES else ("locked",)),
)  # fmt: skip
Workers = Sequence["subprocess.Popen[str]"]


def strike(field: Field, trial: Trial, kind: str, workers: Workers) -> None:
    host = field.random.choice(field.fleet.real)
    if kind in ("network", "reboot", "disk"):
        trial.harmed.add(host.name)
    if kind in ("worker", "both"):
        end(field.random.choice(workers))
    match kind:
        case "ansible" | "both":
            send(playing(trial.run), signal.SIGKILL)
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
        case "machine":
            _lose_machine(field, trial, workers)
        case "stopped":
            with postgres.stopped():
                connection.close()
                time.sleep(field.random.random() * 4)
        case "backend":
            _kill_backend()
        case "locked":
            with transaction.atomic():
                time.sleep(3)


def _lose_machine(field: Field, trial: Trial, workers: Workers) -> None:
    """No worker of it lives, and sometimes what they had started goes on all the same; a person declares it dead."""
    for one in workers:
        end(one)
    if field.random.random() < 0.5:
        send(playing(trial.run), signal.SIGKILL)
    Run.objects.filter(id=trial.run.id).exclude(lease_until=None).update(lease_until=now() - timedelta(minutes=2))
    with suppress(Refused):  # no machine held it at this moment
        declare_dead(field.fleet.cast.chen, trial.run)


def _kill_backend() -> None:
    """kill -9 of one of its processes: PostgreSQL ends every connection and recovers from its log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' LIMIT 1")
        os.kill(int(cursor.fetchone()[0]), signal.SIGKILL)
    until = time.monotonic() + 30
    with suppress(DatabaseError):  # ours ends with the others, as soon as the server has noticed
        while time.monotonic() < until:
            connection.cursor().execute("SELECT 1")
            time.sleep(0.05)
    while time.monotonic() < until:
        connection.close()
        with suppress(DatabaseError):
            connection.cursor().execute("SELECT 1")
            return
        time.sleep(0.2)
