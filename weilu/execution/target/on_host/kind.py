"""What every kind of step answers to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .fence import Fence
from .order import Order

State = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """How a kind acts. `before` is what `look` saw, and it is on the journal before anything happens.

    shows: `done`, `undone` or `unknown`, for a step that began and told no result.
    check: lines of what would change, and whether that could be told without doing it.
    """

    look: Callable[[Order], State]
    do: Callable[[Order, State, Fence], State]
    shows: Callable[[Order, State], str]
    check: Callable[[Order, State], tuple[list[str], bool]]
    back: Callable[[Order, State, Fence], State]
    is_back: Callable[[Order, State], bool]
    check_back: Callable[[Order, State], str]  # why it could not be brought back; empty when it can
