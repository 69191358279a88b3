"""The pages of controlled documents and of the templates among them."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.documents import actions, rules
from weilu.documents.models import Document, Level, Receipt, Version
from weilu.documents.queries import choices_of, documents_of, lines_of, oversees, version_of
from weilu.documents.templating import FORMS
from weilu.evidence.files import read
from weilu.evidence.looking import seen
from weilu.kernel import text
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import SIGNED_IN, right

PAGE = 50
TYPED = ("number", "form", "title", "label", "level", "effective", "keeper")


@right(SIGNED_IN)
@require_GET
def documents(request: HttpRequest) -> HttpResponse:
    """The documents I see, fifty to a page; `?waiting=1` keeps those I have to confirm."""
    before = request.GET.get("before", "")
    start = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    waiting = request.GET.get("waiting") == "1"
    rows = list(documents_of(reader(request), waiting=waiting, before=start)[: PAGE + 1])
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    return render(request, "documents/documents.html", {"rows": rows[:PAGE], "more": more, "waiting": waiting})


@right(SIGNED_IN)
@require_GET
def fields(request: HttpRequest) -> HttpResponse:
    """What a template may say: every form with its fields and lists."""
    return render(request, "documents/fields.html", {"forms": FORMS.values()})


@right(SIGNED_IN)
@never_cache
@require_GET
def document(request: HttpRequest, uid: str) -> HttpResponse:
    """One document: what counts, its versions, whom it was given to and who has confirmed."""
    found = Document.objects.select_related("owner", "current").fetch(reader(request), uid)
    _seen(request, found, found.latest)
    return _page(request, found)


@right("documents.manage")
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Put a document under control; what was typed stays when it is refused, the file apart."""
    owners = reader(request).owners_with("documents.manage")
    rows = list(Organisation.objects.filter(id__in=owners).order_by("code"))
    code = request.POST.get("owner") or request.GET.get("owner") or rows[0].code
    owner = next((one for one in rows if one.code == code), None)
    if owner is None:
        raise NotVisible(code)
    if request.method != "POST":
        return _form(request, owner, None, {"level": Level.INTERNAL, "keeper": reader(request).username}, [])
    try:
        made = actions.register_document(
            reader(request), owner, number=request.POST.get("number", ""), form=request.POST.get("form", ""),
            proposal=_proposal(request),
        )  # fmt: skip
    except Refused as refused:
        return _form_again(request, owner, None, refused)
    return redirect("documents:document", uid=made.document.uid)


@right("documents.manage")
@require_http_methods(["GET", "POST"])
def propose(request: HttpRequest, uid: str) -> HttpResponse:
    """Propose the next version of a document."""
    found = Document.objects.select_related("owner", "current__keeper").fetch(reader(request), uid)
    if request.method != "POST":
        last = found.latest
        typed = {"title": last.title, "level": last.level, "keeper": last.keeper.username}
        return _form(request, found.owner, found, typed, [one.key for one in last.recipients.all()])
    try:
        actions.propose_version(reader(request), found, proposal=_proposal(request))
    except Refused as refused:
        return _form_again(request, found.owner, found, refused)
    return redirect("documents:document", uid=uid)


@right(SIGNED_IN)
@never_cache
@require_GET
def download(request: HttpRequest, uid: str, version: str) -> HttpResponse:
    """The file of a version, byte for byte; always saved, never shown inside our pages.

    What is classified is fetched for a purpose, which the register of reading keeps.
    """
    found, one = _version(request, uid, version)
    if asking := _seen(request, found, one, ask=one.level in (Level.CONFIDENTIAL, Level.SECRET)):
        return asking
    return _file(one.sha256, rules.KINDS[one.kind][0], f"{found.number}-{one.label}.{one.kind}")


@right(SIGNED_IN)
@never_cache
@require_GET
def sample(request: HttpRequest, uid: str, version: str) -> HttpResponse:
    """A template filled in with made-up data."""
    found, one = _version(request, uid, version)
    if not one.preview:
        raise Http404
    _seen(request, found, one)
    return _file(one.preview, rules.DOCX, f"{found.number}-{one.label}-sample.docx")


@right("documents.approve")
@require_POST
def approve(request: HttpRequest, uid: str, version: str) -> HttpResponse:
    """Approve a version as the page showed it."""
    return _act(
        request, uid, version,
        lambda one: actions.approve_version(reader(request), one, sha256=request.POST.get("sha256", "")),
    )  # fmt: skip


