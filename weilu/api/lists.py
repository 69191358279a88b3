"""Searching and lists, as the pages have them."""

from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from ninja import Router

from weilu.accounts.reader import reader
from weilu.api.reads import row_data
from weilu.process.lists import found_rows
from weilu.process.search import find

router = Router()


@router.get("/search", summary="Work items by number or by words")
def search(request: HttpRequest, q: str = "", after: str = "") -> dict[str, Any]:
    """One page of what is found, newest first, and the cursor of the next; `next` is empty on the last page."""
    try:
        found = find(reader(request), q, after)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    return {"items": [row_data(row) for row in found_rows(reader(request), found.ids)], "next": found.next}
