"""A script of the plan, by digest. Only its own second script can tell whether it took effect."""

from ..place import Failed
from .acting import artefact, run
from .fence import Fence
from .kind import Kind, State
from .order import Order, With

DONE, UNDONE = 0, 1


def call(order: Order, told: With, *, loud: bool = True) -> tuple[int, str]:
    """Run the script `told` names; everything it is given comes as arguments and environment, never through a shell."""
    program = artefact(order, told["sha256"])
    words = [told.get("interpreter") or "/bin/sh", str(program), *map(str, told.get("arguments", []))]
    env = {str(key): str(value) for key, value in told.get("environment", {}).items()}
    return run(words, order.seconds, env | {"WEILU_RUN": order.number}, loud=loud)


def look(order: Order) -> State:
    return {}


def do(order: Order, before: State, fence: Fence) -> State:
    code, last = call(order, order.options)
    if code != 0:
        raise Failed(f"脚本以 {code} 结束：{last[:200]}")
    return {"code": code, "said": last[:200]}


def shows(order: Order, before: State) -> str:
    probe = order.options.get("probe")
    if not probe:
        return "unknown"
    code, _last = call(order, probe, loud=False)
    return {DONE: "done", UNDONE: "undone"}.get(code, "unknown")


def check(order: Order, before: State) -> tuple[list[str], bool]:
    """Nothing of a script is run in a rehearsal, its probe neither: nobody has approved them yet."""
    artefact(order, order.options["sha256"])
    return ["脚本不能试运行，演练没有执行它"], False


def back(order: Order, before: State, fence: Fence) -> State:
    if not order.back or "sha256" not in order.back:
        raise Failed("方案没有写这个脚本的回退，主机上留着它的结果。按方案的回退说明人工处理")
    code, last = call(order, order.back)
    if code != 0:
        raise Failed(f"回退脚本以 {code} 结束：{last[:200]}")
    return {"code": code, "said": last[:200]}


def is_back(order: Order, before: State) -> bool:
    """Where the step has a probe, it must no longer say that the step is done."""
    return shows(order, before) != "done"


def check_back(order: Order, before: State) -> str:
    if not order.back:
        return "方案没有写这一步的回退"
    artefact(order, order.back["sha256"])
    return ""


SCRIPT = Kind(look, do, shows, check, back, is_back, check_back)
