"""What the worker asks again by itself, whatever was true when the run was ordered; and what its acts prove."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from weilu.accounts.models import Person
from weilu.evidence import files
from weilu.evidence.actions import stage
from weilu.execution import lease
from weilu.execution.checks import URGENT, check_approved, check_orders_approved
from weilu.execution.fleet import attempt, orders, rules
from weilu.execution.journal import WORKER
from weilu.execution.models import LIVE, Cell, Run, RunHost, RunStep
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.planning.queries import WITHOUT_WAITING, check_free
from weilu.process.actions import record_fact
from weilu.process.models import Fact, WorkItem
from weilu.systems.models import Host, HostGroup, Limit

SAME = {
    "address": gettext_lazy("地址"), "port": gettext_lazy("端口"), "user": gettext_lazy("账号"),
    "become": gettext_lazy("是否 sudo"), "python": gettext_lazy("Python 的路径"), "key": gettext_lazy("主机密钥"),
    "group": gettext_lazy("主机组"), "environment": gettext_lazy("环境"),
}  # fmt: skip


def waits(run: Run, at: datetime) -> str:
    """What the run waits for before its first step; empty when it can begin. Raises Refused when it never can."""
    check_again(run, at)
    if run.purpose == Run.Purpose.REHEARSE:
        check_artefacts(run)
        check_hosts(run)
        return ""
    if at >= run.window_to:
        raise Refused(_("窗口已关闭。重新安排窗口并送审后再执行"), rules.IN_ITS_WINDOW)
    if at < run.window_from:
        return _("等待窗口打开")
    check_artefacts(run)
    check_hosts(run)
    batches = run.steps.aggregate(last=Max("batch"))["last"] or 1
    rules.check_fits(at, orders.minutes_needed(run.plan, batches), run.window_to)
    check_rehearsed(run.item, run.subject)
    check_in_nobody_s_way(run, at)
    record_no_backup(run)
    return take_hosts(run)


def check_again(run: Run, at: datetime) -> None:
    """Raises Refused unless, at this moment, exactly these orders stand approved, byte for byte, for this program."""
    if run.purpose == Run.Purpose.REHEARSE:
        if run.item.subject != run.subject:
            raise Refused(_("方案在这次演练之后已改动，演练不再进行"))
    else:
        check_approved(run.item, run.subject)
    check_orders_approved(run.item, run.subject, run.plan)
    if run.plan["program"] != attempt.program():
        raise Refused(_("维录自己的执行程序在批准之后有了新版本。重新提交方案再执行"))


def check_artefacts(run: Run) -> None:
    """Every file of the plan is kept, whole, as its digest says. Raises Refused."""
    for one in run.plan["artefacts"]:
        if len(files.read(one["sha256"])) != one["size"]:
            raise Refused(_("文件「%(name)s」与批准的不一致") % {"name": one["name"]})


def check_hosts(run: Run) -> None:
    """The register still says of each host what was approved. Raises Refused, naming what changed."""
    uids = [entry["uid"] for entry in run.plan["hosts"]]
    found = Host.objects.filter(owner=run.owner, uid__in=uids, retired_at=None).select_related("group__environment")
    present = {str(host.uid): host for host in found}
    for entry in run.plan["hosts"]:
        host = present.get(entry["uid"])
        if host is None:
            raise Refused(_("主机「%(name)s」已停用，方案要改") % {"name": entry["name"]})
        changed = [str(label) for name, label in SAME.items() if _said(host, name) != entry[name]]
        if changed:
            words = _("主机「%(name)s」的登记在批准之后改动过（%(what)s）。重新提交方案")
            raise Refused(words % {"name": entry["name"], "what": _("、").join(changed)})


def _said(host: Host, name: str) -> object:
    if name in ("group", "environment"):
        return host.group.name if name == "group" else str(host.group.environment.uid)
    return getattr(host, name)


def check_in_nobody_s_way(run: Run, at: datetime) -> None:
    """No freeze, no other work on the same or a neighbouring system, inside a window of the system. Raises Refused."""
    hosts = [one.host for one in run.hosts.select_related("host")]
    people = list(Person.objects.filter(bookings__item=run.item, bookings__released_at=None).order_by("id"))
    but = WITHOUT_WAITING if run.item.kind in URGENT else ()
    span = (run.window_from, run.window_to)
    check_free(run.item, run.item.system, *span, hosts, people, at, but=but, carried_by=run.ordered_by)


def check_rehearsed(item: WorkItem, subject: str) -> None:
    """A rehearsal of exactly this plan has passed. Raises Refused."""
    last = Fact.objects.filter(item=item, key="rehearsal.matched", subject=subject).order_by("-id").first()
    if last is None or not last.holds:
        raise Refused(_("这一版方案还没有演练通过，不能执行。先演练"), orders.BACKUP_FIRST)


def record_no_backup(run: Run) -> None:
    """A plan that says why no backup is needed was signed with those words: that is on record as the fact."""
    why = (run.plan.get("backup") or {}).get("none")
    if why and not Fact.objects.filter(item=run.item, key="backup.restored", subject=run.subject).exists():
        words = _("方案写明不需要备份：%(why)s") % {"why": why}
        _prove(run, "backup.restored", True, words)


def record_backup(run: Run, key: str) -> None:
    """The step that backs up has ended on every host so far; part of the batch's end."""
    cells = Cell.objects.filter(step__run=run, step__key=key, step__phase=Run.Phase.FORWARD)
    count = Counter(cells.values_list("state", flat=True))
    holds = not count[Cell.State.FAILED] and bool(count[Cell.State.DONE])
    words = _("备份步骤通过 %(done)d 台，失败 %(failed)d 台") % {
        "done": count[Cell.State.DONE], "failed": count[Cell.State.FAILED],
    }  # fmt: skip
    _prove(run, "backup.restored", holds, words)


