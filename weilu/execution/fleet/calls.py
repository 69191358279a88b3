"""Calls for the hosts of a step: begun once, followed, and after a loss looked at before anything is done again."""

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from weilu.execution import lease
from weilu.execution.fleet import attempt, bundle, journal, keys, orders, rules
from weilu.execution.masking import mask
from weilu.execution.models import Cell, Run, RunHost, RunStep
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

State = Cell.State
MOST_LOOKS = 9  # attempts on one host in one step, looks among them, before a person is asked
BEYOND = timedelta(minutes=12)  # what a call may take beyond its step: the lock of the host, the connection
PROBED = "（中断后由主机的状态得知）"


def begin(run: Run, step: RunStep, hosts: Sequence[RunHost], verb: str, words: str = "") -> None:
    """Commit the intent, then call."""
    intend(run, step, hosts, verb, words)
    launch(run, step)


def intend(run: Run, step: RunStep, hosts: Sequence[RunHost], verb: str, words: str = "") -> None:
    step.result = step.result | {"verb": verb}
    changing = verb in ("do", "enter") and journal.undoes(run, step.key)
    journal.begin(run, step, hosts, verb, changing=changing, words=words)


def launch(run: Run, step: RunStep) -> None:
    """Start the attempt that the journal has just named; what keeps it from starting is told to every host of it."""
    folder = folder_of(run, step)
    cells = _open(step)
    try:
        _call(run, step, folder, cells)
    except (Refused, OSError) as problem:
        why = problem.reason if isinstance(problem, Refused) else _("工作机上出错：%(why)s") % {"why": problem}
        attempt.give_up(folder, [cell.host.ordinal for cell in cells], str(why))
    try:
        lease.beat(run.id, run.fence)
    except lease.Fenced:  # replaced meanwhile: its hosts refuse this call, and nobody else will end what it holds
        attempt.stop(folder)
        keys.end(folder)
        raise


def end_begun_here(run: Run) -> None:
    """This worker was replaced: what it began ends with its keys, unless a worker of this machine follows it."""
    here = {"machine": lease.machine(), "boot": lease.boot_id()}
    followed = {folder_of(run, step) for step in run.steps.filter(state=RunStep.State.STARTED, **here)}
    for folder in set(attempt.begun_here(str(run.uid))) - followed:
        attempt.stop(folder)
        keys.end(folder)


def _call(run: Run, step: RunStep, folder: Path, cells: Sequence[Cell]) -> None:
    told, verb = orders.step_of(run.plan, step.key), step.result["verb"]
    longest = int(longest_call(run, told, len(cells)).total_seconds())
    opened = keys.opened(run, [cell.host.entry for cell in cells], folder, longest)
    if verb == "play" or (verb == "check" and told["kind"] == "bundle"):
        entries = [(cell.host.ordinal, cell.host.entry) for cell in cells]
        all_names = frozenset(entry["name"] for entry in run.plan["hosts"])
        name = bundle.call_of(str(run.uid), step.ordinal)
        bundle.start(folder, told, entries, opened, name, all_names, check=verb == "check")
        return
    call = attempt.Call(
        run=str(run.uid), verb=verb, hosts=[_order(run, step, told, cell) for cell in cells],
        artefacts=artefacts_of(told), forks=run.plan["batches"]["at_once"], opened=opened,
    )  # fmt: skip
    attempt.start(folder, call)


