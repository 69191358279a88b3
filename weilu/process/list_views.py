"""Searching: one page for every kind of work."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from weilu.accounts.reader import reader
from weilu.kernel.rights import SIGNED_IN, right
from weilu.process.bigrams import LONGEST
from weilu.process.lists import found_rows
from weilu.process.pages import lines
from weilu.process.search import find


@right(SIGNED_IN)
@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Fifty items that a number or words name, newest first; the next fifty by the last one's key."""
    query, after = request.GET.get("q", "").strip()[:LONGEST], request.GET.get("after", "")
    try:
        found = find(reader(request), query, after)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    rows = found_rows(reader(request), found.ids)
    shown = {
        "query": query, "after": after, "rows": lines(rows, reader(request)), "more": found.next,
        "short": bool(query) and found.short,
    }  # fmt: skip
    return render(request, "process/search.html", shown)
