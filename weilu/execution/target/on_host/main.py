"""One step on this host, behind the fence: done, looked at, rehearsed, or taken back."""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..place import Failed, say, shown
from .acting import end_all
from .bundle import BUNDLE, enter, leave, passes
from .fence import WAIT_SECONDS, Fence, Noted
from .file import FILE
from .http import HTTP
from .kind import Kind
from .order import Order, read_order
from .package import PACKAGE
from .script import SCRIPT
from .service import SERVICE

RESULT = "WEILU-RESULT "
KINDS: dict[str, Kind] = {
    "package": PACKAGE, "service": SERVICE, "file": FILE, "script": SCRIPT, "http": HTTP, "bundle": BUNDLE,
}  # fmt: skip
AFTER_SECONDS = 300  # beyond the step's own limit, which also its probe may take


class Repeated(Failed):
    """This very call has begun the step before: it was sent twice by somebody on the way, and acts once."""


def _once(order: Order, last: dict[str, Any]) -> None:
    if last.get("state") == "began" and last.get("token") == order.token:
        raise Repeated("同一次调用到了两次，第二次没有动作")


def do(order: Order, kind: Kind, fence: Fence) -> dict[str, Any]:
    """Do the step once: what the journal calls done is answered from it, not done again."""
    last = fence.last(order.key)
    if last.get("state") == "done":
        say("这一步先前已经做完，按主机的记录给出结果，没有重做")
        return {**last["result"], "already": True}
    _once(order, last)
    before = _before(fence, order.key) if last else kind.look(order)
    fence.note(order.key, "began", before=before)
    return _ended(fence, order.key, lambda: kind.do(order, before, fence))


def back(order: Order, kind: Kind, fence: Fence) -> dict[str, Any]:
    """Bring back what the forward step changed, and prove it; nothing where it never began here."""
    last = fence.last(order.key)
    if last.get("state") == "done":
        return {**last["result"], "already": True}
    _once(order, last)
    if not fence.rows(order.of):
        return {"nothing": True}
    before = _before(fence, order.of)
    fence.note(order.key, "began", before=before)

    def bring_back() -> dict[str, Any]:
        result = kind.back(order, before, fence)
        if not kind.is_back(order, before):
            raise Failed("回退做完了，主机却与原来不一致")
        return result

    return _ended(fence, order.key, bring_back)


def _before(fence: Fence, key: str) -> dict[str, Any]:
    """What stood before the step was first begun: a second attempt must not take a half for the beginning."""
    return next((dict(row["before"]) for row in fence.rows(key) if row["state"] == "began"), {})


def _ended(fence: Fence, key: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        result = act()
    except Failed as problem:
        begun = sum(row["state"] == "began" for row in fence.rows(key))
        untouched = problem.untouched and begun == 1  # an attempt before this one may have left a half
        fence.note(key, "failed", sentence=str(problem), untouched=untouched)
        raise Noted(str(problem), untouched=untouched) from None
    fence.note(key, "done", result=result)
    return result


def probe(order: Order, kind: Kind, fence: Fence) -> dict[str, Any]:
    """Whether the step took effect, for a worker that does not know: done, undone, failed or unknown."""
    last = fence.last(order.key)
    state = last.get("state")
    if state == "done":
        return {"state": "done", "result": last["result"]}
    if state == "failed":
        return {"state": "failed", "sentence": last["sentence"], "untouched": last["untouched"]}
    if state is None:
        return {"state": "undone"}
    before = dict(last["before"])
    found = _shows_back(order, kind, before) if order.of else kind.shows(order, before)
    if found == "done":
        fence.note(order.key, "done", result={"probed": True})
    return {"state": found, "result": {"probed": True}}


def _shows_back(order: Order, kind: Kind, before: dict[str, Any]) -> str:
    if order.kind in ("script", "bundle"):  # that its probe no longer says done does not prove that its way back ended
        return "unknown"
    return "done" if kind.is_back(order, before) else "undone"


def check(order: Order, kind: Kind) -> dict[str, Any]:
    """What the step would change here, and whether it could be taken back; nothing is done, nothing noted."""
    before = kind.look(order)
    would, rehearsed = kind.check(order, before)
    for line in would:
        say(line)
    return {"would": would, "rehearsed": rehearsed, "back": kind.check_back(order, before)}


def act(verb: str, order: Order) -> dict[str, Any]:
    kind = KINDS[order.kind]
    if verb == "check":
        return check(order, kind)
    fence = Fence(order.host, order.run, order.token)
    try:
        with fence.entered():
            signal.alarm(2 * order.seconds + AFTER_SECONDS)
            if verb == "enter":
                return enter(order, fence, Path(sys.argv[0]).read_bytes())
            if verb == "leave":
                return leave(order, fence)
            return {"do": do, "back": back, "probe": probe}[verb](order, kind, fence)
    except OSError as problem:
        if fence.begun:
            raise
        raise Failed(f"主机上出错，这一步没有开始：{problem}", untouched=True) from None


def main(arguments: list[str]) -> int:
    """`host-do|back|probe|check|enter|leave FOLDER ORDER`: prints lines, then one line with the result.

    `host-fence CALL COMMAND …` runs one command of a bundle's call instead.
    """
    if arguments[0] == "host-fence":
        return passes(arguments[1], arguments[2:])
    verb, folder, text = arguments
    order = read_order(text, Path(folder))
    signal.signal(signal.SIGALRM, end_all)
    signal.alarm(order.seconds + WAIT_SECONDS + AFTER_SECONDS)
    try:
        answer: dict[str, Any] = {"ok": True, "result": act(verb.removeprefix("host-"), order)}
    except Repeated as problem:
        answer = {"ok": False, "sentence": str(problem), "untouched": False, "lost": True}
    except Failed as problem:
        noted = isinstance(problem, Noted)
        answer = {"ok": False, "sentence": str(problem), "untouched": problem.untouched, "noted": noted}
    except OSError as problem:
        answer = {"ok": False, "sentence": f"主机上出错：{problem}", "untouched": False, "lost": True}
    print(RESULT + shown(json.dumps(answer, ensure_ascii=False)), flush=True)
    return 0 if answer["ok"] else 1
