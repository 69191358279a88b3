"""The page of a change and what people do there."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.reader import reader
from weilu.changes import actions, forms, kind_pages, pages, standard_actions
from weilu.changes.kind import STANDARD, TEMPLATE
from weilu.changes.models import Feedback
from weilu.changes.queries import ChangeView, change_of, change_view
from weilu.evidence.looking import seen
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.rights import SIGNED_IN, right
from weilu.process import columns, lists
from weilu.process.actions import refuse_step, return_item, sign_step
from weilu.process.filters import Filters, read_filters
from weilu.process.pages import lines, neighbours
from weilu.process.queries import PAGE

ONE = "one"  # on a phone, only what is to be signed, on one screen: how a mail's link opens an item


@right(SIGNED_IN)
@require_GET
def changes(request: HttpRequest) -> HttpResponse:
    """Every change one may see, of all kinds or one, newest first."""
    try:
        filters = read_filters({"kind": request.GET.get("kind", "changes"), "state": request.GET.get("state", "")})
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    after = request.GET.get("after", "")
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise BadRequest("after")
    rows = lists.rows(reader(request), "all", filters, after)
    more = rows[-1].cursor if len(rows) == PAGE else ""
    shown = {
        "rows": lines(rows, reader(request)), "after": after, "next_url": _next_url(filters, more),
        "columns": columns.chosen(reader(request)),
        "may_request": "changes.request" in reader(request).rights, "chips": kind_pages.chips(reader(request), filters),
        "filters": filters, "may_settle": "changes.settle" in reader(request).rights,
    }  # fmt: skip
    return render(request, "changes/changes.html", shown)


@right(SIGNED_IN)
@require_GET
def change(request: HttpRequest, uid: str) -> HttpResponse:
    """One change: where it stands, what is asked, what was said."""
    return _page(request, uid)


def _next_url(filters: Filters, more: str) -> str:
    return f"/changes/?{filters.query}&after={more}" if more else ""


def opened(request: HttpRequest, uid: str) -> ChangeView:
    """The change of this page; whoever is not the customer's own is registered as having looked at it (CON-9)."""
    found = change_view(reader(request), uid)
    item = found.change.item
    if request.method == "GET" and reader(request).organisation_id != item.owner_id:
        uid = str(item.uid)
        seen(request, org=item.owner.code, kind="item", what=uid, words=item.number, item=uid, counted=False)
    return found


def _page(request: HttpRequest, uid: str, held: forms.Held | None = None, status: int = 200) -> HttpResponse:
    found = opened(request, uid)
    old = request.GET.get("old", "")
    shown = pages.change_page(found, reader(request), int(old) if old.isascii() and old.isdigit() else 0)
    shown["one"] = ONE in (request.POST if request.method == "POST" else request.GET)
    return render(request, "changes/change.html", shown | _held(held), status=status)


def _held(held: forms.Held | None) -> dict[str, Any]:
    return {"typed": held.typed, "refused": held.refused} if held else {"typed": {}, "refused": None}


def of_a_field(problem: Refused) -> Refused:
    """A refusal the form can show; one that belongs to no entry, and is not a stale page, goes on to its own page."""
    if problem.field or isinstance(problem, Stale):
        return problem
    raise problem


@right(SIGNED_IN)
@require_POST
def sign(request: HttpRequest, uid: str) -> HttpResponse:
    """Agree in the present step, or disagree where that does not return it; the next item that waits opens."""
    item = change_of(reader(request), uid).item
    words, subject = request.POST.get("words", ""), request.POST.get("subject", "")
    shown: dict[str, Any] = {"turn": forms.turn_of(request.POST), "words": words, "step": request.POST.get("step", "")}
    try:
        if request.POST.get("act") == "refuse":
            refuse_step(reader(request), item, **shown)
        else:
            sign_step(reader(request), item, subject=subject, **shown)
    except Refused as problem:
        return _page(request, uid, forms.Held({"words": words}, of_a_field(problem)), 409)
    return on(request, item, _("已签 %(number)s") % {"number": item.number})


def on(request: HttpRequest, item: Any, said: str) -> HttpResponse:
    """On to the next item that waits; to this one when none does."""
    following = neighbours(reader(request), item).next
    messages.success(request, said + (_("，这是下一项待办") if following else ""))
    if following and ONE in request.POST:
        following += f"?{ONE}=1"
    return redirect(following or f"/changes/{item.uid}/")


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def send_back(request: HttpRequest, uid: str) -> HttpResponse:
    """Return the item to an earlier step, with a reason."""
    found = opened(request, uid)
    entries = forms.typed(request.POST, "to", "words")
    refused = None
    if request.method == "POST":
        try:
            item = found.change.item
            return_item(
                reader(request), item, turn=forms.turn_of(request.POST), to=entries["to"], words=entries["words"],
                step=request.POST.get("step", ""),
            )  # fmt: skip
            return on(request, item, _("已退回 %(number)s") % {"number": item.number})
        except Refused as problem:
            refused, found = of_a_field(problem), opened(request, uid)
    shown = {"view": found.view, "item": found.change.item, "typed": entries, "refused": refused}
    return render(request, "changes/return.html", shown, status=409 if refused else 200)


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def need(request: HttpRequest, uid: str) -> HttpResponse:
    """The need: its versions to read and, for whom the step waits, the analysis or a new wording."""
    found = opened(request, uid)
    form = pages.form_of(found)
    entries = forms.typed(request.POST, "need", "analysis", "feasible")
    refused = None
    if request.method == "POST":
        try:
            _keep_need(request, found.change, form, entries)
            item = found.change.item
            return on(request, item, _("已提交 %(number)s") % {"number": item.number})
        except Refused as problem:
            refused, found = of_a_field(problem), opened(request, uid)
    elif found.needs:
        entries |= {"need": found.needs[0].text, "analysis": found.change.analysis}
    shown = pages.need_page(found) | {"form": form, "typed": entries, "refused": refused}
    return render(request, "changes/need.html", shown, status=422 if refused else 200)


