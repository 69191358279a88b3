"""The pages on which windows, freezes and their exceptions are kept."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.models import Person
from weilu.accounts.reader import reader
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import right
from weilu.kernel.times import now
from weilu.planning import actions, forms, pages
from weilu.planning.exceptions import (
    approve_exception,
    ask_exception,
    may_answer,
    refuse_exception,
)
from weilu.planning.models import Booking, Freeze, FreezeException, Window
from weilu.planning.recurrence import WEEKDAYS
from weilu.planning.wording import weekday_names, which_names
from weilu.process.models import WorkItem
from weilu.process.pages import item_url
from weilu.systems.models import System
from weilu.ui.dates import window as span_words

SEE = "systems.see"


@right(SEE)
@require_GET
def windows(request: HttpRequest) -> HttpResponse:
    """Every window one sees, and the systems that have the night."""
    person = reader(request)
    shown = {
        "rows": pages.window_rows(person, now()), "others": pages.without_windows(person)[:200],
        "may_keep": actions.KEEP in person.rights,
    }  # fmt: skip
    return render(request, "planning/windows.html", shown)


@right(actions.KEEP)
@require_http_methods(["GET", "POST"])
def new_window(request: HttpRequest) -> HttpResponse:
    """A window is added."""
    person = reader(request)
    entries = forms.blank_window(request.GET.get("system", ""), now())
    refused = None
    if request.method == "POST":
        entries = forms.typed(request.POST, *forms.WINDOW_FIELDS)
        try:
            system = _kept_system(person, entries["system"])
            made = actions.add_window(person, system, **forms.window_entries(entries))
            messages.success(request, _("已登记窗口「%(name)s」") % {"name": made.name})
            return redirect("planning:windows")
        except Refused as problem:
            refused = problem
    return _window_page(request, None, entries, refused)


@right(SEE)
@require_http_methods(["GET", "POST"])
def window(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One window: when it opens next; whoever keeps it changes it here."""
    found: Window = Window.objects.select_related("system__owner", "owner").fetch(reader(request), uid)
    entries, refused = forms.from_window(found), None
    if request.method == "POST":
        entries = forms.typed(request.POST, *forms.WINDOW_FIELDS)
        try:
            actions.change_window(reader(request), found, **forms.window_entries(entries))
            messages.success(request, _("已改窗口「%(name)s」") % {"name": entries["name"]})
            return redirect("planning:windows")
        except Refused as problem:
            refused = problem
    return _window_page(request, found, entries, refused)


@right(actions.KEEP)
@require_POST
def end_window(request: HttpRequest, uid: UUID) -> HttpResponse:
    found = Window.objects.select_related("owner").fetch(reader(request), uid)
    actions.end_window(reader(request), found)
    messages.success(request, _("已停用窗口「%(name)s」") % {"name": found.name})
    return redirect("planning:windows")


def _window_page(
    request: HttpRequest, found: Window | None, entries: dict[str, Any], refused: Refused | None
) -> HttpResponse:
    person = reader(request)
    keeps = person.may(actions.KEEP, found.owner_id) if found else True
    shown = {
        "window": found, "row": pages.window_row(found, now(), 6) if found else None,
        "typed": entries, "refused": refused, "keeps": keeps and (found is None or found.ended_at is None),
        "systems": pages.kept_systems(person) if found is None else [],
        "weekdays": list(zip(WEEKDAYS, weekday_names(), strict=True)), "which": which_names().items(),
        "days": Window.DAYS,
    }  # fmt: skip
    return render(request, "planning/window.html", shown, status=422 if refused else 200)


@right(SEE)
@require_GET
def freezes(request: HttpRequest) -> HttpResponse:
    """The freezes that hold or come, and those that are over."""
    ahead, over = pages.freeze_rows(reader(request), now())
    shown = {"ahead": ahead, "over": over, "may_keep": actions.KEEP in reader(request).rights, "at": now()}
    return render(request, "planning/freezes.html", shown)


@right(actions.KEEP)
@require_http_methods(["GET", "POST"])
def new_freeze(request: HttpRequest) -> HttpResponse:
    """A freeze is set, for one system or all of a customer."""
    person = reader(request)
    entries, refused = forms.typed(request.POST, *forms.FREEZE_FIELDS), None
    owners, systems = pages.kept_owners(person), pages.kept_systems(person)
    if request.method == "POST":
        try:
            owner = next((one for one in owners if f"all:{one.code}" == entries["system"]), None)
            system = None if owner else _kept_system(person, entries["system"])
            given = forms.freeze_entries(entries)
            made = actions.add_freeze(person, owner or system.owner, system=system, **given)  # type: ignore[union-attr]
            messages.success(request, _("已设封网期「%(name)s」") % {"name": made.name})
            return redirect("planning:freeze", made.uid)
        except Refused as problem:
            refused = problem
    shown = {"typed": entries, "refused": refused, "owners": owners, "systems": systems}
    return render(request, "planning/freeze-new.html", shown, status=422 if refused else 200)


