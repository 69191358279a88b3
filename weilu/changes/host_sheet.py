"""What a record sheet and notices say of a run on hosts: batches and hosts with their results, checks, way back.

The sheet is an official Chinese form; its words stay Chinese in every language of the page.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from weilu.changes.host_words import named, without_back
from weilu.execution.fleet import orders
from weilu.execution.models import Cell, Run, RunHost, RunStep
from weilu.kernel.times import iso
from weilu.records.content import Step, Test

MOST_ROWS = 900  # of steps and hosts on a sheet; with more, batches stand for their steps
HOST_RESULTS = {
    "done": "成功", "failed": "失败", "back": "已回退", "stuck": "未能回退", "left": "未执行", "waiting": "未执行",
}  # fmt: skip
Plan = Mapping[str, Any]


def told_users(run: Run, plan: Plan, system: str) -> tuple[str, str]:
    """Title and text of what the users of the system are told (CHG-6)."""
    if run.state == Run.State.SUCCEEDED:
        return _("%(system)s已完成维护") % {"system": system}, plan["upgrade_notes"]
    if run.state == Run.State.PARTLY:
        words = _("一部分主机已更新，其余仍是原样，系统照常使用。余下的另行安排。")
        return _("%(system)s部分完成维护") % {"system": system}, plan["upgrade_notes"] + "\n" + words
    if run.state == Run.State.WENT_BACK:
        words = _("更新没有通过检查，主机已恢复到更新之前。您照常使用，不必做什么。")
        return _("%(system)s维护未成功，已恢复原样") % {"system": system}, words
    words = _("更新没有做完，维护工程师正在处理。使用中有异常，联系您的维护工程师。")
    return _("%(system)s维护未完成") % {"system": system}, words


def verdict(run: Run) -> str:
    """How a run on hosts ended, in one sentence for the security office (CHG-5)."""
    count = Counter(run.hosts.values_list("state", flat=True))
    if run.state == Run.State.SUCCEEDED:
        return _("验收全部通过，%(count)d 台") % {"count": count[RunHost.State.DONE]}
    told = {str(state): count[state] for state in RunHost.State.values}
    words = _("完成 %(done)d 台，已回退 %(back)d 台，未能回退 %(stuck)d 台，失败 %(failed)d 台，未执行 %(left)d 台")
    return words % told


def checks(plan: Plan) -> list[dict[str, Any]]:
    """The acceptance checks of the plan as they are filed."""
    told = plan["orders"]
    found = [
        {"title": step["title"], **{key: step["with"].get(key, "") for key in ("port", "path", "expect")}}
        for step in told["steps"] if step["kind"] == "http"
    ]  # fmt: skip
    return found + [{key: one.get(key, "") for key in ("title", "port", "path", "expect")} for one in _health(told)]


def _health(told: orders.Orders) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told["batches"].get("health", [])
    return found


def version_to(plan: Plan) -> str:
    """The packages that come, where they fit the form's line."""
    said = _("、").join(
        f"{step['with']['name']} {step['with']['version']}"
        for step in plan["orders"]["steps"] if step["kind"] == "package"
    )  # fmt: skip
    return said if len(said) <= 60 else said[:59] + "…"


def done_lines(plan: Plan, run: Run) -> list[str]:
    """What was done: under which plan, batch by batch, what went back and what is left."""
    told = plan["orders"]
    lines = [f"按批准的方案（SHA-256 {run.subject[:12]}）执行，编号 {run.number}，{len(told['hosts'])} 台主机。"]
    if told["artefacts"]:
        lines.append(f"上传的 {len(told['artefacts'])} 个文件按 SHA-256 核对一致后使用。")
    lines.append("执行前在这些主机上演练通过。" + _backup(told))
    for batch, hosts in _by_batch(run).items():
        by_state: dict[str, list[str]] = defaultdict(list)
        for host in hosts:
            by_state[HOST_RESULTS.get(host.state, "未执行")].append(host.name)
        said = "；".join(f"{result} {len(names)} 台：{named(names)}" for result, names in by_state.items())
        lines.append(f"第 {batch} 批 {len(hosts)} 台。{said}。"[:1000])
    if left := without_back(told):
        lines.append("方案写明没有回退的步骤：" + "、".join(step["title"] for step in left) + "。")
    return lines[:80]


