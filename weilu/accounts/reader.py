"""Who reads a page, and from where."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from weilu.accounts.models import Person
from weilu.ui.address import address_of

__all__ = ["address_of", "reader"]


def reader(request: HttpRequest) -> Person:
    """The person signed in; only for views whose right asks for one."""
    if not isinstance(request.user, Person):
        raise PermissionDenied
    return request.user
