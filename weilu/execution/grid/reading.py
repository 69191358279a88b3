"""What the page of a run on hosts reads: a fixed number of questions, however many hosts there are."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import (
    Case,
    Count,
    F,
    Func,
    IntegerField,
    JSONField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull

from weilu.execution.models import Cell, Run, RunEvent, RunHost

PAGE = 100  # hosts on a page
NAMED = 20  # hosts in trouble that the page names
LINES = 200  # of the log beside the grid
State = RunHost.State
BUSY = (State.RUNNING, "returning")
# A host that failed may be as it was by now, untouched or brought back: a step that failed on it tells.
# (As a value, not as EXISTS: PostgreSQL would gather the failed cells of all runs there ever were.)
BROKE = Cell.objects.filter(host=OuterRef("id"), state=Cell.State.FAILED, step__phase=Run.Phase.FORWARD).values("id")
OVER = Q(state__in=(State.BACK, "returning", State.LEFT)) & ~Q(words="") & Q(IsNull(Subquery(BROKE[:1]), False))
FAILED = Q(state__in=(State.FAILED, State.STUCK)) | OVER
SHOWS = {"": Q(), "failed": FAILED, "running": Q(state__in=BUSY)}
TROUBLE_FIRST = Case(When(state=State.STUCK, then=Value(0)), When(state=State.FAILED, then=Value(1)), default=Value(2))


class StepRow(NamedTuple):
    """One step of one batch as the journal has it."""

    id: int
    key: str
    title: str
    ordinal: int
    batch: int | None
    phase: str
    state: str
    attempt: int
    probing: bool
    machine: str
    words: str
    started_at: datetime | None
    ended_at: datetime | None


class CellRow(NamedTuple):
    """One step on one host, as its cell shows it."""

    host_id: int
    step_id: int
    state: str
    attempt: int
    seconds: int | None  # None while it goes on


class Times(NamedTuple):
    """When a host had its first step, when its last ended, since when one goes on, and since when one asks."""

    first: datetime
    last: datetime | None
    going: datetime | None
    asks: datetime | None


class Tally(NamedTuple):
    """How many hosts of a batch are in one state, changed or not, and after a failure or not."""

    batch: int
    state: str
    changed: bool
    failed: bool
    number: int


class Place(NamedTuple):
    """Where a page of hosts begins: after this host of this batch."""

    batch: int
    ordinal: int

    def __str__(self) -> str:
        return f"{self.batch}.{self.ordinal}"


@dataclass(frozen=True)
class Hosts:
    """One page of hosts, and where the next begins."""

    rows: list[RunHost]
    next: Place | None


def tallies(run: Run) -> list[Tally]:
    """The hosts of the whole run, counted by batch and state."""
    failed = Case(When(FAILED, then=Value(True)), default=Value(False))
    found = run.hosts.annotate(failed=failed).values_list("batch", "state", "changed", "failed")
    return [Tally(*row) for row in found.annotate(count=Count("id")).order_by("batch")]


def steps(run: Run) -> list[StepRow]:
    return [StepRow(*row) for row in run.steps.order_by("ordinal").values_list(*StepRow._fields)]


def counted_cells(run: Run) -> dict[int, dict[str, int]]:
    """How many cells of each step are in each state."""
    found: dict[int, dict[str, int]] = {}
    rows = Cell.objects.filter(step__run=run).values_list("step_id", "state").annotate(count=Count("id")).order_by()
    for step, state, count in rows:
        found.setdefault(step, {})[state] = count
    return found


def hosts(run: Run, show: str, after: Place | None) -> Hosts:
    """A page of hosts in the order of batches; `show` is a key of SHOWS."""
    rows = run.hosts.filter(SHOWS[show]).order_by("batch", "ordinal")
    if after is not None:
        rows = rows.filter(Q(batch__gt=after.batch) | Q(batch=after.batch, ordinal__gt=after.ordinal))
    found = list(rows[: PAGE + 1])
    last = found[PAGE - 1] if len(found) > PAGE else None
    return Hosts(found[:PAGE], Place(last.batch, last.ordinal) if last else None)


def in_trouble(run: Run) -> list[RunHost]:
    """The first hosts that could not be brought back, then those that failed."""
    return list(run.hosts.filter(FAILED).order_by(TROUBLE_FIRST, "ordinal")[:NAMED])


def changed(run: Run) -> list[str]:
    """Names of the first hosts that the run may have changed and that are not back."""
    return list(
        run.hosts.filter(changed=True)
        .exclude(state__in=(State.BACK, State.STUCK))
        .order_by("ordinal")
        .values_list("name", flat=True)[:4]
    )


class Seconds(Func):
    """Whole seconds from one instant to another: a thousand instants made into objects cost more than all the rest."""

    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="CAST(EXTRACT(EPOCH FROM (%(expressions)s)) AS integer)", arg_joiner=" - "
        )

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        halves = [compiler.compile(one) for one in self.source_expressions]
        (to, to_values), (since, since_values) = halves
        return f"CAST(ROUND((JULIANDAY({to}) - JULIANDAY({since})) * 86400) AS INTEGER)", [*to_values, *since_values]


def cells(ids: Collection[int]) -> dict[int, dict[int, CellRow]]:
    """The cells of these hosts, by host and step."""
    found: dict[int, dict[int, CellRow]] = {}
    rows = Cell.objects.filter(host_id__in=ids).annotate(seconds=Seconds(F("ended_at"), F("started_at")))
    for row in rows.values_list(*CellRow._fields):
        found.setdefault(row[0], {})[row[1]] = CellRow(*row)
    return found


def times(ids: Collection[int]) -> dict[int, Times]:
    """When these hosts were worked on."""
    going = Max("started_at", filter=Q(state=Cell.State.STARTED))
    asks = Max(Coalesce("ended_at", "started_at"), filter=Q(state=Cell.State.ASKS))
    rows = Cell.objects.filter(host_id__in=ids).values_list("host_id").order_by()
    found = rows.annotate(first=Min("started_at"), last=Max("ended_at"), going=going, asks=asks)
    return {host: Times(*instants) for host, *instants in found}


def words(host: RunHost) -> dict[int, str]:
    """What the host's cells say, by step."""
    return dict(host.cells.exclude(words="").values_list("step_id", "words"))


