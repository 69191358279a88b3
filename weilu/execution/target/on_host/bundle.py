"""A bundle's call on this host: it comes in first, each of its commands passes the fence, and its end is noted.

The bundle itself plays on the worker's machine, in a sandbox; here it is only let in and shut out.
"""

import json
import subprocess
from typing import Any

from ..place import Failed, sha256_of, sync_folder, write_durably
from . import script
from .acting import USUAL
from .fence import Fence, Noted, home, read_object
from .kind import Kind, State
from .order import Order

PROGRAM = "fence.pyz"


def enter(order: Order, fence: Fence, program: bytes) -> dict[str, Any]:
    """From here on commands of this call may act, until a newer call has been here; what began is on the journal."""
    last = fence.last(order.key)
    if last.get("state") == "done":
        return {**last["result"], "already": True}
    place = home() / PROGRAM
    if not place.exists() or sha256_of(place) != order.options["fence"]:
        write_durably(place, program)
    call = {"host": order.host, "run": order.run, "token": order.token}
    folder = home() / "calls"
    folder.mkdir(mode=0o700, exist_ok=True)
    write_durably(folder / order.options["call"], json.dumps(call).encode())
    sync_folder(folder)
    fence.note(order.key, "began", before={})
    return {"fence": str(place)}


def leave(order: Order, fence: Fence) -> dict[str, Any]:
    """The sandbox has ended; how, is noted, and no further command of it passes."""
    told = order.options["outcome"]
    (home() / "calls" / order.options["call"]).unlink(missing_ok=True)
    if not told["ok"]:
        fence.note(order.key, "failed", sentence=told["sentence"], untouched=False)
        raise Noted(told["sentence"])
    fence.note(order.key, "done", result={})
    return {}


def passes(name: str, command: list[str]) -> int:
    """Run one command of the call `name`, or refuse it: 77 where the call is over or a newer one has been here."""
    told = read_object(home() / "calls" / name)
    if not told:
        return 77
    fence = Fence(told["host"], told["run"], told["token"])
    try:
        with fence.entered():
            return subprocess.run(command, env={**USUAL}, check=False).returncode
    except Failed:
        return 77


def do(order: Order, before: State, fence: Fence) -> State:
    raise Failed("剧本包不在主机上执行", untouched=True)


def look(order: Order) -> State:
    return {}


def check(order: Order, before: State) -> tuple[list[str], bool]:
    return [], True


def shows(order: Order, before: State) -> str:
    return "unknown"


BUNDLE = Kind(look, do, shows, check, script.back, script.is_back, script.check_back)
