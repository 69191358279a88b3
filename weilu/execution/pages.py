"""What the page of a run shows, read once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.execution.models import Run, RunEvent, RunStep
from weilu.execution.steps import BEFORE_STOP, FACTS
from weilu.kernel.times import SHANGHAI
from weilu.process.models import Fact

STATES = {
    Run.State.QUEUED: "idle", Run.State.RUNNING: "act", Run.State.ASKS: "watch",
    Run.State.SUCCEEDED: "passed", Run.State.WENT_BACK: "watch", Run.State.FAILED: "refused",
}  # fmt: skip
CELLS = {
    RunStep.State.DONE: ("passed", "check"), RunStep.State.FAILED: ("refused", "x"),
    RunStep.State.ASKS: ("watch", "help"),
    RunStep.State.STARTED: ("act", ""), RunStep.State.SKIPPED: ("", "minus"), RunStep.State.WAITING: ("", ""),
}  # fmt: skip
STEP_SECONDS = 2  # what a step takes when nothing is known of this installation
LAST_CALL = timedelta(minutes=2)  # kept of the window for the way back
PROVED = (*FACTS.values(), "run.concluded")  # rooms above record facts of their own with this run as source
WIDTH = 1000  # of the drawing of the window
SHOWN_LINES = 80


@dataclass(frozen=True)
class Cell:
    """One step in the grid."""

    title: str
    state: str
    icon: str
    word: str
    seconds: str


@dataclass(frozen=True)
class Bar:
    """The window as a drawing: positions from 0 to WIDTH and the words under them."""

    begun: int
    now: int
    expected: int
    last_call: int
    now_at: str
    expected_at: str
    last_call_at: str
    start: str
    end: str

    @property
    def used(self) -> int:
        return max(0, self.now - self.begun)

    @property
    def ahead(self) -> int:
        return max(0, self.expected - self.now)


@dataclass(frozen=True)
class RunView:
    """A run as its page shows it."""

    run: Run
    look: str
    forward: list[Cell]
    back: list[Cell]
    done: int
    total: int
    left: str
    window_left: str
    bar: Bar | None
    lines: list[RunEvent]
    hidden: int
    seq: int
    present: RunStep | None
    asks: bool
    may_cancel: bool
    may_answer: bool
    facts: list[Fact]
    took: str


def look_of(run: Run) -> str:
    return STATES[Run.State(run.state)]


def run_view(run: Run, person: Person, at: datetime) -> RunView:
    """Everything the page needs; four queries."""
    steps = list(run.steps.order_by("ordinal"))
    events = list(run.events.order_by("-seq")[:SHOWN_LINES])[::-1]
    forward = [step for step in steps if step.ordinal <= 13]
    present = next((s for s in steps if s.state in ("started", "asks")), None)
    present = present or next((s for s in steps if s.state == "failed"), None)
    remaining = [s for s in steps if s.state in ("waiting", "started")]
    begun = any(s.key not in BEFORE_STOP and s.state != "waiting" for s in steps)
    engineer = Person.objects.holding("engineer", run.owner).filter(id=person.id).exists()
    seconds = _pace(steps) * len(remaining)
    seq = events[-1].seq if events else 0
    return RunView(
        run=run, look=look_of(run), forward=[_cell(s) for s in forward], back=[_cell(s) for s in steps[len(forward):]],
        done=sum(s.state == "done" for s in steps), total=sum(s.state != "skipped" for s in steps),
        left=_span(seconds) if run.live else "", window_left=_left(run, at),
        bar=_bar(run, at, seconds) if run.started_at or run.live else None,
        lines=events, hidden=max(0, seq - len(events)), seq=seq, present=present, asks=run.state == Run.State.ASKS,
        may_cancel=run.live and not begun and run.cancelled_by is None and engineer,
        may_answer=run.state == Run.State.ASKS and engineer,
        facts=list(Fact.objects.filter(item=run.item, source=run.number, key__in=PROVED).order_by("id")),
        took=_span(int((run.ended_at - run.started_at).total_seconds())) if run.ended_at and run.started_at else "",
    )  # fmt: skip


def _cell(step: RunStep) -> Cell:
    look, icon = CELLS[RunStep.State(step.state)]
    took = ""
    if step.started_at and step.ended_at:
        took = _span(max(1, round((step.ended_at - step.started_at).total_seconds())))
    return Cell(step.title, look, icon, str(step.get_state_display()), took)


def _pace(steps: list[RunStep]) -> int:
    """Seconds per step as this run has shown them."""
    took = [
        (s.ended_at - s.started_at).total_seconds()
        for s in steps
        if s.ended_at and s.started_at and s.key != "wait_window"
    ]
    return max(1, round(sum(took) / len(took))) if len(took) > 2 else STEP_SECONDS


def _span(seconds: int) -> str:
    if seconds < 60:
        return _("%(count)d 秒") % {"count": seconds}
    if seconds < 3600:
        return _("%(minutes)d 分 %(seconds)02d 秒") % {"minutes": seconds // 60, "seconds": seconds % 60}
    return _("%(hours)d 小时 %(minutes)d 分") % {"hours": seconds // 3600, "minutes": seconds % 3600 // 60}


def _left(run: Run, at: datetime) -> str:
    if at < run.window_from:
        return _("%(span)s后开") % {"span": _span(int((run.window_from - at).total_seconds()))}
    if at >= run.window_to:
        return _("已关闭")
    return _span(int((run.window_to - at).total_seconds()))


def _bar(run: Run, at: datetime, seconds: int) -> Bar:
    whole = (run.window_to - run.window_from).total_seconds()

    def place(instant: datetime) -> int:
        return max(0, min(WIDTH, round((instant - run.window_from).total_seconds() / whole * WIDTH)))

    def clock(instant: datetime) -> str:
        return instant.astimezone(SHANGHAI).strftime("%H:%M")

    present = run.ended_at or at
    expected, last = present + timedelta(seconds=seconds), run.window_to - LAST_CALL
    return Bar(
        begun=place(run.started_at or present), now=place(present), expected=place(expected), last_call=place(last),
        now_at=clock(present), expected_at=clock(expected), last_call_at=clock(last),
        start=clock(run.window_from), end=clock(run.window_to),
    )  # fmt: skip
