"""What an administrator sees of background work."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from weilu.jobs.actions import Keeper
from weilu.jobs.kinds import KINDS, repeated
from weilu.jobs.models import Job
from weilu.jobs.rules import Minutes, Times
from weilu.kernel.refused import NotVisible
from weilu.kernel.times import now

MOST = 200
LATE = timedelta(minutes=5)  # a job due longer than this waits for a worker that is not there


@dataclass(frozen=True)
class Line:
    """A job with the title of its kind."""

    job: Job
    title: str
    every: str = ""  # for one that comes again: 每 1 分钟, 每天 03:10


@dataclass(frozen=True)
class Board:
    """Everything the page shows."""

    given_up: list[Line]
    failing: list[Line]  # failed, and to be tried again
    late: int
    waiting: int
    repeated: list[Line]


def board(keeper: Keeper) -> Board:
    """Given up, failing and repeated jobs of the customers that `keeper` looks after, in five queries."""
    mine = Job.objects.visible_to(keeper.codes_with("jobs.manage"))
    single = mine.exclude(key=Job.REPEATED)
    waiting = single.filter(state=Job.State.WAITING)
    rows = {job.kind: job for job in Job.objects.filter(key=Job.REPEATED)}
    again = [
        Line(rows[kind.key], kind.title, _every(kind.times))
        for kind in repeated()
        if kind.key in rows and kind.times is not None
    ]
    return Board(
        given_up=_lines(single.filter(state=Job.State.GIVEN_UP).order_by("-id")),
        failing=_lines(waiting.exclude(reason="").order_by("at", "id")),
        late=overdue().filter(id__in=mine.values("id"))[: MOST + 1].count(),
        waiting=waiting[:1001].count(),
        repeated=again,
    )


def overdue() -> QuerySet[Job]:
    """Jobs that have been due for long and are in nobody's hands."""
    instant = now()
    free = Q(lease_until=None) | Q(lease_until__lt=instant)
    found: QuerySet[Job] = Job.objects.filter(free, at__lt=instant - LATE, state=Job.State.WAITING)
    return found


def _lines(jobs: "QuerySet[Job]") -> list[Line]:
    return [Line(job, KINDS[job.kind].title if job.kind in KINDS else job.kind) for job in jobs[:MOST]]


def _every(times: Times) -> str:
    if isinstance(times, Minutes):
        return _("每 %(n)d 分钟") % {"n": times.every}
    return _("每天 %(time)s") % {"time": f"{times.at:%H:%M}"}


def job_of(keeper: Keeper, uid: uuid.UUID | str) -> Job:
    """The job with this uid; raises NotVisible whether it is hidden or does not exist."""
    codes = keeper.codes_with("jobs.manage")
    found: Job | None = Job.objects.visible_to(codes).filter(uid=uid).first() if codes else None
    if found is None:
        raise NotVisible(str(uid))
    return found
