"""Moving planned work to another time, while its plan is not approved: what the calendar's drag does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.planning import rules
from weilu.planning.exceptions import ASK
from weilu.planning.models import Booking
from weilu.planning.queries import check_free
from weilu.process.actions import note
from weilu.process.models import WorkItem
from weilu.ui.dates import window


@dataclass(frozen=True)
class Plans:
    """How the room of a kind of item moves its plan.

    `check(by, item)` raises Refused where it cannot be moved; `move(by, item, starts, ends)` keeps the plan anew
    for that time, and books it.
    """

    check: Callable[[Person, WorkItem], None]
    move: Callable[[Person, WorkItem, datetime, datetime], None]


_plans: dict[str, Plans] = {}


def register_plans(kind: str, plans: Plans) -> None:
    """Let items of `kind` be moved on the calendar; a room above says how in its `apps.py`."""
    _plans[kind] = plans


@action("planning.move_booking")
def move_booking(by: Person, booking: Booking, *, starts: datetime) -> Booking:
    """Plan the same work for another start; its plan is kept anew, so that what is signed says when.

    Refused once the plan is approved, and where something is in the way of the new time.
    """
    rules.check_years(starts)
    item: WorkItem = (
        WorkItem.objects.select_for_update(of=("self",))
        .select_related("owner", "system", "flow")
        .get(id=booking.item_id)
    )
    kept: Booking | None = Booking.objects.kept().filter(item=item).select_related("system__owner").first()
    if kept is None or kept.id != booking.id:
        raise Refused(_("这个时段已经不是它的了。看现在的日历"), rules.LEAST_EFFECT)
    check_may_move(by, kept, item)
    ends = starts + (kept.ends - kept.starts)
    if starts == kept.starts:
        return kept
    hosts, people = list(kept.hosts.all()), list(kept.people.all())
    check_free(item, kept.system, starts, ends, hosts, people, now())
    _plans[item.kind].move(by, item, starts, ends)
    moved: Booking = Booking.objects.kept().get(item=item)
    note(item, "hand", _("改期到 %(span)s") % {"span": window(moved.starts, moved.ends, now())}, by)
    return moved


def check_may_move(by: Person, booking: Booking, item: WorkItem) -> None:
    """Raises Refused where `by` cannot move it, whenever to; the page asks before it offers to."""
    if not by.may(ASK, item.owner_id):
        raise Refused(_("改期由维护工程师或技术部门负责人办"), rules.LEAST_EFFECT, who="engineer")
    if booking.ends <= now():
        raise Refused(_("这次安排已经过去，不能再改期"), rules.LEAST_EFFECT)
    if item.kind not in _plans:
        raise Refused(_("这类工单的时间随方案定，改方案时一起改"), rules.LEAST_EFFECT)
    _plans[item.kind].check(by, item)


def why_not_move(by: Person, booking: Booking) -> str:
    """Why `by` cannot move it; "" where they can."""
    try:
        check_may_move(by, booking, booking.item)
    except Refused as problem:
        return problem.reason
    return ""
