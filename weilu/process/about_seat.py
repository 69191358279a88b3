"""What a notice, and so a mail, may say of a seat: number, title, step, due time, and where to go on."""

from typing import Any

from weilu.accounts.models import Person
from weilu.kernel.times import iso, now
from weilu.process.flow import parse_flow
from weilu.process.models import Delegation, Seat, WorkItem
from weilu.process.pages import item_url


def step_title(seat: Seat) -> str:
    """The title of the step that the seat is in, as its flow says it (a source string)."""
    return parse_flow(seat.item.flow.source).step(seat.visit.step).title


def about_item(item: WorkItem) -> dict[str, Any]:
    """Number and title."""
    return {"number": item.number, "title": item.title}


def about_seat(seat: Seat) -> dict[str, Any]:
    """Number, title, step and due time; with the seat's id, by which is asked whether it still waits."""
    due = iso(seat.due) if seat.due else ""
    return about_item(seat.item) | {"step": step_title(seat), "due": due, "seat": seat.id}


def link_of(item: WorkItem) -> str:
    """Where a notice about an item leads: on a phone one screen with what is to be signed, elsewhere its page."""
    return item_url(item) + "?one=1"


def readers_of(seat: Seat) -> list[Person]:
    """Who may act in a seat now: whose it is, and who stands in for them."""
    if seat.personal:
        return [seat.person]
    absent = Delegation.objects.in_force(now()).filter(person=seat.person_id, owner=seat.item.owner_id)
    deputies = [one.delegate for one in absent.select_related("delegate__organisation").order_by("id")]
    return [seat.person, *(one for one in deputies if Seat.objects.open_to(one).filter(id=seat.id).exists())]
