"""Boxes that rooms above put on a host's page: what they know of it, or let people do with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weilu.accounts.models import Person
from weilu.systems.models import Host

Find = Callable[[Person, Host], Mapping[str, Any] | None]
_panels: list[tuple[str, Find]] = []


@dataclass(frozen=True)
class Panel:
    """One box: the template that draws it, with what it draws as `panel`."""

    template: str
    facts: Mapping[str, Any]


def show_on_host(template: str, find: Find) -> None:
    """Let `find(reader, host)` give what `template` shows on the page of a host; None leaves the box out."""
    if (template, find) not in _panels:
        _panels.append((template, find))


def panels_of(reader: Person, host: Host) -> list[Panel]:
    """The boxes for this reader, in the order the rooms named them."""
    found = [(template, find(reader, host)) for template, find in _panels]
    return [Panel(template, facts) for template, facts in found if facts is not None]
