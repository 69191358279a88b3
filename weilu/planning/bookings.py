"""Planned times are kept with a plan, and given back: parts of the actions of rooms above."""

from collections.abc import Collection
from datetime import datetime

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.kernel.times import iso, now
from weilu.planning import rules
from weilu.planning.models import Booking
from weilu.process.models import WorkItem
from weilu.systems.models import Host, System


def book(
    by: Person,
    item: WorkItem,
    system: System,
    starts: datetime,
    ends: datetime,
    hosts: Collection[Host] = (),
    people: Collection[Person] = (),
) -> Booking:
    """Keep this time for the item, in place of what it had; part of the action above that keeps its plan.

    The same time with no host or person more is not booked again: it keeps its rank. Conflicts are no reason to
    refuse here: they show on the item, and `queries.check_free` stands before its approval and its start.
    """
    rules.check_span(starts, ends)
    last = Booking.objects.kept().select_for_update(of=("self",)).filter(item=item).first()
    made: Booking | None = Booking.objects.holding(item, system, rules.Span(starts, ends), hosts, people).first()
    if made is None:
        if last is not None:
            Booking.objects.filter(id=last.id).update(released_at=now())
        made = Booking.objects.create(owner=item.owner, item=item, system=system, starts=starts, ends=ends, by=by)
    made.hosts.set(hosts)
    made.people.set(people)
    data = {
        "number": item.number, "system": system.code, "starts": iso(starts), "ends": iso(ends),
        "hosts": sorted(host.name for host in hosts), "people": sorted(person.actor for person in people),
    }  # fmt: skip
    stage("planning.booked", data, actor=by.actor, org=item.owner.code, item=str(item.uid))
    return made


def release(item: WorkItem, by: Person | None = None) -> None:
    """Give the item's time back: it has ended, or was taken back; nothing where it holds none. Part of an action."""
    for kept in Booking.objects.kept().select_for_update(of=("self",)).filter(item=item):
        Booking.objects.filter(id=kept.id).update(released_at=now())
        data = {"number": item.number, "starts": iso(kept.starts), "ends": iso(kept.ends)}
        actor = by.actor if by else "weilu"
        stage("planning.released", data, actor=actor, org=item.owner.code, item=str(item.uid))
