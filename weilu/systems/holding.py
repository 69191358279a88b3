"""What rooms above still count on a host for: asked before it is retired.

A room above registers its question in its `apps.py`; this room knows no runs.
"""

from collections.abc import Callable, Sequence

from weilu.systems.models import Host

Question = Callable[[Host], Sequence[str]]
_questions: list[Question] = []


def register_hold(ask: Question) -> None:
    """Let `ask(host)` say, a sentence each, what holds the host now; it runs inside the act, under its locks."""
    if ask not in _questions:
        _questions.append(ask)


def holds_of(host: Host) -> list[str]:
    """Everything that holds the host now."""
    return [why for ask in _questions for why in ask(host)]
