"""What the overview shows: how many items are open, where they stand, what came and went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel.times import SHANGHAI
from weilu.process.chips import list_url
from weilu.process.filters import Filters, until
from weilu.process.flow import parse_flow
from weilu.process.models import FlowVersion, WorkItem
from weilu.process.queries import CAP
from weilu.process.tallies import sums
from weilu.systems.models import System

MONTHS = 6


@dataclass(frozen=True)
class Count:
    """One line: what is counted, how many, its share of the largest, where it leads."""

    title: str
    count: int
    share: int  # of 100
    url: str = ""


@dataclass(frozen=True)
class Figure:
    """One figure of a strip: what it counts, how it is written, where it leads."""

    title: str
    value: str
    url: str = ""
    late: bool = False


@dataclass(frozen=True)
class Strip:
    """Figures that a room above adds to the overview under one title."""

    title: str
    figures: list[Figure]


_strips: list[Callable[[Person, datetime], Strip | None]] = []


def add_figures(strip: Callable[[Person, datetime], Strip | None]) -> None:
    """Let the overview show `strip(person, at)`; None shows nothing. Called once by a room's `apps.py`."""
    _strips.append(strip)


def overview(person: Person, at: datetime) -> dict[str, Any]:
    """Sums over every customer `person` sees; six queries, none of which reads the items beyond CAP.

    What rooms above add asks its own.
    """
    found = sums(person.owner_ids)
    month = f"{at.astimezone(SHANGHAI):%Y-%m}"
    return {
        "open": sum(found["system"].values()),
        "overdue": _due(person, Q(due_at__lt=at)),
        "today": _due(person, Q(due_at__gte=at, due_at__lt=until("today", at))),
        "opened": found["opened"].get(month, 0),
        "closed": found["closed"].get(month, 0),
        "systems": _systems(person, found["system"]),
        "steps": _steps(person, found["step"]),
        "months": [(name, found["opened"].get(name, 0), found["closed"].get(name, 0)) for name in _months(at)],
        "strips": [shown for strip in _strips if (shown := strip(person, at)) is not None],
    }


def _due(person: Person, when: Q) -> int:
    """To CAP at most, over the partial index of open items."""
    total = 0
    for owner in person.owner_ids:
        items = WorkItem.objects.filter(when, owner_id=owner, state=WorkItem.State.OPEN)
        total += items.order_by("due_at", "id").values("id")[:CAP].count()
    return min(total, CAP)


def _systems(person: Person, counted: dict[str, int]) -> list[Count]:
    named = (
        System.objects.visible_to(person).filter(id__in=[int(key) for key in counted]).values_list("id", "uid", "name")
    )
    rows = [
        (name, counted[str(id)], list_url("all", Filters(system=str(uid), state="open"))) for id, uid, name in named
    ]
    return _lines(rows)


def _steps(person: Person, counted: dict[str, int]) -> list[Count]:
    """Steps by the title they have in the newest flow that has them."""
    titles: dict[str, str] = {}
    for flow in FlowVersion.objects.filter(owner_id__in=person.owner_ids).order_by("id"):
        titles |= {step.key: step.title for step in parse_flow(flow.source).steps}
    return _lines([(_(titles.get(key, key)), count, "") for key, count in counted.items()])


def _lines(rows: list[tuple[str, int, str]]) -> list[Count]:
    most = max((count for _title, count, _url in rows), default=1)
    rows.sort(key=lambda row: (-row[1], row[0]))
    return [Count(title, count, 100 * count // most, url) for title, count, url in rows]


def _months(at: datetime) -> list[str]:
    first = at.astimezone(SHANGHAI).replace(day=1)
    found = []
    for _turn in range(MONTHS):
        found.append(f"{first:%Y-%m}")
        first = (first - timedelta(days=1)).replace(day=1)
    return found[::-1]
