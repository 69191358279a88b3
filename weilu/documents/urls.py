"""Addresses of controlled documents."""

from django.urls import path

from weilu.documents import views

app_name = "documents"
urlpatterns = [
    path("documents/", views.documents, name="documents"),
    path("documents/new", views.register, name="register"),
    path("documents/fields/", views.fields, name="fields"),
    path("documents/<uuid:uid>/", views.document, name="document"),
    path("documents/<uuid:uid>/propose", views.propose, name="propose"),
    path("documents/<uuid:uid>/versions/<uuid:version>/file", views.download, name="file"),
    path("documents/<uuid:uid>/versions/<uuid:version>/sample", views.sample, name="sample"),
    path("documents/<uuid:uid>/versions/<uuid:version>/approve", views.approve, name="approve"),
    path("documents/<uuid:uid>/versions/<uuid:version>/decline", views.decline, name="decline"),
    path("documents/<uuid:uid>/versions/<uuid:version>/confirm", views.confirm, name="confirm"),
]
