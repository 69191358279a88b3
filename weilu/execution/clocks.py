"""Spans of time in words, and the window of a run as a drawing."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from weilu.execution.models import Run
from weilu.kernel.times import SHANGHAI

LAST_CALL = timedelta(minutes=2)  # kept of the window for the way back where nothing is known of it
WIDTH = 1000  # of the drawing of the window
WORDS_APART = 110  # between the middles of two words on the drawing
MOST_TICKS = 6
TICK_HOURS = (1, 2, 3, 6, 12, 24, 48, 96, 168)


@dataclass(frozen=True)
class Bar:
    """The window as a drawing: positions from 0 to WIDTH and the words at them."""

    begun: int
    now: int
    expected: int
    last_call: int
    now_at: str
    expected_at: str
    last_call_at: str
    start: str
    end: str
    ticks: tuple[tuple[int, str], ...]
    going: bool  # something is expected to come
    over: bool  # the run has ended
    returns: bool  # there is a way back to decide on: a rehearsal changes nothing

    @property
    def used(self) -> int:
        return max(0, self.now - self.begun)

    @property
    def ahead(self) -> int:
        return max(0, self.expected - self.now)

    @property
    def kept(self) -> int:
        """What is left of the window after the last moment to decide on going back."""
        return WIDTH - self.last_call

    @property
    def names_expected(self) -> bool:
        """Whether the word of the expected end has room beside the others."""
        room = not self.calls or self.last_call - self.expected >= WORDS_APART + 30
        return self.going and room and self.expected - self.now >= WORDS_APART

    @property
    def names_call(self) -> bool:
        return self.calls and self.last_call - self.now >= WORDS_APART

    @property
    def calls(self) -> bool:
        """Whether the last moment to decide on going back is marked."""
        return self.returns and not self.over


def span(seconds: int) -> str:
    """`40 秒`, `12 分 05 秒`, `3 小时 19 分`."""
    if seconds < 60:
        return _("%(count)d 秒") % {"count": seconds}
    if seconds < 3600:
        return _("%(minutes)d 分 %(seconds)02d 秒") % {"minutes": seconds // 60, "seconds": seconds % 60}
    return _("%(hours)d 小时 %(minutes)d 分") % {"hours": seconds // 3600, "minutes": seconds % 3600 // 60}


def about(seconds: int) -> str:
    """A span that is only expected, in whole minutes, at least one."""
    return _("%(n)d 分") % {"n": max(1, round(seconds / 60))} if seconds < 3600 else span(seconds)


def window_left(run: Run, at: datetime) -> str:
    """What is left of the run's window, or when it opens."""
    if at < run.window_from:
        return _("%(span)s后开") % {"span": span(int((run.window_from - at).total_seconds()))}
    if at >= run.window_to:
        return _("已关闭")
    return span(int((run.window_to - at).total_seconds()))


def clock(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%H:%M")


def bar_of(run: Run, at: datetime, seconds: int, back: timedelta = LAST_CALL) -> Bar:
    """The window at the instant `at`, with `seconds` expected to come; `back` is kept for the way back."""
    whole = (run.window_to - run.window_from).total_seconds()

    def place(instant: datetime) -> int:
        return max(0, min(WIDTH, round((instant - run.window_from).total_seconds() / whole * WIDTH)))

    present = run.ended_at or at
    expected, last = present + timedelta(seconds=seconds), max(run.window_from, run.window_to - back)
    return Bar(
        begun=place(run.started_at or present), now=place(present), expected=place(expected), last_call=place(last),
        now_at=clock(present), expected_at=clock(expected), last_call_at=clock(last),
        start=clock(run.window_from), end=clock(run.window_to),
        ticks=tuple((place(one), clock(one)) for one in _full_hours(run.window_from, run.window_to)),
        going=run.ended_at is None and seconds > 0, over=run.ended_at is not None,
        returns=run.purpose != Run.Purpose.REHEARSE,
    )  # fmt: skip


def _full_hours(start: datetime, end: datetime) -> list[datetime]:
    """Full hours inside the window that leave room for the words at its ends; at most MOST_TICKS."""
    hours = (end - start).total_seconds() / 3600
    each = next((one for one in TICK_HOURS if hours / one <= MOST_TICKS), None)
    if each is None:
        return []
    margin = (end - start) / 10
    first = start.astimezone(SHANGHAI).replace(minute=0, second=0, microsecond=0)
    found = [first + timedelta(hours=number) for number in range(1, int(hours) + 2)]
    return [one for one in found if one.hour % min(each, 24) == 0 and start + margin < one < end - margin][:MOST_TICKS]
