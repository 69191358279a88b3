"""What the pages of planning show, read once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI, now
from weilu.planning import rules
from weilu.planning.actions import KEEP
from weilu.planning.board import Board, board
from weilu.planning.drawing import Drawing, Entry, draw, open_calendar
from weilu.planning.exceptions import ASK, EXCEPT, may_answer, planned_by
from weilu.planning.forms import Shown, following
from weilu.planning.models import Booking, Freeze, FreezeException, Window
from weilu.planning.moving import why_not_move
from weilu.planning.queries import Slot, conflicts, conflicts_and_slots
from weilu.planning.recurrence import read_rule
from weilu.planning.rules import Span
from weilu.planning.telling import Conflict
from weilu.planning.wording import rule_words
from weilu.process.pages import item_url
from weilu.systems.models import System
from weilu.ui.dates import span as span_words
from weilu.ui.dates import window as window_words

AHEAD = timedelta(days=400)  # how far the next openings of a window are looked for


@dataclass(frozen=True)
class DayList:
    """One day of the calendar as a list."""

    date: date
    weekday: str
    mark: str
    today: bool
    freezes: list[Freeze]
    entries: list[tuple[System, Entry]]


@dataclass(frozen=True)
class Panel:
    """Beside the calendar: one booking, at its time or at another, with what is in the way and when else it fits."""

    booking: Booking
    starts: datetime
    ends: datetime
    moved: bool  # to a time that is not kept yet
    blocking: list[Conflict]
    yielding: list[Conflict]
    fixed: str  # why the reader cannot move it; "" where they can
    slots: list[tuple[Slot, str, str]]  # with what speaks for each, and its time in words
    own_is_free: bool
    hosts: str
    people: str
    asked: Sequence[FreezeException]  # exceptions asked for its present plan and time
    may_ask: bool
    refused: Refused | None = None

    @property
    def span(self) -> str:
        return window_words(self.starts, self.ends, now())

    @property
    def own_span(self) -> str:
        """The time that is kept for it."""
        return window_words(self.booking.starts, self.booking.ends, now())

    @property
    def length(self) -> str:
        return span_words(int((self.ends - self.starts).total_seconds() // 60), days=False)

    @property
    def page(self) -> str:
        return item_url(self.booking.item)

    @property
    def asked_freezes(self) -> set[int]:
        """Of which freezes an exception was asked for and not refused."""
        return {one.freeze_id for one in self.asked if one.refused_at is None}


@dataclass(frozen=True)
class CalendarView:
    """The calendar as its page shows it."""

    shown: Shown
    last: date
    before: date
    after: date
    today: date
    board: Board
    drawing: Drawing
    days: list[DayList]
    clashing: list[Booking]  # kept bookings that something blocks
    waiting: Sequence[FreezeException]  # for the reader's answer
    may_keep: bool
    changes: int
    span: Span


def calendar_view(person: Person, shown: Shown, at: datetime) -> CalendarView:
    span = open_calendar(shown.first, shown.days)
    found = board(person, span, shown.page)
    movable = {one.id for one in found.bookings if one.released_at is None and person.may(ASK, one.owner_id)}
    drawing = draw(found, at, movable)
    before, after = following(shown.first, shown.days)
    return CalendarView(
        shown=shown, last=after - timedelta(days=1), before=before, after=after,
        today=at.astimezone(SHANGHAI).date(), board=found, drawing=drawing, days=_day_lists(found, drawing),
        clashing=[one for one in found.bookings if found.blocked.get(one.id)],
        waiting=exceptions_waiting(person), may_keep=KEEP in person.rights, changes=len(found.bookings), span=span,
    )  # fmt: skip


def _day_lists(found: Board, drawing: Drawing) -> list[DayList]:
    """Only days on which something begins, and the present one."""
    days = []
    for day in drawing.days:
        freezes = [one for one in found.freezes if one.starts.astimezone(SHANGHAI).date() == day.date]
        if day is drawing.days[0]:
            freezes = [one for one in found.freezes if one.starts <= found.span.start < one.ends] + freezes
        entries = [
            (lane.system, entry)
            for lane in drawing.lanes
            for entry in lane.entries
            if round(entry.x // day.width) == round(day.x / day.width)
        ]
        if entries or freezes or day.today:
            days.append(DayList(day.date, day.weekday, day.mark, day.today, freezes, entries))
    return days


def exceptions_waiting(person: Person) -> list[FreezeException]:
    """What waits for the reader's word on a freeze."""
    if EXCEPT not in person.rights:
        return []
    rows = FreezeException.objects.visible_to(person).waiting()
    rows = rows.filter(owner__in=person.owners_with(EXCEPT), ends__gt=now())
    found = list(rows.select_related("item", "freeze", "asked_by").order_by("starts", "id"))
    planned = planned_by([one.item for one in found]) if found else {}
    return [one for one in found if not may_answer(person, one, planned)]