@right(SIGNED_IN)
@require_POST
def decline(request: HttpRequest, uid: str, version: str) -> HttpResponse:
    """Turn a proposal down, with the reason."""
    return _act(
        request, uid, version,
        lambda one: actions.decline_version(reader(request), one, reason=request.POST.get("reason", "")),
    )  # fmt: skip


@right(SIGNED_IN)
@require_POST
def confirm(request: HttpRequest, uid: str, version: str) -> HttpResponse:
    """Confirm that a version has come."""
    return _act(request, uid, version, lambda one: actions.confirm_receipt(reader(request), one))


def _act(request: HttpRequest, uid: str, version: str, act: Callable[[Version], object]) -> HttpResponse:
    found, one = _version(request, uid, version)
    try:
        act(one)
    except Refused as refused:
        return _page(request, found, 409, refused=refused, typed=request.POST)
    return redirect("documents:document", uid=uid)


def _version(request: HttpRequest, uid: str, version: str) -> tuple[Document, Version]:
    found = Document.objects.select_related("owner").fetch(reader(request), uid)
    return found, version_of(reader(request), found, version)


def _page(request: HttpRequest, found: Document, status: int = 200, **more: Any) -> HttpResponse:
    person = reader(request)
    found.refresh_from_db()
    lines = lines_of(found, person)
    receipts = Receipt.objects.filter(version=found.current).select_related("person__organisation").order_by("id")
    given = list(receipts) if found.current else []
    proposed = next((one.version for one in lines if one.version.state == "proposed"), None)
    shown = {
        "document": found, "lines": lines, "form": FORMS.get(found.form), "receipts": given,
        "line": next((one for one in lines if one.version.id == found.current_id), None),
        "confirmed": sum(one.confirmed_at is not None for one in given),
        "mine": next((one for one in given if one.person_id == person.id and one.confirmed_at is None), None),
        "oversees": oversees(person, found.owner_id), "proposed": proposed,
        "may_propose": person.may("documents.manage", found.owner_id) and proposed is None,
        "may_approve": proposed is not None and person.may("documents.approve", found.owner_id)
        and proposed.proposed_by_id != person.id,
        "may_decline": proposed is not None
        and (person.may("documents.approve", found.owner_id) or proposed.proposed_by_id == person.id),
    }  # fmt: skip
    return render(request, "documents/document.html", shown | more, status=status)


def _form(
    request: HttpRequest, owner: Organisation, found: Document | None, typed: Any, chosen: list[str],
    status: int = 200, **more: Any,
) -> HttpResponse:  # fmt: skip
    shown = {"owner": owner, "document": found, "typed": typed, "chosen": chosen, "levels": Level.choices,
             "forms": FORMS.values(), "choices": choices_of(owner)}  # fmt: skip
    return render(request, "documents/propose.html", shown | more, status=status)


def _form_again(request: HttpRequest, owner: Organisation, found: Document | None, refused: Refused) -> HttpResponse:
    typed = {name: request.POST.get(name, "") for name in TYPED}
    return _form(request, owner, found, typed, request.POST.getlist("recipients"), 409, refused=refused)


def _proposal(request: HttpRequest) -> actions.Proposal:
    post, given = request.POST, request.FILES.get("file")
    return actions.Proposal(
        label=post.get("label", ""), title=post.get("title", ""), level=post.get("level", ""),
        effective=_day(post), keeper=post.get("keeper", ""), recipients=post.getlist("recipients"),
        name=str(given.name or "") if given else "", data=given.read(rules.LARGEST + 1) if given else b"",
    )  # fmt: skip


def _day(post: QueryDict) -> date:
    written = text.code(post.get("effective", ""), _("生效日期"), field="effective", longest=20).replace("/", "-")
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise Refused(
            _("生效日期「%(value)s」不是日期，应写成 2026-09-29") % {"value": written}, field="effective"
        ) from None


def _seen(request: HttpRequest, found: Document, one: Version, *, ask: bool = False) -> HttpResponse | None:
    words = f"{found.number} {one.label} {one.title}"
    return seen(request, org=found.owner.code, kind="document", what=found.uid, words=words, ask=ask)


def _file(sha256: str, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(read(sha256), content_type=kind)
    response.headers["Content-Disposition"] = str(content_disposition_header(True, name))
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
