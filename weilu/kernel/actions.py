"""The frame of every action: one durable transaction, known by name."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import transaction

P = ParamSpec("P")
R = TypeVar("R")

ACTIONS: dict[str, Callable[..., Any]] = {}


def action(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register a function as the action `room.verb` and run it in one transaction.

    The API offers each registered name as one POST; a test compares the two lists.
    """

    def frame(body: Callable[P, R]) -> Callable[P, R]:
        @wraps(body)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with transaction.atomic():
                return body(*args, **kwargs)

        if name in ACTIONS:
            raise RuntimeError(f"two actions are named {name}")
        ACTIONS[name] = run
        return run

    return frame
