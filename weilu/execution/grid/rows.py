"""The rows of the grid: each host of the page with its cells and the words at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from weilu.execution.clocks import clock
from weilu.execution.grid.batches import Batch
from weilu.execution.grid.drawn import Pen, took_all, words_of
from weilu.execution.grid.reading import CellRow, StepRow
from weilu.execution.grid.shape import Column
from weilu.execution.models import RunHost

LOOKS = {
    "waiting": "idle", "running": "act", "done": "passed", "failed": "refused", "returning": "watch", "back": "watch",
    "stuck": "refused", "left": "idle",
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One host in the grid."""

    ordinal: int
    name: str
    address: str
    look: str
    word: str
    end: str
    cells: SafeString
    back: bool

    @property
    def id(self) -> str:
        return f"h{self.ordinal}"

    @property
    def mark(self) -> str:
        return mark(self.word, self.end, self.cells)


@dataclass(frozen=True)
class Group:
    """The rows of one batch on this page."""

    batch: Batch
    rows: list[Row]


def mark(*parts: object) -> str:
    """A short sum of what a part of the page shows; two that differ have different sums, but for one in 4 billion."""
    return f"{crc32(repr(parts).encode()):x}"


class Rows:
    """Makes the rows of one page."""

    def __init__(self, columns: Sequence[Column], steps: Sequence[StepRow], *, live: bool, at: datetime) -> None:
        self.pen, self.live, self.at = Pen(columns, steps), live, at
        self.back = {row.id for row in steps if row.phase != "forward"}

    def groups(
        self, hosts: Sequence[RunHost], cells: Mapping[int, Mapping[int, CellRow]], batches: Sequence[Batch],
        asking: set[int],
    ) -> list[Group]:  # fmt: skip
        """The hosts by batch; `asking` are the ids of those that wait for a person's word."""
        found: dict[int, list[Row]] = {}
        for host in hosts:
            found.setdefault(host.batch, []).append(self._row(host, cells.get(host.id, {}), host.id in asking))
        heads = {batch.number: batch for batch in batches}
        return [Group(heads[number], rows) for number, rows in found.items()]

    def _row(self, host: RunHost, mine: Mapping[int, CellRow], asks: bool) -> Row:
        over = host.state not in ("waiting", "running") or not self.live
        back = not self.back.isdisjoint(mine)
        look, word = self._standing(host, mine, asks)
        return Row(
            ordinal=host.ordinal, name=host.name, address=str(host.entry.get("address", "")), look=look, word=word,
            end=word if asks else self._end(host, list(mine.values()), word),
            cells=self.pen.row(host.batch, mine, back=back, over=over), back=back,
        )  # fmt: skip

    def _standing(self, host: RunHost, mine: Mapping[int, CellRow], asks: bool) -> tuple[str, str]:
        if asks:
            return "watch", words_of("asks")
        if host.state == "left" and any(cell.state == "failed" for cell in mine.values()):
            return "refused", words_of("failed")  # nothing had changed on it, so it needs no way back
        return LOOKS[host.state], str(host.get_state_display())

    def _end(self, host: RunHost, mine: Sequence[CellRow], word: str) -> str:
        """How long it took, since when it goes on, or what became of it."""
        if host.state == "done":
            return took_all(mine, self.at)
        if host.state == "running":
            going = next((cell for cell in mine if cell.state == "started"), None)
            if going and going.attempt > 1:
                return _("第 %(n)d 次") % {"n": going.attempt}
            return _("%(at)s 起") % {"at": clock(going.started_at)} if going else ""
        return "" if host.state == "waiting" else word
