"""Deadlines of seats: reminders before, escalation after, each once per seat, on the calendar of working days."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import CharField, Exists, OuterRef
from django.db.models.functions import Cast
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.accounts.models import Person
from weilu.jobs.actions import enqueue
from weilu.jobs.kinds import Doing, Kind
from weilu.jobs.models import Job
from weilu.jobs.rules import Minutes
from weilu.kernel import worktime
from weilu.kernel.times import now
from weilu.notify.actions import tell
from weilu.notify.kinds import ESCALATION, REMINDER
from weilu.notify.models import Notice
from weilu.process.about_seat import about_seat, link_of, readers_of, step_title
from weilu.process.actions import note
from weilu.process.models import UNDATED, Seat

OFFICE = worktime.Calendar()
HALF, HOUR, LATE, LATER = "half", "hour", "late", "later"
REST = timedelta(days=7)  # when everything is said, an open seat is looked at again: its deadline may have moved
SWEPT = 500  # seats that one sweep puts under watch


@dataclass(frozen=True)
class Level:
    """One thing to say about a deadline, and when."""

    key: str
    at: datetime


def levels(since: datetime, due: datetime, calendar: worktime.Calendar) -> list[Level]:
    """Half of the working time gone, one working hour left (where that is later), overdue, overdue by a working day."""
    whole = worktime.between(since, due, calendar)
    found = [Level(HALF, worktime.add(since, whole // 2, calendar))]
    if whole > 120:
        found.append(Level(HOUR, worktime.add(since, whole - 60, calendar)))
    return [*found, Level(LATE, due), Level(LATER, worktime.add(due, calendar.day_minutes, calendar))]


def reached(all_levels: list[Level], instant: datetime) -> tuple[list[str], datetime | None]:
    """What is to be said at `instant`, and when to look again.

    Of several reminders only the latest counts, and none once the step is overdue: a worker that was away
    does not say late what would have been useful earlier.
    """
    past = [level.key for level in all_levels if level.at <= instant]
    coming = [level.at for level in all_levels if level.at > instant]
    reminders = [key for key in past if key in (HALF, HOUR)]
    late = [key for key in past if key in (LATE, LATER)]
    return late or reminders[-1:], min(coming, default=None)


def watch(seat: Seat) -> None:
    """Let workers look after the deadline of an open seat, from its first level on."""
    if seat.due is None:
        return
    first = levels(seat.since, seat.due, OFFICE)[0].at
    enqueue(WATCH.key, {"seat": seat.id}, at=first, key=str(seat.id), org=seat.item.owner.code, again=True)


def look_at(doing: Doing) -> datetime | None:
    """Say what is to be said about one seat now; a seat closed in the meantime gets nothing."""
    seats = Seat.objects.select_related("item__owner", "item__flow", "visit", "person__department__head")
    seat: Seat | None = seats.filter(id=doing.payload["seat"], open=True).first()
    if seat is None or seat.due is None:
        return None
    due_now, again = reached(levels(seat.since, seat.due, OFFICE), now())
    for key in due_now:
        if key in (HALF, HOUR):
            _remind(seat, key)
        else:
            _escalate(seat, key)
    return again or now() + REST


def _remind(seat: Seat, key: str) -> None:
    words = {"number": seat.item.number, "step": step_title(seat)}
    said = _("快到期：%(number)s %(step)s") if key == HOUR else _("时限已过半：%(number)s %(step)s")
    _say(seat, readers_of(seat), said % words, REMINDER, key)


def _escalate(seat: Seat, key: str) -> None:
    """To the head of the department, a working day later to the administrators; without a head to these at once."""
    people = _heads(seat) if key == LATE else []
    if not people:
        before = Notice.objects.filter(item=str(seat.item.uid), key=f"{LATE}:{seat.id}")
        heard = {seat.person_id, *before.values_list("person_id", flat=True)}
        people = [one for one in Person.objects.holding("administrator", seat.item.owner) if one.id not in heard]
    words = {"number": seat.item.number, "step": step_title(seat), "name": seat.person.name}
    if people and _say(seat, people, _("逾期未办：%(number)s %(step)s，在等 %(name)s") % words, ESCALATION, key):
        names = _("、").join(person.name for person in people)
        said = _("「%(step)s」%(name)s 逾期未办，已报 %(names)s")
        note(seat.item, "notice", said % {"step": words["step"], "name": words["name"], "names": names})


def _heads(seat: Seat) -> list[Person]:
    department = seat.person.department
    head = department.head if department else None
    fit = head is not None and head.is_active and head.id != seat.person_id and seat.item.owner_id in head.owner_ids
    return [head] if head is not None and fit else []


def _say(seat: Seat, people: list[Person], title: str, kind: str, level: str) -> int:
    if not any(person.is_active for person in people):
        return 0
    item = seat.item
    about = about_seat(seat)
    return tell(
        people, title, "", link_of(item), item.owner, str(item.uid), kind=kind, about=about, key=f"{level}:{seat.id}"
    )


def sweep(doing: Doing) -> None:
    """Put under watch whatever open, dated seat is not: handed on, added, opened again, or older than reminders."""
    over = Job.objects.filter(kind=WATCH.key, key=OuterRef("text"))
    watched = over.exclude(state=Job.State.DONE)
    open_seats = Seat.objects.filter(open=True, due_at__lt=UNDATED).annotate(text=Cast("id", CharField()))
    for seat in open_seats.filter(~Exists(watched)).select_related("item__owner")[:SWEPT]:
        watch(seat)


WATCH = Kind("process.deadline", gettext_noop("到期提醒与逾期上报"), look_at)
SWEEP = Kind("process.watch_seats", gettext_noop("核对待办的时限"), sweep, times=Minutes(5))
