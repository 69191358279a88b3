from django.urls import path

from weilu.evidence import look_views, shred_views, views

app_name = "evidence"
urlpatterns = [
    path("evidence/", views.overview, name="overview"),
    path("evidence/verifier.py", views.single_file, name="verifier"),
    path("evidence/<int:index>/", views.entry, name="entry"),
    path("evidence/item/<uuid:uid>.zip", views.item_export, name="item_export"),
    path("evidence/shreddings/", shred_views.shreddings, name="shreddings"),
    path("evidence/<int:index>/shred", shred_views.ask, name="shred"),
    path("evidence/shreddings/<uuid:uid>", shred_views.decide, name="decide_shredding"),
    path("looks/", look_views.looks, name="looks"),
    path("looks/purpose", look_views.purpose, name="purpose"),
    path("looks/looks.xlsx", look_views.workbook, name="looks_workbook"),
    path("looks/retention", look_views.retention, name="retention"),
    path("looks/export", look_views.export, name="looks_export"),
]
