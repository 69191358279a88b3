"""What people do with runs: order one, cancel it before it acts, answer what it asks."""

from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.execution import rules
from weilu.execution.models import Run, RunStep
from weilu.execution.steps import BEFORE_STOP, FORWARD, KINDS
from weilu.kernel.actions import action
from weilu.kernel.numbering import take_number
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process.actions import note
from weilu.process.models import WorkItem
from weilu.systems.models import Installation


@translation.override("zh-hans")  # titles of steps go to the record sheet, an official Chinese form
def order_run(by: Person, item: WorkItem, installation: Installation, orders: dict[str, Any], subject: str) -> Run:
    """Queue a run of `orders`, which stand approved as `subject`; part of an action above, which has checked that.

    Raises Refused when the orders could not be given to a target, the window is over, or another
    run holds the installation.
    """
    rules.check_orders(orders)
    rules.check_place(installation.name, installation.root, installation.channel)
    start, end = (datetime.fromisoformat(orders[key]) for key in ("window_from", "window_to"))
    rules.check_window(start, end, now())
    Installation.objects.select_for_update().get(id=installation.id)
    live = Run.objects.filter(
        installation=installation, state__in=(Run.State.QUEUED, Run.State.RUNNING, Run.State.ASKS)
    ).first()
    if live:
        raise Refused(_("这套安装正由 %(number)s 占用，等它结束再开始") % {"number": live.number})
    run = Run.objects.create(
        owner=item.owner,
        item=item,
        installation=installation,
        number=take_number(item.owner.code, "R", now()),
        plan=orders,
        subject=subject,
        window_from=start,
        window_to=end,
        version_from=installation.version,
        ordered_by=by,
    )
    RunStep.objects.bulk_create(
        RunStep(run=run, key=key, title=str(KINDS[key].title), ordinal=place)
        for place, key in enumerate(FORWARD, start=1)
    )
    _stage("execution.run_ordered", run, by, {"orders": orders})
    return run


@action("execution.cancel_run")
def cancel_run(by: Person, run: Run) -> Run:
    """Ask the worker to end a run; it does so before the next step. Refused once the old version is being stopped."""
    run = _locked(by, run)
    if run.on_hosts:
        return _cancel_on_hosts(by, run)
    begun = run.steps.exclude(key__in=BEFORE_STOP).exclude(state=RunStep.State.WAITING).exists()
    rules.check_may_cancel(run.live and run.cancelled_by_id is None, begun)
    run.cancelled_by = by
    run.save(update_fields=["cancelled_by"])
    _stage("execution.run_cancelled", run, by, {}, urgent=True)
    note(run.item, "run", _("取消执行 %(number)s") % {"number": run.number}, actor=by, link=f"/runs/{run.uid}/")
    return run


def _cancel_on_hosts(by: Person, run: Run) -> Run:
    """The worker ends it between two steps: hosts in the middle go back, hosts that are done stay so."""
    from weilu.execution.fleet.journal import leave_undecided  # which itself is written with this module's journal

    rules.check_may_cancel(run.live and run.cancelled_by_id is None, run.phase != Run.Phase.FORWARD)
    run.cancelled_by, run.paused_by = by, None
    if run.state != Run.State.QUEUED:  # paused or asking: a worker has to take it
        run.state, run.fence, run.lease_until, run.holder = Run.State.RUNNING, run.fence + 1, None, ""
    run.save(update_fields=["cancelled_by", "paused_by", "state", "fence", "lease_until", "holder"])
    leave_undecided(run, _("没有判断就取消，按做过处理"))
    if run.state == Run.State.QUEUED and run.started_at is None and not run.holder:
        _end_unbegun(by, run)
    _stage("execution.run_cancelled", run, by, {}, urgent=True)
    note(run.item, "run", _("取消执行 %(number)s") % {"number": run.number}, actor=by, link=f"/runs/{run.uid}/")
    return run


def _end_unbegun(by: Person, run: Run) -> None:
    """No worker has taken it, and none may ever come where its pool has none: it ends here and now."""
    from weilu.execution.fleet import journal

    run.fence += 1
    run.cause = _("%(name)s 取消了这次执行") % {"name": by.name}
    run.save(update_fields=["fence", "cause"])
    run.steps.filter(state=RunStep.State.WAITING).update(state=RunStep.State.SKIPPED)
    run.hosts.update(state="left")
    journal.conclude(run, Run.State.FAILED)


@action("execution.answer_step")
def answer_step(by: Person, run: Run, *, answer: str) -> Run:
    """Settle a step of which nobody can tell whether it took effect.

    `retry`: do it (again); `done`: it took effect, go on; `give_up`: it will not be done, go back
    where something was changed, else end.
    """
    run = _locked(by, run)
    step = run.steps.filter(state=RunStep.State.ASKS).order_by("ordinal").first()
    rules.check_answer(run.state == Run.State.ASKS and step is not None and not run.on_hosts, answer)
    assert step is not None  # noqa: S101  (check_answer has said so)
    _stage("execution.step_answered", run, by, {"step": step.key, "answer": answer}, urgent=True)
    said = {"retry": _("重试"), "done": _("已完成"), "give_up": _("放弃")}[answer]
    note(run.item, "run", _("判断「%(step)s」：%(answer)s") % {"step": step.title, "answer": said}, actor=by)
    Run.objects.filter(id=run.id).update(state=Run.State.RUNNING, fence=run.fence + 1, lease_until=None, holder="")
    run.refresh_from_db()
    if answer == "retry":
        RunStep.objects.filter(id=step.id).update(state=RunStep.State.WAITING)
    else:
        _settle(run, step, done=answer == "done", by=by)
    return run


def _settle(run: Run, step: RunStep, *, done: bool, by: Person) -> None:
    from weilu.execution import journal

    words = _("%(name)s 判断：%(title)s") % {"name": by.name, "title": step.title}
    RunStep.objects.filter(id=step.id).update(state=RunStep.State.STARTED)
    if not done and run.phase != Run.Phase.FORWARD:
        journal.conclude(run, Run.State.FAILED)
        run.steps.filter(state__in=(RunStep.State.WAITING, RunStep.State.STARTED)).update(state=RunStep.State.SKIPPED)
        return
    journal.settle(run, step, ok=done, words=words, result={"judged_by": by.actor})


def _locked(by: Person, run: Run) -> Run:
    found: Run = (
        Run.objects.select_for_update(of=("self",))
        .select_related("item__owner", "owner", "installation")
        .get(id=run.id)
    )
    if not by.holds("engineer", found.owner):
        raise Refused(_("执行由维护工程师掌握"), help=_("找 %(name)s") % {"name": found.ordered_by.name})
    return found


def _stage(kind: str, run: Run, by: Person, data: dict[str, Any], *, urgent: bool = False) -> None:
    said = {"run": run.number, "plan": run.subject} | data
    stage(kind, said, actor=by.actor, org=run.owner.code, item=str(run.item.uid), urgent=urgent)
