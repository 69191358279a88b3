"""Planned work in the order in which it begins: what overlaps a time is found without reading all the rest."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import datetime

from weilu.planning.rules import Span, Taken


class Timetable:
    """Sorted once; asked for each of many."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        self._taken = sorted(taken, key=lambda one: (one.span.start, one.id))
        self._starts = [one.span.start for one in self._taken]
        self._over: list[datetime] = []  # by when everything up to that place is over
        for one in self._taken:
            self._over.append(max(self._over[-1], one.span.end) if self._over else one.span.end)

    def during(self, span: Span) -> Iterator[Taken]:
        """What overlaps `span`, the last to begin first."""
        place = bisect_left(self._starts, span.end) - 1
        while place >= 0 and self._over[place] > span.start:
            if self._taken[place].span.end > span.start:
                yield self._taken[place]
            place -= 1
