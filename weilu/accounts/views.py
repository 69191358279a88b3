"""Sign in, sign out, and the language of the pages."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from weilu.accounts.actions import keep_language, sign_in
from weilu.accounts.devices import device_words
from weilu.accounts.guesses import COOKIE, KNOWN_FOR, device_cookie, known_device
from weilu.accounts.models import Person
from weilu.accounts.queries import has_second_factor
from weilu.accounts.reader import address_of
from weilu.accounts.register import note
from weilu.accounts.sessions import NOTE, facts
from weilu.accounts.watched import SecurityEvent
from weilu.kernel.refused import Refused
from weilu.kernel.rights import ANYONE, SIGNED_IN, right
from weilu.kernel.times import now
from weilu.ui.views import YEAR

HALF = "half"  # in the session of whoever gave the password and not yet the code


@right(ANYONE)
@never_cache
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; a wrong one is said under the fields, and the name stays typed."""
    target = fitting(request)
    if request.user.is_authenticated and request.method == "GET":
        return redirect(target)
    shown: dict[str, Any] = {"next": target, "oidc": settings.OIDC, "username": request.POST.get("username", "")[:40]}
    if request.method == "GET":
        return render(request, "accounts/login.html", shown)
    device = request.COOKIES.get(COOKIE, "")
    try:
        person = sign_in(shown["username"], request.POST.get("password", ""), address_of(request), device=device)
    except Refused as refused:
        return render(request, "accounts/login.html", shown | {"refused": refused}, status=401)
    if has_second_factor(person):
        return on_to_the_code(request, person, target)
    return let_in(request, person, target)


def fitting(request: HttpRequest) -> str:
    """Where to go after signing in: a page of this site."""
    target = request.POST.get("next") or request.GET.get("next") or "/"
    return target if _of_this_site(request, target) and not target.startswith("/log") else "/"


def _of_this_site(request: HttpRequest, target: str) -> bool:
    """Whether `target` is an address of this site and nothing that could be taken for a name of a page."""
    return target.startswith(("/", "http")) and url_has_allowed_host_and_scheme(target, {request.get_host()})


def on_to_the_code(request: HttpRequest, person: Person, target: str) -> HttpResponse:
    """Keep that the first step is done, and ask for the second."""
    request.session[HALF] = [str(person.uid), now().isoformat(), person.get_session_auth_hash()]
    return redirect(f"/login/second?{urlencode({'next': target})}")


def let_in(request: HttpRequest, person: Person, target: str, *, second: bool = False) -> HttpResponse:
    """Begin the visit of whoever has shown all that is asked for; from now on the browser is known."""
    device = request.COOKIES.get(COOKIE, "")
    if not known_device(device, person):
        words = device_words(request.headers.get("User-Agent", ""))
        note(SecurityEvent.Kind.DEVICE, person=person, address=address_of(request), act=words)
    login(request, person)
    request.session.pop(HALF, None)
    request.session["second"] = second
    request.session[NOTE] = facts(address_of(request), request.headers.get("User-Agent", ""))
    response = redirect(target)
    response.set_cookie(
        COOKIE, device_cookie(device, person), max_age=KNOWN_FOR, path="/login",
        samesite="Lax", httponly=True, secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip
    return _in_own_language(request, response, person)


@right(SIGNED_IN)
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End the visit."""
    logout(request)
    response = redirect("/login")
    response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)  # it was this person's; the next one has their own
    return response


@right(ANYONE)
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Read in another language from here on; kept with the person, if somebody is signed in."""
    wanted, target = request.POST.get("language", ""), request.POST.get("next", "/")
    response = redirect(target if _of_this_site(request, target) else "/")
    if wanted in dict(settings.LANGUAGES):
        _speak(response, wanted)
        if isinstance(request.user, Person):
            keep_language(request.user, wanted)
    return response


def _in_own_language(request: HttpRequest, response: HttpResponse, person: Person) -> HttpResponse:
    """What was chosen on the page of sign-in is kept; where nothing was, the language kept before returns."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if chosen in dict(settings.LANGUAGES):
        keep_language(person, chosen)
    elif person.language:
        _speak(response, person.language)
    return response


def _speak(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR, samesite="Lax", httponly=True,
        secure=settings.LANGUAGE_COOKIE_SECURE,
    )  # fmt: skip
