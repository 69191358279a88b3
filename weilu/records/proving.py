"""The page that checks the code of a printed sheet, and the program that does so without Weilu."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from weilu.documents.scanning import LARGEST, scan
from weilu.evidence.keys import log_key
from weilu.evidence.models import Witness
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.rights import ANYONE, right
from weilu.records.proof import HEAD, LOG, LONGEST, Key, Proved, Wrong, check, parse_key

PROVABLE = Clause("REC-4")
PROGRAM = Path(__file__).with_name("proof.py")
ONE_AT_A_TIME = threading.Lock()


@right(ANYONE)
@never_cache
@require_http_methods(["GET", "POST"])
def proof_page(request: HttpRequest) -> HttpResponse:
    """Give what a phone read from the code, or a photo or scan: what it proves, or why nothing. Nothing is kept."""
    shown: dict[str, Any] = {"longest": LONGEST}
    if request.method == "GET":
        return render(request, "records/proof.html", shown)
    code, photo = request.POST.get("code", ""), request.FILES.get("photo")
    try:
        if photo is not None and not code.strip():
            code = code_on(photo)
        shown["proved"] = checked(code)
    except Wrong as wrong:
        shown["wrong"] = str(wrong)
    except Refused as refused:
        shown["refused"] = refused
    failed = "proved" not in shown
    return render(request, "records/proof.html", shown | {"code": code[:LONGEST]}, status=409 if failed else 200)


def checked(code: str) -> Proved:
    """PROVABLE: what the code proves under our own key; raises Wrong, or Refused without a code."""
    if not code.strip():
        raise Refused(_("没有凭证文字。用手机扫纸面末页的大二维码，把得到的文字粘贴到这里"), PROVABLE, field="code")
    return check(code, trusted())


def code_on(photo: UploadedFile[Any]) -> str:
    """The proof's text on a photo or scan; raises Refused where there is none, or while another is looked at.

    Anybody may send one, so this process looks at one at a time.
    """
    if not ONE_AT_A_TIME.acquire(blocking=False):
        raise Refused(_("正在读另一份照片。稍后再试，或用手机扫码后粘贴文字"), PROVABLE, field="photo")
    try:
        found = scan(photo.read(LARGEST + 1)).codes
    except Refused as refused:
        raise Refused(refused.reason, PROVABLE, field="photo") from None
    finally:
        ONE_AT_A_TIME.release()
    for text in found:
        if text.startswith(HEAD):
            return text
    raise Refused(_("照片里没有读到凭证二维码。拍近一些、平一些，让末页的大二维码占满画面"), PROVABLE, field="photo")


def trusted() -> list[Key]:
    """The log's own key, and those of the witnesses that were enrolled, retired ones too."""
    own = log_key()[1]
    enrolled = [parse_key(vkey) for vkey in Witness.objects.order_by("id").values_list("vkey", flat=True)]
    return [Key(own.name, LOG, own.public), *enrolled]


@right(ANYONE)
@require_GET
def program(request: HttpRequest) -> HttpResponse:
    """The checking program, to be run on a machine of one's own."""
    response = HttpResponse(PROGRAM.read_bytes(), content_type="text/x-python; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="proof.py"'
    return response