def record_acceptance(run: Run) -> None:
    """The health checks of the plan have passed on every host that is done."""
    checks = len(run.plan["batches"].get("health", []))
    count = run.hosts.filter(state=RunHost.State.DONE).count()
    words = _("%(count)d 台主机各 %(checks)d 项检查通过") % {"count": count, "checks": checks}
    _prove(run, "acceptance.passed", True, words)


@transaction.atomic
def _prove(run: Run, key: str, holds: bool, words: str) -> None:
    """A fact of this run, on record under an entry of its own."""
    data = {"run": run.number, "plan": run.subject, "fact": key, "holds": holds, "words": words}
    ref = stage("execution.proved", data, actor=WORKER, org=run.owner.code, item=str(run.item.uid))
    record_fact(run.item, key, run.subject, holds, words, run.number, ref)


def take_hosts(run: Run) -> str:
    """Hold every host for this run; what it waits for where another run holds one. Each gets its next turn."""
    mine = list(run.hosts.order_by("ordinal"))
    if all(one.holds_id for one in mine):
        return ""
    try:
        with transaction.atomic():
            lease.guarded(run.id, run.fence, lease_until=now() + lease.LEASE)
            ids = [one.host_id for one in mine]
            list(Host.objects.select_for_update().filter(id__in=ids).order_by("id"))
            check_hosts(run)  # once more: from here on the register changes none of them
            turns = dict(
                RunHost.objects.filter(host__in=ids)
                .values_list("host")
                .annotate(last=Max("turn"))
                .values_list("host", "last")
            )
            for one in mine:
                one.holds_id = one.host_id
                # Also after a backup was restored, no turn is one that a host has seen before.
                one.turn = max((turns.get(one.host_id) or 0) + 1, since_2020(now()))
            RunHost.objects.bulk_update(mine, ["holds", "turn"])
    except IntegrityError:
        held = RunHost.objects.filter(holds__in=[one.host_id for one in mine]).exclude(run=run).select_related("run")
        other = held.order_by("ordinal").first()
        if other is None:
            return _("等待主机空出来")
        return _("等待 %(number)s 让出主机「%(host)s」") % {"number": other.run.number, "host": other.name}
    return ""


