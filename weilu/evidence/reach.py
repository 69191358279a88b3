"""How far destroying a record reaches: the rows of the rooms above that hold the same words are blanked too."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, Q

LEAST = 6  # characters of a line that is looked for elsewhere; shorter ones stand everywhere
PROBE = 20  # characters by which a line is known again, also where a copy was cut short
NAMES = frozenset(  # what a record calls things by: nobody typed these
    {"number", "step", "to", "flow", "digest", "subject", "sha256", "sm3", "run", "version", "kind", "system"}
)
MADE = re.compile(r"[\x21-\x7e]*|.*<\S+@\S+>")  # numbers, digests, dates, and people as the log writes them


@dataclass(frozen=True)
class Place:
    """Columns of a room that hold words of an item.

    `item` leads to its uid, `ref` to the entry that recorded the row.
    """

    model: type[Model]
    item: str
    fields: tuple[str, ...]
    ref: str = ""


PLACES: list[Place] = []


def hold_words(*places: Place) -> None:
    """Let destroying reach these columns; rooms above say theirs in `apps.py`."""
    PLACES.extend(place for place in places if place not in PLACES)


def typed(data: Any) -> list[str]:
    """The texts that people wrote into a record's data."""
    match data:
        case str():
            return [data] if data.strip() and not MADE.fullmatch(data) else []
        case dict():
            return [text for key, value in data.items() if key not in NAMES for text in typed(value)]
        case list():
            return [text for value in data for text in typed(value)]
    return []


def probes(texts: Collection[str]) -> list[str]:
    """The beginnings of their lines, where they are long enough to tell them from other words."""
    lines = (line.strip() for text in texts for line in text.splitlines())
    return sorted({line[:PROBE] for line in lines if len(line) >= LEAST and not MADE.fullmatch(line)})


def repeats(value: Any, known: Collection[str]) -> bool:
    """Whether a text, or one inside a value, holds one of these beginnings."""
    match value:
        case str():
            return any(probe in value for probe in known)
        case dict():
            return any(repeats(one, known) for one in value.values())
        case list():
            return any(repeats(one, known) for one in value)
    return False


def blank(item: str, refs: Collection[UUID], texts: Collection[str], mark: str) -> dict[str, int]:
    """Replace what holds these texts by `mark`; how many rows of each table gave way.

    A short text gives way only in a row that a destroyed entry recorded.
    """
    known, whole, reached = probes(texts), frozenset(texts), {}
    for place in PLACES:
        count = 0
        for row in _rows(place, item, refs):
            own = bool(place.ref) and getattr(row, place.ref) in refs
            changed = {
                name: value
                for name in place.fields
                if (value := _blanked(getattr(row, name), known, whole if own else (), mark)) != getattr(row, name)
            }
            if changed:
                place.model._base_manager.filter(pk=row.pk).update(**changed)
                count += 1
        if count:
            reached[place.model._meta.db_table] = count
    return reached


def _rows(place: Place, item: str, refs: Collection[UUID]) -> Iterator[Model]:
    mine = Q(**{place.item: item}) if item else Q(pk__in=[])
    if place.ref:
        mine |= Q(**{f"{place.ref}__in": refs})
    yield from list(place.model._base_manager.filter(mine))


def _blanked(value: Any, known: Collection[str], whole: Collection[str], mark: str) -> Any:
    match value:
        case str():
            return mark if value in whole or repeats(value, known) else value
        case dict():
            return {key: _blanked(one, known, whole, mark) for key, one in value.items()}
        case list():
            return [_blanked(one, known, whole, mark) for one in value]
    return value
