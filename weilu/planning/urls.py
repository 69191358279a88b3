"""Addresses of the calendar, of windows and of freezes."""

from django.urls import path

from weilu.planning import keeping_views, views

app_name = "planning"
urlpatterns = [
    path("calendar/", views.calendar, name="calendar"),
    path("calendar/check", views.check, name="check"),
    path("calendar/bookings/<uuid:uid>/move", views.move, name="move"),
    path("calendar/windows/", keeping_views.windows, name="windows"),
    path("calendar/windows/new", keeping_views.new_window, name="new_window"),
    path("calendar/windows/<uuid:uid>/", keeping_views.window, name="window"),
    path("calendar/windows/<uuid:uid>/end", keeping_views.end_window, name="end_window"),
    path("calendar/freezes/", keeping_views.freezes, name="freezes"),
    path("calendar/freezes/new", keeping_views.new_freeze, name="new_freeze"),
    path("calendar/freezes/<uuid:uid>/", keeping_views.freeze, name="freeze"),
    path("calendar/freezes/<uuid:uid>/end", keeping_views.end_freeze, name="end_freeze"),
    path("calendar/freezes/<uuid:uid>/ask", keeping_views.ask, name="ask"),
    path("calendar/exceptions/<uuid:uid>/", keeping_views.exception, name="exception"),
]
