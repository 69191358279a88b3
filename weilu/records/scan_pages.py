"""Files of a sheet: scans of the signed paper, the sheet in the customer's own template."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts.reader import reader
from weilu.documents.rules import DOCX
from weilu.documents.scanning import LARGEST, TYPES
from weilu.evidence.files import read
from weilu.kernel.refused import Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.records.filling import fill_sheet
from weilu.records.models import RecordSheet
from weilu.records.scans import file_scan
from weilu.records.views import refused_here, seen_sheet


@right(SIGNED_IN)
@require_POST
def upload(request: HttpRequest, uid: str) -> HttpResponse:
    """File a scan of the signed paper; what is not of this sheet is refused on the sheet's page."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    given = request.FILES.get("scan")
    try:
        file_scan(reader(request), found, data=given.read(LARGEST + 1) if given else b"")
    except Refused as refused:
        return refused_here(request, found, refused, "scan")
    return redirect("records:sheet", uid=uid)


@right(SIGNED_IN)
@never_cache
@require_GET
def download(request: HttpRequest, uid: str, scan: str) -> HttpResponse:
    """A filed scan, byte for byte; always saved, never shown inside our pages."""
    sheet = RecordSheet.objects.fetch(reader(request), uid)
    found = get_object_or_404(sheet.scans, uid=scan)
    if asking := seen_sheet(request, sheet, "scan", ask=True):
        return asking
    kind, ending = TYPES[found.kind]
    response = HttpResponse(read(found.sha256), content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="{sheet.number}-scan-{found.id}.{ending}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@right(SIGNED_IN)
@require_POST
def fill(request: HttpRequest, uid: str) -> HttpResponse:
    """Fill the sheet into a template of the customer."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    try:
        fill_sheet(reader(request), found, template=request.POST.get("template", ""))
    except Refused as refused:
        return refused_here(request, found, refused, "template")
    return redirect("records:sheet", uid=uid)


@right(SIGNED_IN)
@never_cache
@require_GET
def docx(request: HttpRequest, uid: str, docx: str) -> HttpResponse:
    """The sheet in the customer's template, byte for byte as filed."""
    sheet = RecordSheet.objects.fetch(reader(request), uid)
    found = get_object_or_404(sheet.docx, uid=docx)
    if asking := seen_sheet(request, sheet, "sheet_print", ask=True):
        return asking
    response = HttpResponse(read(found.sha256), content_type=DOCX)
    response.headers["Content-Disposition"] = f'attachment; filename="{sheet.number}-{found.id}.docx"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
