"""Who reads a page, and from where."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from weilu.accounts.models import Person


def reader(request: HttpRequest) -> Person:
    """The person signed in; only for views whose right asks for one."""
    if not isinstance(request.user, Person):
        raise PermissionDenied
    return request.user


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as records keep it."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]
