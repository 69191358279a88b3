"""What the page of a run shows, read once."""

from dataclasses import dataclass
from datetime import datetime

from weilu.accounts.models import Person
from weilu.execution.clocks import Bar, bar_of, span, window_left
from weilu.execution.models import Run, RunEvent, RunStep
from weilu.execution.steps import BEFORE_STOP, FACTS
from weilu.process.models import Fact

STATES = {
    "queued": "idle", "running": "act", "asks": "watch", "paused": "idle",
    "succeeded": "passed", "went_back": "watch", "partly": "watch", "failed": "refused",
}  # fmt: skip
CELLS = {
    RunStep.State.DONE: ("passed", "check"), RunStep.State.FAILED: ("refused", "x"),
    RunStep.State.ASKS: ("watch", "help"),
    RunStep.State.STARTED: ("act", ""), RunStep.State.SKIPPED: ("", "minus"), RunStep.State.WAITING: ("", ""),
}  # fmt: skip
STEP_SECONDS = 2  # what a step takes when nothing is known of this installation
PROVED = (*FACTS.values(), "run.concluded")  # rooms above record facts of their own with this run as source
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
    return STATES[run.state]


def run_view(run: Run, person: Person, at: datetime) -> RunView:
    """Everything the page needs; four queries."""
    steps = list(run.steps.order_by("ordinal"))
    events = list(run.events.order_by("-seq")[:SHOWN_LINES])[::-1]
    forward = [step for step in steps if step.ordinal <= 13]
    present = next((s for s in steps if s.state in ("started", "asks")), None)
    present = present or next((s for s in steps if s.state == "failed"), None)
    remaining = [s for s in steps if s.state in ("waiting", "started")]
    begun = any(s.key not in BEFORE_STOP and s.state != "waiting" for s in steps)
    engineer = person.holds("engineer", run.owner)
    seconds = _pace(steps) * len(remaining)
    seq = events[-1].seq if events else 0
    return RunView(
        run=run, look=look_of(run), forward=[_cell(s) for s in forward], back=[_cell(s) for s in steps[len(forward):]],
        done=sum(s.state == "done" for s in steps), total=sum(s.state != "skipped" for s in steps),
        left=span(seconds) if run.live else "", window_left=window_left(run, at),
        bar=bar_of(run, at, seconds) if run.started_at or run.live else None,
        lines=events, hidden=max(0, seq - len(events)), seq=seq, present=present, asks=run.state == Run.State.ASKS,
        may_cancel=run.live and not begun and run.cancelled_by is None and engineer,
        may_answer=run.state == Run.State.ASKS and engineer,
        facts=list(Fact.objects.filter(item=run.item, source=run.number, key__in=PROVED).order_by("id")),
        took=span(int((run.ended_at - run.started_at).total_seconds())) if run.ended_at and run.started_at else "",
    )  # fmt: skip


def _cell(step: RunStep) -> Cell:
    look, icon = CELLS[RunStep.State(step.state)]
    took = ""
    if step.started_at and step.ended_at:
        took = span(max(1, round((step.ended_at - step.started_at).total_seconds())))
    return Cell(step.title, look, icon, str(step.get_state_display()), took)


def _pace(steps: list[RunStep]) -> int:
    """Seconds per step as this run has shown them."""
    took = [
        (s.ended_at - s.started_at).total_seconds()
        for s in steps
        if s.ended_at and s.started_at and s.key != "wait_window"
    ]
    return max(1, round(sum(took) / len(took))) if len(took) > 2 else STEP_SECONDS