@right(SEE)
@require_GET
def freeze(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One freeze, what is planned within it, and the exceptions asked for."""
    return _freeze_page(request, _freeze(request, uid), None)


@right(actions.KEEP)
@require_POST
def end_freeze(request: HttpRequest, uid: UUID) -> HttpResponse:
    found = _freeze(request, uid)
    try:
        actions.end_freeze(reader(request), found, reason=request.POST.get("reason", ""))
    except Refused as problem:
        if not problem.field:
            raise
        return _freeze_page(request, found, problem)
    messages.success(request, _("已提前结束「%(name)s」") % {"name": found.name})
    return redirect("planning:freeze", uid)


def _freeze_page(request: HttpRequest, found: Freeze, refused: Refused | None) -> HttpResponse:
    person, at = reader(request), now()
    within = Booking.objects.kept().touching(found.span).visible_to(person).filter(owner=found.owner_id)
    if found.system_id:
        within = within.filter(system=found.system_id)
    asked = found.exceptions.select_related("item", "asked_by", "approved_by", "refused_by").order_by("-id")
    live = found.ended_at is None and found.ends > at
    shown = {
        "freeze": found, "within": within.select_related("item", "system").order_by("starts", "id")[:100],
        "asked": asked[:100], "live": live, "keeps": live and person.may(actions.KEEP, found.owner_id),
        "typed": {"reason": request.POST.get("reason", "")}, "refused": refused,
    }  # fmt: skip
    return render(request, "planning/freeze.html", shown, status=422 if refused else 200)


@right(SEE)
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Asking for an exception of this freeze, for the work item named in the address."""
    found, person = _freeze(request, uid), reader(request)
    item: WorkItem = WorkItem.objects.select_related("owner", "system").fetch(person, request.GET.get("item", ""))
    kept = Booking.objects.kept().filter(item=item).first()
    refused = None
    if request.method == "POST":
        try:
            made = ask_exception(person, item, found, why=request.POST.get("why", ""))
            messages.success(request, _("已申请破例，等批准"))
            return redirect("planning:exception", made.uid)
        except Refused as problem:
            if not problem.field:
                raise
            refused = problem
    shown = {"freeze": found, "item": item, "booking": kept, "typed": {"why": request.POST.get("why", "")}}
    return render(request, "planning/ask.html", shown | {"refused": refused}, status=422 if refused else 200)


@right(SEE)
@require_http_methods(["GET", "POST"])
def exception(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One exception: who asked why, for which plan and time; whoever may answers it here."""
    rows = FreezeException.objects.select_related(
        "item__system", "item__owner", "freeze", "owner", "asked_by", "approved_by", "refused_by"
    )
    person, refused = reader(request), None
    found: FreezeException = rows.fetch(person, uid)
    words = request.POST.get("words", "")
    if request.method == "POST":
        try:
            if request.POST.get("answer") == "refuse":
                refuse_exception(person, found, words=words)
            else:
                approve_exception(person, found, words=words)
            messages.success(request, _("已答复 %(number)s 的破例") % {"number": found.item.number})
            return redirect("planning:exception", uid)
        except Refused as problem:
            if not problem.field:
                raise
            refused = problem
    kept = Booking.objects.kept().filter(item=found.item).first()
    stale = kept is None or (found.subject, found.starts, found.ends) != (found.item.subject, kept.starts, kept.ends)
    shown = {
        "one": found, "stale": stale, "why_not": may_answer(person, found), "typed": {"words": words},
        "refused": refused, "span": span_words(found.starts, found.ends, now()), "item_page": item_url(found.item),
    }  # fmt: skip
    return render(request, "planning/exception.html", shown, status=422 if refused else 200)


def _freeze(request: HttpRequest, uid: UUID) -> Freeze:
    found: Freeze = Freeze.objects.select_related("owner", "system").fetch(reader(request), uid)
    return found


def _kept_system(person: Person, uid: str) -> System:
    """A system one keeps windows for; Refused where none was chosen."""
    try:
        found: System = System.objects.select_related("owner").fetch(person, uid)
    except NotVisible:
        raise Refused(_("没有选系统"), field="system") from None
    return found
