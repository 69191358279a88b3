"""What people do with runs on hosts: rehearse, order, pause, go on, go back, judge, confirm, sign."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Max
from django.utils import translation
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.evidence import files
from weilu.evidence.actions import stage
from weilu.evidence.files import FileRef
from weilu.execution.fleet import engine, journal, orders, rules, start
from weilu.execution.models import LIVE, Cell, Run, RunHost, RunStep
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.numbering import take_number
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process.actions import note
from weilu.process.models import WorkItem
from weilu.systems.models import Host

State = Run.State
SILENCE = timedelta(seconds=45)  # after its lease has run out, so a minute after it was last heard


@translation.override("zh-hans")  # titles of steps go to the record sheet, an official Chinese form
def order_run_on_hosts(
    by: Person, item: WorkItem, told: orders.Orders, subject: str, purpose: str = Run.Purpose.CARRY_OUT
) -> Run:
    """Queue a run of these orders, which stand as `subject`; part of an action above, which has checked that.

    Raises Refused when the orders could not be given to a host, or their window is over.
    """
    orders.check_orders(told)
    window_from, window_to = orders.window(told)
    if purpose == Run.Purpose.CARRY_OUT and now() >= window_to:
        raise Refused(_("窗口已关闭。重新安排窗口并送审后再执行"), rules.IN_ITS_WINDOW, field="window_to")
    if Run.objects.filter(item=item, state__in=LIVE).exists():
        raise Refused(_("这项工单已有一次执行在进行，等它结束"))
    run = Run.objects.create(
        owner=item.owner, item=item, purpose=purpose, number=take_number(item.owner.code, "R", now()), plan=told,
        subject=subject, window_from=window_from, window_to=window_to, version_from="", ordered_by=by,
        pool=told["hosts"][0]["pool"], cause=_waiting_for(told["hosts"][0]["pool"]),
    )  # fmt: skip
    _lay_out(run)
    _stage("execution.run_ordered", run, by, {"orders": told, "purpose": purpose})
    return run


def _waiting_for(pool: str) -> str:
    return _("等待工作机组「%(name)s」") % {"name": pool} if pool else ""


def _lay_out(run: Run) -> None:
    """Hosts and steps of every batch; a batch that passes a bound by itself is cut."""
    entries, batches = run.plan["hosts"], start.laid_out(run)
    hosts = {str(host.uid): host for host in Host.objects.filter(owner=run.owner)}
    batch_of = {ordinal: number for number, batch in enumerate(batches, start=1) for ordinal in batch}
    missing = [entry["name"] for entry in entries if entry["uid"] not in hosts]
    if missing:
        raise Refused(_("主机「%(name)s」不在主机档案里") % {"name": missing[0]}, field="hosts")
    RunHost.objects.bulk_create(
        RunHost(run=run, ordinal=n, host=hosts[entry["uid"]], name=entry["name"], entry=entry, batch=batch_of[n])
        for n, entry in enumerate(entries, start=1)
    )
    RunStep.objects.create(run=run, key=engine.START, title=_("开始前核对"), ordinal=1)
    for batch in range(1, len(batches) + 1):
        _add_batch(run, batch)


def _add_batch(run: Run, batch: int) -> None:
    RunStep.objects.bulk_create(
        RunStep(
            run=run,
            key=key,
            title=str(orders.step_of(run.plan, key)["title"])[:60],
            batch=batch,
            ordinal=batch * journal.PLACES + place,
        )
        for place, key in enumerate(orders.keys_of_batch(run.plan), start=1)
    )


@action("execution.pause_run")
def pause_run(by: Person, run: Run) -> Run:
    """Begin no further step; what has begun ends. Takes effect between two steps."""
    run = locked(by, run)
    if not run.on_hosts or run.state not in (State.QUEUED, State.RUNNING) or run.paused_by_id:
        raise Refused(_("这次执行没有在进行，不用暂停"))
    run.paused_by = by
    run.save(update_fields=["paused_by"])
    _said(run, by, "execution.pause_asked", _("暂停执行 %(number)s"), {})
    return run


@action("execution.resume_run")
def resume_run(by: Person, run: Run, *, why: str = "") -> Run:
    """Go on: after a pause, in spite of the stop rule, or beyond the window's end where the plan asks a person.

    Whoever goes on in spite of a rule says why, and that stands on record.
    """
    run = locked(by, run)
    if run.state != State.PAUSED:
        raise Refused(_("这次执行没有暂停"))
    in_spite = run.paused_by_id is None
    why = text.line(why, _("继续的理由"), field="why", longest=300, required=in_spite)
    run.paused_by = None
    if in_spite:
        over = now() + timedelta(minutes=orders.minutes_needed(run.plan, 1)) > run.window_to
        run.allowed = engine.counted(run).ended
        run.beyond = run.beyond or (over and run.plan["at_window_end"] == "ask")
    _go_on(run, "paused_by", "allowed", "beyond")
    _said(run, by, "execution.run_resumed", _("继续执行 %(number)s"), {"why": why})
    return run


@action("execution.go_back")
def go_back(by: Person, run: Run, *, why: str) -> Run:
    """Bring every host that this run changed back, the last batch first."""
    run = locked(by, run)
    why = text.line(why, _("回退的理由"), field="why", longest=300)
    if not run.live or not run.on_hosts or run.purpose == Run.Purpose.REHEARSE:
        raise Refused(_("这次执行已结束，不能回退"))
    if run.phase == Run.Phase.BACK:
        raise Refused(_("已经在回退了"))
    if run.state not in (State.PAUSED, State.ASKS) and run.steps.filter(state=RunStep.State.STARTED).exists():
        raise Refused(_("有一步正在进行。先暂停，等它做完再回退"))
    journal.leave_undecided(run, _("没有判断就整体回退，按做过处理"))
    hosts = engine.changed_hosts(run)
    if not hosts:
        raise Refused(_("还没有改动任何主机，不用回退。取消即可"))
    _said(run, by, "execution.back_asked", _("整体回退 %(number)s"), {"why": why, "hosts": [one.name for one in hosts]})
    run.paused_by, run.cause = None, why
    _go_on(run, "paused_by", "cause")
    journal.turn_back(run, _("%(name)s 决定整体回退：%(why)s") % {"name": by.name, "why": why}, hosts)
    return run


@action("execution.retry_failed")
def retry_failed(by: Person, run: Run) -> Run:
    """Take the hosts that failed, and only those, through the steps again, as batches of their own."""
    run = locked(by, run)
    if run.state != State.PAUSED or run.phase != Run.Phase.FORWARD:
        raise Refused(_("暂停时才能重试失败的主机"))
    again = (RunHost.State.BACK, RunHost.State.LEFT)
    failed = run.hosts.filter(state__in=again, cells__state=Cell.State.FAILED, cells__step__phase=Run.Phase.FORWARD)
    hosts = list(failed.distinct().order_by("ordinal"))
    if not hosts:
        raise Refused(_("没有可以重试的主机：失败的都没有回到原状，或没有失败的"))
    first = (run.steps.aggregate(last=Max("batch"))["last"] or 0) + 1
    parts = start.waves(run.plan["hosts"], [host.ordinal for host in hosts], start.limits_of(run))
    if first + len(parts) - 1 > orders.MOST_BATCHES + 10:
        raise Refused(_("重试次数太多。查明原因，另写方案"))
    batch_of = {ordinal: number for number, part in enumerate(parts, start=first) for ordinal in part}
    for host in hosts:
        host.batch, host.state, host.words, host.changed = batch_of[host.ordinal], RunHost.State.WAITING, "", False
    RunHost.objects.bulk_update(hosts, ["batch", "state", "words", "changed"])
    with translation.override("zh-hans"):
        for batch in range(first, first + len(parts)):
            _add_batch(run, batch)
    run.paused_by, run.allowed = None, engine.counted(run).ended
    _go_on(run, "paused_by", "allowed")
    names = [one.name for one in hosts]
    _said(run, by, "execution.retry_asked", _("重试失败的主机 %(number)s"), {"hosts": names, "batch": first})
    return run


@action("execution.end_run")
def end_run(by: Person, run: Run, *, why: str) -> Run:
    """Leave it at what was reached: a paused run ends here, hosts not begun stay as they are."""
    run = locked(by, run)
    why = text.line(why, _("到此为止的理由"), field="why", longest=300)
    if run.state != State.PAUSED:
        raise Refused(_("先暂停，再到此为止"))
    if run.phase == Run.Phase.BACK:
        raise Refused(_("已经在回退，不能停在半路。继续，让它回退完"))
    _said(run, by, "execution.end_asked", _("到此为止 %(number)s"), {"why": why})
    run.paused_by, run.allowed = None, engine.counted(run).ended
    _go_on(run, "paused_by", "allowed")
    engine.end_early(run, _("%(name)s 决定到此为止：%(why)s") % {"name": by.name, "why": why})
    return run


@action("execution.answer_hosts")
def answer_hosts(by: Person, run: Run, *, answers: Mapping[int, str]) -> Run:
    """Judge, host by host, a step of which nobody can tell whether it took effect; some now, the others later.

    `retry`: do it again; `done`: it took effect; `give_up`: it failed there, that host goes back.
    """
    run = locked(by, run)
    step = _asking(run)
    cells = list(step.cells.filter(state=Cell.State.ASKS).select_related("host").order_by("host__ordinal"))
    rules.check_answers([cell.host.ordinal for cell in cells], answers)
    cells = [cell for cell in cells if cell.host.ordinal in answers]
    words = _("%(name)s 判断") % {"name": by.name}
    for cell in cells:
        match answers[cell.host.ordinal]:
            case "retry":
                cell.state, cell.todo, cell.attempt = Cell.State.STARTED, "do", 1
            case "done":
                cell.state, cell.words, cell.result, cell.ended_at = Cell.State.DONE, words, {"judged": True}, now()
            case _:
                cell.state, cell.words, cell.ended_at = Cell.State.FAILED, words, now()
    Cell.objects.bulk_update(cells, ["state", "todo", "attempt", "words", "result", "ended_at"])
    told = [[cell.host.name, answers[cell.host.ordinal]] for cell in cells]
    _said(run, by, "execution.step_answered", _("判断 %(number)s"), {"step": step.key, "hosts": told})
    if not step.cells.filter(state=Cell.State.ASKS).exists():
        RunStep.objects.filter(id=step.id).update(state=RunStep.State.STARTED)
        _go_on(run)
    return run


@action("execution.confirm_manual")
def confirm_manual(by: Person, run: Run, *, words: str, evidence: Sequence[tuple[bytes, str]] = ()) -> Run:
    """A step that people take is done; what they did and the files that show it are on record."""
    run = locked(by, run)
    step = _asking(run)
    if orders.step_of(run.plan, step.key)["kind"] != "manual":
        raise Refused(_("这次执行没有在等人工步骤"))
    words = text.prose(words, _("做了什么"), field="words", longest=2000)
    rules.check_evidence([(name, len(data)) for data, name in evidence])
    kept = [files.keep(data, name) for data, name in evidence]
    _done_by(run, step, by, words, kept)
    return run


@action("execution.sign_wait")
def sign_wait(by: Person, run: Run, *, words: str = "") -> Run:
    """The signature a step waits for; not by whoever ordered the run."""
    run = locked(by, run, acting=False)
    step = _asking(run)
    told = orders.step_of(run.plan, step.key)
    if told["kind"] != "signature":
        raise Refused(_("这次执行没有在等签名"))
    role = told["with"].get("role") or "engineer"
    if not by.holds(role, run.owner):
        raise Refused(_("这一步不由您签"), help=_("由方案写明的角色来签"))
    if by.id == run.ordered_by_id:
        raise Refused(_("开始执行的人不能签这一步"))
    _done_by(run, step, by, text.line(words, _("意见"), field="words", longest=300, required=False), [])
    return run


def _done_by(run: Run, step: RunStep, by: Person, words: str, kept: Sequence[FileRef]) -> None:
    told = {"step": step.key, "words": words, "files": [one.facts() for one in kept]}
    _said(run, by, "execution.step_confirmed", _("完成步骤 %(number)s"), told)
    _go_on(run)
    said = _("%(name)s：%(words)s") % {"name": by.name, "words": words or _("已签名")}
    journal.say(run, step.key, said, cause="")
    hosts = run.hosts.filter(batch=step.batch or 0, state=RunHost.State.RUNNING)
    cells = [Cell(step=step, host=host, state=Cell.State.DONE, words=said, ended_at=now()) for host in hosts]
    Cell.objects.bulk_create(cells)
    journal.settle(run, step, True, said, {"by": by.actor, "files": [one.facts() for one in kept]}, cells)


@action("execution.confirm_back")
def confirm_back(by: Person, run: Run, *, ordinal: int, words: str) -> Run:
    """A host that could not be brought back was, by hand; whoever did it says how.

    With the last of them an ended run is concluded anew: every host is in a known state.
    """
    run = locked(by, run)
    words = text.prose(words, _("怎样恢复的"), field="words", longest=1000)
    host = run.hosts.select_for_update().filter(ordinal=ordinal, state=RunHost.State.STUCK).first()
    if host is None:
        raise Refused(_("这台主机没有在等人工恢复"))
    host.state, host.words = RunHost.State.BACK, words
    host.save(update_fields=["state", "words"])
    _said(run, by, "execution.host_brought_back", _("人工恢复 %(number)s"), {"host": host.name, "words": words})
    states = list(run.hosts.values_list("state", flat=True))
    if not run.live and rules.how_it_ended(states) != State.FAILED:
        run.fence += 1
        run.save(update_fields=["fence"])
        journal.conclude(run, rules.how_it_ended(states))
    return run


@action("execution.declare_dead")
def declare_dead(by: Person, run: Run) -> Run:
    """The machine that holds this run will not come back: another worker may take it now, and looks before it acts."""
    run = locked(by, run)
    if not run.holder or run.state != State.RUNNING or not run.on_hosts:
        raise Refused(_("没有工作机持有这次执行"))
    if run.lease_until and now() - run.lease_until < SILENCE:
        raise Refused(_("工作机刚才还在应答，等一分钟再判定"))
    _said(run, by, "execution.machine_dead", _("判定工作机已停 %(number)s"), {"holder": run.holder})
    RunStep.objects.filter(run=run, state=RunStep.State.STARTED).update(boot="dead")
    _go_on(run)
    return run


def _asking(run: Run) -> RunStep:
    step = run.steps.filter(state=RunStep.State.ASKS).order_by("ordinal").first()
    if run.state != State.ASKS or step is None:
        raise Refused(_("这次执行没有在等人判断"))
    return step


def _go_on(run: Run, *changed: str) -> None:
    """The run is a worker's again, under a new fence."""
    run.state, run.fence, run.lease_until, run.holder = State.RUNNING, run.fence + 1, None, ""
    run.save(update_fields=["state", "fence", "lease_until", "holder", *changed])


def locked(by: Person, run: Run, *, acting: bool = True) -> Run:
    """The run as it stands now, held till the action ends; only the customer's engineers act on it."""
    rows = Run.objects.select_for_update(of=("self",)).select_related("item__owner", "owner", "ordered_by")
    found: Run = rows.get(id=run.id)
    if acting and not by.holds("engineer", found.owner):
        raise Refused(_("执行由维护工程师掌握"), help=_("找 %(name)s") % {"name": found.ordered_by.name})
    return found


def _said(run: Run, by: Person, kind: str, words: str, data: dict[str, Any]) -> None:
    """On record and on the item's timeline."""
    _stage(kind, run, by, data)
    note(run.item, "run", words % {"number": run.number}, actor=by, link=journal.link(run))


def _stage(kind: str, run: Run, by: Person, data: dict[str, Any]) -> None:
    said = {"run": run.number, "plan": run.subject} | data
    stage(kind, said, actor=by.actor, org=run.owner.code, item=str(run.item.uid), urgent=True)
