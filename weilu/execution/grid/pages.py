"""The page of a run on hosts, put together from what was read."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from weilu.accounts.models import Person
from weilu.execution.clocks import Bar, about, bar_of, span, window_left
from weilu.execution.fleet.rules import MOST_FILES
from weilu.execution.grid import reading, shape
from weilu.execution.grid.acts import Act, Facts, Waiting, offered, some_names, waiting_for
from weilu.execution.grid.batches import Batch, Counts, Heads, count
from weilu.execution.grid.estimate import Estimate
from weilu.execution.grid.panel import Panel, panel_of
from weilu.execution.grid.reading import Place, StepRow
from weilu.execution.grid.rehearsal import Report, Would, cannot_return, report_of, would_of
from weilu.execution.grid.rows import Group, Opening, Rows, mark
from weilu.execution.masking import mask
from weilu.execution.models import Run, RunHost
from weilu.execution.pages import look_of
from weilu.process.models import Fact

WIDE, TALL = 9, 20  # columns that have room with their titles across; rows that need no box of their own


@dataclass(frozen=True)
class Asked:
    """What the address asks to see."""

    show: str = ""
    host: int | None = None  # None: whichever needs to be looked at; 0: the run's own words
    after: Place | None = None

    @property
    def query(self) -> str:
        """The address's tail that keeps filter and place, for a host to be added."""
        place = f"from={self.after}&" if self.after else ""
        return f"?show={self.show}&{place}" if self.show else f"?{place}"


@dataclass(frozen=True)
class GridView:
    """A run on hosts as its page shows it."""

    run: Run
    look: str
    asked: Asked
    columns: list[shape.Column]
    batches: list[Batch]
    groups: list[Group]
    next: Place | None
    counts: Counts
    asking: int
    done: int
    total: int
    left: str
    soon: bool  # less than a minute is left
    by_people: bool
    window_left: str
    bar: Bar
    stop: tuple[str, str]
    way_back: str
    no_return: str
    took: str
    stuck: list[RunHost]
    panel: Panel
    acts: list[Act]
    may_act: bool
    waiting: Waiting | None
    may_answer: bool
    helpers: str  # who is waited for, where that is not the reader
    report: Report | None  # of a rehearsal
    would: list[Would]
    facts: list[Fact]
    begin: StepRow | None  # what the worker asked again before the first step
    at: int

    @property
    def most_files(self) -> int:
        """How many files show that a step was taken by hand, at most."""
        return MOST_FILES

    @property
    def dense(self) -> bool:
        """Whether the columns stand close, so that twenty of them fit."""
        return len(self.columns) > WIDE

    @property
    def tall(self) -> bool:
        """Whether the rows need a box of their own to scroll in, below the titles."""
        return sum(len(group.rows) for group in self.groups) > TALL

    @property
    def many(self) -> bool:
        return self.counts.size > reading.PAGE

    @property
    def marks(self) -> str:
        """What each part of this page looks like, in its order; the next poll is answered by the difference."""
        found = [
            ("a", mark(*((act.name, act.words, act.shut) for act in self.acts))),
            ("s", mark(*((host.ordinal, host.words) for host in self.stuck))),
            ("w", mark(*(self.waiting.mark if self.waiting else ()))),
            ("p", mark(*self.panel.mark, *self.would)),
            ("t", mark(self.report)),
            ("r", mark(*(batch.mark for batch in self.batches))),
        ]
        for group in self.groups:
            found.append((group.batch.id, mark(*group.batch.mark)))
            found += [(row.id, row.mark) for row in group.rows]
        return "-".join(f"{name}.{value}" for name, value in found)

    def offers(self, act: str) -> bool:
        """Whether the page has the form of this act."""
        answers = {"asks": "judge", "manual": "manual", "signature": "sign"}
        waits = self.waiting is not None and self.may_answer and answers[self.waiting.kind] == act
        return (
            waits or act in {one.name for one in self.acts} or (act == "brought" and bool(self.stuck) and self.may_act)
        )

    @property
    def cause(self) -> str:
        return mask(self.run.cause)

    @property
    def query(self) -> str:
        """The address's tail that keeps filter, place and host."""
        return f"{self.query_of}host={self.panel.ordinal}"

    @property
    def query_of(self) -> str:
        """The same, for another host to be added."""
        return self.asked.query

    @property
    def stamp(self) -> str:
        return stamp(self.run)


