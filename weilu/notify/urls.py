"""Addresses of the inbox."""

from django.urls import path
from django.views.generic import RedirectView

from weilu.kernel.rights import SIGNED_IN, right
from weilu.notify import views

app_name = "notify"
urlpatterns = [
    path("notices/", views.inbox, name="inbox"),
    path("notices/read", views.read_all, name="read_all"),
    path("notices/settings", views.choices, name="choices"),
    path("notices/<uuid:uid>/", views.read, name="read"),
    path("inbox/", right(SIGNED_IN)(RedirectView.as_view(pattern_name="notify:inbox"))),
]
