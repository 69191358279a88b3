"""The program a playbook runs on the target: one step, or a probe of one, behind the fence."""

import base64
import json
from pathlib import Path
from typing import Any

from .fence import Fence
from .place import Failed, Installation, hide, masked, say, shown
from .probe import probe
from .steps import STEPS, Order

RESULT = "WEILU-RESULT "


def read_order(text: str) -> Order:
    told = json.loads(base64.b64decode(text))
    return Order(
        run=told["run"], fence=int(told["fence"]), root=Path(told["root"]), name=told["name"],
        version=told["version"], sha256=told["sha256"], wheel=told["wheel"], channel=Path(told["channel"]),
        criteria=told["criteria"], schema=int(told["schema"]),
    )  # fmt: skip


def act(verb: str, step: str, order: Order) -> dict[str, Any]:
    """Do `step` once: what the journal calls done is answered from it, not done again."""
    place = Installation(order.root, order.name)
    if not order.root.is_dir():
        raise Failed(f"目标机上没有 {order.root}。核对安装登记的位置", untouched=True)
    fence = Fence(order.root, order.run, order.fence)
    with fence.entered():
        if verb == "probe":
            return probe(step, order, place, fence)
        last = fence.last(step)
        if last.get("state") == "done":
            say("这一步先前已经做完，按目标机的记录给出结果，没有重做")
            return {**last["result"], "already": True}
        fence.note(step, "began")
        try:
            result = STEPS[step](order, place, fence)
        except Failed as problem:
            words = masked(str(problem), place.secrets())
            fence.note(step, "failed", sentence=words, untouched=problem.untouched)
            raise
        fence.note(step, "done", result=result)
        return result


def main(arguments: list[str]) -> int:
    """`do|probe STEP ORDER`: ORDER is base64 of JSON; prints lines, then one result line; 0 unless the step failed."""
    verb, step, text = arguments
    order = read_order(text)
    hide(Installation(order.root, order.name).secrets())
    try:
        answer: dict[str, Any] = {"ok": True, "result": act(verb, step, order)}
    except Failed as problem:
        answer = {"ok": False, "sentence": str(problem), "untouched": problem.untouched}
    except OSError as problem:
        answer = {"ok": False, "sentence": f"目标机上出错：{problem}", "untouched": False}
    print(RESULT + shown(json.dumps(answer, ensure_ascii=False)), flush=True)
    return 0 if answer["ok"] else 1