def since_2020(at: datetime) -> int:
    """Whole minutes from 2020 on."""
    return int((at - datetime(2020, 1, 1, tzinfo=UTC)).total_seconds() // 60)


def over_limits(run: Run, batch: int) -> str:
    """The bound of a group, site or zone that this batch would pass now, beside other runs; empty when it fits."""
    if run.purpose == Run.Purpose.REHEARSE:
        return ""
    wanted = Counter(_names([one.entry for one in run.hosts.filter(batch=batch)]))
    others = RunHost.objects.filter(
        run__owner=run.owner, run__state__in=LIVE, state__in=(RunHost.State.RUNNING, RunHost.State.RETURNING)
    ).exclude(run=run)
    taken = Counter(_names(list(others.values_list("entry", flat=True))))
    limits = limits_of(run)
    name = rules.over_limit(wanted, taken, limits)
    if not name:
        return ""
    kind, _sep, label = name.partition(":")
    words = {"group": _("主机组"), "site": _("机房"), "zone": _("网络区")}[kind]
    if alone := rules.over_limit(wanted, {}, limits):  # the bound was lowered since the batches were cut
        told = {"kind": words, "name": label.rpartition("/")[2], "count": wanted[alone], "most": limits[alone]}
        said = _("%(kind)s「%(name)s」的上限改成了 %(most)d 台，这一批有 %(count)d 台，等不到。把上限改回，或到此为止")
        return said % told
    return _("等待：%(kind)s「%(name)s」同时执行的主机已到上限") % {"kind": words, "name": label.rpartition("/")[2]}


def limits_of(run: Run) -> dict[str, int]:
    """The bounds of the customer: of groups by their system, of sites and zones over all."""
    found = {f"{one.kind}:{one.name}": int(one.at_once) for one in Limit.objects.filter(owner=run.owner)}
    groups = HostGroup.objects.filter(owner=run.owner, at_once__isnull=False).select_related("environment")
    return found | {f"group:{one.environment.uid}/{one.name}": int(one.at_once or 0) for one in groups}


def _names(entries: list[Mapping[str, str]]) -> list[str]:
    """What each host counts against."""
    found = [f"group:{entry['environment']}/{entry['group']}" for entry in entries]
    found += [f"{kind}:{entry[kind]}" for kind in ("site", "zone") for entry in entries if entry.get(kind)]
    return found


def laid_out(run: Run) -> list[list[int]]:
    """The ordinals of hosts of each batch of the run's orders, a batch that passes a bound by itself cut."""
    entries, limits = run.plan["hosts"], limits_of(run)
    found = [wave for batch in orders.split(run.plan) for wave in waves(entries, batch, limits)]
    if len(found) > orders.MOST_BATCHES:
        words = _("按主机组、机房和网络区的上限要分成 %(count)d 批，最多 %(most)d 批。放宽上限，或分成几个方案")
        raise Refused(words % {"count": len(found), "most": orders.MOST_BATCHES}, field="batches")
    return found


def waves(run_hosts: list[Mapping[str, str]], batch: list[int], limits: Mapping[str, int]) -> list[list[int]]:
    """A batch cut so that no part by itself passes a bound; ordinals from 1 into `run_hosts`."""
    found: list[list[int]] = []
    present: list[int] = []
    count: Counter[str] = Counter()
    for ordinal in batch:
        mine = Counter(_names([run_hosts[ordinal - 1]]))
        if present and rules.over_limit(count + mine, {}, limits):
            found.append(present)
            present, count = [], Counter()
        present.append(ordinal)
        count += mine
    return [*found, present] if present else found


def open_steps(run: Run, batch: int) -> bool:
    """Whether a step forward of the batch is still to come or under way."""
    return run.steps.filter(
        batch=batch,
        phase=Run.Phase.FORWARD,
        state__in=(RunStep.State.WAITING, RunStep.State.STARTED, RunStep.State.ASKS),
    ).exists()
