"""Addresses of background work."""

from django.urls import path

from weilu.jobs import views

app_name = "jobs"
urlpatterns = [
    path("jobs/", views.jobs, name="jobs"),
    path("jobs/<uuid:uid>/again", views.again, name="again"),
]
