"""The calendar as a drawing: lanes are systems, columns days. Positions across are percent, down are pixels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils.translation import gettext as _

from weilu.kernel.times import SHANGHAI
from weilu.planning.board import Board, Elsewhere
from weilu.planning.models import Booking, Freeze
from weilu.planning.rules import CALENDAR, DAY, Span, overlap, without
from weilu.planning.wording import weekday_names
from weilu.systems.models import System
from weilu.ui.dates import window

ROW, GAP, FOOT, LEAST = 34, 6, 14, 72  # an entry, the space between two, the strip of windows, the lowest lane
WIDE = 2.3  # of 14 days: how wide an entry is at least, so that it can be read
NARROWEST = 560  # pixels across, on a screen that shows the drawing and not the list
SHORTEST = 0.15  # days a window is at least wide


@dataclass(frozen=True)
class Day:
    """A column's head."""

    date: date
    weekday: str
    mark: str  # 休 or 班, where the day is not what its weekday says; 休 on weekends too
    off: bool
    today: bool
    x: float
    width: float


@dataclass(frozen=True)
class Strip:
    """Something that lasts, across: an opening or a freeze."""

    x: float
    width: float
    y: int
    height: int
    words: str


@dataclass(frozen=True)
class Label:
    """The name of a freeze, at its middle."""

    x: float
    y: int
    width: float
    words: str
    link: str


@dataclass(frozen=True)
class Entry:
    """Planned work as a small box; its left edge tells the day."""

    booking: Booking | None
    x: float
    y: int
    width: float
    look: str  # act, refused, idle, passed
    title: str
    when: str
    words: str  # all of it, for whoever cannot see the drawing
    movable: bool = False


@dataclass(frozen=True)
class Lane:
    """A system's lane."""

    system: System
    y: int
    height: int
    entries: list[Entry]
    openings: list[Strip]

    @property
    def bottom(self) -> int:
        return self.y + self.height


@dataclass(frozen=True)
class Drawing:
    """Everything of the calendar in its place."""

    days: list[Day]
    lanes: list[Lane]
    hatches: list[Strip]
    labels: list[Label]
    height: int
    present: float | None  # where now is, across


def draw(board: Board, at: datetime, movable: Collection[int]) -> Drawing:
    """The board in its place; `movable` are the ids of bookings that the reader can drag."""
    count = round((board.span.end - board.span.start) / DAY)
    lanes, top = [], 0
    for system in board.systems:
        lane = _lane(board, system, top, count, at, movable)
        lanes.append(lane)
        top = lane.bottom
    hatches = [hatch for freeze in board.freezes for hatch in _hatches(freeze, lanes, board, count)]
    labels = [label for freeze in board.freezes if (label := _label(freeze, lanes, board, count, at))]
    present = _across(at, board, count) if board.span.start <= at < board.span.end else None
    return Drawing(_days(board, count, at), lanes, hatches, labels, top, present)


def _days(board: Board, count: int, at: datetime) -> list[Day]:
    first, today = board.span.start.astimezone(SHANGHAI).date(), at.astimezone(SHANGHAI).date()
    found = []
    for place in range(count):
        day = first + timedelta(days=place)
        off = not CALENDAR.is_workday(day)
        mark = _("休") if off else _("班") if day.weekday() >= 5 else ""
        found.append(
            Day(day, weekday_names()[day.weekday()], mark, off, day == today, 100 * place / count, 100 / count)
        )
    return found


