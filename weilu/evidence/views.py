"""The pages of the log: its state, one entry with its proof, an item's export."""

import json
from typing import Any, Protocol, cast

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from weilu.evidence.bodies import destroyed
from weilu.evidence.checks import Verified, verify_entry
from weilu.evidence.destroying import bodies_of
from weilu.evidence.drawing import draw
from weilu.evidence.export import zipped_item
from weilu.evidence.keys import log_origin
from weilu.evidence.looking import keep_purpose, purpose_of, seen
from weilu.evidence.models import Checkpoint, Entry, Witness
from weilu.evidence.offline.single import single_file as verifier_file
from weilu.evidence.queries import fetch_entries_of, fetch_entry, tree_size
from weilu.evidence.standing import first_limit, standings
from weilu.evidence.standing import rows as checkpoint_rows
from weilu.evidence.words import kind_word
from weilu.kernel.refused import Refused
from weilu.kernel.rights import right


class Reader(Protocol):
    """What these pages ask of whoever has signed in; people live in a room above this one."""

    owner_codes: frozenset[str]
    rights: frozenset[str]
    actor: str
    grants: Any

    def codes_with(self, right: str) -> frozenset[str]: ...

    def may(self, right: str, owner_id: int) -> bool: ...


PAGE = 10
CHECKPOINTS = 8


@right("evidence.see")
@never_cache
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The log's size, its checkpoints, my customers' newest entries, and what none of it shows."""
    before = request.GET.get("before", "")
    mine = Entry.objects.visible_to(reader(request).owner_codes).order_by("-index")
    if before.isascii() and before.isdigit() and len(before) < 19:
        mine = mine.filter(index__lt=int(before))
    rows = list(mine.defer("record")[: PAGE + 1])
    for code in sorted({row.org for row in rows[:PAGE]}):
        seen(request, org=code, kind="log", what=code, words=code)
    checkpoints = list(Checkpoint.objects.order_by("-size")[:CHECKPOINTS])
    size, last = tree_size(), checkpoints[0] if checkpoints else None
    sides = standings(last, size)
    shown: dict[str, Any] = {
        "size": size,
        "covered": last.size if last else 0,
        "waiting": size - (last.size if last else 0),
        "last": last,
        "sides": sides,
        "both": min(side.size for side in sides),
        "unseen": size - min(side.size for side in sides),
        "checkpoints": checkpoint_rows(checkpoints, sides),
        "witnesses": Witness.objects.order_by("-id"),
        "first_limit": first_limit(sides),
        "origin": log_origin(),
        "may_shred": "evidence.shred" in reader(request).rights,
        "rows": [(row, kind_word(row.kind)) for row in rows[:PAGE]],
        "more": rows[PAGE - 1].index if len(rows) > PAGE else None,
    }
    if rows:
        shown |= _proved(verify_entry(rows[0]))
    return render(request, "evidence/overview.html", shown)


@right("evidence.see")
@never_cache
@require_GET
def entry(request: HttpRequest, index: int) -> HttpResponse:
    """One entry: what was recorded, and the way from it to a signed root, verified now."""
    found = fetch_entry(reader(request).owner_codes, index)
    seen(request, org=found.org, kind="entry", what=index, words=f"{index}", item=found.item)
    said = found.said
    shown: dict[str, Any] = {
        "said": said,
        "data": json.dumps(said["data"], ensure_ascii=False, indent=2, sort_keys=True),
        "sha256": bytes(found.sha256).hex(),
        "sm3": bytes(found.sm3).hex(),
        "first_limit": first_limit(standings(None, 0)),
        "shredded": set(destroyed([file["sha256"] for file in said["files"]])),
        "may_shred": any(bodies_of(found)) and found.org in reader(request).codes_with("evidence.shred"),
        "may_export": bool(found.item) and _may_export(request, found.org),
    }
    return render(request, "evidence/entry.html", shown | _proved(verify_entry(found)))


@right("evidence.export")
@never_cache
@require_http_methods(["GET", "POST"])
def item_export(request: HttpRequest, uid: str) -> HttpResponse | FileResponse:
    """Asked for: what the export will hold. Posted: the zip, whose making and purpose go on record."""
    entries = fetch_entries_of(reader(request).owner_codes, str(uid))
    if not _may_export(request, entries[0].org):
        raise Refused(_("您在这个单位没有「导出存证包」的权限"), help=_("系统管理员可以授予"), who="administrator")
    known = purpose_of(request, "export", str(uid), str(uid))
    files = {file["sha256"] for found in entries for file in found.said["files"]}
    shown = {"uid": uid, "count": len(entries), "files": len(files), "ask": not known}
    if request.method == "GET":
        return render(request, "evidence/export.html", shown)
    try:
        if not known:
            keep_purpose(request, str(uid), request.POST.get("purpose", ""))
    except Refused as refused:
        return render(request, "evidence/export.html", shown | {"refused": refused}, status=409)
    seen(request, org=entries[0].org, kind="export", what=uid, words="", item=str(uid))
    name = f"weilu-evidence-{str(uid)[-12:]}"
    packed = zipped_item(str(uid), entries[0].org, reader(request).actor, name)
    return FileResponse(packed, as_attachment=True, filename=f"{name}.zip", content_type="application/zip")


@right("evidence.see")
@require_GET
def single_file(request: HttpRequest) -> HttpResponse:
    """The verifier, to be run on a machine of one's own."""
    response = HttpResponse(verifier_file(), content_type="text/x-python; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="verifier.py"'
    return response


def reader(request: HttpRequest) -> Reader:
    """Who has signed in; the right on each view has seen to it that somebody has."""
    return cast(Reader, request.user)


def _may_export(request: HttpRequest, org: str) -> bool:
    """Whether a role held towards the customer with this code, not just towards any, carries the right."""
    person = reader(request)
    found = person.grants.filter(organisation__code=org).values_list("organisation_id", flat=True).first()
    return found is not None and person.may("evidence.export", found)


def _proved(verified: Verified) -> dict[str, Any]:
    return {
        "entry": verified.entry,
        "word": kind_word(verified.entry.kind),
        "verified": verified,
        "drawing": draw(verified.proof) if verified.proof else None,
        "root": bytes(verified.checkpoint.root).hex() if verified.checkpoint else "",
        "title": _("第 %(index)s 条") % {"index": f"{verified.entry.index:,}"},
    }
