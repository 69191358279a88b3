"""What has to hold before a plan for hosts is carried out: the page's gates and the act ask the same, in one place.

The worker asks it all once more by itself before its first step (`execution.fleet.start`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.changes.approval import check_time
from weilu.changes.models import PlanVersion
from weilu.execution.fleet import attempt, orders, start
from weilu.execution.fleet.rules import IN_ITS_WINDOW, check_fits
from weilu.execution.models import Run
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process.models import WorkItem


@dataclass(frozen=True)
class Asked:
    """One thing that has to hold: what it is called, what is said when it does, and the check that raises Refused."""

    key: str
    title: str
    words: str
    check: Callable[[], None]


def batches_of(told: orders.Orders, owner: Organisation) -> int:
    """Into how many batches these orders are cut by the worker, under the bounds of groups, sites and zones today."""
    return len(start.laid_out(Run(plan=told, owner=owner)))


def asked(item: WorkItem, plan: PlanVersion, by: Person) -> Iterator[Asked]:
    """What this plan, which stands approved, needs before its run is ordered by `by`."""
    told, at = plan.content["orders"], now()
    begin, end = orders.window(told)
    need = orders.minutes_needed(told, batches_of(told, item.owner))
    same = _("与批准的一致")
    yield Asked("rehearsal", _("演练"), _("这一版演练通过"), lambda: start.check_rehearsed(item, plan.digest))
    fits = _("够用，最多 %(n)d 分钟") % {"n": need}
    yield Asked("window", _("窗口"), fits, lambda: _check_fits(at, begin, need, end))
    yield Asked("hosts", _("主机登记"), same, lambda: start.check_hosts(Run(plan=told, owner=item.owner)))
    yield Asked("program", _("执行程序"), same, lambda: _check_program(told))
    yield Asked("time", _("时间冲突"), _("没有"), lambda: check_time(item, by))


def check_may_start(item: WorkItem, plan: PlanVersion, by: Person) -> None:
    """Raises Refused at the first thing that does not hold; what the worker would find wrong, an order finds first."""
    for one in asked(item, plan, by):
        one.check()


def _check_fits(at: datetime, begin: datetime, need: int, end: datetime) -> None:
    if at >= end:
        raise Refused(_("窗口已关闭。重新安排窗口并送审后再执行"), IN_ITS_WINDOW, field="window_to")
    check_fits(max(at, begin), need, end)


def _check_program(told: orders.Orders) -> None:
    if told["program"] != attempt.program():
        raise Refused(_("维录自己的执行程序在批准之后有了新版本。重新提交方案再执行"))
