"""An item photographed before and after an act, and a flow as these tests read it: what laws are held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml
from django.db.models import Q

from weilu.accounts.models import Person, RoleHolding
from weilu.evidence.models import Staged
from weilu.jobs.models import Job
from weilu.kernel.times import now
from weilu.notify.models import Notice
from weilu.process.models import Copy, Delegation, Event, Fact, Opinion, Seat, StepVisit, Withdrawal, WorkItem

Row = dict[str, Any]


def rows(found: Any) -> dict[int, Row]:
    return {row["id"]: row for row in found.order_by("id").values()}


@dataclass(frozen=True)
class Photo:
    """Everything on record of one item, and who holds what at this instant."""

    item: Row
    visits: dict[int, Row]
    seats: dict[int, Row]
    opinions: dict[int, Row]
    taken: dict[int, Row]  # withdrawals by the id of their opinion
    rest: dict[str, object]  # whatever else an act could touch
    roles: frozenset[tuple[int, str]]
    standing: frozenset[tuple[int, int]]  # (who stands in, the absent one)
    active: frozenset[int]

    @property
    def record(self) -> tuple[object, ...]:
        """What a refused act leaves as it was."""
        return self.item, self.visits, self.seats, self.opinions, self.taken, self.rest

    def effective(self) -> list[Row]:
        """The opinions that count, the oldest first."""
        return [one for key, one in self.opinions.items() if key not in self.taken]

    def at_step(self, opinion: Row) -> str:
        return str(self.visits[opinion["visit_id"]]["step"])

    def open_visits(self) -> list[Row]:
        return [one for one in self.visits.values() if one["outcome"] == "open"]

    def seats_of(self, visit: int) -> list[Row]:
        return [one for one in self.seats.values() if one["visit_id"] == visit]

    def open_seats(self) -> list[Row]:
        return [one for one in self.seats.values() if one["open"]]

    def said_in(self, visit: int) -> list[Row]:
        return [one for one in self.effective() if one["visit_id"] == visit]


def photograph(item: int) -> Photo:
    at = now()
    period = Q(since__lte=at) & (Q(until=None) | Q(until__gt=at))
    opinions = rows(Opinion.objects.filter(item=item))
    return Photo(
        item=WorkItem.objects.filter(id=item).values()[0],
        visits=rows(StepVisit.objects.filter(item=item)),
        seats=rows(Seat.objects.filter(item=item)),
        opinions=opinions,
        taken={row["opinion_id"]: row for row in rows(Withdrawal.objects.filter(opinion__in=opinions)).values()},
        rest={
            "events": rows(Event.objects.filter(item=item)), "copies": rows(Copy.objects.filter(item=item)),
            "facts": rows(Fact.objects.filter(item=item)), "absences": rows(Delegation.objects.all()),
            "notices": rows(Notice.objects.all()), "jobs": list(Job.objects.order_by("id").values_list("id", "state")),
            "staged": list(Staged.objects.order_by("id").values_list("id", flat=True)),
        },
        roles=frozenset(RoleHolding.objects.filter(period).values_list("person_id", "role")),
        standing=frozenset(Delegation.objects.filter(period, ended_at=None).values_list("delegate_id", "person_id")),
        active=frozenset(Person.objects.filter(is_active=True).values_list("id", flat=True)),
    )  # fmt: skip


@dataclass(frozen=True)
class Map:
    """A flow as its YAML says it, read without the product's own reader."""

    steps: list[Row]
    holds: dict[str, bool]  # whether the condition of a conditional step holds for the item
    keys: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", [str(one["key"]) for one in self.steps])

    @classmethod
    def of(cls, source: str, holds: dict[str, bool]) -> Map:
        return cls(yaml.safe_load(source)["steps"], holds)

    def __getitem__(self, key: str) -> Row:
        return self.steps[self.keys.index(key)]

    def place(self, key: str) -> int:
        return self.keys.index(key)

    def section(self, key: str) -> list[str]:
        """The steps between the same joints as `key`, or `key` alone."""
        if "branch" not in self[key]:
            return [key]
        first = last = self.place(key)
        while "branch" in self.steps[first - 1]:
            first -= 1
        while last + 1 < len(self.steps) and "branch" in self.steps[last + 1]:
            last += 1
        return self.keys[first : last + 1]

    def beside(self, one: str, other: str) -> bool:
        """Whether they are on different lines of one section."""
        return other in self.section(one) and self[one].get("branch") != self[other].get("branch")

    def required(self, key: str) -> bool:
        return self.holds.get(key, True)

    def wanted(self, key: str, asked: int) -> int:
        """How many of `asked` must agree."""
        number = self[key].get("sign", "all")
        return asked if number == "all" else 1 if number == "any" else int(number)

    def after(self, key: str, others: Iterable[str]) -> list[tuple[str, str]]:
        """The visits that the end of `key` opens or records, while the steps `others` are still under way."""
        line = [one for one in self.section(key) if "branch" in self[key] and not self.beside(key, one)]
        found, opened = self._along(line[line.index(key) + 1 :] if line else [])
        if opened or set(self.section(key)) & set(others):
            return found
        return found + self._from(self.place(self.section(key)[-1]) + 1)

    def begin(self, key: str) -> list[tuple[str, str]]:
        """The visits of an item that comes to `key` from outside its section: all lines begin."""
        return self._from(self.place(self.section(key)[0]))

    def _from(self, place: int) -> list[tuple[str, str]]:
        if place >= len(self.steps):
            return []
        section = self.section(self.keys[place])
        lines: dict[object, list[str]] = {}
        for key in section:
            lines.setdefault(self[key].get("branch"), []).append(key)
        ways = [self._along(line) for line in lines.values()]
        found = [one for way, _opened in ways for one in way]
        return found if any(opened for _way, opened in ways) else found + self._from(place + len(section))

    def _along(self, line: list[str]) -> tuple[list[tuple[str, str]], bool]:
        """What is recorded and opened along one line, and whether anything was opened."""
        found = []
        for key in line:
            if self.required(key):
                return [*found, (key, "open")], True
            found.append((key, "not-required"))
        return found, False
