"""What stands in the way of planned work, and when it could be done: asked by pages, approvals and the worker.

`conflicts` and `free_slots` take a constant number of queries, however much is planned.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.kernel import worktime
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.planning import rules
from weilu.planning.machines import machine, machine_of, rows_of
from weilu.planning.models import Booking, Freeze, FreezeException, Window
from weilu.planning.rules import Clash, Frozen, Kind, Near, Span, Taken
from weilu.planning.telling import APPROVERS, Conflict, Seen, tell_clash
from weilu.process.models import WorkItem
from weilu.systems.models import Dependency, Host, System

WITHOUT_WAITING = (Kind.OUTSIDE, Kind.FREEZE)  # an emergency does not wait for these; what is taken stays taken
SLOTS = 5
DAYS = 90  # ahead, in which free times are looked for


@dataclass(frozen=True)
class Slot:
    """A time in which the work fits: inside a window, in nobody's way."""

    starts: datetime
    ends: datetime
    worked: int  # minutes of it in which the customer works; the fewer the better
    before_freeze: str = ""  # name of the freeze that begins within a day after it
    window: str = ""  # name of the window; "" for the night


class Around(NamedTuple):
    """What there is about one system within a time."""

    near: Near
    names: dict[int, str]  # of the systems near
    windows: list[Window]
    opens: list[Span]
    freezes: dict[int, Freeze]
    excepted: frozenset[int]
    bookings: dict[int, Booking]
    taken: list[Taken]

    @property
    def frozen(self) -> list[Frozen]:
        return [Frozen(one.id, one.system_id, one.span, one.id in self.excepted) for one in self.freezes.values()]

    def within(self, item: WorkItem | None, span: Span) -> Around:
        """What of it there is within `span`, a part of the time that was read."""
        freezes = {one.id: one for one in self.freezes.values() if _touch(one.span, span)}
        bookings = {one.id: one for one in self.bookings.values() if _touch(one.span, span)}
        return self._replace(
            opens=_opens(self.windows, span), freezes=freezes, excepted=_excepted(item, freezes, span),
            bookings=bookings, taken=[one for one in self.taken if one.id in bookings],
        )  # fmt: skip


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def conflicts(
    item: WorkItem | None,
    system: System,
    starts: datetime,
    ends: datetime,
    hosts: Collection[Host] = (),
    people: Collection[Person] = (),
    reader: Person | None = None,
    *,
    around: Around | None = None,
) -> list[Conflict]:
    """Everything in the way of planned work (CHG-3), freezes first; at most eleven queries.

    `item`'s own booking is not in its way, and what was booked later than that `yields`, as long as this very time
    is asked for with no host or person more than it holds: for anything else it would stand last. `reader` is told of
    other work only what they may see; without one, only of the customer's own. `around` is what was read before.
    """
    span, machines = Span(starts, ends), {one: host.name for host in hosts for one in machine_of(host)}
    around = around.within(item, span) if around else _around(item, system, span, hosts, people)
    wanted = Taken(0, system.id, span, frozenset(machines), frozenset(person.id for person in people))
    found = rules.clashes(wanted, around.taken, around.near, around.opens, around.frozen)
    mine = Booking.objects.holding(item, system, span, hosts, people).first() if item is not None else None
    able = approvers(system.owner) if around.freezes else []
    seen = Seen(
        owners=reader.owner_ids if reader else frozenset({system.owner_id}),
        bookings=around.bookings, freezes=around.freezes, systems=around.names, system=system,
        hosts=machines, people={person.id: person.name for person in people},
        windows=bool(around.windows), able=[one.name for one in able], at=now(),
    )  # fmt: skip
    return [tell_clash(clash, seen, _yields(clash, around, mine)) for clash in found]


