"""Addresses of changes."""

from django.urls import path

from weilu.changes import views

app_name = "changes"
urlpatterns = [
    path("", views.changes, name="changes"),
    path("new", views.new, name="new"),
    path("<str:uid>/", views.change, name="change"),
    path("<str:uid>/sign", views.sign, name="sign"),
    path("<str:uid>/return", views.send_back, name="return"),
    path("<str:uid>/need", views.need, name="need"),
    path("<str:uid>/plan", views.plan, name="plan"),
    path("<str:uid>/compare", views.compare, name="compare"),
    path("<str:uid>/run", views.run, name="run"),
    path("<str:uid>/feedback", views.feedback, name="feedback"),
]
