"""Cells as HTML. A page has some thousand of them: put together once for each step and state, not by templates."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from weilu.execution.clocks import span
from weilu.execution.grid.reading import CellRow, StepRow
from weilu.execution.grid.shape import Column

LOOKS = {
    "started": "act", "probing": "act", "done": "passed", "failed": "refused", "asks": "watch", "manual": "watch",
    "signature": "watch", "skipped": "left",
}  # fmt: skip
ONE = '<i class="grid-cell drawn {}" role="img" aria-label="{}" title="{}"></i>'


def words_of(state: str) -> str:
    """A cell's state as its text twin says it."""
    return {
        "waiting": _("等待"), "started": _("进行中"), "probing": _("查明中"), "done": _("通过"), "failed": _("失败"),
        "asks": _("待判断"), "manual": _("等人做"), "signature": _("等签名"),
        "skipped": _("跳过"), "never": _("没有执行"),
    }[state]  # fmt: skip


def state_of(cell: CellRow, step: StepRow | None) -> str:
    return "probing" if cell.state == "started" and step is not None and step.probing else cell.state


def _by_people(column: Column, step: StepRow) -> str:
    return column.kind if column.by_people and step.state == "asks" else step.state


class Pen:
    """Draws the cells of one page."""

    def __init__(self, columns: Sequence[Column], steps: Sequence[StepRow]) -> None:
        self.columns = columns
        self.steps = {(row.batch, row.phase != "forward", row.key): row for row in steps}
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
        step = self.steps.get((batch, False, column.key))
        cell = cells.get(step.id) if step else None
        if cell is not None:
            return self._drawn(column.title, state_of(cell, step), cell.attempt, took(cell))
        if step is not None and ((column.by_people and not over) or step.state == "skipped"):
            return self._drawn(column.title, _by_people(column, step), 1, "")
        return self._drawn(column.title, "never" if over else "waiting", 1, "")

    def _back(self, column: Column, batch: int, cells: Mapping[int, CellRow]) -> SafeString:
        step = self.steps.get((batch, True, column.key))
        cell = cells.get(step.id) if step else None
        if cell is None:
            return SafeString("")
        title = _("回退「%(step)s」") % {"step": column.title} if column.kind else column.title
        return self._drawn(title, state_of(cell, step), cell.attempt, took(cell))

    def _drawn(self, title: str, state: str, attempt: int, seconds: str) -> SafeString:
        key = (title, state, attempt, seconds)
        if key not in self._kept:
            said = [title, words_of(state)]
            if attempt > 1:
                said.append(_("第 %(n)d 次") % {"n": attempt})
            if seconds:
                said.append(seconds)
            words = " · ".join(said)
            self._kept[key] = format_html(ONE, LOOKS.get(state, ""), words, words)
        return self._kept[key]


def took(cell: CellRow) -> str:
    """How long an ended cell took."""
    return span(max(1, round((cell.ended_at - cell.started_at).total_seconds()))) if cell.ended_at else ""


def took_all(cells: Sequence[CellRow], at: datetime) -> str:
    """From the first step of a host to the end of its last, or until `at` while one goes on."""
    if not cells:
        return ""
    ends = [cell.ended_at or at for cell in cells]
    return span(max(1, round((max(ends) - min(cell.started_at for cell in cells)).total_seconds())))
