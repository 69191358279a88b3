"""Which worker processes live: each says so by itself, and says when it ends; one that falls silent did not (OPS-9)."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

from django.db import DatabaseError, close_old_connections

from weilu.jobs.models import Process
from weilu.kernel.times import now

log = logging.getLogger(__name__)
BEAT = 10.0  # seconds between two signs of life
SILENT = timedelta(minutes=2)  # without one for so long, a process is held for dead
REMEMBERED = timedelta(days=30)


def begin(stop: Event, holder: str) -> threading.Thread:
    """Say from a thread of its own that the process `holder` lives, until `stop` is set; then that it ended."""
    thread = threading.Thread(target=_tell, args=(stop, holder), name="alive", daemon=True)
    thread.start()
    return thread


def _tell(stop: Event, holder: str) -> None:
    while True:
        _tried(lambda: Process.objects.update_or_create(holder=holder, defaults={"seen": now()}))
        if stop.wait(BEAT):
            break
    _tried(lambda: Process.objects.filter(holder=holder).update(ended_at=now()))


def _tried(write: Callable[[], object]) -> None:
    try:
        write()
    except DatabaseError:
        # The edge of this thread: a database that is locked or away comes back, and so does the next sign of life.
        log.warning("no sign of life could be written")
    finally:
        close_old_connections()


def living(at: datetime) -> list[Process]:
    """The processes that have given a sign of life lately, the oldest first."""
    return list(Process.objects.filter(ended_at=None, seen__gte=at - SILENT).order_by("id"))


def fell_silent(at: datetime, *, within: timedelta) -> list[Process]:
    """Those that neither live nor said that they end, last seen `within` this time, the oldest first."""
    rows = Process.objects.filter(ended_at=None, seen__lt=at - SILENT, seen__gte=at - within)
    return list(rows.order_by("id"))


def forget(at: datetime) -> None:
    """Forget the processes of long ago."""
    Process.objects.filter(seen__lt=at - REMEMBERED).delete()
