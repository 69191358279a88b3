"""The register of systems."""

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from weilu.accounts.reader import reader
from weilu.kernel.rights import right
from weilu.systems.host_queries import dependencies_of, tree_of
from weilu.systems.looking import list_seen_by_others, seen_by_others
from weilu.systems.models import System

HOSTS = "environments__groups__hosts"


@right("systems.see")
@require_GET
def systems(request: HttpRequest) -> HttpResponse:
    """Every system one may see, with where it is installed."""
    rows = (
        System.objects.visible_to(reader(request))
        .select_related("owner", "backup_owner")
        .prefetch_related("installations")
        .annotate(
            registered=Count("environments__groups__hosts", filter=Q(environments__groups__hosts__retired_at=None))
        )
    )
    found = list(rows.order_by("owner__code", "code"))
    list_seen_by_others(request, {one.owner_id: one.owner for one in found}.values(), "systems")
    return render(request, "systems/systems.html", {"rows": found})


@right("systems.see")
@require_GET
def system(request: HttpRequest, uid: str) -> HttpResponse:
    """One system: its hosts by environment and group, what it depends on, its installations, users, backups."""
    found = System.objects.select_related("owner", "backup_owner__organisation").fetch(reader(request), uid)
    seen_by_others(request, found.owner, "system", found.uid, found.code)
    shown = {
        "system": found,
        "tree": tree_of(found),
        "dependencies": dependencies_of(found),
        "installations": found.installations.order_by("host", "name"),
        "users": found.users.select_related("department", "organisation").order_by("id"),
        "managed": reader(request).may("systems.manage", found.owner_id),
    }
    return render(request, "systems/system.html", shown)
