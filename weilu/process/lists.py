"""Lists of work: what waits for somebody, what they did, asked for and follow, and everything they may see.

Each goes on by the key of its last row, and is narrowed by the same filters.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import merge
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from weilu.accounts.models import Person
from weilu.kernel.statements import PreparedFor, slot
from weilu.kernel.times import now
from weilu.process.filters import Filters, narrow, unindexed
from weilu.process.kept import Watch
from weilu.process.models import Fact, Opinion, Seat, WorkItem, absent_for
from weilu.process.queries import CAP, PAGE, Row, _rows
from weilu.ui.narrowing import key_of

NONE = Filters()
Entry = tuple[WorkItem, datetime | None, datetime, str]  # item, due, since, cursor


def rows(person: Person, name: str, filters: Filters = NONE, after: str = "", limit: int = PAGE) -> list[Row]:
    """One page of the list `name`; `after` is the last row's cursor.

    Raises KeyError for a list that is none, ValueError (or OverflowError, OSError) for a cursor no list gave.
    """
    return _rows(LISTS[name](person, filters, after, limit))


def seen(rows: QuerySet[Any], person: Person, owner: str = "item__owner_id") -> QuerySet[Any]:
    """Those `rows` whose customer `person` sees, where their own index has found them already."""
    return of_customers(rows, person.owner_ids, owner)


def of_customers(rows: QuerySet[Any], owners: Collection[Any], owner: str = "item__owner_id") -> QuerySet[Any]:
    """Those `rows` whose customer is one of `owners` (ids, or slots for them).

    The sum keeps both databases from beginning at the customer, who owns a million items; without statistics
    they would.
    """
    found: QuerySet[Any] = rows.alias(customer=unindexed(owner)).filter(customer__in=owners)
    return found


def _own(owners: list[Any]) -> QuerySet[Seat, tuple[UUID, str]]:
    seats = of_customers(Seat.objects.filter(person=slot("person"), open=True), owners)
    named: QuerySet[Seat, tuple[UUID, str]] = seats.order_by("due_at", "id").values_list("item__uid", "item__kind")
    return named[:CAP]


OWN = PreparedFor(_own)  # what waits for somebody who stands in for nobody; counted on every page


def waiting_for(person: Person) -> QuerySet[Seat]:
    """What waits for `person`, the earliest due first, undated last; over the partial index of open seats."""
    return seen(Seat.objects.open_to(person), person).order_by("due_at", "id")


def _todo(person: Person, filters: Filters, after: str, limit: int) -> list[Entry]:
    """The earliest due first, undated last."""
    seats = narrow(waiting_for(person), filters, person, now())
    if after:
        seats = seats.filter(_later(after))
    found = seats.select_related("item").prefetch_related("item__system", "item__flow")[:limit]
    return [(seat.item, seat.due, seat.since, cursor_of(seat)) for seat in found]


def cursor_of(seat: Seat) -> str:
    """Where a seat stands among those of its person."""
    return f"{seat.due_at.timestamp()}_{seat.id}"


def _later(after: str) -> Q:
    due, number = after.rsplit("_", 1)
    instant = datetime.fromtimestamp(float(due), UTC)
    return Q(due_at__gt=instant) | Q(due_at=instant, id__gt=key_of(number))


def _done(person: Person, filters: Filters, after: str, limit: int) -> list[Entry]:
    """The latest opinion first, each item once."""
    said = narrow(said_last(person), filters, person, now(), due="item__due_at")
    if after:
        said = said.filter(id__lt=key_of(after))
    found = said.select_related("item").prefetch_related("item__system", "item__flow")[:limit]
    return [(one.item, one.item.due_at, one.at, str(one.id)) for one in found]


def said_last(person: Person) -> QuerySet[Opinion]:
    """Of each item one has spoken in and may see: one's last opinion."""
    said = Opinion.objects.filter(item=OuterRef("item"), id__gt=OuterRef("id"))
    later = said.alias(who=unindexed("person_id")).filter(who=person.id)
    return seen(Opinion.objects.filter(~Exists(later), person=person), person).order_by("-id")


def _mine(person: Person, filters: Filters, after: str, limit: int) -> list[Entry]:
    """Newest first."""
    return _items(asked_by(person), person, filters, after, limit)


def asked_by(person: Person) -> QuerySet[Any]:
    """The items `person` asked for, newest first."""
    return seen(WorkItem.objects.filter(requester=person), person, "owner_id").order_by("-id")


