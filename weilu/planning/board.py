"""Everything the calendar shows of some weeks, read in a number of queries that does not grow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import F, Q

from weilu.accounts.models import Person
from weilu.kernel.times import now
from weilu.planning import rules
from weilu.planning.machines import rows_of
from weilu.planning.models import Booking, Freeze, FreezeException, Window
from weilu.planning.queries import taken_by
from weilu.planning.rules import Frozen, Kind, Near, Span, Taken
from weilu.planning.timetable import Timetable
from weilu.systems.models import Dependency, Host, System

LANES = 40
EDGE = timedelta(minutes=rules.MOST_MINUTES)


@dataclass(frozen=True)
class Mark:
    """What a room above says of planned work: a state (passed, act, watch, refused), its word, and where it leads."""

    look: str
    word: str
    link: str = ""


_marks: list[Callable[[Collection[int]], Mapping[int, Mark]]] = []


def register_marks(ask: Callable[[Collection[int]], Mapping[int, Mark]]) -> None:
    """Let `ask(ids of items)` say how their work stands, by the item's id; a room above does so in its `apps.py`."""
    if ask not in _marks:
        _marks.append(ask)


@dataclass(frozen=True)
class Elsewhere:
    """Work of another customer on a machine that a system here has too: that it is taken, and when."""

    system: int
    host: str
    span: Span


@dataclass(frozen=True)
class Board:
    """The systems a person sees, and what there is about them within `span`."""

    span: Span
    systems: list[System]
    more: bool  # there are further systems
    opens: Mapping[int, list[Span]]  # by system; its windows merged, or the night
    freezes: list[Freeze]
    bookings: list[Booking]
    blocked: Mapping[int, list[Kind]]  # by booking: what is in the way of it and does not have to give way
    marks: Mapping[int, Mark]  # by item
    elsewhere: list[Elsewhere] = field(default_factory=list)


def board(person: Person, span: Span, page: int = 0) -> Board:
    """The board of one page of systems."""
    seen = System.objects.visible_to(person).select_related("owner").order_by("owner__code", "importance", "code")
    systems = list(seen[page * LANES : (page + 1) * LANES + 1])
    more, systems = len(systems) > LANES, systems[:LANES]
    ids, owners = {one.id for one in systems}, {one.owner_id for one in systems}
    windows: dict[int, list[Window]] = defaultdict(list)
    for window in Window.objects.live().filter(system__in=ids).order_by("id"):
        windows[window.system_id].append(window)
    # A week more on both sides: what begins or ends beyond the edge is judged by all that concerns it.
    wide = Span(span.start - EDGE, span.end + EDGE)
    opens = {one.id: _merged(windows[one.id], wide) for one in systems}
    touching = Freeze.objects.touching(wide).filter(owner__in=owners).select_related("system").order_by("starts", "id")
    freezes = list(touching)
    rows = Booking.objects.shown().touching(span).filter(system__in=ids).select_related("item", "system", "by", "owner")
    bookings = list(rows.order_by("starts", "id"))
    items = {one.item_id for one in bookings}
    marks = {item: mark for ask in _marks for item, mark in ask(items).items()} if items else {}
    return Board(
        span, systems, more, opens, freezes, bookings, _blocked(bookings, opens, freezes), marks,
        _elsewhere(ids, owners, span),
    )  # fmt: skip


def _merged(windows: Collection[Window], span: Span) -> list[Span]:
    recurring = [window.recurring for window in windows] or [rules.NIGHT]
    return rules.merge(one for window in recurring for one in rules.expand(window, *span))


