"""Acts on record sheets that carry files."""

import base64
import binascii
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done
from weilu.kernel.refused import Refused
from weilu.records.models import RecordSheet
from weilu.records.scans import file_scan as file_it

router = Router()


class ScanIn(Schema):
    sheet: UUID
    data: str  # the file in base64


@router.post("/records/file_scan", response=Done)
def file_scan(request: HttpRequest, body: ScanIn) -> Done:
    """File a scan of the signed paper (PDF, JPEG or PNG in base64; larger files by the page)."""
    sheet = RecordSheet.objects.fetch(reader(request), body.sheet)
    try:
        data = base64.b64decode(body.data, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(_("文件不是 base64"), field="data") from None
    return Done(uid=str(file_it(reader(request), sheet, data=data).uid), number=sheet.number or "")
