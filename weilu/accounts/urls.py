"""Addresses of sign-in and people."""

from django.urls import path

from weilu.accounts import views

app_name = "accounts"
urlpatterns = [
    path("login", views.enter, name="login"),
    path("logout", views.leave, name="logout"),
    path("language", views.language, name="language"),
    path("people/", views.people, name="people"),
]