def _blocked(
    bookings: Collection[Booking], opens: Mapping[int, list[Span]], freezes: Iterable[Freeze]
) -> dict[int, list[Kind]]:
    """For each booking that is still to come what blocks it; the same answers as `queries.conflicts`, all at once."""
    present = now()
    ahead = [one for one in bookings if one.released_at is None and one.ends > present]
    if not ahead:
        return {}
    near = _near({one.system_id for one in ahead})
    taken = {one.id: one for one in taken_by(ahead)}
    others = {one.id: one for one in _around(ahead, taken.values(), near)}
    known = Timetable(taken_by(list(others.values())))
    excepted, found = _excepted(ahead), {}
    for one in ahead:
        frozen = [
            Frozen(freeze.id, freeze.system_id, freeze.span, _holds(excepted[freeze.id, one.item_id], one.span))
            for freeze in freezes
            if freeze.owner_id == one.owner_id and rules.overlap(freeze.span, one.span)
        ]
        of = near.get(one.system_id, Near())
        met = rules.clashes(taken[one.id], known.during(one.span), of, opens.get(one.system_id, []), frozen)
        mine = (one.since, one.id)
        found[one.id] = [
            clash.kind for clash in met if clash.kind not in rules.OCCUPIED or others[clash.of].precedes(mine)
        ]
    return found


def _excepted(ahead: Collection[Booking]) -> dict[tuple[int, int], list[Span]]:
    """By freeze and item the times for which the item's present plan is let through."""
    approved = FreezeException.objects.filter(
        item__in=[one.item_id for one in ahead], approved_at__isnull=False, subject=F("item__subject")
    )
    found: dict[tuple[int, int], list[Span]] = defaultdict(list)
    for freeze, item, starts, ends in approved.values_list("freeze_id", "item_id", "starts", "ends"):
        found[freeze, item].append(Span(starts, ends))
    return found


def _holds(spans: Iterable[Span], wanted: Span) -> bool:
    return any(span.start <= wanted.start and span.end >= wanted.end for span in spans)


def _near(systems: Collection[int]) -> dict[int, Near]:
    needs: dict[int, set[int]] = defaultdict(set)
    needed_by: dict[int, set[int]] = defaultdict(set)
    lines = Dependency.objects.filter(Q(system__in=systems) | Q(on__in=systems))
    for system, on in lines.values_list("system_id", "on_id"):
        needs[system].add(on)
        needed_by[on].add(system)
    return {one: Near(frozenset(needs[one]), frozenset(needed_by[one])) for one in systems}


def _around(ahead: Collection[Booking], taken: Iterable[Taken], near: Mapping[int, Near]) -> list[Booking]:
    """Every kept booking that could be in the way of one of these: by system, by machine, by person."""
    whole = Span(min(one.starts for one in ahead), max(one.ends for one in ahead))
    systems = {one.system_id for one in ahead}
    systems |= {other for one in near.values() for other in (*one.needs, *one.needed_by)}
    hosts: set[str] = set()
    people: set[int] = set()
    for one in taken:
        hosts |= one.hosts
        people |= one.people
    on = Booking.hosts.through.objects.filter(host__in=Host.objects.filter(rows_of(hosts)).values("id"))
    by = Booking.people.through.objects.filter(person__in=people)
    concern = Q(system__in=systems) | Q(id__in=on.values("booking_id")) | Q(id__in=by.values("booking_id"))
    return list(Booking.objects.kept().touching(whole).filter(concern))


def _elsewhere(systems: Collection[int], owners: Collection[int], span: Span) -> list[Elsewhere]:
    """Kept work of customers who are not shown here, on machines that these systems have too, both keys proved."""
    here = Host.objects.filter(group__environment__system__in=systems, retired_at=None, facts_at__isnull=False)
    here = here.exclude(key="")
    mine = {key: (system, name) for key, system, name in here.values_list("key", "group__environment__system", "name")}
    if not mine:
        return []
    foreign = Booking.hosts.through.objects.filter(
        host__key__in=mine, host__facts_at__isnull=False, booking__released_at=None, booking__starts__lt=span.end,
        booking__ends__gt=span.start, booking__starts__gt=span.start - EDGE,
    ).exclude(booking__owner__in=owners)  # fmt: skip
    rows = foreign.values_list("host__key", "booking__starts", "booking__ends").order_by("booking__starts")
    return [Elsewhere(*mine[key], Span(starts, ends)) for key, starts, ends in rows]
