"""Addresses of my work."""

from django.urls import path

from weilu.process import views

app_name = "process"
urlpatterns = [path("", views.my_work, name="my_work")]
