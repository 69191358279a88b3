"""A service of the host's init: running, stopped, restarted or reloaded."""

import time
from pathlib import Path

from ..place import Failed, say
from .acting import run, told_by
from .fence import Fence
from .kind import Kind, State
from .order import Order

SETTLE_SECONDS = 2.0
ACTS = {"started": "start", "stopped": "stop", "restarted": "restart", "reloaded": "reload"}


def systemd() -> bool:
    return Path("/run/systemd/system").is_dir()


def look(order: Order) -> State:
    """Whether it runs, and its main process with its beginning, where the init tells it."""
    name = order.options["name"]
    if systemd():
        code, said = told_by(["systemctl", "show", name, "-p", "LoadState,ActiveState,MainPID,ActiveEnterTimestamp"])
        told = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
        if code != 0 or told.get("LoadState") == "not-found":
            raise Failed(f"主机上没有服务 {name}", untouched=True)
        life = f"{told.get('MainPID', '')} {told.get('ActiveEnterTimestamp', '')}".strip()
        return {"running": told.get("ActiveState") in ("active", "reloading"), "life": life}
    if not Path("/etc/init.d", name).exists():
        raise Failed(f"主机上没有服务 {name}", untouched=True)
    code, _said = told_by(["service", name, "status"])
    return {"running": code == 0, "life": ""}


def do(order: Order, before: State, fence: Fence) -> State:
    return act(order, ACTS[order.options["state"]])


def act(order: Order, word: str) -> State:
    name = order.options["name"]
    command = ["systemctl", word, name] if systemd() else ["service", name, word]
    code, last = run(command, order.seconds)
    wanted = word != "stop"
    until = time.monotonic() + SETTLE_SECONDS
    while (now := look(order))["running"] != wanted and time.monotonic() < until:
        time.sleep(0.1)
    if code != 0 or now["running"] != wanted:
        raise Failed(f"服务 {name} {word} 没有成功：{last[:200]}")
    say(f"服务 {name} {'在运行' if wanted else '已停止'}")
    return now


def shows(order: Order, before: State) -> str:
    """A restart shows by another life of the main process; where the init tells none, nobody knows."""
    now, wanted = look(order), order.options["state"]
    if wanted in ("started", "stopped"):
        reached = now["running"] == (wanted == "started")
        return "done" if reached else "undone"
    if wanted == "restarted" and now["life"] and before["life"]:
        return "done" if now["running"] and now["life"] != before["life"] else "unknown"
    return "unknown"


def check(order: Order, before: State) -> tuple[list[str], bool]:
    name, wanted = order.options["name"], order.options["state"]
    present = "在运行" if before["running"] else "已停止"
    if wanted in ("started", "stopped") and before["running"] == (wanted == "started"):
        return [f"服务 {name} {present}，不会改变"], True
    words = {"started": "启动", "stopped": "停止", "restarted": "重启", "reloaded": "重新加载"}[wanted]
    return [f"服务 {name} 现在{present}，将{words}"], True


def back(order: Order, before: State, fence: Fence) -> State:
    """As it was: running again by a restart, so that it reads what was brought back before it."""
    return act(order, "restart" if before["running"] else "stop")


def is_back(order: Order, before: State) -> bool:
    return bool(look(order)["running"] == before["running"])


def check_back(order: Order, before: State) -> str:
    return ""


SERVICE = Kind(look, do, shows, check, back, is_back, check_back)
