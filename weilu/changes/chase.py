"""Emergency changes are counted, and chased in working time until they are complete."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.accounts.models import Person
from weilu.changes.kind import CHANGES, EMERGENCY
from weilu.changes.models import Emergency
from weilu.jobs.actions import enqueue
from weilu.jobs.kinds import Doing, Kind
from weilu.kernel import worktime
from weilu.kernel.times import SHANGHAI, now
from weilu.notify.actions import tell
from weilu.notify.kinds import ESCALATION, REMINDER
from weilu.process.about_seat import about_seat, link_of, readers_of, step_title
from weilu.process.actions import note
from weilu.process.models import Seat
from weilu.process.overview import Figure, Strip
from weilu.process.tallies import sums

OFFICE = worktime.Calendar()
OVERSEERS = ("technical_head", "leader")  # who hears that an emergency is not complete in time


@dataclass(frozen=True)
class Round:
    """Where the chase of one emergency stands."""

    reminder: int  # how many intervals have passed since it was opened; 0 for none yet
    escalation: int  # how often its time has run out; 0 while it has not
    following: datetime  # when to look again


def round_at(opened: datetime, due: datetime, hours: int, instant: datetime, calendar: worktime.Calendar) -> Round:
    """What is to be said at `instant`, in working time: a reminder each `hours`; once late, an escalation each time
    the whole time given has passed again.
    """
    every, whole = hours * 60, max(worktime.between(opened, due, calendar), 1)
    reminder = worktime.between(opened, instant, calendar) // every
    escalation = 1 + worktime.between(due, instant, calendar) // whole if instant >= due else 0
    again = worktime.add(due, escalation * whole, calendar)
    return Round(reminder, escalation, min(worktime.add(opened, (reminder + 1) * every, calendar), again))


def watch(emergency: Emergency) -> None:
    """Let workers chase an emergency from its first interval on."""
    first = worktime.add(emergency.opened_at, emergency.remind_hours * 60, OFFICE)
    first = min(first, emergency.due_at)
    enqueue(CHASE.key, {"emergency": emergency.id}, at=first, key=str(emergency.id), org=emergency.owner.code)


def chase(doing: Doing) -> datetime | None:
    """Remind whom an emergency waits for, and tell its overseers once it is late; nothing when it is complete."""
    rows = Emergency.objects.select_related("change__item__owner", "change__item__flow")
    emergency = rows.filter(id=doing.payload["emergency"], done_at=None).first()
    if emergency is None:
        return None
    said = round_at(emergency.opened_at, emergency.due_at, emergency.remind_hours, now(), OFFICE)
    seats = list(
        Seat.objects.filter(item=emergency.change.item, open=True)
        .select_related("item__owner", "item__flow", "visit", "person")
        .order_by("id")
    )
    if said.reminder and seats:
        _remind(emergency, seats, said.reminder)
    if said.escalation and seats:
        _escalate(emergency, seats, said.escalation)
    return said.following


def _remind(emergency: Emergency, seats: list[Seat], number: int) -> None:
    days = worktime.between(emergency.opened_at, now(), OFFICE) // OFFICE.day_minutes
    for seat in seats:
        words = {"number": seat.item.number, "step": step_title(seat), "days": days}
        title = _("紧急变更还没有补齐：%(number)s 等您办「%(step)s」，已过 %(days)d 个工作日") % words
        _say(seat, readers_of(seat), title, REMINDER, f"chase:{number}:{seat.id}")


def _escalate(emergency: Emergency, seats: list[Seat], number: int) -> None:
    item, waiting = seats[0].item, {seat.person_id for seat in seats}
    overseers = {one.id: one for role in OVERSEERS for one in Person.objects.holding(role, item.owner)}
    people = [one for one in overseers.values() if one.id not in waiting]
    if not people:
        people = [one for one in Person.objects.holding("administrator", item.owner) if one.id not in waiting]
    names = _("、").join(seat.person.name for seat in seats)
    title = _("紧急变更逾期没有补齐：%(number)s，在等 %(names)s") % {"number": item.number, "names": names}
    if people and _say(seats[0], people, title[:200], ESCALATION, f"incomplete:{number}:{emergency.id}"):
        told = _("、").join(one.name for one in people)
        note(item, "notice", _("紧急变更逾期没有补齐，已报 %(names)s") % {"names": told})


def _say(seat: Seat, people: list[Person], title: str, kind: str, key: str) -> int:
    if not any(one.is_active for one in people):
        return 0
    item = seat.item
    return tell(people, title, "", link_of(item), item.owner, str(item.uid), kind=kind, about=about_seat(seat), key=key)


@dataclass(frozen=True)
class Counted:
    """Emergencies as the overview and the list count them."""

    open: int
    late: int
    month: int
    quarter: int
    changes: int  # of all kinds, opened in the quarter
    earliest: datetime | None  # by when the first of the open ones is to be complete

    @property
    def share(self) -> str:
        """Emergencies among all changes of the quarter, in whole per cent; — without any change."""
        return f"{round(100 * self.quarter / self.changes)}%" if self.changes else "—"


def counted(person: Person, at: datetime) -> Counted:
    """Over every customer `person` sees; two queries, over the few emergencies and the counters."""
    months = _quarter(at)
    first = datetime(int(months[0][:4]), int(months[0][5:]), 1, tzinfo=SHANGHAI)
    month = at.astimezone(SHANGHAI).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = Emergency.objects.filter(Q(done_at=None) | Q(opened_at__gte=first), owner__in=person.owner_ids)
    found = rows.aggregate(
        open=Count("id", filter=Q(done_at=None)),
        late=Count("id", filter=Q(done_at=None, due_at__lt=at)),
        month=Count("id", filter=Q(opened_at__gte=month)),
        quarter=Count("id", filter=Q(opened_at__gte=first)),
        earliest=Min("due_at", filter=Q(done_at=None)),
    )
    opened = sums(person.owner_ids)["kind"]
    changes = sum(opened.get(f"{name}:{kind}", 0) for name in months for kind in CHANGES)
    return Counted(**found, changes=changes)


def _quarter(at: datetime) -> list[str]:
    """The months of the quarter up to that of `at`, in Asia/Shanghai."""
    local = at.astimezone(SHANGHAI)
    first = (local.month - 1) // 3 * 3 + 1
    return [f"{local.year}-{month:02d}" for month in range(first, local.month + 1)]


def figures(person: Person, at: datetime) -> Strip | None:
    """The strip of the overview; nothing where there was no emergency this quarter and none is open."""
    found = counted(person, at)
    if not found.open and not found.quarter:
        return None
    return Strip(
        _("紧急变更"),
        [
            Figure(_("没有补齐"), str(found.open), f"/changes/?kind={EMERGENCY.key}&state=open"),
            Figure(_("逾期没有补齐"), str(found.late), late=found.late > 0),
            Figure(_("本月发起"), str(found.month)),
            Figure(_("本季发起"), str(found.quarter)),
            Figure(_("占本季全部变更"), found.share),
        ],
    )


CHASE = Kind("changes.chase", gettext_noop("催办紧急变更"), chase)
