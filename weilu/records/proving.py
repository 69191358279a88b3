"""The page that checks the code of a printed sheet, and the program that does so without Weilu."""

from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from weilu.evidence.keys import log_key
from weilu.evidence.models import Witness
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.rights import ANYONE, right
from weilu.records.proof import LOG, LONGEST, Key, Proved, Wrong, check, parse_key

PROVABLE = Clause("REC-4")
PROGRAM = Path(__file__).with_name("proof.py")


@right(ANYONE)
@never_cache
@require_http_methods(["GET", "POST"])
def proof_page(request: HttpRequest) -> HttpResponse:
    """Paste what a phone read from the code: what it proves, or why it proves nothing. Nothing is kept."""
    shown: dict[str, Any] = {"longest": LONGEST}
    if request.method == "GET":
        return render(request, "records/proof.html", shown)
    code = request.POST.get("code", "")
    try:
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
