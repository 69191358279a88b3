"""What a list is narrowed by: read from an address, written back into one, put to a queryset."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.expressions import Combinable
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Person
from weilu.kernel.times import SHANGHAI
from weilu.process.vocabulary import kinds_named
from weilu.systems.models import System
from weilu.ui.narrowing import Narrowed

DUE = {"overdue": _("已逾期"), "today": _("今天到期"), "week": _("七天内到期")}
PRIORITIES = {"urgent": _("紧急"), "important": _("重要"), "normal": _("一般")}
STATES = {"open": _("进行中"), "closed": _("已办结")}
NAMES = ("kind", "system", "priority", "due", "state")


@dataclass(frozen=True)
class Filters(Narrowed):
    """Each "" is no restriction; `system` is a uid, `kind` a kind of work or the room of several."""

    kind: str = ""
    system: str = ""
    priority: str = ""
    due: str = ""
    state: str = ""


def read_filters(given: Mapping[str, str]) -> Filters:
    """The filters an address names; raises ValueError for a value no chip offers."""
    found = Filters(**{name: str(given.get(name, "")) for name in NAMES})
    known: tuple[tuple[str, Any], ...] = (
        (found.priority, PRIORITIES), (found.due, DUE), (found.state, STATES),
    )  # fmt: skip
    for value, choices in known:
        if value and value not in choices:
            raise ValueError(value)
    if found.kind and not kinds_named(found.kind):
        raise ValueError(found.kind)
    if found.system:
        found = found.but(system=str(uuid.UUID(found.system)))
    return found


def narrow(
    rows: QuerySet[Any], filters: Filters, person: Person, at: datetime, *, item: str = "item__", due: str = "due_at"
) -> QuerySet[Any]:
    """`rows` narrowed: `item` leads from a row to its work item, `due` names what says when it falls due."""
    wanted = Q()
    if filters.kind:
        wanted &= Q(**{f"{item}kind__in": kinds_named(filters.kind)})
    for name in ("priority", "state"):
        if value := getattr(filters, name):
            wanted &= Q(**{f"{item}{name}": value})
    if filters.system:
        system = System.objects.visible_to(person).filter(uid=filters.system).values_list("id", flat=True).first()
        if item:
            rows = rows.alias(narrowed_system=unindexed(f"{item}system_id"))
        wanted &= Q(**{"narrowed_system" if item else "system_id": system or 0})
    if filters.due:
        wanted &= Q(**{f"{due}__lt": until(filters.due, at)})
        if filters.due != "overdue":
            wanted &= Q(**{f"{due}__gte": at})
        if due != "due_at" or not item:
            wanted &= Q(**{f"{item}state": "open"})
    return rows.filter(wanted)


def unindexed(path: str) -> Combinable:
    """The number at `path`, on SQLite as a sum: no index on it is tempting. PostgreSQL estimates better without."""
    if connection.vendor == "postgresql":
        return F(path)
    return ExpressionWrapper(F(path) + 0, BigIntegerField())


def until(due: str, at: datetime) -> datetime:
    """The instant before which something falls due that is `due` at `at`."""
    if due == "overdue":
        return at
    midnight = at.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1 if due == "today" else 7)
