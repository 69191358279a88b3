"""Acts on record sheets beside signing: files and overtime."""

import base64
import binascii
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import AwareDatetime

from weilu.accounts.reader import address_of, reader
from weilu.api.acts import Done, somebody
from weilu.kernel.refused import Refused
from weilu.process.models import WorkItem
from weilu.records import overtime
from weilu.records.filling import fill_sheet as fill_it
from weilu.records.models import Overtime, RecordSheet
from weilu.records.overtime_lines import overtime_digest
from weilu.records.scans import file_scan as file_it

router = Router()
reads = Router()


class OvertimeIn(Schema, extra="forbid"):
    """`person` is the sign-in name of who worked; empty for the caller."""

    item: UUID
    since: AwareDatetime
    until: AwareDatetime
    reason: str
    person: str = ""


class OvertimeRef(Schema, extra="forbid"):
    overtime: UUID


class OvertimeSignature(Schema):
    """`digest` is that of the overtime, as GET /sheets/{uid}/overtime tells it."""

    sheet: UUID
    password: str
    digest: str
    strokes: list[list[list[int]]] = []
    name_instead: bool = False


class OvertimeRefusal(Schema):
    sheet: UUID
    password: str
    digest: str
    reason: str


class FillIn(Schema, extra="forbid"):
    """`template` is the uid of a version in force."""

    sheet: UUID
    template: UUID


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


@reads.get("/sheets/{uuid:uid}/overtime", summary="The overtime a sheet states, the customer's word on it, its digest")
def overtime_of(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """`digest` is what the customer signs for; `answer` is empty, signed or refused."""
    sheet = RecordSheet.objects.fetch(reader(request), uid)
    said = getattr(sheet, "overtime_answer", None)
    return {
        "overtime": sheet.content.get("overtime", []),
        "digest": overtime_digest(sheet),
        "answer": "" if said is None else "signed" if said.signed else "refused",
        "reason": said.reason if said else "",
    }


@router.post("/records/enter_overtime", response=Done)
def enter_overtime(request: HttpRequest, body: OvertimeIn) -> Done:
    item = WorkItem.objects.fetch(reader(request), body.item)
    person = somebody(request, body.person) if body.person else None
    fields: dict[str, Any] = {"since": body.since, "until": body.until, "reason": body.reason}
    made = overtime.enter_overtime(reader(request), item, person=person, **fields)
    return Done(uid=str(made.uid), number=item.number)


@router.post("/records/drop_overtime", response=Done)
def drop_overtime(request: HttpRequest, body: OvertimeRef) -> Done:
    row = Overtime.objects.select_related("item").fetch(reader(request), body.overtime)
    return Done(number=overtime.drop_overtime(reader(request), row).number)


@router.post("/records/sign_overtime", response=Done)
def sign_overtime(request: HttpRequest, body: OvertimeSignature) -> Done:
    sheet = RecordSheet.objects.fetch(reader(request), body.sheet)
    overtime.sign_overtime(reader(request), sheet, address=address_of(request), **body.dict(exclude={"sheet"}))
    return Done(uid=str(sheet.uid), number=sheet.number or "")


@router.post("/records/refuse_overtime", response=Done)
def refuse_overtime(request: HttpRequest, body: OvertimeRefusal) -> Done:
    sheet = RecordSheet.objects.fetch(reader(request), body.sheet)
    overtime.refuse_overtime(reader(request), sheet, address=address_of(request), **body.dict(exclude={"sheet"}))
    return Done(uid=str(sheet.uid), number=sheet.number or "")


@router.post("/records/fill_sheet", response=Done)
def fill_sheet(request: HttpRequest, body: FillIn) -> Done:
    """Fill the sheet into the customer's own template; the file is at /sheets/{sheet}/docx/{uid}."""
    sheet = RecordSheet.objects.fetch(reader(request), body.sheet)
    return Done(uid=str(fill_it(reader(request), sheet, template=str(body.template)).uid), number=sheet.number or "")
