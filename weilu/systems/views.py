"""The register of systems."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from weilu.accounts.models import Person
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
    return render(request, "systems/systems.html", {"rows": rows.order_by("owner__code", "code")})


@right("systems.see")
@require_GET
def system(request: HttpRequest, uid: str) -> HttpResponse:
    """One system: its installations, its users, who keeps its backups."""
    found = System.objects.select_related("owner", "backup_owner__organisation").fetch(_person(request), uid)
    shown = {
        "system": found,
        "installations": found.installations.order_by("host", "name"),
        "users": found.users.select_related("department", "organisation").order_by("id"),
    }
    return render(request, "systems/system.html", shown)


def _person(request: HttpRequest) -> Person:
    """Who asks; the sign-in middleware has seen to it that somebody does."""
    assert isinstance(request.user, Person)  # noqa: S101
    return request.user
