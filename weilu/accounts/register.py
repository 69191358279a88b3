"""Writing the register of security events: outside the act that was turned down, bounded, never in its way."""

import logging
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from weilu.accounts.models import Person
from weilu.accounts.watched import SecurityEvent
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import NotVisible, Refused, Stale
from weilu.kernel.times import SHANGHAI, now

MONITORED = Clause("OPS-9")
FLOOR = timedelta(days=183)  # younger rows are never deleted (OPS-5: six months)
Kind = SecurityEvent.Kind
FROM_OUTSIDE = (Kind.FAILED, Kind.LOCKED, Kind.TOKEN)  # whoever has not signed in can make any number of these
MOST_OF_PERSON = 200  # rows of one person and kind a day; from then on one row an hour
MOST_FROM_OUTSIDE = 1_000  # rows of a kind a day, whoever they are about
MOST_ACTS = 8  # told apart in one row
MANY, OTHERS = "*", "…"
log = logging.getLogger(__name__)


def note(kind: str, *, person: Person | None = None, address: str = "", act: str = "", number: str = "") -> None:
    """MONITORED: count one event; a database that cannot take it is logged, and what happened goes on."""
    try:
        with transaction.atomic():
            _count(kind, person, place_of(address), act[:120], number)
    except DatabaseError:
        log.exception("a security event was not written: %s %s", kind, act)


def note_answer(request: HttpRequest, response: HttpResponse) -> None:
    """MONITORED: an answer by which an act or a page was turned down; slips of the pen and stale pages are none.

    The act itself has been rolled back by then: this row is all it leaves.
    """
    problem, match = getattr(response, "problem", None), request.resolver_match
    kind = {403: Kind.DENIED, 404: Kind.HIDDEN, 409: Kind.REFUSED}.get(response.status_code)
    if kind is None or match is None or isinstance(problem, Stale):
        return
    if kind == Kind.HIDDEN and not isinstance(problem, NotVisible):
        return
    if kind == Kind.DENIED and not isinstance(problem, Refused):
        return  # a form that had expired
    if isinstance(problem, Refused) and problem.field and not problem.clause:
        return
    by = getattr(problem, "clause", None) or getattr(response, "right", "")
    person = request.user if isinstance(request.user, Person) else None
    from weilu.accounts.reader import address_of

    act = f"{request.method} /{match.route} {by}".strip()
    note(kind, person=person, address=address_of(request), act=act, number=getattr(response, "number", ""))


def old_events(before: datetime) -> QuerySet[SecurityEvent]:
    """Rows that may be deleted: their last event was before `before` (aware), and none is younger than FLOOR."""
    return SecurityEvent.objects.filter(last_at__lt=min(before, now() - FLOOR))


def place_of(address: str) -> str:
    """An IPv4 address, or the /64 that an IPv6 address belongs to: whoever has one has all of it."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:45]
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)


def _count(kind: str, person: Person | None, place: str, act: str, number: str) -> None:
    instant = now()
    key = _key(kind, person, place, instant.replace(second=0, microsecond=0))
    row = SecurityEvent.objects.select_for_update(of=("self",)).filter(key=key).first()
    if row is None:
        if _spent(kind, person, instant):
            place = MANY
            key = _key(kind, person, place, instant.replace(minute=0, second=0, microsecond=0))
        fresh = SecurityEvent(key=key, kind=kind, person=person, address=place, at=instant, last_at=instant)
        SecurityEvent.objects.bulk_create([fresh], ignore_conflicts=True)
        row = SecurityEvent.objects.select_for_update(of=("self",)).get(key=key)
    if act:
        name = act if act in row.acts or len(row.acts) < MOST_ACTS else OTHERS
        row.acts[name] = row.acts.get(name, 0) + 1
    row.count, row.last_at, row.number = row.count + 1, instant, number or row.number
    row.save(update_fields=["count", "last_at", "number", "acts"])


def _key(kind: str, person: Person | None, place: str, slot: datetime) -> str:
    return f"{kind}|{person.id if person else ''}|{place}|{slot.astimezone(UTC):%Y%m%d%H%M}"


def _spent(kind: str, person: Person | None, instant: datetime) -> bool:
    """Whether this kind has had its rows of today (Asia/Shanghai): nobody fills the disk, or hides others' rows."""
    midnight = instant.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    today = SecurityEvent.objects.filter(kind=kind, at__gte=midnight)
    if kind in FROM_OUTSIDE or person is None:
        return today[:MOST_FROM_OUTSIDE].count() >= MOST_FROM_OUTSIDE
    return today.filter(person=person)[:MOST_OF_PERSON].count() >= MOST_OF_PERSON
