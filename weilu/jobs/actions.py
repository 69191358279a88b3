"""Asking for background work, and trying again what was given up."""

from datetime import datetime, time, timedelta
from typing import Any, Protocol

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.jobs import processes
from weilu.jobs.kinds import Doing, Kind
from weilu.jobs.models import Job
from weilu.jobs.rules import Daily
from weilu.kernel.actions import action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused
from weilu.kernel.statements import insert
from weilu.kernel.times import now

KEPT = timedelta(days=30)  # what was done for the installation stays this long; a customer's by its own setting
BATCH = 5000


class Keeper(Protocol):
    """Who looks after background work: rooms above know people, this one only asks for their rights."""

    def codes_with(self, right: str) -> frozenset[str]: ...


def enqueue(
    kind: str, payload: dict[str, Any], *, at: datetime | None = None, key: str = "", org: str = "", again: bool = False
) -> None:
    """Write a job with the caller's transaction: rolled back, it never was.

    Not begun before `at` (now). A second one of the same kind and `key` is not written; with `again`, one that
    is done is begun anew. `org` is the code of the customer whose administrators see it. The payload holds
    ids; no secret, and nothing protected.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a job is enqueued only inside an action")
    job = Job(kind=kind, payload=payload, at=at or now(), key=key, org=org)
    if again and Job.objects.filter(kind=kind, key=key, state=Job.State.DONE).update(
        state=Job.State.WAITING, payload=payload, at=job.at, tries=0, ended_at=None
    ):
        return
    if key:
        Job.objects.bulk_create([job], ignore_conflicts=True)
    else:
        insert(job)


@action("jobs.try_again")
def try_again(by: Keeper, job: Job) -> Job:
    """Let workers begin a given-up job anew, with all its tries; announces `jobs.tried_again`."""
    found: Job = Job.objects.select_for_update().get(id=job.id)
    codes = by.codes_with("jobs.manage")
    if not codes or (found.org and found.org not in codes):
        raise Refused(_("再试后台任务要由系统管理员办"), help=_("系统管理员可以授予"), who="administrator")
    if found.state != Job.State.GIVEN_UP:
        raise Refused(_("这件任务没有放弃，不用再试"))
    found.state, found.tries, found.at, found.ended_at, found.lease_until = Job.State.WAITING, 0, now(), None, None
    found.save(update_fields=["state", "tries", "at", "ended_at", "lease_until"])
    announce("jobs.tried_again", job=found, by=by)
    return found


def clear_away(doing: Doing) -> None:
    """Forget what was done long ago; what was given up stays until somebody tries it again."""
    processes.forget(now())
    old = Job.objects.filter(org="", state=Job.State.DONE, ended_at__lt=now() - KEPT).order_by("id")
    Job.objects.filter(id__in=list(old.values_list("id", flat=True)[:BATCH])).delete()


CLEAR_AWAY = Kind("jobs.clear_away", gettext_noop("清理办完的后台任务"), clear_away, times=Daily(time(3, 10)))
