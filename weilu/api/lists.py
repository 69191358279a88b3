"""Searching and lists, as the pages have them."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done
from weilu.api.reads import row_data
from weilu.kernel.times import now
from weilu.process import list_actions
from weilu.process.kept import SavedFilter
from weilu.process.lists import found_rows
from weilu.process.models import WorkItem
from weilu.process.overview import overview
from weilu.process.search import find

router = Router(tags=["read"])
acts = Router(tags=["act"])


class ItemRef(Schema, extra="forbid"):
    item: UUID


class FilterIn(Schema):
    """`query` as it stands in the address of the list: system=…&due=today."""

    title: str
    tab: str
    query: str
    shared: bool = False


class FilterRef(Schema, extra="forbid"):
    filter: UUID


class ColumnsIn(Schema):
    columns: list[str]


@router.get("/search", summary="Work items by number or by words")
def search(request: HttpRequest, q: str = "", after: str = "") -> dict[str, Any]:
    """One page of what is found, newest first, and the cursor of the next; `next` is empty on the last page."""
    try:
        found = find(reader(request), q, after)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    return {"items": [row_data(row) for row in found_rows(reader(request), found.ids)], "next": found.next}


@acts.post("/process/watch_item", response=Done)
def watch_item(request: HttpRequest, act: ItemRef) -> Done:
    item = WorkItem.objects.fetch(reader(request), act.item)
    list_actions.watch_item(reader(request), item)
    return Done(uid=str(item.uid), number=item.number)


@acts.post("/process/unwatch_item", response=Done)
def unwatch_item(request: HttpRequest, act: ItemRef) -> Done:
    item = WorkItem.objects.fetch(reader(request), act.item)
    list_actions.unwatch_item(reader(request), item)
    return Done(uid=str(item.uid), number=item.number)


@acts.post("/process/save_filter", response=Done)
def save_filter(request: HttpRequest, act: FilterIn) -> Done:
    return Done(uid=str(list_actions.save_filter(reader(request), **act.dict()).uid))


@acts.post("/process/drop_filter", response=Done)
def drop_filter(request: HttpRequest, act: FilterRef) -> Done:
    list_actions.drop_filter(reader(request), SavedFilter.objects.fetch(reader(request), act.filter))
    return Done(uid=str(act.filter))


@acts.post("/process/choose_columns", response=Done)
def choose_columns(request: HttpRequest, act: ColumnsIn) -> Done:
    list_actions.choose_columns(reader(request), act.columns)
    return Done()


@router.get("/overview", summary="How many items are open, overdue and due today; by system, step and month")
def figures(request: HttpRequest) -> dict[str, Any]:
    """The counters of the overview; `overdue` and `today` are counted to 1,000."""
    found = overview(reader(request), now())
    lines = {name: [{"title": one.title, "count": one.count} for one in found[name]] for name in ("systems", "steps")}
    months = [{"month": name, "opened": came, "closed": went} for name, came, went in found["months"]]
    strips = [
        {"title": strip.title, "figures": [{"title": one.title, "value": one.value} for one in strip.figures]}
        for strip in found["strips"]
    ]
    return found | lines | {"months": months, "strips": strips}


@router.get("/filters", summary="Saved filters: one's own, and those shared in one's organisation")
def filters(request: HttpRequest) -> list[dict[str, Any]]:
    """Each with the list it is for and its query."""
    found = SavedFilter.objects.usable_by(reader(request))
    return [
        {"uid": str(one.uid), "title": one.title, "tab": one.tab, "query": one.query, "shared": one.shared}
        for one in found
    ]
