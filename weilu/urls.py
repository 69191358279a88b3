"""Every address of the product, room by room, and what the shell shows of them."""

from django.urls import include, path

from weilu.accounts.queries import owner_names
from weilu.ui import shell, views

urlpatterns = [
    path("healthz", views.healthz),
    path("language", views.language),
    path("theme", views.theme),
    path("more", views.more),
    path("", include("weilu.accounts.urls")),
]
handler400 = "weilu.ui.views.bad_request"
handler403 = "weilu.ui.views.forbidden"
handler404 = "weilu.ui.views.not_found"
handler500 = "weilu.ui.views.broken"

shell.name_owners(owner_names)
