"""Health, theme, and the pages that answer what never reached a view."""

import sys

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from weilu.kernel.rights import ANYONE, SIGNED_IN, right
from weilu.ui.answers import answer, seal, trouble
from weilu.ui.context import THEMES

YEAR = 365 * 24 * 3600


@right(ANYONE)
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the database answers, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503)
    return JsonResponse({"status": "ok"})


@right(ANYONE)
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep light or dark in a cookie; anything else follows the system again."""
    response = _back(request)
    if request.POST.get("theme") in THEMES:
        response.set_cookie("weilu_theme", request.POST["theme"], max_age=YEAR, samesite="Lax", httponly=True)
    else:
        response.delete_cookie("weilu_theme")
    return response


@right(SIGNED_IN)
@require_GET
def more(request: HttpRequest) -> HttpResponse:
    """Every place on one page: what the fourth tab of a phone opens."""
    return render(request, "ui/more.html")


def _back(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next", "/")
    fits = url_has_allowed_host_and_scheme(target, {request.get_host()})
    return HttpResponseRedirect(target if fits else "/")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No view answers to this address."""
    return answer(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A right was missing before any view ran."""
    return answer(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The request could not be read."""
    return answer(request, exception)


def broken(request: HttpRequest) -> HttpResponse:
    """Something failed outside the views: the store of sign-ins, for one."""
    return answer(request, sys.exc_info()[1] or RuntimeError("no exception at hand"))


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is missing or old (Django's CSRF check)."""
    return seal(trouble(request, 403, "csrf"))