def _watched(person: Person, filters: Filters, after: str, limit: int) -> list[Entry]:
    """What one began to follow last stands first."""
    watched = narrow(followed_by(person), filters, person, now(), due="item__due_at")
    if after:
        watched = watched.filter(id__lt=key_of(after))
    found = watched.select_related("item").prefetch_related("item__system", "item__flow")[:limit]
    return [(one.item, one.item.due_at, one.item.opened_at, str(one.id)) for one in found]


def followed_by(person: Person) -> QuerySet[Watch]:
    """What `person` follows, the latest first."""
    return seen(Watch.objects.filter(person=person), person).order_by("-id")


def _all(person: Person, filters: Filters, after: str, limit: int) -> list[Entry]:
    """Newest first; each customer's rows are read by its own index, then merged."""
    found: list[Iterable[Entry]] = [
        _items(WorkItem.objects.filter(owner_id=owner), person, filters, after, limit) for owner in person.owner_ids
    ]
    return list(merge(*found, key=lambda entry: -entry[0].id))[:limit]


def _items(items: QuerySet[Any], person: Person, filters: Filters, after: str, limit: int) -> list[Entry]:
    items = narrow(items, filters, person, now(), item="").order_by("-id")
    if after:
        items = items.filter(id__lt=key_of(after))
    found = items.prefetch_related("system", "flow")[:limit]
    return [(item, item.due_at, item.opened_at, str(item.id)) for item in found]


LISTS: dict[str, Callable[[Person, Filters, str, int], list[Entry]]] = {
    "todo": _todo,
    "done": _done,
    "mine": _mine,
    "watched": _watched,
    "all": _all,
}


def found_rows(person: Person, ids: Sequence[int]) -> list[Row]:
    """The rows of the items of these ids that `person` may see, in the order of `ids`."""
    items = WorkItem.objects.visible_to(person).filter(id__in=ids).prefetch_related("system", "flow")
    by_id = {item.id: item for item in items}
    found = [by_id[one] for one in ids if one in by_id]
    return _rows([(item, item.due_at, item.opened_at, str(item.id)) for item in found])


def counts(person: Person) -> dict[str, int]:
    """How many each list of my work holds, each counted to CAP at most."""
    return {
        "todo": todo_count(person),
        "done": said_last(person)[:CAP].count(),
        "mine": asked_by(person)[:CAP].count(),
        "watched": followed_by(person)[:CAP].count(),
    }


def todo_count(person: Person) -> int:
    """How many items wait for `person`, to CAP at most."""
    if absent_for(person):
        return waiting_for(person)[:CAP].count()
    return OWN.count(person.owner_ids, person=person.id)


def _queue(person: Person) -> list[tuple[UUID, str]]:
    """Uid and kind of what waits for `person`, in order, to CAP at most."""
    if absent_for(person):
        return list(waiting_for(person).values_list("item__uid", "item__kind")[:CAP])
    return OWN(person.owner_ids, person=person.id)


def counts_of_filters(person: Person, wanted: Sequence[Filters], total: int) -> list[int | None]:
    """How many of the `total` that wait each of `wanted` would show; None where more wait than are counted."""
    if total >= CAP:
        return [None] * len(wanted)
    instant, seats = now(), waiting_for(person)
    return [narrow(seats, one, person, instant).count() for one in wanted]


@dataclass(frozen=True)
class Gates:
    """How many gates of an item's present step are open, of how many; a step without gates has 0 of 0."""

    open: int
    all: int


def gates_of_rows(shown: Iterable[Row]) -> dict[int, Gates]:
    """By item id, for steps with gates; one query."""
    asked = {row.item.id: (row.item.subject, row.step.gates) for row in shown if row.step and row.step.gates}
    newest: dict[tuple[int, str], bool] = {}
    facts = Fact.objects.filter(item_id__in=asked, subject=F("item__subject")).order_by("id")
    for item, key, holds in facts.values_list("item_id", "key", "holds") if asked else ():
        newest[item, key] = holds
    return {
        item: Gates(sum(newest.get((item, key), False) for key in gates), len(gates))
        for item, (_subject, gates) in asked.items()
    }


@dataclass(frozen=True)
class Place:
    """Where an item stands among what waits for a person: `place` from 1, 0 when it does not wait for them.

    `previous` and `next` are uid and kind of its neighbours; for an item that does not wait, `next` is the first.
    """

    place: int
    total: int
    previous: tuple[UUID, str] | None
    next: tuple[UUID, str] | None


def place_of(person: Person, item: WorkItem) -> Place:
    """The place of `item` among the first CAP that wait."""
    queue = _queue(person)
    at = next((place for place, (uid, _kind) in enumerate(queue) if uid == item.uid), -1)
    previous = queue[at - 1] if at > 0 else None
    return Place(at + 1, len(queue), previous, queue[at + 1] if at + 1 < len(queue) else None)