def remaining(run: Run) -> str:
    """What is left open: hosts in no known state by name, with what to do; hosts that stayed as they were."""
    if run.state == Run.State.SUCCEEDED:
        return ""
    lines = []
    for host in run.hosts.filter(state__in=(RunHost.State.STUCK, RunHost.State.FAILED)).order_by("ordinal")[:40]:
        lines.append(f"{host.name}：{host.words or '需人工恢复'}"[:300])
    for state, words in ((RunHost.State.BACK, "已恢复原样"), (RunHost.State.LEFT, "没有执行，仍是原样")):
        if names := list(run.hosts.filter(state=state).order_by("ordinal").values_list("name", flat=True)):
            lines.append(f"{words}的 {len(names)} 台：{named(names)}")
    if run.cause:
        lines.append(f"原因：{run.cause}"[:500])
    return ("\n".join(lines) + "\n原因查明后另行变更。")[:4000]


def steps_of(run: Run) -> list[Step]:
    """The journal: each step of each batch with how many hosts it ended well on, then each host with its end."""
    hosts = _by_batch(run)
    rows = list(run.steps.order_by("ordinal"))
    counted: dict[int, Counter[str]] = defaultdict(Counter)
    for step, state in Cell.objects.filter(step__run=run).values_list("step_id", "state"):
        counted[step][state] += 1
    found = [_step(step, counted[step.id], hosts) for step in rows]
    if len(found) > MOST_ROWS:
        found = [row for row, step in zip(found, rows, strict=True) if step.batch is None or step.key == "s1"]
    ended = [_host(host) for batch in hosts.values() for host in batch]
    return found[:MOST_ROWS] + (ended if len(found) + len(ended) <= MOST_ROWS else [])


def tests_of(plan: Plan, run: Run) -> list[Test]:
    """Each check set beforehand: on how many of all hosts it passed; 未检查 where no host came to it."""
    told = plan["orders"]
    keys = [(step["key"], step["title"]) for step in told["steps"] if step["kind"] == "http"]
    keys += [(f"h{n}", one["title"]) for n, one in enumerate(_health(told), start=1)]
    found, total = [], len(told["hosts"])
    for key, title in keys:
        cells = Cell.objects.filter(step__run=run, step__key=key, step__phase=Run.Phase.FORWARD)
        states = dict(cells.order_by("id").values_list("host_id", "state"))  # the newest of a host tried again
        passed = sum(state == Cell.State.DONE for state in states.values())
        result = "未检查" if not states else "通过" if passed == total else "未通过"
        found.append(Test(title=f"验收：{title}"[:300], result=result, counts=f"{passed} / {total}"))
    return found


def _backup(told: orders.Orders) -> str:
    key = told["backup"].get("step")
    if key:
        return f"备份由「{orders.step_of(told, key)['title']}」在每台主机上先做。"
    return f"没有另做备份：{told['backup']['none']}。"


def _by_batch(run: Run) -> dict[int, list[RunHost]]:
    found: dict[int, list[RunHost]] = defaultdict(list)
    for host in run.hosts.order_by("batch", "ordinal"):
        found[host.batch].append(host)
    return found


def _step(step: RunStep, count: Counter[str], hosts: Mapping[int, Sequence[RunHost]]) -> Step:
    title = step.title if step.batch is None else f"第 {step.batch} 批：{step.title}"
    total = sum(count.values())
    result = {"done": "成功", "failed": "失败", "skipped": "未执行"}.get(step.state, "未执行")
    if count[Cell.State.FAILED]:
        result = f"成功 {count[Cell.State.DONE]}，失败 {count[Cell.State.FAILED]}"
    machines = hosts.get(step.batch or 0, ())
    where = machines[0].name if len(machines) == 1 else f"{total} 台" if total else ""
    return Step(
        title=title, host=where, started_at=_at(step.started_at), seconds=_seconds(step.started_at, step.ended_at),
        result=result, digest=step.digest,
    )  # fmt: skip


def _host(host: RunHost) -> Step:
    return Step(
        title=f"第 {host.batch} 批主机", host=host.name, started_at="", seconds=0,
        result=HOST_RESULTS.get(host.state, "未执行"), digest="",
    )  # fmt: skip


def _at(instant: datetime | None) -> str:
    return iso(instant) if instant else ""


def _seconds(start: datetime | None, end: datetime | None) -> int:
    """Whole seconds between, rounded up, at least one; 0 where one is missing."""
    return max(1, -(-int((end - start).total_seconds() * 1000) // 1000)) if start and end else 0
