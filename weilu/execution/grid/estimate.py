"""What is expected of a run: how long the rest takes, how long its way back. Pure."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from weilu.execution.fleet.orders import Orders
from weilu.execution.grid.batches import Batch
from weilu.execution.grid.pace import Pace
from weilu.execution.grid.reading import StepRow
from weilu.execution.grid.shape import Column


class Estimate:
    """Seconds of what is to come at the instant `at`, from the steps that are behind the run."""

    def __init__(
        self, orders: Orders, steps: Sequence[StepRow], columns: Sequence[Column], batches: Sequence[Batch],
        at: datetime,
    ) -> None:  # fmt: skip
        self.steps, self.batches, self.at = steps, batches, at
        self.at_once = int(orders.get("batches", {}).get("at_once") or 1)
        limits = {column.key: column.seconds for column in columns if column.kind and not column.by_people}
        self.keys, self.undone = list(limits), [column.key for column in columns if column.undone]
        sizes = {batch.number: batch.counts.size for batch in batches}
        self.pace = Pace(steps, sizes, self.at_once, limits, int(orders.get("minutes") or 0))

    def left(self, *, back: bool) -> int:
        """Until the run ends: forward, or on its way back."""
        if back:
            rows = [row for row in self.steps if row.phase != "forward" and row.state in ("waiting", "started")]
            return round(sum(self.pace.of(row.key, row.batch or 0) for row in rows))
        return self.left_of([batch.number for batch in self.batches if batch.counts.open])

    def left_of(self, batches: Sequence[int]) -> int:
        return self.pace.left(self.steps, self.keys, batches, self.at)

    def step_left(self) -> int:
        """Of the step that goes on now; one second where none does."""
        going = next((row for row in self.steps if row.state == "started"), None)
        if going is None or going.started_at is None:
            return 1
        spent = (self.at - going.started_at).total_seconds()
        return max(1, round(self.pace.of(going.key, going.batch or 0) - spent))

    def back(self) -> int:
        """Of bringing back everything changed so far; before anything is, of one batch."""
        touched = [batch.number for batch in self.batches if batch.counts.changed]
        return self.pace.back(self.undone, touched or [batch.number for batch in self.batches][:1])

    def again(self, hosts: int) -> int:
        """Of doing every step again on so many hosts."""
        one = self.batches[0].number if self.batches else 0
        each = sum(self.pace.of(key, one) for key in self.keys) / self.pace.rounds(one)
        return round(each * ceil(hosts / max(1, self.at_once)))
