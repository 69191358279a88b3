"""Asking for a change of any kind; templates, amendments and the settings of emergency changes."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.changes import actions, amendments, emergency_actions, forms, kind_pages, standard_actions
from weilu.changes.models import Change
from weilu.changes.plan import lines
from weilu.changes.queries import (
    change_of,
    installation_of,
    installations_of,
    place_of,
    systems_with_hosts,
    templates_of,
)
from weilu.changes.views import of_a_field, opened
from weilu.kernel.refused import Refused
from weilu.kernel.rights import SIGNED_IN, right

NEW = ("normal", "standard", "emergency")


@right("changes.request")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask for a change: a normal one, a standard one by a template, or an emergency."""
    given = request.POST if request.method == "POST" else request.GET
    kind = given.get("kind", "normal")
    if kind not in NEW:
        raise BadRequest("kind")
    entries = forms.typed(given, "installation", "template", "title", "need", "reason", "follows")
    before = change_of(reader(request), entries["follows"]) if entries["follows"] else None
    refused = None
    if request.method == "POST":
        try:
            made = _request(request, kind, entries, before)
            messages.success(request, _("已发起 %(number)s") % {"number": made.item.number})
            return redirect("changes:change", made.item.uid)
        except Refused as problem:
            refused = of_a_field(problem)
    elif before is not None:
        entries["installation"] = str((before.installation or before.item.system).uid)
    shown = {
        "kind": kind, "choices": installations_of(reader(request)), "systems": systems_with_hosts(reader(request)),
        "typed": entries, "refused": refused,
        "templates": templates_of(reader(request), in_force=True) if kind == "standard" else [], "follows": before,
    }  # fmt: skip
    return render(request, "changes/new.html", shown, status=422 if refused else 200)


def _request(request: HttpRequest, kind: str, entries: dict[str, str], before: Change | None) -> Change:
    person, words = reader(request), {"title": entries["title"], "need": entries["need"]}
    if kind == "standard":
        if not entries["template"]:
            raise Refused(_("没有选模板。选一个再提交"), field="template")
        return standard_actions.request_standard(person, change_of(person, entries["template"]), **words)
    chosen = place_of(person, entries["installation"])
    if chosen is None:
        raise Refused(_("没有选要变更的应用或主机。选一个再提交"), field="installation")
    if kind == "emergency":
        return emergency_actions.request_emergency(person, chosen, reason=entries["reason"], **words)
    return actions.request_change(person, chosen, follows=before, **words)


@right(SIGNED_IN)
@require_GET
def templates(request: HttpRequest) -> HttpResponse:
    """The templates one may see: in force, on their way, withdrawn."""
    found = templates_of(reader(request))
    rows = [(one, kind_pages.in_force(one)) for one in found]
    shown = {"rows": rows, "may_propose": "templates.propose" in reader(request).rights}
    return render(request, "changes/templates.html", shown)


@right("templates.propose")
@require_http_methods(["GET", "POST"])
def new_template(request: HttpRequest) -> HttpResponse:
    """Propose a template, from nothing or from the one whose place it takes."""
    person, given = reader(request), request.POST if request.method == "POST" else request.GET
    before = change_of(person, given["replaces"]) if given.get("replaces") else None
    entries: dict[str, Any] = forms.typed(request.POST, "installation", "title", "need", *forms.TEMPLATE_FIELDS)
    entries["criteria"] = forms.criteria(request.POST)
    refused = None
    if request.method == "POST":
        try:
            chosen = installation_of(person, entries["installation"], "templates.propose")
            if chosen is None:
                raise Refused(_("没有选模板用于哪个应用。选一个再提交"), field="installation")
            plan = forms.template_entries(request.POST)
            made = standard_actions.propose_template(
                person, chosen, title=entries["title"], need=entries["need"], plan=plan, replaces=before
            )
            messages.success(request, _("已送审模板 %(number)s") % {"number": made.item.number})
            return redirect("changes:change", made.item.uid)
        except Refused as problem:
            refused = of_a_field(problem)
    elif before is not None:
        last = opened(request, str(before.item.uid)).plans[0].content
        entries |= forms.from_template(last) | {"title": before.item.title}
        entries["installation"] = str(before.place.uid)
    entries["criteria"] = forms.with_blanks(entries["criteria"])
    shown = {
        "choices": installations_of(person, "templates.propose"), "typed": entries, "refused": refused,
        "replaces": before,
    }  # fmt: skip
    return render(request, "changes/new-template.html", shown, status=422 if refused else 200)


