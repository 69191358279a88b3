"""Addresses of systems."""

from django.urls import path

from weilu.systems import views

app_name = "systems"
urlpatterns = [
    path("systems/", views.systems, name="systems"),
    path("systems/<str:uid>/", views.system, name="system"),
]
