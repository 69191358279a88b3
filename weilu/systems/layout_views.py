"""Where the administrator lays out a system: environments, groups, dependencies; and the limits of sites and zones."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import right
from weilu.systems import layout_actions as actions
from weilu.systems.actions import check_manages
from weilu.systems.host_queries import dependencies_of, tree_of
from weilu.systems.looking import list_seen_by_others
from weilu.systems.models import Environment, HostGroup, Limit, System

ENTRIES = ("act", "environment", "group", "kind", "name", "at_once", "on")
Typed = dict[str, str]


@right("systems.manage")
@require_GET
def layout(request: HttpRequest, uid: str) -> HttpResponse:
    """The forms of one system's environments, groups and dependencies."""
    system = _system(request, uid)
    check_manages(reader(request), system.owner)
    return _layout(request, system)


@right("systems.manage")
@require_POST
def change(request: HttpRequest, uid: str) -> HttpResponse:
    """One act on the layout; what was typed stays when it is turned down."""
    system, typed = _system(request, uid), {name: request.POST.get(name, "") for name in ENTRIES}
    act = ACTS.get(typed["act"])
    if act is None:
        raise NotVisible(typed["act"])
    try:
        messages.success(request, act(request, system, typed))
    except Refused as refused:
        return _layout(request, system, refused, typed)
    return redirect("systems:layout", uid)


def _add_environment(request: HttpRequest, system: System, typed: Typed) -> str:
    made = actions.add_environment(reader(request), system, kind=typed["kind"], name=typed["name"])
    return _("已添加环境「%(name)s」，现在添加主机组") % {"name": made.name}


def _rename_environment(request: HttpRequest, system: System, typed: Typed) -> str:
    found = actions.rename_environment(reader(request), _environment(request, typed), name=typed["name"])
    return _("环境现在叫「%(name)s」") % {"name": found.name}


def _drop_environment(request: HttpRequest, system: System, typed: Typed) -> str:
    found = _environment(request, typed)
    actions.drop_environment(reader(request), found)
    return _("已删去环境「%(name)s」") % {"name": found.name}


def _add_group(request: HttpRequest, system: System, typed: Typed) -> str:
    environment = _environment(request, typed)
    made = actions.add_group(reader(request), environment, name=typed["name"], at_once=typed["at_once"])
    return _("已添加主机组「%(name)s」，现在登记主机") % {"name": made.name}


def _change_group(request: HttpRequest, system: System, typed: Typed) -> str:
    found = _group(request, typed)
    found = actions.change_group(reader(request), found, name=typed["name"], at_once=typed["at_once"])
    return _("主机组「%(name)s」已保存") % {"name": found.name}


def _drop_group(request: HttpRequest, system: System, typed: Typed) -> str:
    found = _group(request, typed)
    actions.drop_group(reader(request), found)
    return _("已删去主机组「%(name)s」") % {"name": found.name}


def _add_dependency(request: HttpRequest, system: System, typed: Typed) -> str:
    if not typed["on"]:
        raise Refused(_("没有选依赖哪个系统"), field="on")
    on = _system(request, typed["on"])
    actions.add_dependency(reader(request), system, on=on)
    return _("已登记：%(system)s 依赖 %(on)s") % {"system": system.name, "on": on.name}


def _remove_dependency(request: HttpRequest, system: System, typed: Typed) -> str:
    on = _system(request, typed["on"])
    actions.remove_dependency(reader(request), system, on=on)
    return _("已取消：%(system)s 依赖 %(on)s") % {"system": system.name, "on": on.name}


ACTS: dict[str, Callable[[HttpRequest, System, Typed], str]] = {
    "add-environment": _add_environment, "rename-environment": _rename_environment,
    "drop-environment": _drop_environment, "add-group": _add_group, "change-group": _change_group,
    "drop-group": _drop_group, "add-dependency": _add_dependency, "remove-dependency": _remove_dependency,
}  # fmt: skip


def _layout(
    request: HttpRequest, system: System, refused: Refused | None = None, typed: dict[str, Any] | None = None
) -> HttpResponse:
    dependencies = dependencies_of(system)
    known = [system.id, *(one.id for one in dependencies["needs"])]
    others = System.objects.filter(owner=system.owner).exclude(id__in=known).order_by("code")
    shown = {
        "system": system, "tree": tree_of(system, 0), "dependencies": dependencies, "others": others,
        "kinds": Environment.Kind.choices, "refused": refused, "typed": typed or {},
    }  # fmt: skip
    return render(request, "systems/layout.html", shown, status=409 if refused else 200)


def _system(request: HttpRequest, uid: str) -> System:
    found: System = System.objects.select_related("owner").fetch(reader(request), uid)
    return found


def _environment(request: HttpRequest, typed: Typed) -> Environment:
    rows = Environment.objects.select_related("owner", "system__owner")
    found: Environment = rows.fetch(reader(request), typed["environment"])
    return found


def _group(request: HttpRequest, typed: Typed) -> HostGroup:
    rows = HostGroup.objects.select_related("owner", "environment__system__owner")
    found: HostGroup = rows.fetch(reader(request), typed["group"])
    return found


@right("systems.see")
@require_GET
def limits(request: HttpRequest) -> HttpResponse:
    """How many hosts of a site or network zone may change at once."""
    return _limits(request)


@right("systems.manage")
@require_POST
def set_limit(request: HttpRequest) -> HttpResponse:
    """Set one limit, or another number for it; what was typed stays when it is turned down."""
    typed = {name: request.POST.get(name, "") for name in ("owner", "kind", "name", "at_once")}
    owner = _owner(request, typed["owner"])
    try:
        said = {name: typed[name] for name in ("kind", "name", "at_once")}
        made = actions.set_limit(reader(request), owner, **said)
    except Refused as refused:
        return _limits(request, refused, typed)
    messages.success(request, _("「%(name)s」同时最多 %(n)d 台") % {"name": made.name, "n": made.at_once})
    return redirect("systems:limits")


@right("systems.manage")
@require_POST
def remove_limit(request: HttpRequest, uid: str) -> HttpResponse:
    found = Limit.objects.select_related("owner").fetch(reader(request), uid)
    actions.remove_limit(reader(request), found)
    messages.success(request, _("「%(name)s」不再有限额") % {"name": found.name})
    return redirect("systems:limits")


def _limits(request: HttpRequest, refused: Refused | None = None, typed: Typed | None = None) -> HttpResponse:
    person = reader(request)
    rows = list(Limit.objects.visible_to(person).select_related("owner").order_by("owner__code", "kind", "name"))
    list_seen_by_others(request, {one.owner_id: one.owner for one in rows}.values(), "systems")
    owners = Organisation.objects.filter(id__in=person.owner_ids).order_by("code")
    managed = [one for one in owners if person.may("systems.manage", one.id)]
    shown = {
        "limits": [(one, person.may("systems.manage", one.owner_id)) for one in rows], "managed": managed,
        "kinds": Limit.Kind.choices, "refused": refused, "typed": typed or {},
    }  # fmt: skip
    return render(request, "systems/limits.html", shown, status=409 if refused else 200)


def _owner(request: HttpRequest, code: str) -> Organisation:
    owners = Organisation.objects.filter(id__in=reader(request).owner_ids)
    found = owners.filter(code=code.replace("\0", "\ufffd")).first()
    if found is None:
        raise NotVisible(code)
    return found
