"""The two addresses of sign-in at the organisation's identity provider: leaving, and coming back."""

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from weilu.accounts import oidc
from weilu.accounts.models import Person
from weilu.accounts.queries import has_second_factor
from weilu.accounts.views import fitting, let_in, on_to_the_code
from weilu.evidence.actions import stage
from weilu.kernel.refused import Refused
from weilu.kernel.rights import ANYONE, right

KEPT = "oidc"


@right(ANYONE)
@never_cache
@require_GET
def leave(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider."""
    target = fitting(request)
    try:
        url, journey = oidc.leave(target, _site(request))
    except Refused as refused:
        return _said(request, target, refused)
    request.session[KEPT] = journey.kept()
    return redirect(url)


@right(ANYONE)
@never_cache
@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """Let in whom the provider vouches for, if Weilu knows them; what was kept is used once, whatever comes."""
    kept = request.session.pop(KEPT, None)
    try:
        name, target = oidc.come_back(request.GET.dict(), kept, _site(request))
        person = _known(name)
    except Refused as refused:
        return _said(request, "/", refused)
    if has_second_factor(person):
        return on_to_the_code(request, person, target)
    with transaction.atomic():
        data = {"person": person.actor, "by": "oidc"}
        stage("accounts.signed_in", data, actor=person.actor, org=person.organisation.code)
    return let_in(request, person, target)


def _known(name: str) -> Person:
    """The person of this work number; nobody is added."""
    found = Person.objects.filter(username=name[:40].replace("\0", ""), is_active=True).first()
    if found is None or found.username != name:
        raise Refused(_("单位统一身份认得您，但维录里没有这个工号"), help=_("请系统管理员添加"))
    return found


def _site(request: HttpRequest) -> str:
    return str(settings.CONFIG.public_url or f"{request.scheme}://{request.get_host()}")


def _said(request: HttpRequest, target: str, refused: Refused) -> HttpResponse:
    return render(
        request, "accounts/login.html", {"next": target, "oidc": settings.OIDC, "refused": refused}, status=401
    )
