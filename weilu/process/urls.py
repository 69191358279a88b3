"""Addresses of my work and of searching."""

from django.urls import path

from weilu.process import list_views, views

app_name = "process"
urlpatterns = [
    path("", views.my_work, name="my_work"),
    path("search", list_views.search, name="search"),
]
