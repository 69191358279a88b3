"""What is protected, for programs: each GET is a look, with `?purpose=` where the caller does not work on the item."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from ninja import Router

from weilu.accounts.reader import reader
from weilu.evidence.files import read
from weilu.evidence.looking import seen
from weilu.evidence.queries import fetch_entry
from weilu.evidence.register import Asked, looks_of
from weilu.execution.masking import mask
from weilu.execution.models import Cell, Run
from weilu.kernel.refused import NotVisible
from weilu.kernel.times import iso
from weilu.records.models import RecordSheet

router = Router()
PAGE = 200


@router.get("/sheets/{uuid:uid}/filed", summary="The signed sheet as it was filed (PDF)")
def filed(request: HttpRequest, uid: UUID, purpose: str = "") -> HttpResponse:
    """Byte for byte what evidence holds the digest of; 404 where nothing is filed yet."""
    sheet = RecordSheet.objects.select_related("owner", "item").fetch(reader(request), uid)
    if not sheet.filed:
        raise NotVisible(str(uid))
    seen(
        request, org=sheet.owner.code, kind="sheet_filed", what=sheet.uid, words=sheet.number or "",
        item=str(sheet.item.uid), ask=True,
    )  # fmt: skip
    return HttpResponse(read(sheet.filed), content_type="application/pdf")


@router.get("/runs/{uuid:uid}/log", summary="What a run printed, line by line")
def run_log(request: HttpRequest, uid: UUID, after: int = 0, purpose: str = "") -> dict[str, Any]:
    """Lines with a number above `after`; `next` is where to go on, 0 at the end."""
    run = Run.objects.select_related("owner", "item").fetch(reader(request), uid)
    if not 0 <= after < 1 << 31:
        raise BadRequest("after")
    seen(
        request, org=run.owner.code, kind="run_log", what=run.uid, words=run.number, item=str(run.item.uid), ask=True
    )  # fmt: skip
    lines = list(run.events.filter(seq__gt=after).order_by("seq")[:PAGE])
    return {
        "lines": [{"seq": line.seq, "at": iso(line.at), "step": line.step, "text": line.text} for line in lines],
        "next": lines[-1].seq if len(lines) == PAGE else 0,
    }


@router.get("/runs/{uuid:uid}/hosts", summary="How each host of a run stands, step by step")
def run_hosts(request: HttpRequest, uid: UUID, after: int = 0, purpose: str = "") -> dict[str, Any]:
    """Hosts with an ordinal above `after`; a state `asks` is answered by that ordinal. `next`: where to go on, or 0.

    Of a rehearsal `would` says line by line what would change, `tried` whether that could be told, and `no_way_back`
    why the step could not be taken back.
    """
    run = Run.objects.select_related("owner", "item").fetch(reader(request), uid)
    if not 0 <= after < 1 << 31:
        raise BadRequest("after")
    seen(
        request, org=run.owner.code, kind="run_log", what=run.uid, words=run.number, item=str(run.item.uid), ask=True
    )  # fmt: skip
    cells = Prefetch("cells", Cell.objects.select_related("step").order_by("step__ordinal"))
    hosts = list(run.hosts.filter(ordinal__gt=after).order_by("ordinal").prefetch_related(cells)[:PAGE])
    return {
        "hosts": [
            {
                "ordinal": host.ordinal, "name": host.name, "batch": host.batch, "state": host.state,
                "changed": host.changed, "words": mask(host.words), "steps": [_cell(cell) for cell in host.cells.all()],
            }
            for host in hosts
        ],
        "next": hosts[-1].ordinal if len(hosts) == PAGE else 0,
    }  # fmt: skip


def _cell(cell: Cell) -> dict[str, Any]:
    told: dict[str, Any] = {
        "key": cell.step.key, "title": cell.step.title, "phase": cell.step.phase, "state": cell.state,
        "words": mask(cell.words),
    }  # fmt: skip
    if "would" in cell.result:
        told["would"] = [mask(str(line)) for line in cell.result["would"]]
        told |= {"tried": cell.result.get("rehearsed", True), "no_way_back": mask(str(cell.result.get("back") or ""))}
    return told


@router.get("/evidence/{int:index}", summary="One entry of the log")
def entry(request: HttpRequest, index: int, purpose: str = "") -> dict[str, Any]:
    """The record with its digests."""
    found = fetch_entry(reader(request).owner_codes, index)
    seen(request, org=found.org, kind="entry", what=index, words=f"{index}", item=found.item, ask=True)
    return {
        "index": found.index, "record": found.said,
        "sha256": bytes(found.sha256).hex(), "sm3": bytes(found.sm3).hex(),
    }  # fmt: skip


@router.get("/looks", summary="The register of looks")
def looks(request: HttpRequest, after: int = 0, kind: str = "", purpose: str = "") -> dict[str, Any]:
    """Of the customers whose register the caller looks after, newest first; `next` is the `after` of the next page."""
    person = reader(request)
    codes = person.codes_with("looks.see") & person.owner_codes
    try:
        rows = looks_of(codes, Asked(kind=kind))
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    if after:
        rows = rows.filter(id__lt=min(max(after, 0), 1 << 62))
    for code in sorted(codes):
        seen(request, org=code, kind="looks", what=code, words=code, ask=bool(purpose))
    found = list(rows[:PAGE])
    names = ("org", "actor", "side", "kind", "what", "words", "item", "purpose", "address", "times")
    lines = [{name: getattr(row, name) for name in names} | {"at": iso(row.at), "last": iso(row.last)} for row in found]
    return {"looks": lines, "next": found[-1].id if len(found) == PAGE else 0}