def panel(person: Person, booking: Booking, starts: datetime | None, refused: Refused | None = None) -> Panel:
    """What the side panel tells of a booking at `starts`, or at the time it has."""
    begin = starts or booking.starts
    end = begin + (booking.ends - booking.starts)
    hosts, people = list(booking.hosts.all()), list(booking.people.all())
    item, system = booking.item, booking.system
    minutes = int((end - begin).total_seconds() // 60)
    met, slots = conflicts_and_slots(item, system, Span(begin, end), minutes, hosts, people, person, most=4)
    own = met if begin == booking.starts else conflicts(item, system, booking.starts, booking.ends, hosts, people)
    moved = begin != booking.starts
    asked = FreezeException.objects.filter(
        item=item, subject=item.subject, starts=booking.starts, ends=booking.ends
    ).select_related("freeze", "asked_by", "approved_by", "refused_by")
    return Panel(
        booking=booking, starts=begin, ends=end, moved=moved,
        blocking=[one for one in met if not one.yields], yielding=[one for one in met if one.yields],
        fixed=_("已让出的时段不能改") if booking.released_at else why_not_move(person, booking),
        slots=[
            (slot, speaks_for(slot), window_words(slot.starts, slot.ends, now()))
            for slot in slots
            if slot.starts not in (begin, booking.starts)
        ][:3],
        hosts=_("、").join(host.name for host in hosts), people=_("、").join(one.name for one in people),
        own_is_free=moved and not [one for one in own if not one.yields],
        asked=list(asked.order_by("id")), may_ask=not moved and person.may(ASK, booking.owner_id),
        refused=refused,
    )  # fmt: skip


def speaks_for(slot: Slot) -> str:
    """Why this time is offered."""
    parts = [_("窗口「%(name)s」") % {"name": slot.window} if slot.window else _("夜间")]
    local = slot.starts.astimezone(SHANGHAI).date()
    if not rules.CALENDAR.is_workday(local):
        parts.append(_("休息日"))
    elif local.weekday() >= 5:
        parts.append(_("调休上班"))
    if slot.before_freeze:
        parts.append(_("「%(name)s」之前") % {"name": slot.before_freeze})
    if slot.worked:
        parts.append(_("含上班时间 %(n)d 分") % {"n": slot.worked})
    return _("，").join(parts)


@dataclass(frozen=True)
class WindowRow:
    """A window with its rule in words and the next times it opens."""

    window: Window
    words: str
    next: list[str]

    @property
    def length(self) -> str:
        return span_words(self.window.minutes, days=False)


def window_row(window: Window, at: datetime, count: int = 3) -> WindowRow:
    facts, first = window.recurring, window.starts.astimezone(SHANGHAI).date()
    near = rules.expand(facts, at, at + timedelta(days=60))
    spans = near if len(near) >= count else rules.expand(facts, at, at + AHEAD)
    words = rule_words(read_rule(window.rule), first)
    return WindowRow(window, words, [window_words(*span, at) for span in spans[:count]])


def window_rows(person: Person, at: datetime) -> list[WindowRow]:
    """The windows of every system one sees, by system."""
    rows = Window.objects.live().visible_to(person).select_related("system", "owner")
    return [window_row(one, at, 1) for one in rows.order_by("system__owner__code", "system__code", "id")]


def without_windows(person: Person) -> QuerySet[System]:
    """The systems that have the night."""
    with_one = Window.objects.live().values("system")
    return System.objects.visible_to(person).exclude(id__in=with_one).order_by("owner__code", "code")


def kept_systems(person: Person) -> list[System]:
    """The systems whose windows and freezes the reader keeps."""
    rows = System.objects.visible_to(person).filter(owner__in=person.owners_with(KEEP))
    return list(rows.select_related("owner").order_by("owner__code", "code"))


def kept_owners(person: Person) -> list[Organisation]:
    return list(Organisation.objects.filter(id__in=person.owners_with(KEEP)).order_by("code"))


def freeze_rows(person: Person, at: datetime) -> tuple[list[Freeze], list[Freeze]]:
    """Those that hold or are to come, and the last that are over or were lifted."""
    rows = Freeze.objects.visible_to(person).select_related("system", "owner")
    ahead = list(rows.filter(ended_at=None, ends__gt=at).order_by("starts", "id"))
    return ahead, list(rows.exclude(id__in=[one.id for one in ahead]).order_by("-ends", "-id")[:20])
