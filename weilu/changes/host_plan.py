"""Plans for hosts: their files, the plan itself, and its rehearsal; what is approved is what runs, byte for byte."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import host_start, rules
from weilu.changes.actions import back_to_design, hold, keep_plan
from weilu.changes.approval import latest_plan
from weilu.changes.carried import acts_of
from weilu.changes.host_orders import (
    Written,
    backup_of,
    batches_of,
    check_criteria_set,
    check_fits_window,
    checked_steps,
    files_named,
)
from weilu.changes.kind import CHANGE, EMERGENCY
from weilu.changes.models import Change, PlanFile, PlanVersion
from weilu.changes.plan import HostPlan, is_on_hosts
from weilu.evidence import files
from weilu.evidence.actions import stage
from weilu.execution.bundles.keeping import check_kept
from weilu.execution.fleet import attempt, orders
from weilu.execution.fleet.actions import order_run_on_hosts
from weilu.execution.models import Run
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.planning.bookings import book
from weilu.planning.queries import WITHOUT_WAITING, check_free
from weilu.planning.rules import Kind
from weilu.process.actions import note, record_fact, say_in_step, set_subject
from weilu.process.models import WorkItem
from weilu.process.rules import check_turn
from weilu.systems.models import Host
from weilu.vault import opening

LARGEST, MOST_FILES = 50_000_000, 60  # bytes of a file; files of a change
TEXTS = ("impact", "risk", "way_back", "upgrade_notes")


@action("changes.keep_plan_file")
def keep_plan_file(by: Person, change: Change, *, data: bytes, name: str) -> PlanFile:
    """Keep a file that steps of this change's plans may name by its SHA-256; the same bytes are kept once."""
    name = text.line(name, _("文件名"), field="file", longest=100)
    if not data:
        raise Refused(_("「%(name)s」是空的。换一个文件") % {"name": name}, field="file")
    if len(data) > LARGEST:
        raise Refused(_("「%(name)s」超过 50 MB。换一个小的") % {"name": name}, field="file")
    item = hold(change)
    _check_engineer(by, item)
    if not change.on_hosts or not item.step:
        raise Refused(_("这项变更现在不收方案文件"), field="file")
    kept = files.keep(data, name)
    found: PlanFile | None = change.files.filter(sha256=kept.sha256).first()
    if found is not None:
        return found
    if change.files.count() >= MOST_FILES:
        raise Refused(_("方案文件最多 %(most)d 个") % {"most": MOST_FILES}, field="file")
    ref = stage(
        "changes.plan_file_kept", {"number": item.number, "file": kept.facts()},
        actor=by.actor, org=item.owner.code, item=str(item.uid),
    )  # fmt: skip
    return PlanFile.objects.create(
        change=change, sha256=kept.sha256, size=kept.size, name=name, by=by, evidence=ref
    )  # fmt: skip


@action("changes.submit_host_plan")
def submit_host_plan(
    by: Person,
    change: Change,
    *,
    turn: int,
    hosts: Sequence[str],
    steps: Sequence[Mapping[str, Any]],
    written: Written,
    window_from: datetime,
    window_to: datetime,
    impact: str,
    risk: str,
    way_back: str,
    upgrade_notes: str,
) -> PlanVersion:
    """A plan for hosts, frozen under its digest: hosts as registered now, steps, batches, files, window (CHG-4).

    `hosts` are uids in the order in which they come in, the canary first. Submitted again after it has gone on, the
    item goes back to the design and what rested on the older version falls away; refused once a run has begun.
    """
    item = hold(change)
    if not change.on_hosts:
        raise Refused(_("这项变更是升级一套应用，方案写目标版本和窗口"), rules.APPROVED_AS_IS)
    if item.kind not in (CHANGE.key, EMERGENCY.key):
        raise Refused(_("这类工单不写主机方案"), rules.APPROVED_AS_IS)
    chosen = _hosts(item, hosts)
    told = _orders(change, chosen, checked_steps(steps), written)
    window_from, window_to = window_from.replace(microsecond=0), window_to.replace(microsecond=0)
    told |= {"window_from": iso(window_from), "window_to": iso(window_to)}
    _check(told)
    _check_signers(item, told, by)
    rules.check_window(window_from, window_to, now())
    check_fits_window(told, host_start.batches_of(told, item.owner), window_from, window_to)
    labels = (_("影响"), _("风险"), _("回退说明"), _("升级说明"))
    said = (impact, risk, way_back, upgrade_notes)
    texts = {key: text.prose(value, label, field=key) for key, label, value in zip(TEXTS, labels, said, strict=True)}
    _check_time(item, window_from, window_to, chosen, by)
    back_to_design(by, change, turn)
    need = change.needs.order_by("-number")[0]
    plan = HostPlan(
        need_number=need.number, need_digest=need.digest, orders=told,
        window_from=told["window_from"], window_to=told["window_to"], **texts,  # type: ignore[typeddict-item]
    )  # fmt: skip
    if answered := list(change.amendments.order_by("id").values_list("number", flat=True)):
        plan["amendments"] = answered
    return put_forward_on_hosts(by, change, plan, chosen)


def _check_signers(item: WorkItem, told: Mapping[str, Any], by: Person) -> None:
    """Whoever orders the run may not sign in it: each signature it waits for needs somebody else who can give it."""
    for number, step in enumerate(told["steps"], start=1):
        role = step["with"].get("role") or "engineer"
        if step["kind"] != "signature" or Person.objects.holding(role, item.owner).exclude(id=by.id).exists():
            continue
        words = _("第 %(number)d 步等的签名，除了您没有人能签。换一个角色，或先给别人这个角色")
        raise Refused(words % {"number": number}, field=f"step-{number}-role")


