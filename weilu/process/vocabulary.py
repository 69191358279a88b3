"""What rooms above offer to flows: kinds of work with their forms, automatic steps and facets; facts for gates.

A room declares its part in `AppConfig.ready`; publishing a flow holds every name in it to this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from django.utils.translation import gettext as _

Facets = Mapping[str, object]


@dataclass(frozen=True)
class Required:
    """A step that every flow of a kind has, under this key: the code of its room or a clause rests on it."""

    key: str
    form: str = ""
    auto: str = ""
    whenever: str = ""  # a condition; the step may be passed by only where it does not hold; "" for never


@dataclass(frozen=True)
class Kind:
    """A kind of work item as its room declares it."""

    key: str  # change, as in WorkItem.kind
    flows: str  # the key of its one flow (changes.emergency), or what the keys of all its flows begin with (changes)
    page: str  # the URL name of an item's page, which takes the item's uid
    right: str = ""  # whoever holds a role with it may open one
    forms: frozenset[str] = frozenset()
    automatic: frozenset[str] = frozenset()
    facets: Mapping[str, tuple[object, ...]] = field(default_factory=dict)  # each with every value it can have
    facts: Mapping[str, str] = field(default_factory=dict)  # each with the step from which on it can be on record
    required: tuple[Required, ...] = ()  # in order
    title: str = ""  # what people call it (a source string)
    aside: bool = False  # not the room's work itself: left out where its work is listed as one

    @property
    def every_facets(self) -> list[Facets]:
        """Every item that conditions can tell apart, as its facets."""
        return [dict(zip(self.facets, values, strict=True)) for values in product(*self.facets.values())]


_kinds: dict[str, Kind] = {}
_facts: dict[str, str] = {}


def register_kind(kind: Kind) -> None:
    """Let items and flows of `kind` exist."""
    _kinds[kind.key] = kind


def register_facts(titles: Mapping[str, str]) -> None:
    """Name the facts that a room puts on record, each with what its gate is called (a source string)."""
    _facts.update(titles)


def kind_of(key: str) -> Kind:
    """The kind of an item; raises KeyError for one that no room declares."""
    return _kinds[key]


def kind_of_flow(flow: str) -> Kind | None:
    """The kind whose items follow the flow of this key: the one that names it, else the one of its room."""
    found = {kind.flows: kind for kind in _kinds.values()}
    return found.get(flow) or found.get(flow.partition(".")[0])


def rooms_with_flows() -> list[str]:
    """What the key of a flow may begin with."""
    return sorted({kind.flows.partition(".")[0] for kind in _kinds.values()})


def kinds_named(name: str) -> list[str]:
    """The kind of this key, or the kinds of work of the room of this name; none for any other name."""
    if name in _kinds:
        return [name]
    return [kind.key for kind in _kinds.values() if kind.flows.partition(".")[0] == name and not kind.aside]


def fact_title(key: str) -> str:
    """What the gate of a fact is called, in the language of the page; a fact nobody registered shows its key."""
    return _(_facts.get(key, key))


def kind_keys() -> list[str]:
    """The kinds of work that rooms declare."""
    return list(_kinds)


def kind_title(key: str) -> str:
    """What a kind of work is called, in the language of the page; one without a title shows its key."""
    title = _kinds[key].title if key in _kinds else ""
    return _(title) if title else key