def check_free(
    item: WorkItem | None,
    system: System,
    starts: datetime,
    ends: datetime,
    hosts: Collection[Host] = (),
    people: Collection[Person] = (),
    at: datetime | None = None,
    *,
    but: Collection[Kind] = (),
    carried_by: Person | None = None,
) -> None:
    """Raises Refused where the time is over at `at`, or something is in the way that does not have to give way.

    Asked before an approval and by the worker at the start. `but` are kinds of conflicts to pass over: an
    emergency passes over `WITHOUT_WAITING`. `carried_by` orders the work without the item's time being kept for
    them: they may have no other work then, and the item's rank does not suffer from it.
    """
    rules.check_span(starts, ends)
    rules.check_ahead(ends, at or now())
    found = conflicts(item, system, starts, ends, hosts, people)
    if carried_by is not None and carried_by not in people:
        theirs = conflicts(item, system, starts, ends, (), [carried_by])
        found += [one for one in theirs if one.kind == Kind.PERSON]
    found = [one for one in found if one.kind not in but]
    left = [one for one in found if not one.yields]
    if left:
        more = _("；另有 %(count)d 处冲突") % {"count": len(left) - 1} if len(left) > 1 else ""
        raise Refused(left[0].sentence + more, left[0].clause, help=left[0].help)


def free_slots(
    system: System,
    minutes: int,
    hosts: Collection[Host] = (),
    people: Collection[Person] = (),
    after: datetime | None = None,
    days: int = DAYS,
    *,
    item: WorkItem | None = None,
    most: int = SLOTS,
    around: Around | None = None,
) -> list[Slot]:
    """Up to `most` times within `days` from `after` in which work of so many minutes fits, best first.

    Each lies inside a window and is in nobody's way. Best is what takes the least working time of the customer,
    then the earliest; one a gap. Empty where there is none. `item`'s own booking is not in its way.
    """
    since = rules.quarter(after or now())
    span, length = Span(since, since + timedelta(days=days)), timedelta(minutes=minutes)
    around = around.within(item, span) if around else _around(item, system, span, hosts, people)
    machines = frozenset(one for host in hosts for one in machine_of(host))
    wanted = Taken(0, system.id, span, machines, frozenset(person.id for person in people))
    shut = rules.clashes(wanted, around.taken, around.near, [span], around.frozen)
    cut = [(around.freezes if one.kind == Kind.FREEZE else around.bookings)[one.of].span for one in shut]
    gaps = rules.without(around.opens, [*cut, Span(datetime.min.replace(tzinfo=since.tzinfo), since)])
    starts = [start for gap in gaps if (start := rules.quarter(gap.start)) + length <= min(gap.end, span.end)]
    ranked = sorted((worktime.between(start, start + length, rules.CALENDAR), start) for start in starts)
    return [_slot(Span(start, start + length), worked, around) for worked, start in ranked[:most]]


def conflicts_and_slots(
    item: WorkItem | None,
    system: System,
    wanted: Span | None,
    minutes: int,
    hosts: Collection[Host],
    people: Collection[Person],
    reader: Person | None,
    most: int = SLOTS,
) -> tuple[list[Conflict], list[Slot]]:
    """What is in the way of a wanted time, and free ones, for who shows both: what there is around is read once."""
    at = now()
    far = at + timedelta(days=DAYS, minutes=15)  # slots begin at a full quarter of an hour
    span = Span(min(at, wanted.start), max(far, wanted.end)) if wanted else Span(at, far)
    around = _around(item, system, span, hosts, people)
    met = conflicts(item, system, *wanted, hosts, people, reader, around=around) if wanted else []
    return met, free_slots(system, minutes, hosts, people, at, item=item, most=most, around=around)


def _slot(span: Span, worked: int, around: Around) -> Slot:
    soon = [one for one in around.freezes.values() if timedelta() <= one.starts - span.end < rules.DAY]
    names = [
        window.name
        for window in around.windows
        if rules.inside(span, rules.merge(rules.expand(window.recurring, *span)))
    ]
    return Slot(*span, worked, soon[0].name if soon else "", names[0] if names else "")


