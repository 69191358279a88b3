"""Sign in, sign out, and who the people are."""

from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.actions import sign_in
from weilu.accounts.queries import customers_with_people
from weilu.accounts.reader import reader
from weilu.kernel.refused import Refused
from weilu.kernel.rights import ANYONE, SIGNED_IN, right


@right(ANYONE)
@never_cache
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; a wrong one is said under the fields, and the name stays typed."""
    target = request.POST.get("next") or request.GET.get("next") or "/"
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}) or target.startswith("/logout"):
        target = "/"
    if request.user.is_authenticated and request.method == "GET":
        return redirect(target)
    shown = {"next": target, "username": request.POST.get("username", "")[:40]}
    if request.method == "GET":
        return render(request, "accounts/login.html", shown)
    try:
        person = sign_in(shown["username"], request.POST.get("password", ""), _address(request))
    except Refused as refused:
        return render(request, "accounts/login.html", shown | {"refused": refused}, status=401)
    login(request, person)
    return redirect(target)


@right(SIGNED_IN)
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End the visit."""
    logout(request)
    return redirect("/login")


@right("people.see")
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """The customers this person sees, their people and the vendors' people who work for them, with roles."""
    return render(request, "accounts/people.html", {"customers": customers_with_people(reader(request))})


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))[:45]
