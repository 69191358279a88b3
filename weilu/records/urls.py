"""Addresses of record sheets."""

from django.urls import path

from weilu.records import overtime_pages, proving, scan_pages, views

app_name = "records"
urlpatterns = [
    path("sheets/", views.sheets, name="sheets"),
    path("sheets/<uuid:uid>/", views.sheet, name="sheet"),
    path("sheets/<uuid:uid>.pdf", views.printed, name="printed"),
    path("sheets/<uuid:uid>/filed.pdf", views.filed, name="filed"),
    path("sheets/<uuid:uid>/sign", views.sign, name="sign"),
    path("sheets/<uuid:uid>/refuse", views.refuse, name="refuse"),
    path("sheets/<uuid:uid>/cancel", views.cancel, name="cancel"),
    path("sheets/<uuid:uid>/overtime/sign", overtime_pages.sign, name="sign_overtime"),
    path("sheets/<uuid:uid>/overtime/refuse", overtime_pages.refuse, name="refuse_overtime"),
    path("sheets/<uuid:uid>/overtime.pdf", views.overtime_filed, name="overtime_filed"),
    path("overtime/<uuid:uid>/", overtime_pages.overtime, name="overtime"),
    path("overtime/<uuid:uid>/drop", overtime_pages.drop, name="drop_overtime"),
    path("sheets/<uuid:uid>/scans", scan_pages.upload, name="upload_scan"),
    path("sheets/<uuid:uid>/scans/<uuid:scan>", scan_pages.download, name="scan"),
    path("sheets/<uuid:uid>/docx", scan_pages.fill, name="fill"),
    path("sheets/<uuid:uid>/docx/<uuid:docx>", scan_pages.docx, name="docx"),
    path("proof/", proving.proof_page, name="proof"),
    path("proof/proof.py", proving.program, name="program"),
    path("s/<slug:token>", views.public, name="public"),
]
