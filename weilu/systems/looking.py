"""Looks at the register of systems by whoever is not the customer's own (CON-9)."""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.evidence.looking import seen


def seen_by_others(
    request: HttpRequest, owner: Organisation, kind: str, what: object, words: str, *, ask: bool = False
) -> HttpResponse | None:
    """Register the look of somebody of another organisation; where a purpose must be said first, the page that asks."""
    if reader(request).organisation_id == owner.id:
        return None
    return seen(request, org=owner.code, kind=kind, what=what, words=words, ask=ask, counted=False)


def list_seen_by_others(
    request: HttpRequest, owners: Iterable[Organisation], kind: str, *, ask: bool = False
) -> HttpResponse | None:
    """The same for a list, of each customer of whom it shows something."""
    for owner in owners:
        if asking := seen_by_others(request, owner, kind, owner.code, owner.code, ask=ask):
            return asking
    return None
