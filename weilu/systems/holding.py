"""What rooms above still count on hosts for: asked before one is retired, moved, or reached otherwise.

A room above registers its question in its `apps.py`; this room knows no runs.
"""

from collections.abc import Callable, Mapping, Sequence

from weilu.systems.models import Host

Question = Callable[[Sequence[Host]], Mapping[int, Sequence[str]]]
_questions: list[Question] = []


def register_hold(ask: Question) -> None:
    """Let `ask(hosts)` say, a sentence each by the id of a host, what holds it now.

    It runs inside the act, under its locks, and asks no more often for many hosts than for one.
    """
    if ask not in _questions:
        _questions.append(ask)


def holds_of(hosts: Sequence[Host]) -> dict[int, list[str]]:
    """Everything that holds each of the hosts now, by id; none left out."""
    found: dict[int, list[str]] = {host.id: [] for host in hosts}
    for ask in _questions:
        for host, why in ask(hosts).items():
            found[host] += why
    return found