@right(SIGNED_IN)
@require_POST
def withdraw(request: HttpRequest, uid: str) -> HttpResponse:
    """Put a template out of force."""
    change = change_of(reader(request), uid)
    standard_actions.withdraw_template(reader(request), change, reason=request.POST.get("reason", ""))
    messages.success(request, _("已停用模板 %(number)s") % {"number": change.item.number})
    return redirect("changes:change", uid)


@right(SIGNED_IN)
@require_POST
def normal_way(request: HttpRequest, uid: str) -> HttpResponse:
    """Let a standard or emergency change take the normal way."""
    change = change_of(reader(request), uid)
    emergency_actions.take_normal_way(
        reader(request), change, turn=forms.turn_of(request.POST), reason=request.POST.get("reason", "")
    )
    messages.success(request, _("%(number)s 改走正常流程") % {"number": change.item.number})
    return redirect("changes:change", uid)


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def amend(request: HttpRequest, uid: str) -> HttpResponse:
    """Ask for another need or design than the approved one."""
    found = opened(request, uid)
    entries: dict[str, Any] = forms.typed(request.POST, "of", "what", "reason", "none_affected")
    entries["documents"] = forms.documents(request.POST)
    refused = None
    if request.method == "POST":
        try:
            filed = amendments.file_amendment(
                reader(request), found.change, turn=forms.turn_of(request.POST), **entries
            )
            messages.success(request, _("已提出变更申请 %(number)s") % {"number": filed.number})
            return redirect("changes:change", uid)
        except Refused as problem:
            refused, found = of_a_field(problem), opened(request, uid)
    entries["documents"] = forms.with_blank_documents(entries["documents"])
    may = kind_pages.kind_part(found, reader(request))["may_amend"]
    shown = {
        "item": found.change.item, "typed": entries, "refused": refused, "may": may,
        "plan_lines": lines(found.plans[0].content) if found.plans else [],
    }  # fmt: skip
    return render(request, "changes/amend.html", shown, status=422 if refused else 200)


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def documents(request: HttpRequest, uid: str) -> HttpResponse:
    """The documents that amendments affect, and their new versions."""
    found = opened(request, uid)
    entries = forms.typed(request.POST, "amendment", "document", "new_version", "record")
    refused = None
    if request.method == "POST":
        try:
            kept = amendments.record_update(reader(request), found.change, **entries)
            messages.success(request, _("已登记 %(document)s 的新版本") % {"document": kept.number})
            return redirect("changes:documents", uid)
        except Refused as problem:
            refused, found = of_a_field(problem), opened(request, uid)
    may = kind_pages.kind_part(found, reader(request))["may_record"]
    shown = {
        "item": found.change.item,
        "amendments": found.amendments,
        "typed": entries,
        "refused": refused,
        "may": may,
    }
    return render(request, "changes/documents.html", shown, status=422 if refused else 200)


@right("changes.settle")
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    """Within how many working days an emergency is complete, and how often it is chased; for each customer."""
    person = reader(request)
    owners = person.owner_ids & person.owners_with("changes.settle")
    known = {one.code: one for one in Organisation.objects.filter(id__in=owners).order_by("code")}
    entries = forms.typed(request.POST, "owner", "follow_up_days", "remind_hours")
    refused = None
    if request.method == "POST":
        owner = known.get(entries["owner"])
        try:
            if owner is None:
                raise Refused(_("没有选单位。选一个再提交"), field="owner")
            emergency_actions.set_policy(
                person, owner, follow_up_days=forms.whole(entries["follow_up_days"]),
                remind_hours=forms.whole(entries["remind_hours"]),
            )  # fmt: skip
            messages.success(request, _("已设定补办期限"))
            return redirect("changes:policy")
        except Refused as problem:
            refused = of_a_field(problem)
    rows = [(one, emergency_actions.policy_of(one.id)) for one in known.values()]
    shown = {"rows": rows, "typed": entries, "refused": refused}
    return render(request, "changes/policy.html", shown, status=422 if refused else 200)
