"""Addresses of sign-in, of people and security, and of what is one's own."""

from django.urls import path

from weilu.accounts import house_pages, mine, oidc_pages, people, second_pages, security_pages, views

app_name = "accounts"
urlpatterns = [
    path("login", views.enter, name="login"),
    path("login/second", second_pages.ask, name="login-code"),
    path("login/oidc", oidc_pages.leave, name="oidc"),
    path("login/oidc/back", oidc_pages.back, name="oidc-back"),
    path("logout", views.leave, name="logout"),
    path("language", views.language, name="language"),
    path("me/sessions", mine.visits, name="visits"),
    path("me/sessions/end-others", mine.end_others, name="end-other-visits"),
    path("me/sessions/<uuid:uid>/end", mine.end, name="end-visit"),
    path("me/second-factor", second_pages.own, name="second-factor"),
    path("me/password", mine.password, name="password"),
    path("me/tokens", mine.tokens, name="tokens"),
    path("me/tokens/<uuid:uid>/revoke", mine.revoke, name="revoke-token"),
    path("security/", security_pages.events, name="security"),
    path("security/log", security_pages.log, name="security-log"),
    path("security/alarms", security_pages.alarm_list, name="alarms"),
    path("security/alarms/<uuid:uid>/close", security_pages.close, name="close-alarm"),
    path("security/equipment", security_pages.equipment_list, name="equipment"),
    path("security/settings", security_pages.settings, name="alarm-settings"),
    path("security/export", security_pages.export, name="security-export"),
    path("people/", people.people, name="people"),
    path("people/add", people.add, name="add"),
    path("people/call-in", people.call_in, name="call-in"),
    path("people/roles", house_pages.roles, name="roles"),
    path("people/organisations/", house_pages.organisations, name="organisations"),
    path("people/organisations/<uuid:uid>/", house_pages.organisation, name="organisation"),
    path("people/organisations/<uuid:uid>/change", house_pages.change, name="change-organisation"),
    path("people/<uuid:uid>/amend", house_pages.amend, name="amend"),
    path("people/<uuid:uid>/let-go", house_pages.part, name="let-go"),
    path("people/<uuid:uid>/take-back", house_pages.bring_back, name="take-back"),
    path("people/<uuid:uid>/", people.person, name="person"),
    path("people/<uuid:uid>/give", people.give, name="give"),
    path("people/<uuid:uid>/reset-second-factor", second_pages.reset, name="reset-second-factor"),
    path("people/<uuid:uid>/require-second-factor", second_pages.require, name="require-second-factor"),
    path("people/<uuid:uid>/unlock", people.free, name="unlock"),
    path("people/<uuid:uid>/end", people.end, name="end"),
]
