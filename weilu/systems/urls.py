"""Addresses of systems and hosts."""

from django.urls import path

from weilu.systems import host_views, import_views, layout_views, views

app_name = "systems"
urlpatterns = [
    path("systems/", views.systems, name="systems"),
    path("systems/limits/", layout_views.limits, name="limits"),
    path("systems/limits/set", layout_views.set_limit, name="set_limit"),
    path("systems/limits/<uuid:uid>/remove", layout_views.remove_limit, name="remove_limit"),
    path("systems/import/", import_views.upload, name="upload"),
    path("systems/import/template", import_views.template, name="import_template"),
    path("systems/import/<uuid:uid>/", import_views.preview, name="import"),
    path("systems/import/<uuid:uid>/confirm", import_views.confirm, name="confirm_import"),
    path("systems/import/<uuid:uid>/drop", import_views.drop, name="drop_import"),
    path("systems/hosts/", host_views.hosts, name="hosts"),
    path("systems/hosts/export", host_views.workbook, name="hosts_workbook"),
    path("systems/hosts/<uuid:uid>/", host_views.host, name="host"),
    path("systems/hosts/<uuid:uid>/change", host_views.change, name="change_host"),
    path("systems/hosts/<uuid:uid>/pin", host_views.pin, name="pin"),
    path("systems/hosts/<uuid:uid>/repin", host_views.repin, name="repin"),
    path("systems/hosts/<uuid:uid>/retire", host_views.retire, name="retire"),
    path("systems/<str:uid>/", views.system, name="system"),
    path("systems/<uuid:uid>/layout", layout_views.layout, name="layout"),
    path("systems/<uuid:uid>/change", layout_views.change, name="change_layout"),
    path("systems/<uuid:uid>/hosts/new", host_views.register, name="register_host"),
]