def stamp(run: Run) -> str:
    """What of the run's row changes without a line of its log."""
    return mark(run.state, run.phase, run.paused_by_id, run.cancelled_by_id)


def grid_view(run: Run, person: Person, asked: Asked, at: datetime, *, after: int = 0) -> GridView:
    """Everything the page needs, with the host's lines after `after`."""
    return _Reading(run, asked, at).view(person, after)


class _Reading:
    """One look at a run: what was read, and what follows from it."""

    def __init__(self, run: Run, asked: Asked, at: datetime) -> None:
        self.run, self.asked, self.at = run, asked, at
        self.tallies = reading.tallies(run)
        self.steps = reading.steps(run)
        self.counted = reading.counted_cells(run)
        self.page = reading.hosts(run, asked.show, asked.after)
        self.trouble = reading.in_trouble(run)
        self.asking = reading.asking(run) if run.state == Run.State.ASKS else []
        self.host = self._host()
        ids = {host.id for host in (*self.page.rows, *([self.host] if self.host else []))}
        self.cells, self.times, self.orders = reading.cells(ids), reading.times(ids), reading.orders(run)
        self.columns = shape.columns(self.orders, self.steps)
        self.names = shape.batch_names(self.orders, sorted({one.batch for one in self.tallies}))
        self.counts = count(self.tallies)
        at_once = int(self.orders.get("batches", {}).get("at_once") or 1)
        heads = Heads(run, self.names, self.columns, self.steps, self.counted, at_once, at)
        self.batches = [heads.of(number, self.tallies) for number in self.names]
        self.estimate = Estimate(self.orders, self.steps, self.columns, self.batches, at)

    def _host(self) -> RunHost | None:
        """The host beside the grid: the one asked for, else one in trouble, one that asks, one that is worked on."""
        rows = self.page.rows
        if self.asked.host is not None:
            found = next((host for host in rows if host.ordinal == self.asked.host), None)
            return found or self.run.hosts.filter(ordinal=self.asked.host).first()
        stuck = next((host for host in self.trouble if host.state == "stuck"), None)
        asks = self.asking[0].host if self.asking else None
        running = next((host for host in rows if host.state == "running"), None)
        return stuck or asks or next(iter(self.trouble), None) or running or next(iter(rows), None)

    def view(self, person: Person, after: int) -> GridView:
        run, left = self.run, self.estimate.left(back=self.run.phase != Run.Phase.FORWARD)
        facts = list(Fact.objects.filter(item_id=run.item_id, subject=run.subject).order_by("id"))
        cells = self.cells.get(self.host.id, {}) if self.host else {}
        waiting = waiting_for(self.columns, self.steps, self.asking) if run.live else None
        rehearsal = run.purpose == Run.Purpose.REHEARSE
        asks = {cell.host_id for cell in self.asking}
        opening = Opening(self.host.ordinal if self.host else 0, self.asked.query)
        rows = Rows(self.columns, self.steps, self.times, opening, live=run.live, rehearsal=rehearsal)
        may_act = person.holds("engineer", run.owner)
        helpers = list(Person.objects.holding(waiting.role, run.owner)) if waiting else []
        if waiting and waiting.kind == "signature":  # whoever ordered the run does not sign in it
            helpers = [one for one in helpers if one.id != run.ordered_by_id]
        begin = next((row for row in self.steps if row.batch is None), None)
        return GridView(
            run=run, look=look_of(run), asked=self.asked, columns=self.columns, batches=self.batches,
            groups=rows.groups(self.page.rows, self.cells, self.batches, asks),
            next=self.page.next, counts=self.counts, asking=len(self.asking), done=self.done(),
            total=self.counts.size * sum(bool(column.kind) for column in self.columns),
            left=about(left), soon=left < 60,
            window_left=window_left(run, self.at),
            by_people=any(column.by_people for column in self.columns),
            bar=bar_of(run, self.at, left if run.live else 0, timedelta(seconds=self.estimate.back())),
            stop=shape.stop_rule(self.orders, self.counts.done, self.counts.failed),
            way_back=self.way_back(), no_return=self.no_return(),
            took=span(int((run.ended_at - run.started_at).total_seconds())) if run.ended_at and run.started_at else "",
            stuck=[_masked(host) for host in self.trouble if host.state == "stuck"],
            panel=panel_of(run, self.host, self.steps, cells, after), acts=self.acts(left) if may_act else [],
            may_act=may_act, waiting=waiting,
            may_answer=person in helpers, helpers=_("、").join(one.name for one in helpers),
            report=report_of(run, self.columns) if rehearsal else None,
            would=would_of(self.host, self.steps) if rehearsal and self.host else [],
            facts=[fact for fact in facts if fact.source == run.number],
            begin=begin, at=int(self.at.timestamp()),
        )  # fmt: skip

    def done(self) -> int:
        """Cells of the plan that are through; a step by people counts for each host of its batch."""
        people = {column.key for column in self.columns if column.by_people}
        sizes = {batch.number: batch.counts.size for batch in self.batches}
        total = 0
        for row in self.steps:
            if row.phase != "forward":
                continue
            counted = self.counted.get(row.id, {})
            if row.key in people and not counted and row.state in ("done", "skipped"):
                total += sizes.get(row.batch or 0, 0)
            total += counted.get("done", 0) + counted.get("skipped", 0)
        return total

    def way_back(self) -> str:
        undone = sum(column.undone for column in self.columns)
        if not undone:
            return _("方案没有回退步骤")
        lasting = sum(column.lasts for column in self.columns)
        told = {"n": undone, "lasting": lasting, "span": about(self.estimate.back())}
        if lasting:
            return _("%(n)d 步可回退，%(lasting)d 步不能，约 %(span)s") % told
        return ngettext("%(n)d 步可回退，约 %(span)s", "%(n)d 步可回退，约 %(span)s", undone) % told

    def no_return(self) -> str:
        """The hosts that cannot go back though the plan says so: a rehearsal has found that out."""
        undone = [column.key for column in self.columns if column.undone]
        if self.run.purpose == Run.Purpose.REHEARSE or not undone:
            return ""
        names = cannot_return(self.run.item_id, self.run.subject, undone)
        told = {"n": len(names), "names": some_names(names, len(names))}
        return _("%(n)d 台回不去：%(names)s") % told if names else ""

    def _silent(self) -> int:
        """Seconds since the machine that holds the run let its lease lapse."""
        run = self.run
        return int((self.at - run.lease_until).total_seconds()) if run.holder and run.lease_until else 0

    def acts(self, left: int) -> list[Act]:
        """The buttons an engineer has; nobody else's hands are on a run."""
        going = next((one for one in self.batches if one.counts.open and one.begun), None)
        acting = any(row.state == "started" for row in self.steps)
        again = [host.name for host in self.trouble if host.state in ("back", "left")]
        facts = Facts(
            counts=self.counts, batch=going.name if going else "", in_batch=going.counts.open if going else 0,
            acting=acting, step_left=self.estimate.step_left(), left=left, back=self.estimate.back(),
            again=self.estimate.again(self.counts.again), window_left=window_left(self.run, self.at), failed=again,
            changed=reading.changed(self.run), silent=self._silent(),
        )  # fmt: skip
        return offered(self.run, facts)


def _masked(host: RunHost) -> RunHost:
    host.words = mask(host.words)
    return host
