"""A change on the calendar: its plan moves with its time (CHG-3)."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import actions, rules
from weilu.changes.host_orders import check_fits_window
from weilu.changes.host_plan import put_forward_on_hosts
from weilu.changes.host_start import batches_of
from weilu.changes.kind import CHANGE, EMERGENCY, STANDARD
from weilu.changes.models import Change, PlanVersion
from weilu.changes.plan import HostPlan, is_on_hosts
from weilu.changes.queries import ChangeView
from weilu.changes.standard_actions import schedule_standard
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.planning.models import Booking
from weilu.planning.moving import Plans, register_plans
from weilu.planning.queries import conflicts
from weilu.process.models import WorkItem
from weilu.process.rules import Gate
from weilu.ui.dates import window

BEFORE = "design"  # in this step the plan is being written: its time is changed there


def register_all() -> None:
    """Let the calendar move changes; called once by `apps.py`."""
    for kind in (CHANGE, EMERGENCY, STANDARD):
        register_plans(kind.key, Plans(check_may_move, move_plan))


def check_may_move(by: Person, item: WorkItem) -> None:
    """Raises Refused unless `by` may write the plan anew for another time: it is not approved, and nothing runs."""
    change = Change.objects.select_related("item__flow", "item__owner").get(item=item)
    if change.item.step == BEFORE:
        raise Refused(_("方案正在改，时间在方案里一起改"), rules.APPROVED_AS_IS)
    actions.check_may_write_anew(by, change)  # the plan of a standard change is never one to be amended


def move_plan(by: Person, item: WorkItem, starts: datetime, ends: datetime) -> None:
    """The same plan for another window, as its author would submit it anew: what was signed falls away (CHG-1)."""
    change = Change.objects.select_related("item", "installation__system__owner", "template").get(item=item)
    content = _newest(change).content
    window: dict[str, Any] = {"window_from": starts, "window_to": ends, "turn": item.turn}
    if item.kind == STANDARD.key:
        schedule_standard(by, change, digest=content["template_digest"], version=content["version"], **window)
        return
    if is_on_hosts(content):
        _move_on_hosts(by, change, content, starts, ends)
        return
    same = {name: content[name] for name in ("version", "impact", "risk", "way_back", "criteria", "upgrade_notes")}
    actions.submit_plan(by, change, **same, **window)


def _move_on_hosts(by: Person, change: Change, content: dict[str, Any], starts: datetime, ends: datetime) -> None:
    """The orders stay as they are but for their window; they are rehearsed anew, since they have another digest."""
    item = actions.hold(change)
    hosts = list(Booking.objects.kept().get(item=item).hosts.all())
    window = {"window_from": iso(starts), "window_to": iso(ends)}
    told = content["orders"] | window
    check_fits_window(told, batches_of(told, item.owner), starts, ends)
    actions.back_to_design(by, change, item.turn)
    same = {key: value for key, value in content.items() if key != "number"}
    put_forward_on_hosts(by, change, HostPlan(**(same | window | {"orders": told})), hosts)  # type: ignore[typeddict-item]


def time_gates(found: ChangeView, reader: Person) -> list[tuple[str, Gate, None]]:
    """The planned time as a gate of an approval: shown to whoever signs it, asked again in the act (CHG-3)."""
    item, step = found.change.item, found.view.step
    if item.kind != CHANGE.key or step is None or step.key not in rules.NORMAL_APPROVALS or not found.view.seat:
        return []
    kept = Booking.objects.kept().filter(item=item).select_related("system__owner").first()
    if kept is None:
        return []
    hosts, people = list(kept.hosts.all()), list(kept.people.all())
    met = conflicts(item, kept.system, kept.starts, kept.ends, hosts, people, reader)
    left = [one for one in met if not one.yields]
    span = window(kept.starts, kept.ends, now())
    if kept.ends <= now():
        return [(_("时间"), Gate("time", False, _("%(span)s 已经过去，改期后再签") % {"span": span}), None)]
    if left:
        words = _("；").join(_("%(what)s，%(help)s") % {"what": one.sentence, "help": one.help} for one in left)
        return [(_("时间有 %(count)d 处冲突") % {"count": len(left)}, Gate("time", False, words), None)]
    return [(_("时间"), Gate("time", True, _("%(span)s，没有冲突") % {"span": span}), None)]


def _newest(change: Change) -> PlanVersion:
    return change.plans.order_by("-number")[0]
