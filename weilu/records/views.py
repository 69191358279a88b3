"""The pages of record sheets: the list, the sheet, its print, and its public face."""

import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts.models import Person
from weilu.accounts.reader import reader
from weilu.documents.printing import print_form
from weilu.documents.queries import template_in_force
from weilu.evidence.files import read
from weilu.evidence.looking import seen
from weilu.kernel.refused import Refused
from weilu.kernel.rights import ANYONE, SIGNED_IN, right
from weilu.records.actions import cancel_number, facts_of, refuse_sheet, sign_sheet
from weilu.records.content import ACCEPTANCE, SATISFACTION
from weilu.records.drawing import path_of as drawn_path
from weilu.records.drawing import view_box
from weilu.records.models import OvertimeAnswer, RecordSheet, Side
from weilu.records.overtime_lines import overtime_digest
from weilu.records.paper import sheet_form
from weilu.records.queries import sheets_of, side_of
from weilu.records.rules import PAD
from weilu.records.template import KEY
from weilu.ui.dates import span

PAGE = 50


@right(SIGNED_IN)
@require_GET
def sheets(request: HttpRequest) -> HttpResponse:
    """The sheets I see, fifty to a page; `?waiting=1` keeps those that wait for me."""
    before = request.GET.get("before", "")
    start = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    waiting = request.GET.get("waiting") == "1"
    rows = list(sheets_of(reader(request), waiting=waiting, before=start)[: PAGE + 1])
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    return render(request, "records/sheets.html", {"rows": rows[:PAGE], "more": more, "waiting": waiting})


@right(SIGNED_IN)
@never_cache
@require_GET
def sheet(request: HttpRequest, uid: str) -> HttpResponse:
    """One sheet as it stands on paper, with what was signed and the place to sign."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    seen_sheet(request, found, "sheet")
    return _page(request, found)


@right(SIGNED_IN)
@never_cache
@require_GET
def printed(request: HttpRequest, uid: str) -> HttpResponse:
    """The sheet as PDF, printed now: it names the evidence entry as soon as there is one."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    if asking := seen_sheet(request, found, "sheet_print", ask=True):
        return asking
    return _pdf(print_form("record-sheet", sheet_form(found)), found.number or "draft")


@right(SIGNED_IN)
@never_cache
@require_GET
def filed(request: HttpRequest, uid: str) -> HttpResponse:
    """The signed sheet as it was filed, byte for byte: evidence holds its digest."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    if not found.filed:
        raise Http404
    if asking := seen_sheet(request, found, "sheet_filed", ask=True):
        return asking
    return _pdf(read(found.filed), f"{found.number}-filed")


@right(SIGNED_IN)
@never_cache
@require_GET
def overtime_filed(request: HttpRequest, uid: str) -> HttpResponse:
    """The sheet as it was filed once more with the customer's word on its overtime."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    answer = OvertimeAnswer.objects.filter(sheet=found).exclude(filed="").first()
    if answer is None:
        raise Http404
    if asking := seen_sheet(request, found, "sheet_filed", ask=True):
        return asking
    return _pdf(read(answer.filed), f"{found.number}-overtime")


@right(SIGNED_IN)
@require_POST
def sign(request: HttpRequest, uid: str) -> HttpResponse:
    """Sign for one side; what was typed stays when it is refused, the password apart."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    post = request.POST
    try:
        sign_sheet(
            reader(request),
            found,
            side=post.get("side", ""),
            password=post.get("password", ""),
            address=_address(request),
            digest=post.get("digest", ""),
            strokes=strokes_in(post.get("strokes", "")),
            name_instead=post.get("name_instead") == "1",
            opinion=post.get("opinion", ""),
            satisfaction=post.get("satisfaction", ""),
            acceptance=post.get("acceptance", ""),
        )
    except Refused as refused:
        return refused_here(request, found, refused, "sign")
    return redirect("records:sheet", uid=uid)


@right(SIGNED_IN)
@require_POST
def refuse(request: HttpRequest, uid: str) -> HttpResponse:
    """Refuse to sign, for the customer, with the reason."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    post = request.POST
    try:
        refuse_sheet(
            reader(request), found, reason=post.get("reason", ""), password=post.get("password", ""),
            address=_address(request), digest=post.get("digest", ""),
        )  # fmt: skip
    except Refused as refused:
        return refused_here(request, found, refused, "refuse")
    return redirect("records:sheet", uid=uid)


