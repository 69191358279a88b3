"""A page that the host's own service answers, asked on the host itself: no other address can be named."""

import time

from ..criteria import fetch, met
from ..place import Failed, say
from .fence import Fence
from .kind import Kind, State
from .order import Order

AGAIN_SECONDS = 0.5


def look(order: Order) -> State:
    return {}


def ask(order: Order) -> tuple[bool, str]:
    told = order.options
    status, body = fetch(f"http://127.0.0.1:{int(told['port'])}", told["path"])
    good = status == int(told.get("status", 200)) and met(told.get("expect", ""), body)
    return good, f"GET :{told['port']}{told['path']} → {status} {body[:120]}"


def do(order: Order, before: State, fence: Fence) -> State:
    """Until it answers as approved, or the time is over."""
    until = time.monotonic() + order.seconds
    while True:
        good, words = ask(order)
        if good:
            say(words)
            return {"said": words[:200]}
        if time.monotonic() + AGAIN_SECONDS > until:
            raise Failed(f"检查没有通过：{words}")
        time.sleep(AGAIN_SECONDS)


def shows(order: Order, before: State) -> str:
    return "undone"


def check(order: Order, before: State) -> tuple[list[str], bool]:
    good, words = ask(order)
    return [f"现在{'已符合' if good else '不符合'}：{words}"], True


def back(order: Order, before: State, fence: Fence) -> State:
    return {}


def is_back(order: Order, before: State) -> bool:
    return True


def check_back(order: Order, before: State) -> str:
    return ""


HTTP = Kind(look, do, shows, check, back, is_back, check_back)
