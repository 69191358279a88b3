"""How a run on hosts goes on: one turn of a worker, from what stands in the journal and nothing else.

A turn begins a step, follows one, or says why neither can be. What was asked of the run meanwhile (cancel, pause)
and what time brings (the window's end) is looked at between steps; the stop rule between batches.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation
from weilu.execution import lease
from weilu.execution.fleet import calls, journal, orders, rules, start
from weilu.execution.masking import mask
from weilu.execution.models import Cell, Run, RunHost, RunStep
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

State, Host = RunStep.State, RunHost.State
START = "start"


def advance(run: Run) -> bool:
    """One turn; whether there was anything to do."""
    step = run.steps.filter(state__in=(State.STARTED, State.WAITING)).order_by("ordinal").first()
    if step is not None and step.state == State.STARTED:
        return calls.follow(run, step)
    if _tidy(run) or _asked(run):
        return True
    if step is None:
        return _end(run)
    if step.key == START:
        return _start(run, step)
    if step.phase == Run.Phase.BACK:
        return _begin_back(run, step)
    return _begin(run, step)


def _asked(run: Run) -> bool:
    """What people asked for takes effect between two steps."""
    if run.cancelled_by and run.phase == Run.Phase.FORWARD:
        end_early(run, _("%(name)s 取消了这次执行") % {"name": run.cancelled_by.name})
        return True
    if run.paused_by:
        journal.pause(run, _("%(name)s 暂停了这次执行") % {"name": run.paused_by.name}, error=False)
        return True
    return False


def _start(run: Run, step: RunStep) -> bool:
    """Before anything: all that was approved holds now, the window is open and long enough, the hosts are ours."""
    try:
        waits = start.waits(run, now())
    except Refused as problem:
        journal.refused(run, step, str(problem.reason))
        return True
    if waits:
        return _say_waits(run, waits)
    words = _("核对完毕：批准、内容、窗口、主机都与方案一致")
    journal.passed(run, step, words, "" if run.purpose == Run.Purpose.REHEARSE else "window.open")
    return True


def _say_waits(run: Run, words: str) -> bool:
    if run.cause != words:
        with transaction.atomic():
            journal.say(run, "", words, cause=words, lease_until=now() + lease.LEASE)
    return False


def _begin(run: Run, step: RunStep) -> bool:
    assert step.batch is not None  # noqa: S101
    fresh = not run.steps.filter(batch=step.batch).exclude(state=State.WAITING).exists()
    if fresh:
        return _begin_batch(run, step.batch)
    if _window_over(run, now()):
        return True
    hosts = list(run.hosts.filter(batch=step.batch, state=Host.RUNNING).order_by("ordinal"))
    if not hosts:
        journal.skip_step(run, step)
        return True
    told = orders.step_of(run.plan, step.key)
    if told["kind"] in orders.BY_PEOPLE:
        return _by_people(run, step, told)
    calls.begin(run, step, hosts, _forward(run, step))
    return True


def _by_people(run: Run, step: RunStep, told: orders.Step) -> bool:
    with transaction.atomic():
        if run.purpose == Run.Purpose.REHEARSE:
            step.result = {"rehearsed": False}
            words = _("「%(title)s」由人办，不能演练") % {"title": step.title}
            journal.say(run, step.key, words)
            journal.settle(run, step, True, words, {})
        else:
            journal.wait_for_people(run, step, told["with"]["words"])
    return True


def _begin_batch(run: Run, batch: int) -> bool:
    """Hosts of a batch come in only where stop rule, window, approval and limits allow it."""
    if reason := _stop_rule(run):
        journal.pause(run, reason)
        return True
    try:
        start.check_again(run, now())
    except Refused as problem:
        end_early(run, str(problem.reason))
        return True
    try:
        if not run.beyond and run.purpose == Run.Purpose.CARRY_OUT:
            rules.check_fits(now(), orders.minutes_needed(run.plan, 1), run.window_to)
    except Refused as problem:
        _at_window_end(run, str(problem.reason))
        return True
    waits, begun = _let_in(run, batch)
    if waits:
        return _say_waits(run, waits)
    if begun is not None:
        calls.launch(run, begun)
    return True


def _let_in(run: Run, batch: int) -> tuple[str, RunStep | None]:
    """What the batch waits for; else its hosts run, and the step that is to be launched, if a host takes it."""
    with transaction.atomic():
        # One run of the customer after another: what this one takes of a bound, the next one counts.
        Organisation.objects.select_for_update(no_key=True).get(id=run.owner_id)
        if waits := start.over_limits(run, batch):
            return waits, None
        count = run.hosts.filter(batch=batch, state=Host.WAITING).update(state=Host.RUNNING)
        title = orders.batch_title(batch, run.plan["batches"]["canary"])
        words = _("%(batch)s开始，%(count)d 台") % {"batch": title, "count": count}
        journal.say(run, "", words, cause="", state=Run.State.RUNNING, lease_until=now() + lease.LEASE)
        # The batch has begun from here on: its first step is not asked the batch's questions again.
        first = run.steps.filter(batch=batch).order_by("ordinal")[0]
        hosts = list(run.hosts.filter(batch=batch, state=Host.RUNNING).order_by("ordinal"))
        told = orders.step_of(run.plan, first.key)
        if told["kind"] in orders.BY_PEOPLE:
            _by_people(run, first, told)
            return "", None
        calls.intend(run, first, hosts, _forward(run, first))
        return "", first


def _forward(run: Run, step: RunStep) -> str:
    return "check" if run.purpose == Run.Purpose.REHEARSE else calls.first_verb(run, step, "do")


def _window_over(run: Run, at: datetime) -> bool:
    """The window ended under a batch: what the plan says about it happens here, between two steps."""
    if run.purpose == Run.Purpose.REHEARSE or run.beyond or at < run.window_to:
        return False
    if run.plan["at_window_end"] == "finish_batch":
        return False
    _at_window_end(run, _("窗口已到点"))
    return True


def _at_window_end(run: Run, words: str) -> None:
    match run.plan["at_window_end"]:
        case "go_back":
            journal.turn_back(run, _("%(why)s，按方案整体回退") % {"why": words}, changed_hosts(run))
        case "ask":
            journal.pause(run, _("%(why)s。继续、回退还是到此为止，等人决定") % {"why": words})
        case _:
            end_early(run, words)


def changed_hosts(run: Run) -> list[RunHost]:
    """The hosts that would have to go back for the whole run to be undone."""
    return list(run.hosts.filter(changed=True).exclude(state__in=(Host.BACK, Host.STUCK)).order_by("ordinal"))


def end_early(run: Run, words: str) -> None:
    """No further step forward: hosts in the middle go back, hosts not begun stay as they are."""
    with transaction.atomic():
        journal.skip(run)
        middle = list(run.hosts.filter(state=Host.RUNNING))
        run.hosts.filter(state=Host.WAITING).update(state=Host.LEFT)
        run.hosts.filter(id__in=[host.id for host in middle], changed=False).update(state=Host.LEFT)
        touched = [host for host in middle if host.changed]
        run.hosts.filter(id__in=[host.id for host in touched]).update(words=words)
        journal.say(run, "", words, error=True, cause=words, phase=Run.Phase.STOPPING, state=Run.State.RUNNING)
        _go_back(run, touched)


def _begin_back(run: Run, step: RunStep) -> bool:
    told = orders.step_of(run.plan, step.key)
    bound = run.hosts.filter(id__in=step.result["hosts"]).exclude(state__in=(Host.STUCK, Host.BACK))
    hosts = list(bound.order_by("ordinal"))
    if not hosts:
        journal.skip_step(run, step)
        return True
    if told["back"] is None:
        calls.no_way_back(run, step, hosts)
        return True
    calls.begin(run, step, hosts, "back")
    return True


def _tidy(run: Run) -> bool:
    """What follows from steps that have ended: a batch is over, hosts have come back; whether anything followed."""
    busy = set(run.hosts.filter(state__in=(Host.RUNNING, Host.FAILED)).values_list("batch", flat=True))
    over = [batch for batch in sorted(busy) if not _goes_on(run, batch)]
    returning = set(run.hosts.filter(state=Host.RETURNING).values_list("id", flat=True))
    if not over and not returning:
        return False
    back = run.steps.filter(phase=Run.Phase.BACK).exclude(state=State.SKIPPED).values_list("state", "result")
    steps = [(state in (State.WAITING, State.STARTED, State.ASKS), set(told["hosts"])) for state, told in back]
    returning -= {host for ahead, hosts in steps if ahead for host in hosts}
    taken = {host for _ahead, hosts in steps for host in hosts}
    if not over and not returning:
        return False
    with transaction.atomic():
        lease.guarded(run.id, run.fence, lease_until=now() + lease.LEASE)
        for batch in over:
            _end_batch(run, batch)
        _back_or_stuck(run, returning & taken)
        run.hosts.filter(id__in=returning - taken).update(state=Host.LEFT)  # nothing had taken effect on them
    return True


def _back_or_stuck(run: Run, hosts: set[int]) -> None:
    """All that can be undone on these hosts is; where a step has no way back, a person has to go on."""
    by_hand: dict[int, list[str]] = {}
    cells = Cell.objects.filter(
        step__run=run, step__phase=Run.Phase.BACK, step__batch=F("host__batch"), host__in=hosts, state=Cell.State.FAILED
    )
    for host, words in cells.order_by("step__ordinal").values_list("host", "words"):
        by_hand.setdefault(host, []).append(words)
    run.hosts.filter(id__in=hosts - set(by_hand)).update(state=Host.BACK)
    for host, found in by_hand.items():
        run.hosts.filter(id=host).update(state=Host.STUCK, words=_("；").join(dict.fromkeys(found)))


def _goes_on(run: Run, batch: int) -> bool:
    """Whether the batch has a step forward before it, and a host to take it."""
    return start.open_steps(run, batch) and run.hosts.filter(batch=batch, state=Host.RUNNING).exists()


def _end_batch(run: Run, batch: int) -> None:
    journal.skip(run, batch=batch)
    mine = run.hosts.filter(batch=batch)
    mine.filter(state=Host.RUNNING).update(state=Host.DONE)
    if run.purpose == Run.Purpose.REHEARSE:
        return
    mine.filter(state=Host.FAILED, changed=False).update(state=Host.LEFT)
    _go_back(run, list(mine.filter(state=Host.FAILED)))
    if backup := (run.plan.get("backup") or {}).get("step"):
        start.record_backup(run, backup)


def _go_back(run: Run, hosts: Sequence[RunHost]) -> None:
    """These hosts go back, each from what was begun on it; one on which nothing took effect is as it was."""
    run.hosts.filter(id__in=[host.id for host in hosts]).update(state=Host.RETURNING)
    for batch in sorted({host.batch for host in hosts}, reverse=True):
        journal.append_way_back(run, batch, [host for host in hosts if host.batch == batch])


def _stop_rule(run: Run) -> str:
    """Why no further batch begins; a person who goes on in spite of it is asked again only when more have ended."""
    if run.phase != Run.Phase.FORWARD or run.purpose == Run.Purpose.REHEARSE:
        return ""
    count = counted(run)
    if count.ended <= run.allowed:
        return ""
    stop, canary = run.plan["batches"]["stop"], run.plan["batches"]["canary"]
    return rules.stops(count, stop["done"], stop["below"], count.ended <= canary)


def counted(run: Run) -> rules.Count:
    """Hosts that ended well and hosts in which a step failed, over all batches so far."""
    done = run.hosts.filter(state=Host.DONE).count()
    failed = run.hosts.exclude(state__in=(Host.DONE, Host.WAITING, Host.RUNNING)).filter(
        cells__state=Cell.State.FAILED, cells__step__phase=Run.Phase.FORWARD
    )
    return rules.Count(done, failed.distinct().count())


def _end(run: Run) -> bool:
    """Nothing is left to do: over, or a person has to say that it is."""
    if reason := _stop_rule(run):
        journal.pause(run, reason)
        return True
    with transaction.atomic():
        lease.guarded(run.id, run.fence, lease_until=now() + lease.LEASE)
        run.hosts.filter(state=Host.WAITING).update(state=Host.LEFT)
        states = list(run.hosts.values_list("state", flat=True))
        if run.purpose == Run.Purpose.REHEARSE:
            journal.conclude(run, _rehearsed(run))
            return True
        state = rules.how_it_ended(states)
        if state in (Run.State.SUCCEEDED, Run.State.PARTLY):
            start.record_acceptance(run)
        journal.conclude(run, state)
    return True


def _rehearsed(run: Run) -> str:
    """Passed only where every host was tried in every step; else why not is the run's cause."""
    failed = Cell.objects.filter(step__run=run, state=Cell.State.FAILED).select_related("host").order_by("id").first()
    untried = run.hosts.exclude(state=Host.DONE).count()
    if failed is None and not untried:
        return Run.State.SUCCEEDED
    if failed is not None:
        words = _("%(host)s：%(words)s") % {"host": failed.host.name, "words": mask(failed.words)}
    else:
        words = _("没有演练完，%(count)d 台没有试过") % {"count": untried}
    lease.guarded(run.id, run.fence, cause=words)
    run.cause = words
    return Run.State.FAILED