def _lane(board: Board, system: System, top: int, count: int, at: datetime, movable: Collection[int]) -> Lane:
    here = [one for one in board.bookings if one.system_id == system.id]
    entries = [_entry(one, board, count, at, one.id in movable) for one in here]
    entries += [_taken(one, board, count, at) for one in board.elsewhere if one.system == system.id]
    placed = _stacked(sorted(entries, key=lambda entry: entry.x), top)
    rows = max((entry.y - top) // (ROW + GAP) + 1 for entry in placed) if placed else 0
    height = max(LEAST, GAP + rows * (ROW + GAP) + FOOT)
    frozen = [one.span for one in board.freezes if _concerns(one, system)]
    openings = [
        Strip(x, width, top + height - 8, 3, window(*span, at))
        for span in without(board.opens[system.id], frozen)
        if overlap(span, board.span)
        for x, width in [_extent(span, board, count, SHORTEST)]
    ]
    return Lane(system, top, height, placed, openings)


def _stacked(entries: list[Entry], top: int) -> list[Entry]:
    """Entries one below the other where they would cover each other."""
    ends: list[float] = []
    placed = []
    for entry in entries:
        row = next((place for place, end in enumerate(ends) if end <= entry.x + 0.01), len(ends))
        ends[row : row + 1] = [entry.x + entry.width]
        placed.append(_moved(entry, top + GAP + row * (ROW + GAP)))
    return placed


def _moved(entry: Entry, y: int) -> Entry:
    return Entry(**(entry.__dict__ | {"y": y}))


def _entry(one: Booking, board: Board, count: int, at: datetime, movable: bool) -> Entry:
    blocked, mark = board.blocked.get(one.id), board.marks.get(one.item_id)
    over = one.released_at is not None or one.ends <= at
    look = mark.look if mark else "refused" if blocked else "idle" if over else "act"
    state = mark.word if mark else _("有冲突") if blocked else _("已结束") if over else _("已排")
    x, width = _box(one.span, board, count)
    number = short_number(one.item.number)
    words = _("%(number)s %(title)s，%(system)s，%(span)s，%(state)s") % {
        "number": one.item.number, "title": one.item.title, "system": one.system.name,
        "span": window(one.starts, one.ends, at), "state": state,
    }  # fmt: skip
    title = f"{number} {mark.word}" if mark else f"{number} {one.item.title}"
    return Entry(one, x, 0, width, look, title, _clock(one.starts), words, movable and not over)


def _taken(one: Elsewhere, board: Board, count: int, at: datetime) -> Entry:
    x, width = _box(one.span, board, count)
    title = _("%(host)s 已占用") % {"host": one.host}
    return Entry(None, x, 0, width, "idle", title, _clock(one.span.start), f"{title} {window(*one.span, at)}")


def short_number(number: str) -> str:
    """BG-0147 of JZ-BG-2026-0147."""
    parts = number.split("-")
    return f"{parts[1]}-{parts[3]}" if len(parts) == 4 else number


def _clock(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%m-%d %H:%M")


def _hatches(freeze: Freeze, lanes: list[Lane], board: Board, count: int) -> list[Strip]:
    """One area for all lanes of its customer that follow one another, or that of its system."""
    if not overlap(freeze.span, board.span):
        return []
    x, width = _extent(freeze.span, board, count, 0)
    found: list[Strip] = []
    for lane in lanes:
        if not _concerns(freeze, lane.system):
            continue
        if found and found[-1].y + found[-1].height == lane.y:
            found[-1] = Strip(x, width, found[-1].y, found[-1].height + lane.height, freeze.name)
        else:
            found.append(Strip(x, width, lane.y, lane.height, freeze.name))
    return found


def _label(freeze: Freeze, lanes: list[Lane], board: Board, count: int, at: datetime) -> Label | None:
    """Once, where it covers the least planned work: the nearest to the middle, or right behind what stands there."""
    concerned = [lane for lane in lanes if _concerns(freeze, lane.system)]
    if not concerned or not overlap(freeze.span, board.span):
        return None
    x, width = _extent(freeze.span, board, count, 0)
    middle = (concerned[0].y + concerned[-1].bottom) / 2
    span = _("%(start)s 至 %(end)s") % {"start": _clock(freeze.starts), "end": _clock(freeze.ends)}
    words = f"{freeze.name} {span}"
    wide = min(100.0, 100 * (sum(12 if sign > "\u2e7f" else 7 for sign in words) + 24) / NARROWEST)
    centred = min(max(x + (width - wide) / 2, 0), 100 - wide)

    def cost(place: tuple[Lane, float]) -> tuple[int, float, float]:
        lane, left = place
        covered = sum(entry.x < left + wide and entry.x + entry.width > left for entry in lane.entries)
        return covered, abs(left - centred), abs(lane.y + lane.height / 2 - middle)

    behind = ((lane, entry.x + entry.width) for lane in concerned for entry in lane.entries)
    places = [(lane, left) for lane, left in behind if x - wide < left < min(x + width, 100 - wide)]
    lane, left = min([*((one, centred) for one in concerned), *places], key=cost)
    y = lane.y + (lane.height - FOOT) // 2 - 10
    return Label(left, y, wide, words, f"/calendar/freezes/{freeze.uid}/")


def _concerns(freeze: Freeze, system: System) -> bool:
    return freeze.owner_id == system.owner_id and freeze.system_id in (None, system.id)


def _across(instant: datetime, board: Board, count: int) -> float:
    """Percent from the left."""
    return 100 * ((instant - board.span.start) / DAY) / count


def _extent(span: Span, board: Board, count: int, least: float) -> tuple[float, float]:
    """Left edge and width in percent, cut to the board."""
    start, end = max(span.start, board.span.start), min(span.end, board.span.end)
    x = _across(start, board, count)
    return x, max(_across(end, board, count) - x, 100 * least / count)


def _box(span: Span, board: Board, count: int) -> tuple[float, float]:
    """Left edge at the day it starts, wide enough to be read, within the board."""
    place = max(0, (max(span.start, board.span.start) - board.span.start) // DAY)
    days = max(WIDE * count / 14, (min(span.end, board.span.end) - board.span.start) / DAY - place)
    width = min(days, count - place)
    return 100 * (place + 0.05) / count, 100 * (width - 0.1) / count


def open_calendar(first: date, days: int) -> Span:
    """The whole days of Asia/Shanghai from `first` on."""
    start = datetime.combine(first, time(), SHANGHAI)
    return Span(start, start + timedelta(days=days))