class WithoutHosts(Func):
    """Orders without their hosts, which are half a megabyte where there are a thousand and stand in rows anyway."""

    output_field = JSONField()

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s - 'hosts')")

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="JSON_REMOVE(%(expressions)s, '$.hosts')")


def orders(run: Run) -> dict[str, Any]:
    """The orders that were approved, but for the hosts."""
    found: dict[str, Any] = Run.objects.filter(id=run.id).values_list(WithoutHosts("plan"), flat=True).get()
    return found


def asking(run: Run) -> list[Cell]:
    """The cells that wait for a person's word, at most a page of them."""
    rows = Cell.objects.filter(step__run=run, state=Cell.State.ASKS).select_related("host", "step")
    return list(rows.order_by("host__ordinal")[:PAGE])


def lines(run: Run, host: int | None, after: int = 0) -> list[RunEvent]:
    """The last lines of one host, or of the run itself where `host` is None, after a number; oldest first."""
    return list(_said(run, host).filter(seq__gt=after).order_by("-seq")[:LINES])[::-1]


def _said(run: Run, host: int | None) -> QuerySet[RunEvent]:
    return run.events.filter(host=host) if host is not None else run.events.filter(host__isnull=True)


def whole_log(run: Run, host: int | None) -> QuerySet[RunEvent]:
    """Every line, or every line of one host, in the order they came."""
    rows = run.events.order_by("seq")
    return rows if host is None else rows.filter(host=host)