def _keep_need(request: HttpRequest, change: Any, form: str, entries: dict[str, str]) -> None:
    turn = forms.turn_of(request.POST)
    if form == "need":
        actions.amend_need(reader(request), change, turn=turn, need=entries["need"])
    else:
        feasible = forms.choice(request.POST, "feasible", _("可行性"))
        actions.submit_analysis(
            reader(request), change, turn=turn, feasible=feasible, analysis=entries["analysis"], need=entries["need"]
        )


def plan_page(request: HttpRequest, uid: str, found: ChangeView) -> HttpResponse:
    """The plan of an installation: written by the engineer at the design (a template, or a schedule by one), or read.

    A plan for hosts has a form of its own: `host_views`.
    """
    names = {*forms.PLAN_FIELDS, *forms.TEMPLATE_FIELDS, *forms.SCHEDULE_FIELDS}
    entries: dict[str, Any] = forms.typed(request.POST, *sorted(names)) | {"criteria": forms.criteria(request.POST)}
    refused = None
    if request.method == "POST":
        try:
            number = _keep_plan(request, found)
            item = found.change.item
            said = _("已送审 %(number)s 方案第 %(version)d 版") % {"number": item.number, "version": number}
            return on(request, item, said)
        except Refused as problem:
            refused, found = of_a_field(problem), opened(request, uid)
    elif found.plans:
        content = found.plans[0].content
        read = forms.from_template if found.change.item.kind == TEMPLATE.key else forms.from_plan
        entries |= read(content)
    entries["criteria"] = forms.with_blanks(entries["criteria"])
    shown = pages.plan_page(found, reader(request)) | {"typed": entries, "refused": refused}
    return render(request, "changes/plan.html", shown, status=422 if refused else 200)


def _keep_plan(request: HttpRequest, found: ChangeView) -> int:
    """Keep what the form of this kind holds; answers the version's number."""
    person, turn = reader(request), forms.turn_of(request.POST)
    match found.change.item.kind:
        case STANDARD.key:
            given = forms.schedule_entries(request.POST)
            return standard_actions.schedule_standard(person, found.change, turn=turn, **given).number
        case TEMPLATE.key:
            plan = forms.template_entries(request.POST)
            return standard_actions.submit_template(person, found.change, turn=turn, plan=plan).number
    return actions.submit_plan(person, found.change, turn=turn, **forms.plan_entries(request.POST)).number


@right(SIGNED_IN)
@require_GET
def compare(request: HttpRequest, uid: str) -> HttpResponse:
    """Two versions of the plan beside each other, every line."""
    found = opened(request, uid)
    chosen = [request.GET.get(name, "") for name in ("old", "new")]
    numbers = [int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0 for value in chosen]
    return render(request, "changes/compare.html", pages.compare_page(found, *numbers))


@right(SIGNED_IN)
@require_POST
def run(request: HttpRequest, uid: str) -> HttpResponse:
    """Have the approved plan carried out."""
    found = change_of(reader(request), uid)
    ordered = actions.order_upgrade(reader(request), found, turn=forms.turn_of(request.POST))
    return redirect(f"/runs/{ordered.uid}/")


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def feedback(request: HttpRequest, uid: str) -> HttpResponse:
    """What the requester says of the result."""
    found = opened(request, uid)
    entries = forms.typed(request.POST, "works", "opinion", "satisfaction")
    refused = None
    if request.method == "POST":
        try:
            works = forms.choice(request.POST, "works", _("结果"))
            actions.give_feedback(
                reader(request), found.change, turn=forms.turn_of(request.POST), works=works,
                opinion=entries["opinion"], satisfaction=entries["satisfaction"],
            )  # fmt: skip
            item = found.change.item
            return on(request, item, _("已反馈 %(number)s") % {"number": item.number})
        except Refused as problem:
            refused, found = of_a_field(problem), opened(request, uid)
    shown = {
        "found": found, "item": found.change.item, "view": found.view, "typed": entries, "refused": refused,
        "asked": pages.form_of(found) == "feedback", "levels": Feedback.Satisfaction.choices,
    }  # fmt: skip
    return render(request, "changes/feedback.html", shown, status=422 if refused else 200)
