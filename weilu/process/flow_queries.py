"""What pages read of flows: versions, drafts on their way, and the open items that follow each version."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Count, QuerySet

from weilu.accounts.models import Organisation, Person
from weilu.kernel.refused import NotVisible
from weilu.process.drafted import FlowDraft
from weilu.process.flow import Flow, parse_flow
from weilu.process.models import FlowVersion, StepVisit, WorkItem

SEE = "flows.see"


@dataclass(frozen=True)
class Published:
    """One flow of a customer: its versions, newest first, and how many open items follow each, by version id."""

    owner: Organisation
    flow: Flow
    versions: list[FlowVersion]
    running: dict[int, int]

    @property
    def newest(self) -> FlowVersion:
        return self.versions[0]

    @property
    def on_newest(self) -> int:
        return self.running.get(self.newest.id, 0)

    @property
    def on_older(self) -> int:
        return sum(self.running.values()) - self.on_newest


def owners_seen(person: Person, right: str = SEE) -> list[Organisation]:
    """The customers towards whom `person` sees, and holds `right`."""
    ids = person.owner_ids & person.owners_with(right)
    return list(Organisation.objects.filter(id__in=ids).order_by("code"))


def versions_seen(person: Person) -> QuerySet[FlowVersion]:
    """Every version that `person` may read, newest first."""
    found: QuerySet[FlowVersion] = FlowVersion.objects.filter(owner__in=owners_seen(person))
    return found.select_related("owner").order_by("owner__code", "key", "-number")


def drafts_seen(person: Person) -> QuerySet[FlowDraft]:
    """The drafts on their way that `person` may read, newest first."""
    found: QuerySet[FlowDraft] = FlowDraft.objects.filter(owner__in=owners_seen(person), state__in=FlowDraft.OPEN)
    return found.select_related("owner", "author", "base", "decided_by").order_by("-id")


def fetch_version(person: Person, uid: uuid.UUID | str) -> FlowVersion:
    """A version that `person` may read; raises NotVisible."""
    found: FlowVersion = FlowVersion.objects.select_related("owner").fetch(person, uid)
    return _readable(person, found)


def fetch_draft(person: Person, uid: uuid.UUID | str) -> FlowDraft:
    """A draft that `person` may read; raises NotVisible."""
    rows = FlowDraft.objects.select_related("owner", "author", "base", "decided_by", "version")
    found: FlowDraft = rows.fetch(person, uid)
    return _readable(person, found)


Row = TypeVar("Row", FlowVersion, FlowDraft)


def _readable(person: Person, row: Row) -> Row:
    if not person.may(SEE, row.owner_id):
        raise NotVisible(str(row.uid))
    return row


def published(person: Person) -> list[Published]:
    """The flows that `person` may read, each with its versions; a fixed number of queries."""
    versions: dict[tuple[int, str], list[FlowVersion]] = {}
    for version in versions_seen(person):
        versions.setdefault((version.owner_id, version.key), []).append(version)
    counted = running_by_step([one for rows in versions.values() for one in rows])
    return [
        Published(
            rows[0].owner,
            parse_flow(rows[0].source),
            rows,
            {row.id: sum(counted[row.id].values()) for row in rows if row.id in counted},
        )
        for rows in versions.values()
    ]


def running_by_step(versions: Iterable[FlowVersion]) -> dict[int, dict[str, int]]:
    """For each version, by id: how many of its open items are at each step; one query.

    An item on several lines at once counts where the first of its steps is.
    """
    found: dict[int, dict[str, int]] = {}
    open_items = WorkItem.objects.filter(flow__in=list(versions), state=WorkItem.State.OPEN)
    for flow, step, count in open_items.values_list("flow", "step").annotate(Count("id")).order_by():
        found.setdefault(flow, {})[step] = count
    return found


def running_items(version: FlowVersion, step: str = "", after: int = 0, limit: int = 50) -> list[WorkItem]:
    """Open items of a version, oldest first; `after` is the id of the last one shown."""
    items = WorkItem.objects.filter(flow=version, state=WorkItem.State.OPEN, id__gt=after)
    if step:
        items = items.filter(step=step)
    return list(items.select_related("system", "requester", "owner", "flow").order_by("id")[:limit])


def open_steps(items: Collection[WorkItem]) -> dict[int, list[str]]:
    """For each item, by id: the steps it is at."""
    found: dict[int, list[str]] = {}
    opened = StepVisit.objects.filter(item__in=items, outcome=StepVisit.Outcome.OPEN).order_by("id")
    for item, step in opened.values_list("item", "step"):
        found.setdefault(item, []).append(step)
    return found
