"""Who acts on a run: a lease with a heartbeat, and a fence number that every write must match."""

import os
import socket
import uuid
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import F, Q

from weilu.execution.models import Run
from weilu.kernel.times import now
from weilu.kernel.upkeep import resting

LEASE = timedelta(seconds=15)
BEAT_SECONDS = 3.0
REST = timedelta(seconds=2)


class Fenced(Exception):
    """Another worker has taken this run; nothing was written."""


@cache
def boot_id() -> str:
    """The id of this machine's present life, new with each start."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


@cache
def machine() -> str:
    """This machine's lasting name."""
    try:
        return Path("/etc/machine-id").read_text().strip()[:32] + "@" + socket.gethostname()[:40]
    except OSError:
        return socket.gethostname()[:40]


def new_holder() -> str:
    """A name for one worker process, never used again."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def claim(holder: str, pools: Sequence[str] = ("",)) -> tuple[int, int] | None:
    """Take a run of these pools that nobody acts on: its id and the new fence."""
    instant = now()
    free = Run.objects.filter(state__in=(Run.State.QUEUED, Run.State.RUNNING), pool__in=pools).filter(
        Q(lease_until=None) | Q(lease_until__lt=instant)
    )
    if free.filter(state=Run.State.QUEUED).exists() and resting():
        free = free.filter(state=Run.State.RUNNING)  # what was begun is ended, nothing new begins
    for run_id, fence in free.order_by("id").values_list("id", "fence")[:10]:
        taken = free.filter(id=run_id, fence=fence).update(
            fence=F("fence") + 1, holder=holder, lease_until=instant + LEASE
        )
        if taken == 1:
            return run_id, fence + 1
    return None


def guarded(run_id: int, fence: int, more_lines: int = 0, **changes: Any) -> int:
    """Change the run's row only while the fence is ours, and count `more_lines`; raises Fenced otherwise.

    Answers the number of the last line. One statement, and the row stays locked to the end of the transaction.
    """
    fields, sql = _guard(tuple(changes))
    values = [
        field.get_db_prep_save(value, connection=connection)
        for field, value in zip(fields, changes.values(), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, more_lines, run_id, fence])
        found = cursor.fetchone()
    if found is None:
        raise Fenced(f"run {run_id}, fence {fence}")
    return int(found[0])


@cache
def _guard(names: tuple[str, ...]) -> tuple[list[Any], str]:
    fields: list[Any] = [Run._meta.get_field(name) for name in names]
    columns = ", ".join(f"{field.column} = %s" for field in fields) + ", " * bool(fields)
    table = Run._meta.db_table  # names come from the model only
    return fields, f"UPDATE {table} SET {columns}lines = lines + %s WHERE id = %s AND fence = %s RETURNING lines"  # noqa: S608


def beat(run_id: int, fence: int) -> None:
    guarded(run_id, fence, lease_until=now() + LEASE)


def let_go(run_id: int, fence: int) -> None:
    """Give the run back before the lease ends by itself."""
    guarded(run_id, fence, lease_until=None, holder="")


def rest(run_id: int, fence: int) -> None:
    """Give the run back for a while: it waits, and its worker has others to look after."""
    guarded(run_id, fence, lease_until=now() + REST, holder="")
