from django.urls import path

from weilu.evidence import views

app_name = "evidence"
urlpatterns = [
    path("evidence/", views.overview, name="overview"),
    path("evidence/verifier.py", views.single_file, name="verifier"),
    path("evidence/<int:index>/", views.entry, name="entry"),
    path("evidence/item/<uuid:uid>.zip", views.item_export, name="item_export"),
]
