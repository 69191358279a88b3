"""When a job is due again: after a failure, and by the table of times."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from weilu.kernel.times import SHANGHAI

FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=2)


def delay(tries: int) -> timedelta:
    """How long to wait after the `tries`th failure: 30 s, doubling, 2 h at most."""
    doublings = min(max(tries, 1) - 1, 20)
    return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


@dataclass(frozen=True)
class Minutes:
    """Every so many minutes, on the grid of the day."""

    every: int

    def after(self, instant: datetime) -> datetime:
        """The first instant of the grid later than `instant`."""
        grid = self.every * 60
        return datetime.fromtimestamp((int(instant.timestamp()) // grid + 1) * grid, instant.tzinfo)


@dataclass(frozen=True)
class Daily:
    """Once a day, at an hour of Asia/Shanghai."""

    at: time

    def after(self, instant: datetime) -> datetime:
        """The first such hour later than `instant`."""
        local = instant.astimezone(SHANGHAI)
        found = datetime.combine(local.date(), self.at, SHANGHAI)
        return (found if found > local else found + timedelta(days=1)).astimezone(instant.tzinfo)


Times = Minutes | Daily
