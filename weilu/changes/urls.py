"""Addresses of changes."""

from django.urls import path

from weilu.changes import host_views, kind_views, views

app_name = "changes"
urlpatterns = [
    path("", views.changes, name="changes"),
    path("new", kind_views.new, name="new"),
    path("templates", kind_views.templates, name="templates"),
    path("templates/new", kind_views.new_template, name="new_template"),
    path("policy", kind_views.policy, name="policy"),
    path("<str:uid>/", views.change, name="change"),
    path("<str:uid>/sign", views.sign, name="sign"),
    path("<str:uid>/return", views.send_back, name="return"),
    path("<str:uid>/need", views.need, name="need"),
    path("<str:uid>/plan", host_views.plan, name="plan"),
    path("<str:uid>/rehearse", host_views.rehearse, name="rehearse"),
    path("<str:uid>/compare", views.compare, name="compare"),
    path("<str:uid>/run", views.run, name="run"),
    path("<str:uid>/feedback", views.feedback, name="feedback"),
    path("<str:uid>/withdraw", kind_views.withdraw, name="withdraw_template"),
    path("<str:uid>/normal", kind_views.normal_way, name="normal_way"),
    path("<str:uid>/amend", kind_views.amend, name="amend"),
    path("<str:uid>/documents", kind_views.documents, name="documents"),
]
