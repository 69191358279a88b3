"""Programs that call by access token: who they act for was settled on the way in, here what the scope lets them."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja.security import HttpBearer

from weilu.accounts import rules
from weilu.accounts.models import Person
from weilu.kernel.refused import Refused
from weilu.ui.answers import answer

READING = ("GET", "HEAD", "OPTIONS")


class Bearer(HttpBearer):
    """Lets pass whom the middleware knew by their token; no session and no CSRF token then."""

    def authenticate(self, request: HttpRequest, token: str) -> Person | None:
        person = request.user
        return person if isinstance(person, Person) and person.limited_to is not None else None


def within_scope(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Turn down, with 403, an act for which the caller's token is too narrow."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        scope = getattr(request.user, "limited_to", None)
        if scope is not None and request.method not in READING:
            try:
                rules.check_scope(scope, ".".join(request.path.strip("/").split("/")[-2:]))
            except Refused as refused:
                return answer(request, refused, 403)
        return view(request, *args, **kwargs)

    return checked
