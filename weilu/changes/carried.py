"""The runs that carry a change out: a rehearsal changes no host, and counts nowhere as the act."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from weilu.changes.rules import APPROVED_AS_IS
from weilu.execution.models import Run
from weilu.kernel.refused import Refused
from weilu.process.models import WorkItem


def acts_of(item: WorkItem) -> QuerySet[Run]:
    """The runs of this item that carry a plan of it out."""
    return Run.objects.filter(item=item, purpose=Run.Purpose.CARRY_OUT)


def acted(runs: Iterable[Run], subject: str) -> bool:
    """Whether one of these runs, already read, carries out the plan with this digest."""
    return any(run.subject == subject and run.purpose == Run.Purpose.CARRY_OUT for run in runs)


def spent(item: WorkItem, subject: str) -> Run | None:
    """The newest run by which the plan with this digest counts as carried out: it is not ordered a second time.

    A run on hosts that ended before it touched one, as when its start was refused, leaves the plan to be ordered anew.
    """
    touched = Q(hosts__changed=True) | Q(steps__phase=Run.Phase.BACK)
    left = acts_of(item).filter(subject=subject).filter(
        touched | Q(installation__isnull=False) | ~Q(state=Run.State.FAILED)
    )  # fmt: skip
    return left.order_by("-id").first()


def check_not_spent(item: WorkItem, subject: str) -> None:
    """APPROVED_AS_IS: what was approved is done once. A run under way is refused by whoever orders the next one."""
    run = spent(item, subject)
    if run is not None and not run.live:
        raise Refused(
            _("这一版方案已由 %(number)s 执行过，不能再执行一次") % {"number": run.number}, APPROVED_AS_IS,
            help=_("要再做就退回改方案，重新送审；已经成功的另发起一项变更"),
        )  # fmt: skip
