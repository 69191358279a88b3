"""Where a request comes from."""

from contextlib import suppress
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as records keep it; a trusted proxy is believed about its last hop."""
    address = str(request.META.get("REMOTE_ADDR", ""))[:45]
    if address in settings.TRUSTED_PROXIES:
        told = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        with suppress(ValueError):
            return str(ip_address(told))
    return address
