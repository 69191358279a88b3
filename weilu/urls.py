"""Every address of the product, room by room, and what the shell shows of them."""

from django.urls import include, path

from weilu.accounts.queries import owner_names
from weilu.process.pages import waiting_for
from weilu.ui import shell, views

urlpatterns = [
    path("healthz", views.healthz),
    path("theme", views.theme),
    path("more", views.more),
    path("", include("weilu.accounts.urls")),
    path("", include("weilu.process.urls")),
    path("", include("weilu.notify.urls")),
    path("changes/", include("weilu.changes.urls")),
    path("", include("weilu.planning.urls")),
    path("", include("weilu.execution.urls")),
    path("", include("weilu.systems.urls")),
    path("", include("weilu.vault.urls")),
    path("", include("weilu.records.urls")),
    path("", include("weilu.documents.urls")),
    path("", include("weilu.evidence.urls")),
    path("", include("weilu.jobs.urls")),
    path("api/v1/", include("weilu.api.urls")),
]
handler400 = "weilu.ui.views.bad_request"
handler403 = "weilu.ui.views.forbidden"
handler404 = "weilu.ui.views.not_found"
handler500 = "weilu.ui.views.broken"

shell.name_owners(owner_names)
shell.count_at("/", waiting_for)
