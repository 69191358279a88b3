"""The register of systems."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from weilu.accounts.models import Organisation, Person
from weilu.evidence.looking import seen
from weilu.kernel.rights import right
from weilu.systems.models import System


@right("systems.see")
@require_GET
def systems(request: HttpRequest) -> HttpResponse:
    """Every system one may see, with where it is installed."""
    rows = (
        System.objects.visible_to(_person(request))
        .select_related("owner", "backup_owner")
        .prefetch_related("installations")
    )
    found = list(rows.order_by("owner__code", "code"))
    for owner in {one.owner_id: one.owner for one in found}.values():
        _seen(request, owner, "systems", owner.code, owner.code)
    return render(request, "systems/systems.html", {"rows": found})


@right("systems.see")
@require_GET
def system(request: HttpRequest, uid: str) -> HttpResponse:
    """One system: its installations, its users, who keeps its backups."""
    found = System.objects.select_related("owner", "backup_owner__organisation").fetch(_person(request), uid)
    _seen(request, found.owner, "system", str(found.uid), found.code)
    shown = {
        "system": found,
        "installations": found.installations.order_by("host", "name"),
        "users": found.users.select_related("department", "organisation").order_by("id"),
    }
    return render(request, "systems/system.html", shown)


def _seen(request: HttpRequest, owner: Organisation, kind: str, what: str, words: str) -> None:
    """Whoever is not the customer's own is registered as having looked (CON-9)."""
    if _person(request).organisation_id != owner.id:
        seen(request, org=owner.code, kind=kind, what=what, words=words, counted=False)


def _person(request: HttpRequest) -> Person:
    """Who asks; the sign-in middleware has seen to it that somebody does."""
    assert isinstance(request.user, Person)  # noqa: S101
    return request.user