def put_forward_on_hosts(by: Person, change: Change, plan: HostPlan, hosts: Sequence[Host]) -> PlanVersion:
    """Keep a plan for these hosts as the item's subject, with its time, and sign the design; part of an action."""
    item, kept = change.item, keep_plan(by, change, plan)
    set_subject(item, kept.digest)
    start, end = orders.window(plan["orders"])
    book(by, item, item.system, start, end, hosts, [by])
    artefacts = plan["orders"]["artefacts"]
    for one in artefacts:
        files.read(one["sha256"])  # whole, and what its digest says
    proof = _("%(count)d 个文件的 SHA-256 核对一致") % {"count": len(artefacts)}
    proof = proof if artefacts else _("没有上传的文件；软件包由主机按软件源的签名核对")
    record_fact(item, "integrity.verified", kept.digest, True, proof, by.actor, kept.evidence)
    words = _("提交方案第 %(number)d 版") % {"number": kept.number}
    say_in_step(by, item, turn=item.turn, subject=kept.digest, words=words, form="plan")
    return kept


@action("changes.rehearse_hosts")
def rehearse_hosts(by: Person, change: Change, *, turn: int) -> Run:
    """Try the present plan on its hosts in check mode: nothing is changed; each host says what would be."""
    item = hold(change)
    check_turn(turn, item.turn)
    _check_engineer(by, item)
    if not item.step or not change.on_hosts:
        raise Refused(_("没有可以演练的主机方案"))
    plan = latest_plan(change)
    if item.subject != plan.digest:
        raise Refused(_("方案还没有送审，送审后再演练"), rules.APPROVED_AS_IS)
    if acts_of(item).filter(subject=plan.digest).exists():
        raise Refused(_("这一版方案已开始执行，不用再演练"))
    run = order_run_on_hosts(by, item, plan.content["orders"], plan.digest, Run.Purpose.REHEARSE)
    note(item, "run", _("开始演练 %(number)s") % {"number": run.number}, actor=by, link=f"/runs/{run.uid}/")
    return run


def orders_of(item: WorkItem, subject: str) -> orders.Orders | None:
    """The orders that stand in the plan with this digest; None where it is no plan for hosts (execution.checks)."""
    plan = PlanVersion.objects.filter(change__item=item, digest=subject).order_by("-number").first()
    return plan.content.get("orders") if plan is not None and is_on_hosts(plan.content) else None


def entry_of(host: Host) -> dict[str, Any]:
    """A host as the orders freeze it."""
    place = {"group": host.group.name, "environment": str(host.group.environment.uid)}
    return opening.entry_of(host) | place | {"site": host.site, "zone": host.zone, "pool": host.pool}


def hosts_of(item: WorkItem) -> list[Host]:
    """The hosts of the item's system that a plan may name, by environment and group."""
    found = Host.objects.filter(group__environment__system=item.system, retired_at=None)
    order = ("group__environment__id", "group__name", "group_id", "name")
    return list(found.select_related("group__environment").order_by(*order))


def _hosts(item: WorkItem, uids: Sequence[str]) -> list[Host]:
    known = {str(host.uid): host for host in hosts_of(item)}
    if not uids:
        raise Refused(_("没有选主机。选至少一台"), field="hosts")
    if strange := [uid for uid in uids if uid not in known]:
        raise Refused(_("有 %(n)d 台主机不是这个系统的，或已停用") % {"n": len(strange)}, field="hosts")
    return [known[uid] for uid in dict.fromkeys(uids)]


def _orders(
    change: Change, hosts: Sequence[Host], steps: list[orders.Step], written: Written
) -> orders.Orders:  # fmt: skip
    named = files_named(steps)
    kept = change.files.filter(sha256__in=named).order_by("id")
    return {
        "hosts": [entry_of(host) for host in hosts], "steps": steps, "batches": batches_of(written),
        "minutes": written.minutes, "at_window_end": written.at_window_end, "backup": backup_of(written),
        "artefacts": [{"name": one.name, "sha256": one.sha256, "size": one.size} for one in kept],
        "program": attempt.program(),
    }  # fmt: skip


def _check(told: orders.Orders) -> None:
    """Raises Refused where a host could not be given these orders; what is wrong with a step belongs to its row."""
    known = {one["sha256"] for one in told["artefacts"]}
    for number, step in enumerate(told["steps"], start=1):
        orders.check_step(number, step, known)
        if step["kind"] != "bundle":
            continue
        try:
            names = frozenset(one["name"] for one in told["hosts"])
            check_kept(step["with"]["sha256"], step["with"]["playbook"], names)
        except Refused as problem:
            raise Refused(problem.reason, problem.clause, help=problem.help, field=f"step-{number}-file") from None
    orders.check_orders(told)
    check_criteria_set(told)


def _check_time(item: WorkItem, start: datetime, end: datetime, hosts: Sequence[Host], by: Person) -> None:
    """Raises Refused where the time is taken or outside every window (CHG-3).

    A freeze is no reason yet: its exception is asked for with the plan; before the approval it has to be there.
    """
    passed = WITHOUT_WAITING if item.kind == EMERGENCY.key else (Kind.FREEZE,)
    try:
        check_free(item, item.system, start, end, hosts, [by], but=passed)
    except Refused as problem:
        raise Refused(problem.reason, problem.clause, help=problem.help, field="window_from") from None


def _check_engineer(by: Person, item: WorkItem) -> None:
    if not by.holds("engineer", item.owner):
        raise Refused(_("主机方案由维护工程师写和演练"), rules.APPROVED_AS_IS)
