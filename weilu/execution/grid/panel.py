"""One host beside the grid: what is the matter with it, its steps in words, its lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weilu.execution.clocks import span
from weilu.execution.grid import reading
from weilu.execution.grid.drawn import LOOKS, state_of, words_of
from weilu.execution.grid.reading import CellRow, StepRow
from weilu.execution.masking import mask
from weilu.execution.models import Run, RunEvent, RunHost


@dataclass(frozen=True)
class Said:
    """One step of the host in words."""

    title: str
    look: str
    word: str
    took: str


@dataclass(frozen=True)
class Panel:
    """A host's log with its cause; without a host, what the run itself says."""

    host: RunHost | None
    step: str  # the step that failed, asks or goes on
    look: str
    word: str
    cause: str
    steps: list[Said]
    lines: list[RunEvent]
    hidden: bool
    seq: int
    attempt: int
    machine: str

    @property
    def said(self) -> str:
        """The step and how it stands."""
        return f"{self.step} {self.word}"

    @property
    def ordinal(self) -> int:
        return self.host.ordinal if self.host else 0

    @property
    def mark(self) -> tuple[object, ...]:
        return (self.ordinal, self.word, self.cause, self.attempt, *self.steps)


def panel_of(
    run: Run, host: RunHost | None, steps: Sequence[StepRow], cells: Mapping[int, CellRow], after: int
) -> Panel:
    """The host with its lines after `after`; two questions."""
    words = reading.words(host) if host else {}
    lines = [line for line in reading.lines(run, host.ordinal if host else None, after) if line.seq <= run.lines]
    for line in lines:
        line.text = mask(line.text)
    mine = [(step, cells[step.id]) for step in steps if step.id in cells]
    present = _present(mine)
    word = words_of(state_of(present[1], present[0])) if present else ""
    told = words.get(present[0].id, "") if present and present[1].state in ("failed", "asks") else ""
    return Panel(
        host=host, step=present[0].title if present else "", look=LOOKS.get(present[1].state, "") if present else "",
        word=word, cause=mask(host.words if host and host.words else told),
        steps=[_said(step, cell) for step, cell in mine], lines=lines,
        hidden=len(lines) == reading.LINES, seq=run.lines, attempt=present[1].attempt if present else 0,
        machine=present[0].machine.rpartition("@")[2] if present else "",
    )  # fmt: skip


def _present(mine: Sequence[tuple[StepRow, CellRow]]) -> tuple[StepRow, CellRow] | None:
    """The step to look at: the one in trouble, else the one that goes on, else the last."""
    for states in (("asks",), ("failed",), ("started",)):
        found = [one for one in mine if one[1].state in states]
        if found:
            return found[-1]
    return mine[-1] if mine else None


def _said(step: StepRow, cell: CellRow) -> Said:
    took = span(max(1, cell.seconds)) if cell.seconds is not None else ""
    return Said(step.title, LOOKS.get(cell.state, ""), words_of(state_of(cell, step)), took)
