"""The runs that carry a change out: a rehearsal changes no host, and counts nowhere as the act."""

from collections.abc import Iterable

from django.db.models import QuerySet

from weilu.execution.models import Run
from weilu.process.models import WorkItem


def acts_of(item: WorkItem) -> QuerySet[Run]:
    """The runs of this item that carry a plan of it out."""
    return Run.objects.filter(item=item, purpose=Run.Purpose.CARRY_OUT)


def acted(runs: Iterable[Run], subject: str) -> bool:
    """Whether one of these runs, already read, carries out the plan with this digest."""
    return any(run.subject == subject and run.purpose == Run.Purpose.CARRY_OUT for run in runs)
