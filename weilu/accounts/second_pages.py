"""The pages of the second step: asked for at sign-in, and where somebody turns it on and off."""

from datetime import timedelta
from typing import Any

import segno
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from weilu.accounts import second
from weilu.accounts.guesses import COOKIE
from weilu.accounts.models import Organisation, Person
from weilu.accounts.people import of_the_form
from weilu.accounts.queries import has_second_factor, person_seen
from weilu.accounts.reader import address_of, reader
from weilu.accounts.views import HALF, fitting, let_in
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import ANYONE, SIGNED_IN, right
from weilu.kernel.times import now

HALF_FOR = timedelta(minutes=5)  # from the password to the code


@right(ANYONE)
@sensitive_post_parameters("code")
@never_cache
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Ask whoever gave the password for a code."""
    person, target = _half(request), fitting(request)
    if person is None:
        return redirect("accounts:login")
    shown = {"next": target}
    if request.method == "GET":
        return render(request, "accounts/login-code.html", shown)
    try:
        device = request.COOKIES.get(COOKIE, "")
        second.second_step(person, request.POST.get("code", ""), address_of(request), device=device)
    except Refused as refused:
        return render(request, "accounts/login-code.html", shown | {"refused": refused}, status=401)
    return let_in(request, person, target, second=True)


@right(SIGNED_IN)
@sensitive_post_parameters("password", "code")
@never_cache
@require_http_methods(["GET", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """Turn the second step on (password, code from the phone, recovery codes) or off."""
    person = reader(request)
    on = has_second_factor(person)
    if on and person.organisation.second_factor_required and not request.session.get("second"):
        logout(request)  # signed in before it was asked for
        return redirect("accounts:login")
    shown: dict[str, Any] = {"refused": None, "required": person.organisation.second_factor_required}
    if request.method == "POST":
        try:
            shown["codes"] = _act(request, person)
        except Refused as problem:
            shown["refused"] = of_the_form(problem)
        else:
            if not shown["codes"]:
                return redirect("accounts:second-factor")
    waiting = second.pending(person)
    shown |= {
        "on": has_second_factor(person), "picture": _picture(waiting) if waiting else "",
        "secret": waiting.partition("secret=")[2].partition("&")[0],
        "left": person.recovery_codes.filter(used_at=None).count(),
    }  # fmt: skip
    return render(request, "accounts/second-factor.html", shown, status=422 if shown["refused"] else 200)


@right("people.manage")
@require_POST
def reset(request: HttpRequest, uid: str) -> HttpResponse:
    """Take away the second factor of somebody who lost it."""
    found = person_seen(reader(request), uid)
    second.reset_second_factor(reader(request), found)
    messages.success(request, _("%(name)s 的两步验证已重置") % {"name": found.name})
    return redirect("accounts:person", uid)


@right("people.manage")
@require_POST
def require(request: HttpRequest, uid: str) -> HttpResponse:
    """Ask everybody of an organisation for the second step, or no longer."""
    found = Organisation.objects.filter(id__in=reader(request).owner_ids, uid=uid).first()
    if found is None:
        raise NotVisible(uid)
    required = request.POST.get("required") == "1"
    second.require_second_factor(reader(request), found, required=required)
    said = _("%(owner)s 的人登录时都要两步验证") if required else _("%(owner)s 的人可以只用密码登录")
    messages.success(request, said % {"owner": found.name})
    return redirect("accounts:people")


def _act(request: HttpRequest, person: Person) -> list[str]:
    """The act the form asks for; the recovery codes, where it is the last step of turning on."""
    given, address = request.POST, address_of(request)
    if given.get("act") == "confirm":
        codes = second.confirm_second_factor(person, code="".join(given.get("code", "").split()))
        request.session["second"] = True
        return codes
    act = second.drop_second_factor if given.get("act") == "drop" else second.enrol_second_factor
    act(person, password=given.get("password", ""), address=address)
    return []


def _half(request: HttpRequest) -> Person | None:
    """Who gave the password in this browser within HALF_FOR; a changed password ends that."""
    uid, at, sealed = request.session.get(HALF, ["", "", ""])
    since = parse_datetime(at) if at else None
    if since is None or since + HALF_FOR < now():
        return None
    found = Person.objects.filter(uid=uid, is_active=True).first()
    return found if found and found.get_session_auth_hash() == sealed else None


def _picture(address: str) -> SafeString:
    """The QR code as a drawing in the page, without style or script."""
    drawn = segno.make(address, error="m", micro=False).svg_inline(scale=4, border=2, light="#fff")
    return mark_safe(drawn)  # noqa: S308  (drawn by us; the address stands in it as modules only)
