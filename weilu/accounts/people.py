"""The pages of people and roles: who they are, and where an administrator adds people, gives roles and ends them."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.actions import EMPLOYED, add_person, end_role, give_role, unlock
from weilu.accounts.guesses import locks_of
from weilu.accounts.models import Organisation, Person
from weilu.accounts.queries import (
    customers_with_people,
    has_second_factor,
    keeps,
    kept_organisations,
    managed_customers,
    manages,
    person_seen,
    roles_of,
)
from weilu.accounts.reader import reader
from weilu.accounts.roles import ROLES
from weilu.accounts.tokens import tokens_of
from weilu.accounts.visits import visits_of
from weilu.kernel import text
from weilu.kernel.refused import Refused
from weilu.kernel.rights import right

ENTRIES = ("organisation", "username", "name", "title", "department")


@right("people.see")
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """The customers this person sees, their people and the vendors' people who work for them, with roles."""
    shown = {
        "customers": customers_with_people(reader(request)),
        "managed": {one.id for one in managed_customers(reader(request))},
    }
    return render(request, "accounts/people.html", shown)


@right("people.manage")
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """Add somebody to one's own customer; what was typed stays when it is refused, the password never."""
    choices = kept_organisations(reader(request))
    typed = {name: request.POST.get(name, "") for name in ENTRIES}
    refused = None
    if request.method == "POST":
        try:
            owner = chosen(choices, typed["organisation"])
            fields = {name: typed[name] for name in ENTRIES[1:]}
            made = add_person(reader(request), owner, password=request.POST.get("password", ""), **fields)
            messages.success(request, _("已添加 %(name)s，现在给角色") % {"name": made.name})
            if made.organisation.kind != Organisation.Kind.CUSTOMER:
                return redirect(f"/people/call-in?{urlencode({'username': made.username})}")
            return redirect("accounts:person", made.uid)
        except Refused as problem:
            refused = of_the_form(problem)
    shown = {"choices": choices, "typed": typed, "refused": refused}
    return render(request, "accounts/add.html", shown, status=422 if refused else 200)


@right("people.manage")
@require_http_methods(["GET", "POST"])
def call_in(request: HttpRequest) -> HttpResponse:
    """Give a role to somebody of a vendor, known by username: from then on they see this customer's work."""
    choices = managed_customers(reader(request))
    typed = {name: request.POST.get(name, "") for name in ("organisation", "username", "role", "source")}
    typed["username"] = typed["username"] or request.GET.get("username", "")[:40]
    refused = None
    if request.method == "POST":
        try:
            owner = chosen(choices, typed["organisation"])
            username = text.code(typed["username"], _("工号"), field="username", longest=40)
            source = text.line(typed["source"], _("依据"), field="source", longest=100)
            vendors = Person.objects.filter(organisation__kind=Organisation.Kind.VENDOR, is_active=True)
            called = vendors.filter(username=username).first()
            if called is None:
                raise Refused(_("服务商里没有工号「%(name)s」") % {"name": username}, field="username")
            give_role(reader(request), called, owner, typed["role"], source=source)
            messages.success(request, _("%(name)s 现在可以办 %(owner)s 的工作") % {"name": called, "owner": owner})
            return redirect("accounts:person", called.uid)
        except Refused as problem:
            refused = of_the_form(problem)
    shown = {"choices": choices, "typed": typed, "refused": refused, "roles": ROLES.values()}
    return render(request, "accounts/call-in.html", shown, status=422 if refused else 200)


@right("people.see")
@require_GET
def person(request: HttpRequest, uid: str) -> HttpResponse:
    """One person: the roles they hold and held towards the customers the reader sees."""
    return person_page(request, person_seen(reader(request), uid))


@right("people.manage")
@require_POST
def give(request: HttpRequest, uid: str) -> HttpResponse:
    """Give the person a role."""
    found = person_seen(reader(request), uid)
    role, source = request.POST.get("role", ""), request.POST.get("source", "")
    try:
        owner = chosen(managed_customers(reader(request)), request.POST.get("owner", ""))
        ground = text.line(source, _("依据"), field="source", longest=100, required=False)
        give_role(reader(request), found, owner, role, source=ground or EMPLOYED)
    except Refused as problem:
        return person_page(request, found, of_the_form(problem), {"role": role, "source": source})
    messages.success(request, _("%(name)s 现在是%(role)s") % {"name": found.name, "role": ROLES[role].title})
    return redirect("accounts:person", uid)


@right("people.manage")
@require_POST
def end(request: HttpRequest, uid: str) -> HttpResponse:
    """End a role of the person from this instant."""
    found, role = person_seen(reader(request), uid), request.POST.get("role", "")
    try:
        owner = chosen(managed_customers(reader(request)), request.POST.get("owner", ""))
        end_role(reader(request), found, owner, role, anyway=request.POST.get("anyway", ""))
    except Refused as problem:
        return person_page(request, found, of_the_form(problem), again(request, "end"))
    messages.success(request, _("%(name)s 不再是%(role)s") % {"name": found.name, "role": ROLES[role].title})
    sees = reader(request).owner_ids & found.owner_ids
    return redirect("accounts:person", uid) if sees else redirect("accounts:people")


@right("people.manage")
@require_POST
def free(request: HttpRequest, uid: str) -> HttpResponse:
    """End the locks on the person's sign-in."""
    found = person_seen(reader(request), uid)
    unlock(reader(request), found)
    messages.success(request, _("%(name)s 现在可以登录") % {"name": found.name})
    return redirect("accounts:person", uid)


def again(request: HttpRequest, path: str) -> dict[str, Any]:
    """What an act was asked for with, so that it can be asked for once more with the reason why it must be."""
    kept = {name: value for name, value in request.POST.items() if name not in ("anyway", "csrfmiddlewaretoken")}
    return {"again": kept, "path": path, "anyway": request.POST.get("anyway", "")}


def person_page(
    request: HttpRequest, found: Person, refused: Refused | None = None, typed: dict[str, Any] | None = None
) -> HttpResponse:
    """One person as `reader` may see them; `typed` is what stays of a form that was turned down."""
    me = reader(request)
    shown: dict[str, Any] = {"found": found, "towards": roles_of(found, me), "refused": refused}
    shown["managed"] = manages(me, found)
    shown["locks"] = locks_of(found) if shown["managed"] else []
    shown["amends"] = keeps(me, found.organisation)
    shown["back"] = not found.is_active and me.may("people.manage", found.organisation_id)
    shown["resets"] = shown["amends"] and has_second_factor(found)
    shown["visits"] = visits_of(found) if shown["managed"] else []
    shown["tokens"] = tokens_of(found) if shown["managed"] else []
    usual = {"name": found.name, "title": found.title, "department": found.department.name if found.department else ""}
    return render(
        request, "accounts/person.html", shown | {"typed": usual | (typed or {})}, status=422 if refused else 200
    )


def chosen(choices: list[Organisation], uid: str) -> Organisation:
    """The customer that was chosen among those one manages."""
    found = next((one for one in choices if str(one.uid) == uid), None)
    if found is None:
        raise Refused(_("没有选单位。选一个再提交"), field="organisation")
    return found


def of_the_form(problem: Refused) -> Refused:
    """A refusal that belongs to an entry is shown beside it; any other has its own page."""
    if problem.field:
        return problem
    raise problem
