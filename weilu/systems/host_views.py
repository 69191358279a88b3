"""The pages of hosts: the list and its workbook, one host, the forms of every act on it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.kernel.refused import Refused
from weilu.kernel.rights import right
from weilu.kernel.times import now
from weilu.systems import facts, host_actions, host_workbook
from weilu.systems import host_queries as queries
from weilu.systems.actions import check_manages
from weilu.systems.host_rules import FIELDS, USUAL
from weilu.systems.keys import fingerprint
from weilu.systems.looking import list_seen_by_others, seen_by_others
from weilu.systems.models import Host, HostGroup, System
from weilu.systems.panels import panels_of
from weilu.ui.workbook import XLSX

TYPED = (*FIELDS, "group", "key", "old", "reason")


@right("systems.see")
@require_GET
def hosts(request: HttpRequest) -> HttpResponse:
    """The hosts one may see, by name, fifty to a page."""
    person, asked = reader(request), _asked(request)
    try:
        rows, more = queries.page_of(person, asked, request.GET.get("after", ""))
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    _registered(request)
    counts = queries.counts_of(person, asked)
    shown = {
        "rows": rows, "asked": asked, "choices": queries.choices_of(person), "total": counts[""],
        "more": urlencode({"after": more}) if more else "", "after": request.GET.get("after", ""),
        "chips": [
            (word, asked.but(state=state).query, asked.state == state, counts[state])
            for state, word in (("", _("全部")), *queries.STATES.items())
            if counts[state] or not state or asked.state == state
        ],
        "managed": "systems.manage" in person.rights,
    }  # fmt: skip
    return render(request, "systems/hosts.html", shown)


@right("systems.see")
@require_GET
def workbook(request: HttpRequest) -> HttpResponse:
    """The hosts that fit, as an Excel workbook that can be imported again; others say what they want it for."""
    asked = _asked(request)
    if asking := _registered(request, ask=True):
        return asking
    answer = HttpResponse(host_workbook.workbook(queries.hosts_of(reader(request), asked)), content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="weilu-hosts-{now():%Y%m%d}.xlsx"'
    return answer


@right("systems.see")
@require_GET
def host(request: HttpRequest, uid: str) -> HttpResponse:
    """One host: how it is reached, its key, what is known of it, what happened to it."""
    found = _host(request, uid)
    seen_by_others(request, found.owner, "host", found.uid, found.name)
    return _page(request, found)


@right("systems.manage")
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest, uid: str) -> HttpResponse:
    """Register a host in a group of the system; what was typed stays when it is refused."""
    system = System.objects.select_related("owner").fetch(reader(request), uid)
    check_manages(reader(request), system.owner)
    if request.method != "POST":
        return _form(request, system, None, USUAL | {"group": request.GET.get("group", "")})
    try:
        group, typed = _group(request, system), _typed(request)
        said = {name: typed[name] for name in (*FIELDS, "key")}
        made = host_actions.register_host(reader(request), group, **said)
    except Refused as refused:
        return _form(request, system, None, _typed(request), refused)
    messages.success(request, _("已登记主机「%(name)s」") % {"name": made.name})
    return redirect("systems:host", made.uid)


@right("systems.manage")
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, uid: str) -> HttpResponse:
    """Other fields of a host; never its key."""
    found = _host(request, uid)
    system = found.group.environment.system
    check_manages(reader(request), found.owner)
    if request.method != "POST":
        typed = {name: getattr(found, name) for name in FIELDS} | {"group": str(found.group.uid)}
        return _form(request, system, found, typed)
    try:
        group, typed = _group(request, system), _typed(request)
        said = {name: typed[name] for name in FIELDS}
        host_actions.change_host(reader(request), found, group=group, **said)
    except Refused as refused:
        return _form(request, system, found, _typed(request), refused)
    messages.success(request, _("「%(name)s」已保存") % {"name": typed["name"].strip()})
    return redirect("systems:host", uid)


@right("systems.manage")
@require_POST
def pin(request: HttpRequest, uid: str) -> HttpResponse:
    """The first key of a host."""
    return _act(
        request, uid, _("密钥已固定"),
        lambda found, typed: host_actions.pin_key(reader(request), found, key=typed["key"]),
    )  # fmt: skip


@right("systems.manage")
@require_POST
def repin(request: HttpRequest, uid: str) -> HttpResponse:
    """Another key, with the reason."""
    return _act(
        request, uid, _("密钥已更换"),
        lambda found, typed: host_actions.repin_key(
            reader(request), found, key=typed["key"], old=typed["old"], reason=typed["reason"]
        ),
    )  # fmt: skip


@right("systems.manage")
@require_POST
def retire(request: HttpRequest, uid: str) -> HttpResponse:
    return _act(
        request, uid, _("主机已停用"),
        lambda found, typed: host_actions.retire_host(reader(request), found, reason=typed["reason"]),
    )  # fmt: skip


def _act(
    request: HttpRequest, uid: str, done: str, act: Callable[[Host, dict[str, Any]], object]
) -> HttpResponse:  # fmt: skip
    found, typed = _host(request, uid), _typed(request)
    try:
        act(found, typed)
    except Refused as refused:
        name = (request.resolver_match.url_name or "") if request.resolver_match else ""
        return _page(request, _host(request, uid), refused, typed | {"act": name})
    messages.success(request, done)
    return redirect("systems:host", uid)


def _page(
    request: HttpRequest, found: Host, refused: Refused | None = None, typed: dict[str, Any] | None = None
) -> HttpResponse:
    person = reader(request)
    managed = person.may("systems.manage", found.owner_id) and found.retired_at is None
    shown = {
        "host": found, "system": found.group.environment.system, "managed": managed, "typed": typed or {},
        "refused": refused, "fingerprint": fingerprint(found.key), "key_kind": found.key.partition(" ")[0],
        "facts": facts.lines_of(found.facts), "drift": facts.drift(found.facts),
        "history": queries.history_of(found), "twins": queries.twins_of(found), "panels": panels_of(person, found),
    }  # fmt: skip
    return render(request, "systems/host.html", shown, status=409 if refused else 200)


def _form(
    request: HttpRequest, system: System, found: Host | None, typed: dict[str, Any], refused: Refused | None = None
) -> HttpResponse:
    groups = HostGroup.objects.filter(environment__system=system).select_related("environment")
    shown = {
        "system": system, "host": found, "typed": typed, "refused": refused,
        "groups": groups.order_by("environment_id", "id"), "used": queries.choices_of(reader(request)),
    }  # fmt: skip
    return render(request, "systems/host-form.html", shown, status=409 if refused else 200)


def _typed(request: HttpRequest) -> dict[str, Any]:
    typed: dict[str, Any] = {name: request.POST.get(name, "") for name in TYPED}
    return typed | {"become": request.POST.get("become") == "1"}


def _group(request: HttpRequest, system: System) -> HostGroup:
    """The group that was chosen among those of the system."""
    rows = HostGroup.objects.select_related("owner", "environment__system__owner").filter(environment__system=system)
    given = request.POST.get("group", "")
    if not given:
        raise Refused(_("没有选主机组"), field="group")
    found: HostGroup = rows.fetch(reader(request), given)
    return found


def _host(request: HttpRequest, uid: str) -> Host:
    found: Host = Host.objects.select_related("owner", "group__environment__system__owner").fetch(reader(request), uid)
    return found


def _asked(request: HttpRequest) -> queries.Asked:
    try:
        return queries.read_asked(request.GET.dict())
    except ValueError as problem:
        raise BadRequest(str(problem)) from None


def _registered(request: HttpRequest, *, ask: bool = False) -> HttpResponse | None:
    """Register the look at every customer's list that is shown."""
    owners = Organisation.objects.filter(id__in=reader(request).owner_ids).order_by("code")
    return list_seen_by_others(request, owners, "hosts", ask=ask)
