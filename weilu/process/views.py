"""My work: what waits for me, what I have signed, what I asked for."""

from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from weilu.accounts.models import Person
from weilu.accounts.reader import reader
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import now
from weilu.process import queries
from weilu.process.pages import lines, tabs
from weilu.ui.dates import today_left

LISTS: dict[str, Callable[[Person, str], list[queries.Row]]] = {
    "todo": queries.todo,
    "done": queries.done,
    "mine": queries.mine,
}


@right(SIGNED_IN)
@require_GET
def my_work(request: HttpRequest) -> HttpResponse:
    """Fifty rows of one of the three lists; the next fifty are asked for by the last row's cursor."""
    tab = request.GET.get("tab", "todo")
    after = request.GET.get("after", "")
    try:
        rows = LISTS[tab](reader(request), after)
    except (KeyError, ValueError, OverflowError, OSError) as problem:
        raise BadRequest(str(problem)) from None
    instant = now()
    counted = queries.counts(reader(request))
    shown = {
        "tab": tab, "tabs": tabs(counted), "after": after, "now": instant, "today_left": today_left(instant),
        "rows": lines(rows, reader(request), in_turn=tab == "todo"),
        "more": rows[-1].cursor if len(rows) == queries.PAGE else "",
        "total": counted[tab], "may_request": "changes.request" in reader(request).rights,
    }  # fmt: skip
    return render(request, "process/my_work.html", shown)
