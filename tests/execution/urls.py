"""The addresses the pages of this room link to, whatever else is mounted."""

from django.urls import include, path

from weilu.urls import urlpatterns as product

urlpatterns = [*product, path("", include("weilu.execution.urls")), path("", include("weilu.systems.urls"))]
