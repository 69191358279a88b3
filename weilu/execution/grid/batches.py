"""The batches of a run as heads of the grid: how many hosts, how they stand, what they wait for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from weilu.execution.clocks import clock
from weilu.execution.grid.reading import StepRow, Tally
from weilu.execution.grid.shape import Column
from weilu.execution.models import Run


@dataclass(frozen=True)
class Counts:
    """Hosts by how they stand."""

    size: int = 0
    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0  # whatever became of them since
    stuck: int = 0
    back: int = 0  # brought back, whether after a failure or with all others
    left: int = 0
    again: int = 0  # failed, and as they were before: can be tried again
    changed: int = 0  # and not back

    @property
    def open(self) -> int:
        """Hosts on which more is to come."""
        return self.waiting + self.running


def count(tallies: Sequence[Tally]) -> Counts:
    """The sum of these tallies."""

    def of(*states: str) -> int:
        return sum(one.number for one in tallies if one.state in states)

    return Counts(
        size=sum(one.number for one in tallies), waiting=of("waiting"), running=of("running", "returning"),
        done=of("done"),
        failed=sum(one.number for one in tallies if one.failed), stuck=of("stuck"), back=of("back"), left=of("left"),
        again=sum(one.number for one in tallies if one.failed and one.state in ("back", "left")),
        changed=sum(one.number for one in tallies if one.changed and one.state not in ("back", "stuck")),
    )  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """One batch as its head shows it; `passed` to `going` are shares of its cells, in 100."""

    number: int
    name: str
    counts: Counts
    at_once: int
    look: str
    word: str
    when: str
    passed: int
    failed: int
    asks: int  # a person has to tell
    going: int
    begun: bool

    @property
    def id(self) -> str:
        return f"b{self.number}"

    @property
    def mark(self) -> tuple[object, ...]:
        return (self.word, self.when, self.passed, self.failed, self.asks, self.going)

    @property
    def failed_from(self) -> int:
        return self.passed

    @property
    def asks_from(self) -> int:
        return self.failed_from + self.failed

    @property
    def going_from(self) -> int:
        return self.asks_from + self.asks


class Heads:
    """Makes the heads of one run's batches."""

    def __init__(
        self, run: Run, names: Mapping[int, str], columns: Sequence[Column], steps: Sequence[StepRow],
        cells: Mapping[int, Mapping[str, int]], at_once: int, at: datetime,
    ) -> None:  # fmt: skip
        self.run, self.names, self.at_once, self.at = run, names, at_once, at
        self.columns = {column.key: column for column in columns}
        self.steps, self.cells = steps, cells

    def of(self, number: int, tallies: Sequence[Tally]) -> Batch:
        counts = count([one for one in tallies if one.batch == number])
        mine = [row for row in self.steps if row.batch == number]
        look, word = self._state(counts, mine)
        whole = counts.size * max(1, len(self.columns))
        forward = [row for row in mine if row.phase == "forward"]
        return Batch(
            number=number, name=self.names[number], counts=counts, at_once=min(self.at_once, counts.size), look=look,
            word=word, when=self._when(number, counts, mine), passed=self._share(forward, ("done", "skipped"), whole),
            failed=self._share(forward, ("failed",), whole), asks=self._share(forward, ("asks",), whole),
            going=self._share(forward, ("started",), whole),
            begun=any(row.state != "waiting" for row in mine),
        )  # fmt: skip

    def _share(self, rows: Sequence[StepRow], states: Sequence[str], whole: int) -> int:
        return sum(self.cells.get(row.id, {}).get(state, 0) for row in rows for state in states) * 100 // whole

    def _state(self, counts: Counts, rows: Sequence[StepRow]) -> tuple[str, str]:
        if counts.stuck:
            return "refused", _("%(n)d 台未能回退") % {"n": counts.stuck}
        present = self.present(rows)
        if present and self.run.live and self.columns[present.key].by_people and counts.running:
            return "watch", _("等人做") if self.columns[present.key].kind == "manual" else _("等签名")
        if any("asks" in self.cells.get(row.id, {}) or row.state == "asks" for row in rows):
            return "watch", _("待判断")
        if self.run.live and counts.open and any(row.state != "waiting" for row in rows):
            return ("idle", _("已暂停")) if self.run.state == Run.State.PAUSED else self._going(rows)
        if counts.failed:
            return "refused", _("%(n)d 台失败") % {"n": counts.failed}
        if counts.back:
            return "watch", _("已回退")
        if counts.done == counts.size:
            return "passed", _("通过")
        if counts.left or not self.run.live:
            return "idle", _("没有执行")
        return "idle", _("等待")

    def _going(self, rows: Sequence[StepRow]) -> tuple[str, str]:
        back = any(row.phase == Run.Phase.BACK and row.state in ("waiting", "started") for row in rows)
        return ("watch", _("正在回退")) if back else ("act", _("进行中"))

    def present(self, rows: Sequence[StepRow]) -> StepRow | None:
        """The step that goes on now."""
        return next((row for row in reversed(rows) if row.state in ("started", "asks")), None)

    def _when(self, number: int, counts: Counts, rows: Sequence[StepRow]) -> str:
        begun = [row.started_at for row in rows if row.started_at]
        if not begun:
            return self._waits(number) if self.run.live and counts.open else ""
        ended = [row.ended_at for row in rows if row.ended_at]
        if (counts.open and self.run.live) or not ended:
            return _("%(at)s 起") % {"at": clock(min(begun))}
        return f"{clock(min(begun))}–{clock(max(ended))}"

    def _waits(self, number: int) -> str:
        """What a batch that has not begun waits for."""
        earlier = [one for one in self.names if one < number]
        if self.run.state == Run.State.PAUSED:
            return (
                _("点「继续」后开始") if not earlier else _("%(batch)s做完后开始") % {"batch": self.names[earlier[-1]]}
            )
        if earlier:
            checked = any(key.startswith("h") for key in self.columns)
            words = _("%(batch)s全过检查后开始") if checked else _("%(batch)s做完后开始")
            return words % {"batch": self.names[earlier[-1]]}
        if self.run.purpose != Run.Purpose.REHEARSE and self.at < self.run.window_from:
            return _("%(at)s 窗口开放后开始") % {"at": clock(self.run.window_from)}
        since = self.run.ordered_at
        if self.run.purpose != Run.Purpose.REHEARSE:
            since = max(since, self.run.window_from)
        return _("在等工作机，%(at)s 起") % {"at": clock(since)}
