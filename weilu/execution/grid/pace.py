"""How long the rest of a run takes, from what its steps have taken so far. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil
from statistics import mean

from weilu.execution.grid.reading import StepRow

OVER = ("done", "failed", "skipped")
LEAST_BACK = 120  # seconds kept for the way back, whatever it is expected to take


class Pace:
    """What a step takes, per round of hosts that go at once.

    `limits` are the seconds that the plan allows each step, `minutes` what it says of a whole batch.
    """

    def __init__(
        self, rows: Sequence[StepRow], sizes: Mapping[int, int], at_once: int, limits: Mapping[str, int], minutes: int
    ) -> None:
        self.sizes, self.at_once, self.limits, self.minutes = sizes, at_once, limits, minutes
        took: dict[str, list[float]] = {}
        for row in rows:
            if row.phase == "forward" and row.state == "done" and row.started_at and row.ended_at:
                seconds = (row.ended_at - row.started_at).total_seconds()
                took.setdefault(row.key, []).append(seconds / self.rounds(row.batch))
        self.known = {key: mean(all_of_it) for key, all_of_it in took.items()}
        allowed = sum(limits.get(key, 0) for key in self.known)
        self.share = sum(self.known[key] for key in self.known if key in limits) / allowed if allowed else None

    def rounds(self, batch: int | None) -> int:
        """How often a step begins anew until every host of the batch had its turn."""
        return max(1, ceil(self.sizes.get(batch or 0, 1) / max(1, self.at_once)))

    def of(self, key: str, batch: int) -> float:
        """Seconds of the step for the whole batch: as seen, else as the others used their limits, else the plan's."""
        if key in self.known:
            return self.known[key] * self.rounds(batch)
        if self.share is not None and key in self.limits:
            return self.limits[key] * self.share * self.rounds(batch)
        return self.minutes * 60 / max(1, len(self.limits))

    def left(self, rows: Sequence[StepRow], keys: Sequence[str], batches: Sequence[int], at: datetime) -> int:
        """Seconds until the last batch is through `keys`, people's own steps not counted."""
        standing = {(row.batch, row.key): row for row in rows if row.phase == "forward"}
        total = 0.0
        for batch in batches:
            for key in keys:
                row = standing.get((batch, key))
                if row is not None and row.state in OVER:
                    continue
                spent = (at - row.started_at).total_seconds() if row and row.started_at else 0.0
                total += max(0.0, self.of(key, batch) - spent)
        return round(total)

    def back(self, keys: Sequence[str], batches: Sequence[int]) -> int:
        """Seconds that bringing back these batches takes, where undoing a step takes what doing it took."""
        return max(LEAST_BACK, round(sum(self.of(key, batch) for batch in batches for key in keys)))
