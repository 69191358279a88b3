"""Addresses of credentials, and of reaching hosts."""

from django.urls import path

from weilu.vault import views

app_name = "vault"
urlpatterns = [
    path("credentials/", views.credentials, name="credentials"),
    path("credentials/export", views.workbook, name="workbook"),
    path("credentials/new", views.add, name="add"),
    path("credentials/<uuid:uid>/", views.credential, name="credential"),
    path("credentials/<uuid:uid>/grant", views.grant, name="grant"),
    path("credentials/<uuid:uid>/retire", views.retire, name="retire"),
    path("credentials/access/<uuid:uid>/revoke", views.revoke, name="revoke"),
    path("hosts/<uuid:uid>/assign", views.assign, name="assign"),
    path("hosts/<uuid:uid>/test", views.test, name="test"),
    path("hosts/<uuid:uid>/reached", views.panel, name="panel"),
]
