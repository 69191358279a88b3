"""Cells as HTML. A page has some thousand of them: put together once for each step and state, not by templates."""

from collections.abc import Mapping, Sequence

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from weilu.execution.clocks import span
from weilu.execution.grid.reading import CellRow, StepRow
from weilu.execution.grid.shape import Column

LOOKS = {
    "started": "act", "probing": "act", "done": "passed", "failed": "refused", "asks": "watch", "manual": "watch",
    "signature": "watch", "skipped": "left",
}  # fmt: skip
ONE = '<i class="grid-cell drawn {}" role="img" aria-label="{}" title="{}"></i>'


WORDS = {
    "waiting": _("等待"), "started": _("进行中"), "probing": _("查明中"), "done": _("通过"), "failed": _("失败"),
    "asks": _("待判断"), "manual": _("等人做"), "signature": _("等签名"), "skipped": _("跳过"), "never": _("没有执行"),
}  # fmt: skip


def words_of(state: str) -> str:
    """A cell's state as its text twin says it."""
    return str(WORDS[state])


def state_of(cell: CellRow, step: StepRow) -> str:
    """What the cell shows: a step that only looks on the host whether it took effect is told apart."""
    return "probing" if cell.state == "started" and step.probing else cell.state


class Pen:
    """Draws the cells of one page."""

    def __init__(self, columns: Sequence[Column], steps: Sequence[StepRow], *, rehearsal: bool) -> None:
        self.columns, self.rehearsal = columns, rehearsal
        self.steps = {(row.batch, row.key): row for row in steps if row.phase == "forward"}
        self.ways_back: dict[tuple[int | None, str], list[StepRow]] = {}  # a host's own, and later the whole run's
        for row in steps:
            if row.phase != "forward":
                self.ways_back.setdefault((row.batch, row.key), []).insert(0, row)
        self._kept: dict[tuple[object, ...], SafeString] = {}

    def row(self, batch: int, cells: Mapping[int, CellRow], *, back: bool, over: bool) -> SafeString:
        """The cells of one host, those of its way back below them; `over` when nothing further begins on it."""
        drawn = []
        for column in self.columns:
            one = self._forward(column, batch, cells, over) if column.kind else ""
            other = self._back(column, batch, cells) if back else ""
            drawn.append(f"<td>{one}{other}</td>")
        return mark_safe("".join(drawn))  # noqa: S308  (each part is escaped by format_html)

    def _forward(self, column: Column, batch: int, cells: Mapping[int, CellRow], over: bool) -> SafeString:
        step = self.steps.get((batch, column.key))
        cell = cells.get(step.id) if step else None
        if step is not None and cell is not None:
            return self._drawn(column, state_of(cell, step), cell.attempt, cell.seconds)
        if step is not None and column.by_people and self.rehearsal:
            return self._drawn(column, "skipped" if step.state == "done" else step.state)
        if step is not None and ((column.by_people and not over) or step.state == "skipped"):
            return self._drawn(column, column.kind if step.state == "asks" else step.state)
        return self._drawn(column, "never" if over else "waiting")

    def _back(self, column: Column, batch: int, cells: Mapping[int, CellRow]) -> SafeString:
        step = next((row for row in self.ways_back.get((batch, column.key), ()) if row.id in cells), None)
        if step is None:
            return SafeString("")
        cell = cells[step.id]
        return self._drawn(column, state_of(cell, step), cell.attempt, cell.seconds, back=True)

    def _drawn(
        self, column: Column, state: str, attempt: int = 1, seconds: int | None = None, *, back: bool = False
    ) -> SafeString:
        key = (column.key, state, attempt, seconds, back)
        if key not in self._kept:
            undoes = back and column.kind
            said = [gettext("回退「%(step)s」") % {"step": column.title} if undoes else column.title, words_of(state)]
            if attempt > 1:
                said.append(gettext("第 %(n)d 次") % {"n": attempt})
            if seconds is not None:
                said.append(span(max(1, seconds)))
            words = " · ".join(said)
            self._kept[key] = format_html(ONE, LOOKS.get(state, ""), words, words)
        return self._kept[key]
