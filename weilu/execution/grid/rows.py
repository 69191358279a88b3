"""The rows of the grid: each host of the page with its cells and the words at its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from weilu.execution.clocks import clock, span
from weilu.execution.grid.batches import Batch
from weilu.execution.grid.drawn import Pen, words_of
from weilu.execution.grid.reading import CellRow, StepRow, Times
from weilu.execution.grid.shape import Column
from weilu.execution.models import RunHost
from weilu.ui.icons import svg

LOOKS = {
    "waiting": "idle", "running": "act", "done": "passed", "failed": "refused", "returning": "watch", "back": "watch",
    "stuck": "refused", "left": "idle",
}  # fmt: skip


# A hundred rows by a template would take longer than all the rest of the page.
HTML = (
    '<tr id="host-{ordinal}" data-row data-host="{ordinal}" class="{kind}"><th scope="row">'
    '<a class="mono" href="{link}host={ordinal}" title="{name} · {address} · {word}">{name}</a>{back}</th>'
    '<td class="mono address">{address}</td>{cells}<td class="end {look}">{end}</td></tr>'
)
KINDS = {"refused": "bad", "watch": "care"}


@dataclass(frozen=True)
class Row:
    """One host in the grid."""

    ordinal: int
    name: str
    word: str
    html: SafeString
    mark: str

    @property
    def id(self) -> str:
        return f"h{self.ordinal}"


@dataclass(frozen=True)
class Opening:
    """Which host stands beside the grid, and how the address of another begins."""

    ordinal: int
    link: str


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

    def __init__(
        self, columns: Sequence[Column], steps: Sequence[StepRow], times: Mapping[int, Times], opening: Opening,
        *, live: bool, rehearsal: bool,
    ) -> None:  # fmt: skip
        self.pen = Pen(columns, steps, rehearsal=rehearsal)
        self.times, self.opening, self.live = times, opening, live
        self.way_back = format_html("<small>{}{}</small>", mark_safe(svg("arrow-back-up")), _("回退"))  # noqa: S308
        self.back = {row.id for row in steps if row.phase != "forward"}
        people = {column.key: column.kind for column in columns if column.by_people}
        # By batch: the step that people owe, and since when.
        self.people = {row.batch: (people[row.key], row) for row in steps if row.state == "asks" and row.key in people}

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
        over = host.state != "done" and (host.state not in ("waiting", "running") or not self.live)
        back = not self.back.isdisjoint(mine)
        look, word = self._standing(host, mine, asks)
        end = self._end(host, mine, word)
        cells = self.pen.row(host.batch, mine, back=back, over=over)
        kind = KINDS.get(look, "") + (" on" if host.ordinal == self.opening.ordinal else "")
        html = format_html(
            HTML, ordinal=str(host.ordinal), kind=kind, link=self.opening.link, name=host.name, word=word,
            back=self.way_back if back else "", address=str(host.entry.get("address", "")), cells=cells, look=look,
            end=end,
        )  # fmt: skip
        return Row(host.ordinal, host.name, word, html, mark(word, end, cells))

    def _standing(self, host: RunHost, mine: Mapping[int, CellRow], asks: bool) -> tuple[str, str]:
        if asks:
            return "watch", words_of("asks")
        if self.live and host.state == "running" and host.batch in self.people:
            return "watch", words_of(self.people[host.batch][0])
        if host.state == "left" and any(cell.state == "failed" for cell in mine.values()):
            return "refused", words_of("failed")  # nothing had changed on it, so it needs no way back
        return LOOKS[host.state], str(host.get_state_display())

    def _end(self, host: RunHost, mine: Mapping[int, CellRow], word: str) -> str:
        """How long it took, since when it goes on or waits for people, or what became of it."""
        times = self.times.get(host.id)
        if since := self._waits_since(host, times):
            return _("%(word)s，%(at)s 起") % {"word": word, "at": clock(since)}
        if host.state == "done" and times and times.last:
            return span(max(1, round((times.last - times.first).total_seconds())))
        if host.state == "running":
            tries = max((cell.attempt for cell in mine.values() if cell.state == "started"), default=1)
            if tries > 1:
                return _("第 %(n)d 次") % {"n": tries}
            return _("%(at)s 起") % {"at": clock(times.going)} if times and times.going else ""
        return "" if host.state in ("waiting", "done") else word

    def _waits_since(self, host: RunHost, times: Times | None) -> datetime | None:
        if times and times.asks:
            return times.asks
        people = self.live and host.state == "running" and host.batch in self.people
        return self.people[host.batch][1].started_at if people else None
