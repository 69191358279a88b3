"""Who reads a page, and from where."""

from contextlib import suppress
from ipaddress import ip_address

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from weilu.accounts.models import Person


def reader(request: HttpRequest) -> Person:
    """The person signed in; only for views whose right asks for one."""
    if not isinstance(request.user, Person):
        raise PermissionDenied
    return request.user


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as records keep it; a trusted proxy is believed about its last hop."""
    address = str(request.META.get("REMOTE_ADDR", ""))[:45]
    if address in settings.TRUSTED_PROXIES:
        told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        with suppress(ValueError):
            return str(ip_address(told))
    return address
