"""Windows, freezes, exceptions and planned times: their acts, and what the calendar tells."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import AwareDatetime

from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named
from weilu.kernel.times import iso, now
from weilu.planning import actions, exceptions, rules
from weilu.planning.models import Booking, Freeze, FreezeException, Window
from weilu.planning.moving import move_booking as move
from weilu.planning.moving import why_not_move
from weilu.planning.queries import conflicts_and_slots
from weilu.process.models import WorkItem
from weilu.systems.models import System

router = Router(tags=["act"])
reads = Router(tags=["read"])
LONGEST = timedelta(days=100)


class WindowFields(Schema):
    """`rule` as in RFC 5545 (FREQ=WEEKLY;BYDAY=FR), `left_out` days such as 2026-10-01, `days` any, working or off."""

    name: str
    rule: str
    starts: AwareDatetime
    minutes: int
    left_out: list[str] = []
    days: str = "any"


class WindowIn(WindowFields):
    system: UUID


class WindowChange(WindowFields):
    window: UUID


class WindowRef(Schema, extra="forbid"):
    window: UUID


class FreezeIn(Schema):
    """Without `system` it holds for every system of `owner`."""

    owner: str
    system: UUID | None = None
    name: str
    starts: AwareDatetime
    ends: AwareDatetime
    reason: str


class FreezeEnd(Schema):
    freeze: UUID
    reason: str


class ExceptionIn(Schema):
    item: UUID
    freeze: UUID
    why: str


class ExceptionAnswer(Schema):
    exception: UUID
    words: str = ""


class Move(Schema):
    booking: UUID
    starts: AwareDatetime


@router.post("/planning/add_window", response=Done)
def add_window(request: HttpRequest, act: WindowIn) -> Done:
    system = System.objects.select_related("owner").fetch(reader(request), act.system)
    return _done(actions.add_window(reader(request), system, **act.dict(exclude={"system"})))


@router.post("/planning/change_window", response=Done)
def change_window(request: HttpRequest, act: WindowChange) -> Done:
    window = _window(request, act.window)
    return _done(actions.change_window(reader(request), window, **act.dict(exclude={"window"})))


@router.post("/planning/end_window", response=Done)
def end_window(request: HttpRequest, act: WindowRef) -> Done:
    return _done(actions.end_window(reader(request), _window(request, act.window)))


@router.post("/planning/add_freeze", response=Done)
def add_freeze(request: HttpRequest, act: FreezeIn) -> Done:
    owner = owner_named(request, act.owner)
    system = System.objects.fetch(reader(request), act.system) if act.system else None
    given = act.dict(exclude={"owner", "system"})
    return _done(actions.add_freeze(reader(request), owner, system=system, **given))


@router.post("/planning/end_freeze", response=Done)
def end_freeze(request: HttpRequest, act: FreezeEnd) -> Done:
    return _done(actions.end_freeze(reader(request), _freeze(request, act.freeze), reason=act.reason))


@router.post("/planning/ask_exception", response=Done)
def ask_exception(request: HttpRequest, act: ExceptionIn) -> Done:
    item = WorkItem.objects.select_related("owner").fetch(reader(request), act.item)
    return _done(exceptions.ask_exception(reader(request), item, _freeze(request, act.freeze), why=act.why))


@router.post("/planning/approve_exception", response=Done)
def approve_exception(request: HttpRequest, act: ExceptionAnswer) -> Done:
    return _done(exceptions.approve_exception(reader(request), _exception(request, act.exception), words=act.words))


@router.post("/planning/refuse_exception", response=Done)
def refuse_exception(request: HttpRequest, act: ExceptionAnswer) -> Done:
    return _done(exceptions.refuse_exception(reader(request), _exception(request, act.exception), words=act.words))


@router.post("/planning/move_booking", response=Done)
def move_booking(request: HttpRequest, act: Move) -> Done:
    return _done(move(reader(request), _booking(request, act.booking), starts=act.starts))


@reads.get("/planning/calendar", summary="Windows, freezes and planned work between two instants")
def calendar(
    request: HttpRequest, since: AwareDatetime | None = None, until: AwareDatetime | None = None
) -> dict[str, Any]:
    """What the calendar shows of at most 100 days, else of two weeks from now; of a window its rule, not its days."""
    since = since or now()
    rules.check_years(since, until or since)
    until = until or since + timedelta(days=14)
    if not timedelta() < until - since <= LONGEST:
        raise BadRequest(_("时间段应在 100 天以内"))
    me = reader(request)
    windows = Window.objects.live().visible_to(me).select_related("system").order_by("id")
    freezes = Freeze.objects.live().visible_to(me).filter(starts__lt=until, ends__gt=since)
    booked = Booking.objects.shown().visible_to(me).filter(starts__lt=until, ends__gt=since)
    return {
        "windows": [_window_data(one) for one in windows],
        "freezes": [_freeze_data(one) for one in freezes.select_related("system").order_by("starts", "id")],
        "bookings": [_booking_data(one) for one in booked.select_related("item", "system").order_by("starts", "id")],
    }


@reads.get("/planning/bookings/{uuid:uid}", summary="Planned work: what is in its way, when else it could be done")
def booking(request: HttpRequest, uid: UUID, starts: AwareDatetime | None = None) -> dict[str, Any]:
    """At the time it has, or at another that begins at `starts`; `fixed` says why it cannot be moved, if it cannot."""
    found, me = _booking(request, uid), reader(request)
    begin = starts or found.starts
    rules.check_years(begin)
    length = found.ends - found.starts
    hosts, people = list(found.hosts.all()), list(found.people.all())
    wanted, minutes = rules.Span(begin, begin + length), int(length.total_seconds() // 60)
    met, free = conflicts_and_slots(found.item, found.system, wanted, minutes, hosts, people, me)
    return _booking_data(found) | {
        "fixed": why_not_move(me, found),
        "conflicts": [
            {
                "kind": one.kind, "words": one.sentence, "clause": str(one.clause), "help": one.help,
                "yields": one.yields, "freeze": str(one.freeze.uid) if one.freeze else "",
            }
            for one in met
        ],
        "free": [{"starts": iso(one.starts), "ends": iso(one.ends), "window": one.window} for one in free],
    }  # fmt: skip


def _window_data(one: Window) -> dict[str, Any]:
    return {
        "uid": str(one.uid), "system": str(one.system.uid), "name": one.name, "rule": one.rule,
        "starts": iso(one.starts), "minutes": one.minutes, "left_out": one.left_out, "days": one.days,
    }  # fmt: skip


def _freeze_data(one: Freeze) -> dict[str, Any]:
    system = str(one.system.uid) if one.system else ""
    return {"uid": str(one.uid), "system": system, "name": one.name, "reason": one.reason} | _times(one)


def _booking_data(one: Booking) -> dict[str, Any]:
    kept = {"uid": str(one.uid), "item": str(one.item.uid), "number": one.item.number, "title": one.item.title}
    return kept | {"system": str(one.system.uid), "released": one.released_at is not None} | _times(one)


def _times(one: Freeze | Booking) -> dict[str, str]:
    starts: datetime = one.starts
    return {"starts": iso(starts), "ends": iso(one.ends)}


def _window(request: HttpRequest, uid: UUID) -> Window:
    found: Window = Window.objects.select_related("owner").fetch(reader(request), uid)
    return found


def _freeze(request: HttpRequest, uid: UUID) -> Freeze:
    found: Freeze = Freeze.objects.select_related("owner").fetch(reader(request), uid)
    return found


def _exception(request: HttpRequest, uid: UUID) -> FreezeException:
    found: FreezeException = FreezeException.objects.select_related("item").fetch(reader(request), uid)
    return found


def _booking(request: HttpRequest, uid: UUID) -> Booking:
    found: Booking = Booking.objects.select_related("item", "system__owner").fetch(reader(request), uid)
    return found


def _done(row: Window | Freeze | FreezeException | Booking) -> Done:
    return Done(uid=str(row.uid))