def _around(
    item: WorkItem | None, system: System, span: Span, hosts: Collection[Host], people: Collection[Person]
) -> Around:
    near, names = _near(system)
    windows = list(Window.objects.live().filter(system=system).order_by("id"))
    concerned = Q(system=None) | Q(system__in={system.id, *near.needed_by})
    touching = Freeze.objects.touching(span).filter(concerned, owner=system.owner_id).order_by("starts", "id")
    freezes = {one.id: one for one in touching}
    excepted = _excepted(item, freezes, span)
    bookings = _bookings(item, {system.id, *near.needs, *near.needed_by}, span, hosts, people)
    return Around(
        near, names, windows, _opens(windows, span), freezes, excepted, bookings, taken_by(list(bookings.values()))
    )


def _excepted(item: WorkItem | None, freezes: Collection[int], span: Span) -> frozenset[int]:
    """The freezes in which the item may be done all the same, in all of `span`."""
    if item is None or not freezes:
        return frozenset()
    held = FreezeException.objects.holding(item.id, span).filter(freeze__in=freezes)
    return frozenset(held.values_list("freeze_id", flat=True))


def _near(system: System) -> tuple[Near, dict[int, str]]:
    """The systems directly needed by `system`, and those that need it, with their names."""
    lines = Dependency.objects.filter(Q(system=system) | Q(on=system)).select_related("system", "on")
    needs: set[int] = set()
    needed_by: set[int] = set()
    names: dict[int, str] = {}
    for line in lines:
        other = line.on if line.system_id == system.id else line.system
        (needs if line.system_id == system.id else needed_by).add(other.id)
        names[other.id] = other.name
    return Near(frozenset(needs), frozenset(needed_by)), names


def _opens(windows: Sequence[Window], span: Span) -> list[Span]:
    recurring = [window.recurring for window in windows] or [rules.NIGHT]
    return rules.merge(one for window in recurring for one in rules.expand(window, *span))


def _bookings(
    item: WorkItem | None, systems: Collection[int], span: Span, hosts: Collection[Host], people: Collection[Person]
) -> dict[int, Booking]:
    """The kept bookings within `span` that concern these systems, hosts or people, apart from the item's own."""
    machines = {one for host in hosts for one in machine_of(host)}
    concern = Q(system__in=systems)
    if machines:  # another customer's register may have the same ones
        same = set(Host.objects.filter(rows_of(machines)).values_list("id", flat=True))
        on = Booking.hosts.through.objects.filter(host__in=same, booking=OuterRef("id"))
        concern |= Q(Exists(on))
    if people:
        by = Booking.people.through.objects.filter(person__in=[one.id for one in people], booking=OuterRef("id"))
        concern |= Q(Exists(by))
    found = Booking.objects.kept().touching(span).filter(concern).order_by("starts", "id")
    if item is not None:
        found = found.exclude(item=item)
    return {one.id: one for one in found.select_related("item", "system", "by")}


def taken_by(bookings: Collection[Booking]) -> list[Taken]:
    """Bookings as the rules take them; two queries."""
    hosts: dict[int, set[str]] = defaultdict(set)
    people: dict[int, set[int]] = defaultdict(set)
    ids = [one.id for one in bookings]
    on = Booking.hosts.through.objects.filter(booking__in=ids).values_list(
        "booking_id", "host_id", "host__owner_id", "host__key", "host__facts_at"
    )
    for booking, host, owner, key, reached in on if ids else ():
        hosts[booking] |= machine(host, owner, key, reached is not None)
    by = Booking.people.through.objects.filter(booking__in=ids).values_list("booking_id", "person_id")
    for booking, person in by if ids else ():
        people[booking].add(person)
    return [
        Taken(one.id, one.system_id, one.span, frozenset(hosts[one.id]), frozenset(people[one.id])) for one in bookings
    ]


def approvers(owner: Organisation) -> list[Person]:
    """Who approves an exception of a freeze of this customer: the security office first."""
    found = (person for role in APPROVERS for person in Person.objects.holding(role, owner))
    return list({person.id: person for person in found}.values())


def _yields(clash: Clash, around: Around, mine: Booking | None) -> bool:
    return (
        clash.of in around.bookings
        and clash.kind in rules.OCCUPIED
        and mine is not None
        and not around.bookings[clash.of].precedes((mine.since, mine.id))
    )
