"""Addresses of runs."""

from django.urls import path

from weilu.execution import views
from weilu.execution.grid import views as grid
from weilu.execution.grid.act_views import act

app_name = "execution"
urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/<str:uid>/", views.run, name="run"),
    path("runs/<str:uid>/live", views.live, name="live"),
    path("runs/<str:uid>/grid", grid.live, name="grid"),
    path("runs/<str:uid>/acts/<slug:name>", act, name="act"),
    path("runs/<str:uid>/log", views.log, name="log"),
    path("runs/<str:uid>/cancel", views.cancel, name="cancel"),
    path("runs/<str:uid>/answer", views.answer, name="answer"),
]
