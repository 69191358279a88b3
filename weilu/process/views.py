"""My work: what waits for me, what I have signed, asked for and follow; and every item one may see."""

from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from weilu.accounts.reader import reader
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import now
from weilu.process import columns, lists
from weilu.process.chips import list_url, menus, saved_chips
from weilu.process.filters import Filters, read_filters
from weilu.process.list_actions import SHARE
from weilu.process.overview import overview as figures
from weilu.process.pages import TABS, lines, tabs
from weilu.process.queries import PAGE
from weilu.ui.dates import today_left

MINE = frozenset(key for key, _title in TABS)


def asked(request: HttpRequest) -> Filters:
    """The filters in the address; a value no chip offers is a bad request."""
    try:
        return read_filters(request.GET.dict())
    except ValueError as problem:
        raise BadRequest(str(problem)) from None


@right(SIGNED_IN)
@require_GET
def my_work(request: HttpRequest) -> HttpResponse:
    """Fifty rows of one of the four lists of my work."""
    tab = request.GET.get("tab", "todo")
    if tab not in MINE:
        raise BadRequest("tab")
    counted = lists.counts(reader(request))
    instant = now()
    shown = _list(request, tab, counted["todo"]) | {
        "tabs": tabs(counted), "now": instant, "today_left": today_left(instant),
        "may_request": "changes.request" in reader(request).rights,
    }  # fmt: skip
    return render(request, "process/my_work.html", shown)


@right(SIGNED_IN)
@require_GET
def items(request: HttpRequest) -> HttpResponse:
    """Every item one may see, newest first."""
    return render(request, "process/items.html", _list(request, "all", None))


@right(SIGNED_IN)
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """How many items are open, where they stand, and what came and went."""
    instant = now()
    return render(request, "process/overview.html", figures(reader(request), instant) | {"now": instant})


def _list(request: HttpRequest, tab: str, total: int | None) -> dict[str, Any]:
    """What the page of any list shows: the next fifty are asked for by the last row's cursor."""
    person, filters, after = reader(request), asked(request), request.GET.get("after", "")
    try:
        rows = lists.rows(person, tab, filters, after)
    except (ValueError, OverflowError, OSError) as problem:
        raise BadRequest(str(problem)) from None
    more = rows[-1].cursor if len(rows) == PAGE else ""
    gates = lists.gates_of_rows(rows) if tab == "todo" else {}
    chips = saved_chips(person, tab, filters, total)
    return {
        "tab": tab, "filters": filters, "after": after, "chips": chips, "menus": menus(person, tab, filters),
        "rows": lines(rows, person, in_turn=tab == "todo", gates=gates), "may_share": SHARE in person.rights,
        "columns": columns.chosen(person), "every_column": columns.COLUMNS.values(),
        "next_url": list_url(tab, filters, after=more) if more else "", "back": request.get_full_path(),
        "own": next((chip.kept for chip in chips if chip.on and chip.kept and chip.kept.person_id == person.id), None),
    }  # fmt: skip
