"""Taking jobs: a lease with heartbeat, a fence that every write must match, and what a failure leads to."""

import logging
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread

from django.db import DatabaseError, InterfaceError, OperationalError, close_old_connections, connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from weilu.jobs.kinds import KINDS, Doing, Fenced, Hopeless, Kind, Later, repeated
from weilu.jobs.models import Job
from weilu.jobs.rules import delay
from weilu.kernel.times import now
from weilu.kernel.upkeep import resting

log = logging.getLogger(__name__)
LEASE = timedelta(seconds=30)
BEAT_SECONDS, IDLE_SECONDS = 5.0, 0.5


def new_holder() -> str:
    """A name for one worker, never used again."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def plan_repeated() -> None:
    """See that every kind of the table of times has its one row, and that no other kind has one."""
    wanted = {kind.key: kind for kind in repeated()}
    rows = Job.objects.filter(key=Job.REPEATED)
    known = set(rows.values_list("kind", flat=True))
    if known - set(wanted):
        rows.exclude(kind__in=wanted).delete()
    instant = now()
    missing = [kind for key, kind in wanted.items() if key not in known and kind.times is not None]
    Job.objects.bulk_create(
        [Job(kind=one.key, key=Job.REPEATED, at=one.times.after(instant)) for one in missing if one.times],
        ignore_conflicts=True,
    )


def claim(holder: str) -> Doing | None:
    """Take the job that is due longest and in nobody's hands; none where there is none.

    PostgreSQL passes over rows that another worker has locked (SKIP LOCKED); on SQLite, one writer at a time
    is the lock. A job that ended its workers as often as it may be tried is given up here.
    """
    if not Job.objects.due(now(), KINDS.keys()).exists() or resting():
        return None  # looked at without a lock: an idle worker disturbs nobody
    with transaction.atomic():
        instant = now()
        job: Job | None = Job.objects.due(instant, KINDS.keys()).select_for_update(skip_locked=True).first()
        if job is None:
            return None
        job.fence += 1
        job.holder, job.lease_until = holder, instant + LEASE
        job.tries += 1
        job.save(update_fields=["fence", "holder", "lease_until", "tries"])
    return Doing(job, job.fence)


def work_once(holder: str) -> bool:
    """Carry one job out, if one is due; whether there was one."""
    doing = claim(holder)
    if doing is None:
        return False
    kind = KINDS[doing.job.kind]
    try:
        with translation.override("zh-hans"):  # what background work writes is official, whatever came before
            _carry_out(kind, doing)
    except Fenced:
        log.info("%s was taken by another worker", doing.job)
    return True


def _carry_out(kind: Kind, doing: Doing) -> None:
    if doing.job.tries > kind.tries:
        _fail(kind, doing, _("办到一半时工作进程停了，已 %(tries)d 次") % {"tries": kind.tries}, hopeless=True)
        return
    try:
        if kind.outward:
            with _beating(doing):
                again = kind.do(doing)
            with doing.held():
                _done(kind, doing, again)
        else:
            with doing.held():
                _done(kind, doing, kind.do(doing))
    except (Fenced, OperationalError, InterfaceError):
        raise  # the database is away or busy: the lease ends by itself, and somebody takes the job again
    except Hopeless as problem:
        _fail(kind, doing, str(problem), hopeless=True)
    except Later as problem:
        _fail(kind, doing, str(problem))
    except Exception as problem:
        # The edge of the worker: a defect in one kind of job must not stop the others.
        log.exception("%s failed", doing.job)
        _fail(kind, doing, _("程序出错（%(kind)s），详情在工作进程的日志里") % {"kind": type(problem).__name__})


def _done(kind: Kind, doing: Doing, again: datetime | None) -> None:
    instant = now()
    row = Job.objects.filter(id=doing.job.id)
    again = kind.times.after(instant) if kind.times is not None else again
    if again is not None:
        row.update(reason="", failed_at=None, lease_until=None, holder="", ended_at=instant, at=again, tries=0)
    else:
        row.update(state=Job.State.DONE, reason="", lease_until=None, holder="", ended_at=instant)


def _fail(kind: Kind, doing: Doing, reason: str, *, hopeless: bool = False) -> None:
    instant, tries = now(), doing.job.tries
    over = hopeless or tries >= kind.tries
    said = {"reason": reason[:300], "failed_at": instant, "lease_until": None, "holder": ""}
    with doing.held():
        row = Job.objects.filter(id=doing.job.id)
        if over and kind.times is not None:
            row.update(at=kind.times.after(instant), tries=0, **said)
        elif over:
            row.update(state=Job.State.GIVEN_UP, ended_at=instant, **said)
        else:
            row.update(at=instant + delay(tries), **said)


@contextmanager
def _beating(doing: Doing) -> Iterator[None]:
    """Keep the lease alive from a thread of its own while outward work takes its time."""
    stop = Event()
    thread = Thread(target=_beat, args=(doing, stop), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(doing: Doing, stop: Event) -> None:
    while not stop.wait(BEAT_SECONDS):
        try:
            Job.objects.filter(id=doing.job.id, fence=doing.fence).update(lease_until=now() + LEASE)
        except DatabaseError:
            log.warning("no heartbeat for %s: the database did not answer", doing.job)
    connection.close()


def work_forever(stop: Event) -> None:
    """Carry jobs out until `stop` is set; `stop` is set as well when this cannot go on."""
    holder, planned = new_holder(), False
    try:
        while not stop.is_set():
            busy = False
            try:
                if not planned:
                    plan_repeated()
                    planned = True
                busy = work_once(holder)
            except DatabaseError:
                # The edge of the worker: a database that is locked or away comes back.
                log.exception("the database did not answer; trying again")
                stop.wait(2)
            close_old_connections()
            if not busy:
                stop.wait(IDLE_SECONDS)
    finally:
        stop.set()
        connection.close()
