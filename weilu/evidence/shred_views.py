"""The pages of destroying bodies: asking at the entry, and the list where a second person decides."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.evidence.bodies import Shredding
from weilu.evidence.destroying import bodies_of, repeated_by
from weilu.evidence.queries import fetch_entry
from weilu.evidence.shredding import GROUND, REASON, Shredder, ask_shredding, decide_shredding, shredding_seen
from weilu.evidence.words import kind_word
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import right

PAGE = 50


@right("evidence.shred")
@never_cache
@require_GET
def shreddings(request: HttpRequest) -> HttpResponse:
    """What was asked, and what became of it, newest first."""
    before = request.GET.get("before", "")
    rows = Shredding.objects.visible_to(_codes(request))
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(id__lt=int(before))
    found = list(rows[: PAGE + 1])
    shown = {"rows": found[:PAGE], "more": found[PAGE - 1].id if len(found) > PAGE else None}
    return render(request, "evidence/shreddings.html", shown | {"actor": _person(request).actor})


@right("evidence.shred")
@never_cache
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, index: int) -> HttpResponse:
    """Ask for this entry's record, or a file of it, to be destroyed; what was typed stays when it is refused."""
    entry = fetch_entry(_codes(request), index)
    files, own = bodies_of(entry)
    if not files and not own:
        raise NotVisible(str(index))
    going, staying = repeated_by(entry) if own else ([], [])
    typed = {name: request.POST.get(name, "") for name in ("sha256", "reason", "ground")}
    refused = None
    if request.method == "POST":
        try:
            ask_shredding(_person(request), index=index, **typed)
            messages.success(request, _("已申请，等另一个人批准"))
            return redirect("evidence:shreddings")
        except Refused as problem:
            refused = problem
    shown: dict[str, Any] = {"index": index, "files": files, "typed": typed, "refused": refused}
    shown |= {"own": entry.digest if own else "", "word": kind_word(entry.kind)}
    shown |= {"going": [(one, kind_word(one.kind)) for one in going]}
    shown |= {"staying": [(one, kind_word(one.kind)) for one in staying]}
    shown |= {"reason_most": REASON, "ground_most": GROUND}
    return render(request, "evidence/shred.html", shown, status=409 if refused else 200)


@right("evidence.shred")
@require_POST
def decide(request: HttpRequest, uid: str) -> HttpResponse:
    """Approve, and the body is gone; or do not."""
    found = shredding_seen(_codes(request), uid)
    approve = request.POST.get("approve") == "1"
    decide_shredding(_person(request), found, approve=approve, words=request.POST.get("words", ""))
    messages.success(request, _("正文已销毁，日志和摘要不变") if approve else _("没有销毁，申请已办结"))
    return redirect("evidence:shreddings")


def _person(request: HttpRequest) -> Shredder:
    """Who has signed in; the right on each view has seen to it that somebody has."""
    return cast(Shredder, request.user)


def _codes(request: HttpRequest) -> frozenset[str]:
    return _person(request).codes_with("evidence.shred") & _person(request).owner_codes
