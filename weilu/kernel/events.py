"""News that travels upward: a room announces, rooms above it subscribe in their `apps.py`."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

_listeners: dict[str, list[Callable[..., None]]] = defaultdict(list)


def subscribe(name: str, listener: Callable[..., None]) -> None:
    """Call `listener(**facts)` whenever `name` is announced, inside the announcer's transaction."""
    if listener not in _listeners[name]:
        _listeners[name].append(listener)


def announce(name: str, **facts: Any) -> None:
    """Tell every subscriber of `name`; a subscriber that raises undoes the announcer's action."""
    for listener in _listeners[name]:
        listener(**facts)