def longest_call(run: Run, told: orders.Step, hosts: int) -> timedelta:
    """What a call may take: the step's own limit for every round of hosts, and what comes before and after it."""
    at_once = max(1, min(int(run.plan["batches"]["at_once"]), attempt.MOST_FORKS))
    return timedelta(seconds=int(told["seconds"]) * max(1, -(-hosts // at_once))) + BEYOND


def folder_of(run: Run, step: RunStep) -> Path:
    """Where one attempt of a step leaves what its hosts said."""
    return Path(settings.CONFIG.data_dir) / "attempts" / str(run.uid) / f"{step.ordinal}-{step.attempt}"


def _order(run: Run, step: RunStep, told: orders.Step, cell: Cell) -> attempt.Order:
    host = cell.host
    name = f"{step.batch}/{step.phase}/{step.key}"
    back = told["back"] if isinstance(told["back"], dict) else None
    options = told["with"]
    if told["kind"] == "bundle":
        options = bundle.options(told, bundle.call_of(str(run.uid), step.ordinal), cell.result.get("outcome"))
    order = {
        "run": str(run.uid), "number": run.number, "host": host.entry["uid"],
        "token": [host.turn or 0, run.fence, step.ordinal, step.attempt], "key": name,
        "of": f"{step.batch}/{Run.Phase.FORWARD}/{step.key}" if step.phase == Run.Phase.BACK else "",
        "kind": told["kind"], "with": options, "back": back, "seconds": told["seconds"],
    }  # fmt: skip
    return attempt.Order(host.ordinal, host.entry, base64.b64encode(json.dumps(order).encode()).decode())


def artefacts_of(told: orders.Step) -> list[str]:
    """The files a call needs on the host, each once."""
    sources = [told["with"], told["with"].get("probe"), told["back"]]
    found = [one["sha256"] for one in sources if isinstance(one, dict) and "sha256" in one]
    if told["kind"] == "bundle":
        found.remove(told["with"]["sha256"])  # it plays here; only what brings its work back goes to the host
    return sorted(set(found)) if told["kind"] != "package" else []


def _open(step: RunStep) -> list[Cell]:
    return list(step.cells.filter(state=State.STARTED, todo="").select_related("host").order_by("host__ordinal"))


def follow(run: Run, step: RunStep) -> bool:
    """Read along; once the call is over, look, do again or ask, host by host; True when anything changed."""
    elsewhere = (step.machine, step.boot) != (lease.machine(), lease.boot_id())
    folder = folder_of(run, step)
    state = "lost" if elsewhere else attempt.state(folder)
    cells = _open(step)
    moved = _read(run, step, folder, cells, over=state != "running", never=state == "never")
    if state == "running":
        if attempt.age(folder) > longest_call(run, orders.step_of(run.plan, step.key), len(cells)):
            attempt.stop(folder)
        return moved
    if folder.exists():  # not so on another machine; there its agent forgets its keys by itself
        keys.end(folder)
        attempt.scrub(folder)
    return _next(run, step)


def _read(run: Run, step: RunStep, folder: Path, cells: Sequence[Cell], *, over: bool, never: bool) -> bool:
    """Take down what was said, settle every host that told its end; `over`: whoever told none is lost."""
    lines: list[journal.Line] = []
    read, ended = [], []
    for cell in cells:
        found = attempt.heard(folder, cell.host.ordinal, cell.seen, over=over)
        if not (found.lines or found.result or found.lost or over):
            continue
        lines += [(cell.host.ordinal, journal.OUTPUT, line) for line in found.lines]
        cell.seen = found.seen
        read.append(cell)
        if found.result:
            _told(run, step, cell, found.result)
        elif found.lost:
            _lost(run, step, cell, bool(found.lost["begun"]), str(found.lost["why"]))
        elif never:
            cell.todo = _once_more(step, cell)
        elif over:
            _lost(run, step, cell, True, _("执行中断，没有结果"))
        if cell.state != State.STARTED:
            ended.append(cell)
            if cell.state == State.FAILED:
                lines.append((cell.host.ordinal, journal.ERROR, cell.words))
    if read:
        journal.take_over(run, step, lines, read, ended)
    return bool(read)


def _once_more(step: RunStep, cell: Cell) -> str:
    """The call was committed and never made: the same again, nothing of it has happened."""
    verb = step.result.get("verb")
    return str(verb) if verb in ("probe", "play", "leave") else "do"


def _told(run: Run, step: RunStep, cell: Cell, answer: dict[str, Any]) -> None:
    """A result from the host itself, or of the sandbox for it."""
    verb = step.result.get("verb")
    if verb == "enter" and answer["ok"] and not answer["result"].get("already"):
        cell.todo, cell.result = "play", {}
    elif verb == "play":
        cell.todo, cell.result = "leave", {"outcome": {"ok": answer["ok"], "sentence": mask(answer["sentence"])}}
    elif verb == "check" and "would" in answer:
        _settle(cell, State.DONE, "", {"would": answer["would"][:200], "rehearsed": True, "back": ""})
    elif verb == "check" and "sentence" in answer and not answer["ok"]:
        _settle(cell, State.FAILED, answer["sentence"], {"untouched": True})
    elif answer.get("lost"):
        _look_again(cell, answer["sentence"])
    elif step.probing:
        _shown(run, step, cell, answer)
    elif answer["ok"]:
        already = _(PROBED) if answer["result"].get("already") else ""
        _settle(cell, State.DONE, already, answer["result"])
    elif answer.get("noted") or cell.attempt == 1:
        _settle(cell, State.FAILED, answer["sentence"], {"untouched": bool(answer.get("untouched"))})
    else:  # this call did nothing, but one before it may have
        _look_again(cell, answer["sentence"])


def _shown(run: Run, step: RunStep, cell: Cell, answer: dict[str, Any]) -> None:
    """What the host shows of a step whose result was lost."""
    if not answer["ok"]:
        _look_again(cell, answer["sentence"])
        return
    shown = answer["result"]
    if shown["state"] == "failed":
        _settle(cell, State.FAILED, shown["sentence"], {"untouched": bool(shown["untouched"])})
        return
    told = orders.step_of(run.plan, step.key)
    policy = told["crash"]
    if step.phase == Run.Phase.BACK and told["kind"] not in ("script", "bundle"):
        policy = "idempotent"  # bringing back what was noted before is harmless twice
    match rules.after_loss(policy, shown["state"]):
        case "done":
            _settle(cell, State.DONE, _(PROBED), dict(shown["result"]))
        case "do":
            cell.todo = "do"
        case _:
            _settle(cell, State.ASKS, _("主机看不出这一步是否做过"), {})


def _lost(run: Run, step: RunStep, cell: Cell, begun: bool, why: str) -> None:
    if run.purpose == Run.Purpose.REHEARSE and begun and cell.attempt < MOST_LOOKS:
        cell.todo = "do"  # a rehearsal changes nothing: the same again
        return
    if step.result.get("verb") == "enter" and begun:
        cell.todo = "do"  # nothing of the bundle has been played; whoever comes in next shuts this call out
        return
    before = cell.attempt > 1 or step.phase == Run.Phase.BACK  # something may have happened, in whichever call
    if run.purpose != Run.Purpose.REHEARSE and (begun or step.probing or before):
        _look_again(cell, why)
        return
    words = _("连不上主机，这一步没有开始：%(why)s") % {"why": _short(why)}
    _settle(cell, State.FAILED, words, {"untouched": True})


def _look_again(cell: Cell, why: str) -> None:
    if cell.attempt >= MOST_LOOKS:
        _settle(cell, State.ASKS, _("几次查看都没有得到主机的回答：%(why)s") % {"why": _short(why)}, {})
    else:
        cell.todo = "leave" if cell.result.get("outcome") else "probe"


def _short(why: str) -> str:
    """The last line that tells something, of what ssh or Ansible complained."""
    lines = [line.strip() for line in why.splitlines() if line.strip() and not line.startswith(("@", "debug"))]
    if any("HOST IDENTIFICATION HAS CHANGED" in line or "Host key verification failed" in line for line in lines):
        return _("主机密钥与登记的不一致，已拒绝。查明原因后由管理员重新登记")
    return lines[-1][:300] if lines else _("没有说明")


def _settle(cell: Cell, state: str, words: str, result: dict[str, Any]) -> None:
    cell.state, cell.words, cell.result, cell.todo, cell.ended_at = state, words, result, "", now()


def _next(run: Run, step: RunStep) -> bool:
    """The call is over: look where a result was lost, do what proved undone, ask, or end the step."""
    cells = list(step.cells.select_related("host").order_by("host__ordinal"))
    if lost := [cell.host for cell in cells if cell.state == State.STARTED and cell.todo == "probe"]:
        words = _("%(count)d 台没有结果，先查看主机，再决定是否重做") % {"count": len(lost)}
        begin(run, step, lost, "probe", words)
    elif undone := [cell.host for cell in cells if cell.state == State.STARTED and cell.todo == "do"]:
        verb = "back" if step.phase == Run.Phase.BACK else "check" if run.purpose == Run.Purpose.REHEARSE else "do"
        words = _("%(count)d 台没有做过这一步，现在做") % {"count": len(undone)}
        begin(run, step, undone, first_verb(run, step, verb), words)
    elif entered := [cell.host for cell in cells if cell.state == State.STARTED and cell.todo == "play"]:
        begin(run, step, entered, "play", _("剧本在隔离环境里执行，%(count)d 台") % {"count": len(entered)})
    elif played := [cell.host for cell in cells if cell.state == State.STARTED and cell.todo == "leave"]:
        begin(run, step, played, "leave", _("剧本已结束，%(count)d 台记下结果") % {"count": len(played)})
    elif any(cell.state == State.ASKS for cell in cells):
        journal.ask(run, step, cells)
    elif all(cell.state in (State.DONE, State.FAILED, State.SKIPPED) for cell in cells):
        journal.finish(run, step, cells)
    else:
        raise RuntimeError(f"{run.number} {step.key}: a host is in no call and has no next one")
    return True


def first_verb(run: Run, step: RunStep, verb: str) -> str:
    """The first call of a step: a bundle is let in before it plays; the rest is done at once."""
    enters = verb == "do" and orders.step_of(run.plan, step.key)["kind"] == "bundle"
    return "enter" if enters else verb


@transaction.atomic
def no_way_back(run: Run, step: RunStep, hosts: Sequence[RunHost]) -> None:
    """The approved plan says that this step cannot be undone: a person has to, on each of these hosts."""
    words = _("方案写明「%(step)s」没有自动回退，主机上留着它的结果。按方案的回退说明人工恢复") % {
        "step": orders.step_of(run.plan, step.key)["title"]
    }
    lease.guarded(run.id, run.fence, lease_until=now() + lease.LEASE)
    told = {"by_hand": True}
    cells = [Cell(step=step, host=host, state=State.FAILED, words=words, result=told, ended_at=now()) for host in hosts]
    Cell.objects.bulk_create(cells)
    journal.finish(run, step, cells)