@right("sheets.cancel")
@require_POST
def cancel(request: HttpRequest, uid: str) -> HttpResponse:
    """Cancel the number, with the reason."""
    found = RecordSheet.objects.fetch(reader(request), uid)
    try:
        cancel_number(reader(request), found, reason=request.POST.get("reason", ""))
    except Refused as refused:
        return refused_here(request, found, refused, "cancel")
    return redirect("records:sheet", uid=uid)


@right(ANYONE)
@never_cache
@require_GET
def public(request: HttpRequest, token: str) -> HttpResponse:
    """What the short QR leads to: number, date, state and digest, nothing else."""
    found = RecordSheet.objects.filter(token=token, frozen_at__isnull=False).first()
    if found is None:
        raise Http404
    response = render(request, "records/public.html", {"sheet": found})
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def seen_sheet(request: HttpRequest, found: RecordSheet, kind: str, *, ask: bool = False) -> HttpResponse | None:
    """Register the look at a sheet or at something filed to it; where a purpose is missing, the page that asks."""
    return seen(
        request, org=found.owner.code, kind=kind, what=found.uid, words=found.number or found.item.number,
        item=str(found.item.uid), ask=ask,
    )  # fmt: skip


def _page(request: HttpRequest, found: RecordSheet, status: int = 200, **more: Any) -> HttpResponse:
    side = side_of(reader(request), found)
    drawings = {
        one.side: (view_box(one.strokes), drawn_path(one.strokes)) for one in found.signatures.all() if one.strokes
    }
    shown: dict[str, Any] = {
        "sheet": found, "paper": sheet_form(found), "side": side, "side_name": Side(side).label if side else "",
        "signatures": found.signatures.select_related("person__organisation"), "drawings": drawings, "pad": PAD,
        "signers": found.signers.select_related("person__organisation").order_by("side", "id"),
        "scans": found.scans.select_related("by__organisation").order_by("id"),
        "docx": found.docx.select_related("template__document", "by__organisation").order_by("id"),
        "templates": template_in_force(found.owner_id, KEY) if found.frozen_at else [],
        "may_scan": found.state in ("frozen", "signed"),
        "satisfaction": SATISFACTION, "acceptance": ACCEPTANCE,
        "may_cancel": found.state == RecordSheet.State.FROZEN
        and not found.signatures.exists()
        and reader(request).may("sheets.cancel", found.owner_id),
    }  # fmt: skip
    shown |= _overtime(reader(request), found, shown["paper"]["overtime"]["rows"])
    answer = shown.get("overtime_answer")
    if answer and answer.strokes:
        drawings["overtime"] = (view_box(answer.strokes), drawn_path(answer.strokes))
    return render(request, "records/sheet.html", shown | more, status=status)


def _overtime(person: Person, found: RecordSheet, rows: list[Any]) -> dict[str, Any]:
    """What the page shows of overtime, and whether it offers `person` to answer it: the action decides."""
    if not rows:
        return {}
    hours = [span(line["minutes"], days=False) for line in found.content["overtime"]]
    answer = OvertimeAnswer.objects.filter(sheet=found).select_related("person__organisation").first()
    asked = found.state not in ("draft", "cancelled") and person.id in facts_of(found).customer_signers
    return {
        "overtime_rows": list(zip(rows, hours, strict=True)), "overtime_answer": answer,
        "overtime_digest": overtime_digest(found), "may_answer": asked and not answer,
    }  # fmt: skip


def refused_here(request: HttpRequest, found: RecordSheet, refused: Refused, form: str) -> HttpResponse:
    """The page again with the refusal beside the form it belongs to."""
    found.refresh_from_db()
    typed = {key: value for key, value in request.POST.items() if key not in ("password", "csrfmiddlewaretoken")}
    return _page(request, found, 409, refused=refused, refused_form=form, typed=typed)


def strokes_in(given: str) -> Any:
    """The pad's strokes; None when they cannot be read, which the rule answers."""
    try:
        return json.loads(given or "[]")
    except (ValueError, RecursionError):
        return None


def _pdf(data: bytes, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    return response


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))[:45]
