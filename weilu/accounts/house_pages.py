"""The pages of roles and of an organisation: its departments and their heads, who serves it, who left."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts import house
from weilu.accounts.actions import found_organisation
from weilu.accounts.house_queries import house_of, organisation_seen, roles_held
from weilu.accounts.models import Department, Organisation, Person
from weilu.accounts.people import again, chosen, of_the_form, person_page
from weilu.accounts.queries import managed_customers, person_seen
from weilu.accounts.reader import reader
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import right

ENTRIES = ("act", "code", "name", "short_name", "department", "person")


@right("people.see")
@require_GET
def roles(request: HttpRequest) -> HttpResponse:
    """Each role: who holds it and did, what it opens, which steps ask for it; and what nobody can do."""
    return render(request, "accounts/roles.html", {"customers": roles_held(reader(request))})


@right("people.see")
@require_GET
def organisations(request: HttpRequest) -> HttpResponse:
    """The customers this person sees; straight to the only one."""
    found = list(Organisation.objects.filter(id__in=reader(request).owner_ids).order_by("code"))
    if len(found) == 1:
        return redirect("accounts:organisation", found[0].uid)
    return render(request, "accounts/organisations.html", {"organisations": found})


@right("people.see")
@require_GET
def organisation(request: HttpRequest, uid: str) -> HttpResponse:
    """One customer: names, departments with their heads, and whoever serves it, by which grant."""
    return _page(request, organisation_seen(reader(request), uid))


@right("people.manage")
@require_POST
def change(request: HttpRequest, uid: str) -> HttpResponse:
    """One act on the organisation; what was typed stays when it is turned down."""
    owner, typed = organisation_seen(reader(request), uid), {name: request.POST.get(name, "") for name in ENTRIES}
    act = ACTS.get(typed["act"])
    if act is None:
        raise NotVisible(typed["act"])
    try:
        messages.success(request, act(request, owner, typed))
    except Refused as problem:
        return _page(request, owner, of_the_form(problem), typed | again(request, "change"))
    return redirect("accounts:organisation", uid)


def _rename(request: HttpRequest, owner: Organisation, typed: dict[str, str]) -> str:
    house.rename_organisation(reader(request), owner, name=typed["name"], short_name=typed["short_name"])
    return _("单位名称已改")


def _found(request: HttpRequest, owner: Organisation, typed: dict[str, str]) -> str:
    fields = {name: typed[name] for name in ("code", "name", "short_name")}
    made = found_organisation(reader(request), kind=Organisation.Kind.VENDOR, keeper=owner, **fields)
    return _("已登记 %(name)s，现在添加它的人") % {"name": made.name}


def _add(request: HttpRequest, owner: Organisation, typed: dict[str, str]) -> str:
    made = house.add_department(reader(request), owner, name=typed["name"])
    return _("已添加部门「%(name)s」") % {"name": made.name}


def _rename_department(request: HttpRequest, owner: Organisation, typed: dict[str, str]) -> str:
    found = house.rename_department(reader(request), _department(owner, typed), name=typed["name"])
    return _("部门现在叫「%(name)s」") % {"name": found.name}


def _close(request: HttpRequest, owner: Organisation, typed: dict[str, str]) -> str:
    found = _department(owner, typed)
    house.close_department(reader(request), found)
    return _("部门「%(name)s」已撤销") % {"name": found.name}


def _head(request: HttpRequest, owner: Organisation, typed: dict[str, str]) -> str:
    found = _department(owner, typed)
    head = Person.objects.filter(organisation=owner, username=typed["person"].replace("\0", "")).first()
    if head is None and typed["person"]:
        raise Refused(_("没有选人，或选的人已不在这个单位办事"), field="person")
    house.name_head(reader(request), found, head, anyway=request.POST.get("anyway", ""))
    return _("%(department)s的负责人已改") % {"department": found.name}


ACTS: dict[str, Callable[[HttpRequest, Organisation, dict[str, str]], str]] = {
    "rename": _rename, "found": _found, "add": _add, "rename-department": _rename_department, "close": _close,
    "head": _head,
}  # fmt: skip


def _department(owner: Organisation, typed: dict[str, str]) -> Department:
    name = typed["department"].replace("\0", "")
    found = Department.objects.filter(organisation=owner, name=name, closed_at=None).first()
    if found is None:
        raise Refused(_("没有叫「%(name)s」的部门，可能刚改了名") % {"name": name[:60]}, field="department")
    return found


def _page(
    request: HttpRequest, owner: Organisation, refused: Refused | None = None, typed: dict[str, Any] | None = None
) -> HttpResponse:
    shown = {"house": house_of(owner, reader(request)), "refused": refused, "typed": typed or {}}
    return render(request, "accounts/organisation.html", shown, status=422 if refused else 200)


@right("people.manage")
@require_POST
def amend(request: HttpRequest, uid: str) -> HttpResponse:
    """Another name, title or department of a person."""
    found = person_seen(reader(request), uid)
    given = {name: request.POST.get(name, "") for name in ("name", "title", "department")}
    try:
        house.amend_person(reader(request), found, anyway=request.POST.get("anyway", ""), **given)
    except Refused as problem:
        return person_page(request, found, of_the_form(problem), given | again(request, "amend"))
    messages.success(request, _("%(name)s 的资料已改") % {"name": given["name"].strip()})
    return redirect("accounts:person", uid)


@right("people.manage")
@require_POST
def part(request: HttpRequest, uid: str) -> HttpResponse:
    """The person does nothing for a customer any more."""
    found = person_seen(reader(request), uid)
    try:
        owner = chosen(managed_customers(reader(request)), request.POST.get("owner", ""))
        house.let_go(reader(request), found, owner, anyway=request.POST.get("anyway", ""))
    except Refused as problem:
        return person_page(request, found, of_the_form(problem), again(request, "let-go"))
    messages.success(request, _("%(name)s 不再办 %(owner)s 的工作") % {"name": found.name, "owner": owner.name})
    return redirect("accounts:organisation", owner.uid)


@right("people.manage")
@require_POST
def bring_back(request: HttpRequest, uid: str) -> HttpResponse:
    """Whoever left signs in again."""
    found = house.take_back(reader(request), person_seen(reader(request), uid))
    messages.success(request, _("%(name)s 可以登录了，现在给角色") % {"name": found.name})
    return redirect("accounts:person", uid)
