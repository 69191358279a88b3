"""Who hears of what happens to an item: whom it waits for, who requested it, who was urged or sent a copy."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.accounts.models import Person
from weilu.jobs.actions import enqueue
from weilu.jobs.kinds import Doing, Kind
from weilu.jobs.rules import Minutes
from weilu.kernel.events import subscribe
from weilu.kernel.times import now
from weilu.notify.actions import put, settle
from weilu.notify.kinds import COPY, ESCALATION, REMINDER, REQUESTED, WAITS
from weilu.notify.models import Notice
from weilu.process.about_seat import about_item, about_seat, link_of, readers_of, step_title
from weilu.process.deadlines import watch
from weilu.process.flow import Step, parse_flow
from weilu.process.models import Opinion, Seat, WorkItem

ASKING = (WAITS, REMINDER, ESCALATION)  # these ask for an act, and are over with it
MOST = 2000  # notices looked at in one go


def subscribe_all() -> None:
    """Hear what the acts of this room announce; called once by `apps.py`."""
    subscribe("process.step_entered", on_step_entered)
    subscribe("process.item_returned", on_item_returned)
    subscribe("process.item_closed", on_item_closed)
    subscribe("process.urged", on_urged)
    subscribe("process.transferred", on_seated)
    subscribe("process.signer_added", on_seated)
    subscribe("process.copied", on_copied)
    subscribe("process.item_moved", on_item_moved)
    subscribe("process.signature_withdrawn", on_signature_withdrawn)


def on_step_entered(item: WorkItem, step: Step, **_more: Any) -> None:
    """A worker tells whom the item waits for; the act itself writes one row for it."""
    if not step.auto:
        enqueue(WAITING.key, {"item": item.id, "step": step.key}, org=item.owner.code)


def on_item_returned(item: WorkItem, by: Person, to: str, **_more: Any) -> None:
    """Who requested the item hears that it went back."""
    if by.id != item.requester_id:
        enqueue(REQUESTER.key, {"item": item.id, "to": to}, org=item.owner.code)


def on_item_closed(item: WorkItem, **_more: Any) -> None:
    """Who requested the item hears that it is done."""
    enqueue(REQUESTER.key, {"item": item.id, "to": ""}, org=item.owner.code)


@translation.override("zh-hans")
def on_urged(item: WorkItem, by: Person, people: Iterable[Person], **_more: Any) -> None:
    """Whoever is urged hears it at once."""
    for seat in _seats_of(item, people):
        _ask(seat, _("%(name)s 催办：%(number)s %(step)s"), by)


@translation.override("zh-hans")
def on_seated(item: WorkItem, by: Person, people: Iterable[Person], words: str = "", **_more: Any) -> None:
    """Whoever was handed a place, or is asked to sign as well, hears it at once, and their deadline is watched."""
    for seat in _seats_of(item, people):
        _ask(seat, _("%(name)s 请您办：%(number)s %(step)s"), by, words, f"waits:{seat.id}")
        watch(seat)


def on_item_moved(item: WorkItem, by: Person, people: Iterable[Person], words: str) -> None:
    """Whom the new version asks hears it at once; every deadline may be another one now."""
    on_seated(item, by, people, words)
    for seat in Seat.objects.filter(item=item, open=True).select_related("item__owner").order_by("id"):
        watch(seat)


def _seats_of(item: WorkItem, people: Iterable[Person]) -> list[Seat]:
    found = Seat.objects.filter(item=item, open=True, person__in=[person.id for person in people]).order_by("id")
    return list(found.select_related("item__flow", "item__owner", "visit", "person"))


def _ask(seat: Seat, pattern: str, by: Person, words: str = "", key: str = "") -> None:
    title = pattern % {"name": by.name, "number": seat.item.number, "step": step_title(seat)}
    put(
        readers_of(seat), title[:200], kind=WAITS, owner=seat.item.owner, item=str(seat.item.uid), body=words,
        link=link_of(seat.item), about=about_seat(seat), key=key, by=by,
    )  # fmt: skip


@translation.override("zh-hans")
def on_copied(item: WorkItem, by: Person, people: Iterable[Person], words: str = "", **_more: Any) -> None:
    """Whoever is sent a copy finds it among their notices; there is nothing for them to do."""
    title = _("%(name)s 抄送：%(number)s %(title)s") % {"name": by.name, "number": item.number, "title": item.title}
    put(
        people, title[:200], kind=COPY, owner=item.owner, item=str(item.uid), body=words, link=link_of(item),
        about=about_item(item), by=by,
    )  # fmt: skip


def on_signature_withdrawn(item: WorkItem, **_more: Any) -> None:
    """The places that are open again ask again."""
    asked = Notice.objects.filter(item=str(item.uid), kind__in=ASKING, about__seat__in=list(_open_seats(item)))
    asked.update(read_at=None)


def tell_waiting(doing: Doing) -> None:
    """Tell whom a step waits for, if it still does, and look after its deadline; whose act led here knows it."""
    item = WorkItem.objects.select_related("flow", "owner").get(id=doing.payload["item"])
    seats = list(
        Seat.objects.filter(item=item, open=True).select_related("item__flow", "item__owner", "visit", "person")
    )
    settle(str(item.uid), ASKING, still={seat.id for seat in seats})
    last = Opinion.objects.filter(item=item).order_by("-id").values_list("person_id", flat=True).first()
    for seat in (one for one in seats if one.visit.step == doing.payload["step"]):
        watch(seat)
        if seat.person_id == last:
            continue
        title = _("待您办理：%(number)s %(step)s") % {"number": item.number, "step": step_title(seat)}
        put(
            readers_of(seat), title, kind=WAITS, owner=item.owner, item=str(item.uid), link=link_of(item),
            about=about_seat(seat), key=f"waits:{seat.id}",
        )  # fmt: skip


def tell_requester(doing: Doing) -> None:
    """Tell who requested an item that it was returned or is done, unless they did it, it waits for them or went on."""
    item = WorkItem.objects.select_related("flow", "owner", "requester").get(id=doing.payload["item"])
    settle(str(item.uid), ASKING, still=_open_seats(item))
    said = Opinion.objects.filter(item=item).order_by("-id").values_list("person_id", flat=True).first()
    waiting = list(Seat.objects.filter(item=item, open=True).values_list("person_id", "visit__step"))
    to = doing.payload["to"]
    if said == item.requester_id or item.requester_id in {person for person, _step in waiting}:
        return
    if to and to not in {step for _person, step in waiting}:
        return  # it has gone on again: no news any more
    words = {"number": item.number, "title": item.title}
    if to:
        step = parse_flow(item.flow.source).step(to).title
        title = _("已退回到「%(step)s」：%(number)s %(title)s") % (words | {"step": step})
    else:
        title = _("已办结：%(number)s %(title)s") % words
    put(
        [item.requester], title[:200], kind=REQUESTED, owner=item.owner, item=str(item.uid), link=link_of(item),
        about=about_item(item),
    )  # fmt: skip


def settle_done(doing: Doing) -> None:
    """Take up as read what asked for something that its reader has done while others have not (会签)."""
    unread = Notice.objects.filter(kind__in=ASKING, read_at=None).order_by("-id")
    about = dict(unread.values_list("id", "about__seat")[:MOST])
    still = set(Seat.objects.filter(id__in=set(about.values()) - {None}, open=True).values_list("id", flat=True))
    done = [number for number, seat in about.items() if seat not in still]
    Notice.objects.filter(id__in=done).update(read_at=now())


def _open_seats(item: WorkItem) -> set[int]:
    return set(Seat.objects.filter(item=item, open=True).values_list("id", flat=True))


def still_open(rows: Sequence[tuple[int, str, dict[str, object]]], person: int) -> set[int]:
    """The notices whose seat is still open: what may still be said of somebody's delay."""
    seats = set(Seat.objects.filter(id__in=_seat_ids(rows), open=True).values_list("id", flat=True))
    return {number for number, _item, about in rows if about.get("seat") in seats}


def still_waiting(rows: Sequence[tuple[int, str, dict[str, object]]], person: int) -> set[int]:
    """The notices whose seat is still open, and the person's own or one they stand in for now."""
    found = Seat.objects.open_to(person).filter(id__in=_seat_ids(rows))
    seats = set(found.values_list("id", flat=True))
    return {number for number, _item, about in rows if about.get("seat") in seats}


def _seat_ids(rows: Sequence[tuple[int, str, dict[str, object]]]) -> set[int]:
    return {seat for _id, _item, about in rows if isinstance(seat := about.get("seat"), int)}


WAITING = Kind("process.tell_waiting", gettext_noop("通知等谁办理"), tell_waiting)
SETTLE = Kind("process.settle_notices", gettext_noop("收起已办的通知"), settle_done, times=Minutes(5))
REQUESTER = Kind("process.tell_requester", gettext_noop("通知发起人"), tell_requester)
