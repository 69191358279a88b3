"""What a record sheet and notices say of a run on hosts: batches and hosts with their results, checks, way back.

The sheet is an official Chinese form; its words stay Chinese in every language of the page.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from weilu.changes.host_words import named, step_words, without_back
from weilu.execution.fleet import orders
from weilu.execution.masking import mask
from weilu.execution.models import Cell, Run, RunHost, RunStep
from weilu.kernel.times import iso, seconds_between
from weilu.records.content import Step, Test

MOST_ROWS = 900  # of steps and hosts on a sheet; with more, batches stand for their steps
MOST_NAMED = 40  # hosts in trouble that are named with their cause
DONE, BACK, STUCK, LEFT = "成功", "已回退", "未能回退", "未执行"
FAILED, MENDED, UNTOUCHED = "失败", "失败，已恢复", "失败，未改变"
RUNS = {"succeeded": "成功", "went_back": "已回退", "partly": "部分完成", "failed": "未执行完"}
Plan = Mapping[str, Any]


def told_users(run: Run, plan: Plan, system: str) -> tuple[str, str]:
    """Title and text of what the users of the system are told (CHG-6)."""
    if run.state == Run.State.SUCCEEDED:
        return _("%(system)s已完成维护") % {"system": system}, plan["upgrade_notes"]
    if run.state == Run.State.PARTLY:
        words = _("一部分主机已更新，其余仍是原样，系统照常使用。余下的另行安排。")
        return _("%(system)s部分完成维护") % {"system": system}, plan["upgrade_notes"] + "\n" + words
    if run.state == Run.State.WENT_BACK:
        words = _("更新没有保留，主机已恢复到更新之前。您照常使用，不必做什么。")
        return _("%(system)s维护未成功，已恢复原样") % {"system": system}, words
    words = _("更新没有做完，维护工程师正在处理。使用中有异常，联系您的维护工程师。")
    return _("%(system)s维护未完成") % {"system": system}, words


@dataclass(frozen=True)
class End:
    """What became of one host, and why."""

    name: str
    batch: int
    result: str
    words: str


def ends_of(run: Run) -> list[End]:
    """Each host by batch; one on which a step failed is a failed one, whatever became of it since."""
    failed = Cell.objects.filter(step__run=run, step__phase=Run.Phase.FORWARD, state=Cell.State.FAILED)
    causes = dict(failed.order_by("id").values_list("host_id", "words"))
    found = []
    for host in run.hosts.order_by("batch", "ordinal"):
        said = [causes.get(host.id, ""), host.words] if host.state != RunHost.State.DONE else []
        words = "；".join(dict.fromkeys(mask(one) for one in said if one))
        found.append(End(host.name, host.batch, _result(host.state, host.id in causes), words))
    return found


def _result(state: str, failed: bool) -> str:
    match state:
        case "done":
            return DONE
        case "stuck":
            return STUCK
        case "back":
            return MENDED if failed else BACK
        case "left" | "waiting":
            return UNTOUCHED if failed else LEFT
        case _:
            return FAILED if failed or state == "failed" else LEFT


def verdict(run: Run) -> str:
    """How a run on hosts ended, in one sentence for the security office (CHG-5)."""
    count = Counter(end.result for end in ends_of(run))
    if run.state == Run.State.SUCCEEDED:
        return _("验收全部通过，%(count)d 台") % {"count": count[DONE]}
    words = _("完成 %(done)d 台，已回退 %(back)d 台，未能回退 %(stuck)d 台，失败 %(failed)d 台，未执行 %(left)d 台") % {
        "done": count[DONE], "back": count[BACK], "stuck": count[STUCK], "left": count[LEFT],
        "failed": count[FAILED] + count[MENDED] + count[UNTOUCHED],
    }  # fmt: skip
    if count[MENDED] or count[UNTOUCHED]:
        whole = {"mended": count[MENDED], "untouched": count[UNTOUCHED]}
        words += _("。失败的里 %(mended)d 台已恢复，%(untouched)d 台未改变") % whole
    return words


def checks(plan: Plan) -> list[dict[str, Any]]:
    """The acceptance of the plan as it is filed: what hosts have to answer, what people have to see or sign."""
    told = plan["orders"]
    asked = ("title", "port", "path", "expect")
    found = []
    for step in told["steps"]:
        if step["kind"] == "http":
            found.append({"title": step["title"], **{key: step["with"].get(key, "") for key in asked[1:]}})
        elif step["kind"] in orders.BY_PEOPLE:
            found.append({"title": step["title"], "words": step_words(told, step)})
    return found + [{key: one.get(key, "") for key in asked} for one in _health(told)]


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


def done_lines(plan: Plan, run: Run, earlier: Iterable[Run] = ()) -> list[str]:
    """What was done: by runs before this one, then under which plan, batch by batch, and what has no way back."""
    told = plan["orders"]
    lines = [_earlier(one) for one in earlier]
    lines.append(f"按批准的方案（SHA-256 {run.subject[:12]}）执行，编号 {run.number}，{len(told['hosts'])} 台主机。")
    if told["artefacts"]:
        lines.append(f"上传的 {len(told['artefacts'])} 个文件按 SHA-256 核对一致后使用。")
    lines.append("执行前在这些主机上演练通过。" + _backup(told))
    by_batch: dict[int, list[End]] = defaultdict(list)
    for end in ends_of(run):
        by_batch[end.batch].append(end)
    for batch, ends in by_batch.items():
        lines.append(f"{_batch(run, batch)} {len(ends)} 台。{_by_result(ends)}。"[:1000])
    if left := without_back(told):
        lines.append("方案写明没有回退的步骤：" + "、".join(step["title"] for step in left) + "。")
    return lines[:80]


def _earlier(run: Run) -> str:
    """One line of a run that came before: what it left on hosts is told, whatever followed (REC-2)."""
    before = f"在此之前按方案（SHA-256 {run.subject[:12]}）执行 {run.number}"
    if not run.hosts.filter(changed=True).exists() and not run.steps.filter(phase=Run.Phase.BACK).exists():
        return f"{before}，没有动到主机就结束。"
    return f"{before}，{RUNS.get(run.state, '未执行完')}。{_by_result(ends_of(run))}。"[:1000]


def _by_result(ends: Iterable[End]) -> str:
    by_result: dict[str, list[str]] = defaultdict(list)
    for end in ends:
        by_result[end.result].append(end.name)
    return "；".join(f"{result} {len(names)} 台：{named(names)}" for result, names in by_result.items())


def remaining(run: Run) -> str:
    """What is left open: hosts in no known state by name, hosts that failed with their cause, hosts as they were."""
    if run.state == Run.State.SUCCEEDED:
        return ""
    ends, lines = ends_of(run), []
    for results in ((STUCK, FAILED), (MENDED, UNTOUCHED)):
        mine = [end for end in ends if end.result in results]
        for end in mine[:MOST_NAMED]:
            kind = f"{end.result}：" if end.result in (MENDED, UNTOUCHED) else ""
            lines.append(f"{kind}{end.name}：{end.words or ('原因没有记下' if kind else '需人工恢复')}"[:300])
        if len(mine) > MOST_NAMED:
            lines.append(f"另有这样的 {len(mine) - MOST_NAMED} 台，见执行记录 {run.number}")
    for result, words in ((BACK, "已恢复原样"), (LEFT, "没有执行，仍是原样")):
        if names := [end.name for end in ends if end.result == result]:
            lines.append(f"{words}的 {len(names)} 台：{named(names)}")
    if run.cause:
        lines.append(f"原因：{mask(run.cause)}"[:500])
    return "\n".join(lines)[:3980] + "\n原因查明后另行变更。"


def steps_of(run: Run) -> list[Step]:
    """The journal: each step of each batch with how many hosts it ended well on, then each host with its end.

    Where that is too long for a form, each batch stands for its steps by the worst of them, and of the hosts only
    those are named that did not end well.
    """
    rows, ends = list(run.steps.order_by("ordinal")), ends_of(run)
    states: dict[int, Counter[str]] = defaultdict(Counter)
    names: dict[int, str] = {}
    for step, state, name in Cell.objects.filter(step__run=run).values_list("step_id", "state", "host__name"):
        states[step][state] += 1
        names[step] = name
    found = [_step(run, step, states[step.id], names.get(step.id, ""), ends) for step in rows]
    if len(found) + len(ends) <= MOST_ROWS:
        return found + [_host(run, end) for end in ends]
    if len(found) > MOST_ROWS:
        found = _short(run, rows, states)
    trouble = [_host(run, end) for end in ends if end.result != DONE]
    return [*found, *trouble][:MOST_ROWS]


def _short(run: Run, rows: Sequence[RunStep], states: Mapping[int, Counter[str]]) -> list[Step]:
    found: dict[tuple[int | None, str], list[RunStep]] = defaultdict(list)
    for step in rows:
        found[step.batch, step.phase if step.batch is not None else step.key].append(step)
    return [_together(run, steps, states) for steps in found.values()]


def _together(run: Run, steps: Sequence[RunStep], states: Mapping[int, Counter[str]]) -> Step:
    """One row for the steps of a batch, forward or back."""
    first, back = steps[0], steps[0].phase == Run.Phase.BACK
    if first.batch is None:
        return _step(run, first, Counter(), "", ())
    count = sum((states[step.id] for step in steps), Counter[str]())
    kinds = {step.state for step in steps}
    result = "失败" if count[Cell.State.FAILED] or "failed" in kinds else "成功" if "done" in kinds else "未执行"
    started = [step.started_at for step in steps if step.started_at]
    ended = [step.ended_at for step in steps if step.ended_at]
    return Step(
        title=f"{_batch(run, first.batch)}：{'回退' if back else '全部步骤'} {len(steps)} 步",
        host=f"{max(sum(states[step.id].values()) for step in steps)} 台", started_at=_at(min(started, default=None)),
        seconds=seconds_between(min(started, default=None), max(ended, default=None)), result=result, digest="",
    )  # fmt: skip


def tests_of(plan: Plan, run: Run) -> list[Test]:
    """Each check set beforehand: on how many of all hosts it passed; what people saw or signed, with their words."""
    told = plan["orders"]
    found, total = [], len(told["hosts"])
    for key, title in _asked(told):
        cells = Cell.objects.filter(step__run=run, step__key=key, step__phase=Run.Phase.FORWARD)
        states = dict(cells.order_by("id").values_list("host_id", "state"))  # the newest of a host tried again
        passed = sum(state == Cell.State.DONE for state in states.values())
        result = "未检查" if not states else "未通过" if Cell.State.FAILED in states.values() else "部分检查"
        words = f"验收：{title}" + _said_by_people(told, run, key)
        found.append(
            Test(
                title=words[:300], result="通过" if states and passed == total else result, counts=f"{passed} / {total}"
            )
        )
    return found


def _asked(told: orders.Orders) -> list[tuple[str, str]]:
    shows = ("http", *orders.BY_PEOPLE)
    keys = [(step["key"], step["title"]) for step in told["steps"] if step["kind"] in shows]
    return keys + [(f"h{n}", one["title"]) for n, one in enumerate(_health(told), start=1)]


def _said_by_people(told: orders.Orders, run: Run, key: str) -> str:
    """What had to be done or signed, and who confirmed it in which words."""
    step = orders.step_of(told, key)
    if step["kind"] not in orders.BY_PEOPLE:
        return ""
    rows = run.steps.filter(key=key, phase=Run.Phase.FORWARD, state=RunStep.State.DONE).order_by("ordinal")
    said = "；".join(dict.fromkeys(rows.values_list("words", flat=True)))
    return f"，{step_words(told, step)}" + (f"（{mask(said)}）" if said else "")


def _backup(told: orders.Orders) -> str:
    key = told["backup"].get("step")
    if key:
        return f"备份由「{orders.step_of(told, key)['title']}」在每台主机上先做。"
    return f"没有另做备份：{told['backup']['none']}。"


def _batch(run: Run, batch: int) -> str:
    return orders.batch_title(batch, run.plan["batches"]["canary"])


def _step(run: Run, step: RunStep, count: Counter[str], name: str, ends: Sequence[End]) -> Step:
    """`name` is that of the last host that took the step: it says where, if there was one only."""
    title = step.title if step.batch is None else f"{_batch(run, step.batch)}：{step.title}"
    total = sum(count.values())
    result = {"done": "成功", "failed": "失败"}.get(step.state, "未执行")
    if count[Cell.State.FAILED]:
        result = f"成功 {count[Cell.State.DONE]}，失败 {count[Cell.State.FAILED]}"
    if not total and len(mine := [end.name for end in ends if end.batch == step.batch]) == 1:
        name = mine[0]
    return Step(
        title=title, host=f"{total} 台" if total > 1 else name, started_at=_at(step.started_at),
        seconds=seconds_between(step.started_at, step.ended_at), result=result, digest=step.digest,
    )  # fmt: skip


def _host(run: Run, end: End) -> Step:
    return Step(
        title=f"{_batch(run, end.batch)}主机", host=end.name, started_at="", seconds=0, result=end.result, digest=""
    )


def _at(instant: datetime | None) -> str:
    return iso(instant) if instant else ""
