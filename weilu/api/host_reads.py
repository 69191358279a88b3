"""The register of hosts, read by programs; looks by others than the customer's own are registered as on the pages."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from ninja import Router

from weilu.accounts.models import Organisation
from weilu.accounts.reader import reader
from weilu.kernel.times import iso
from weilu.systems import host_queries as queries
from weilu.systems.actions import check_manages
from weilu.systems.host_rules import FIELDS
from weilu.systems.import_actions import plan_of_import
from weilu.systems.keys import fingerprint
from weilu.systems.looking import list_seen_by_others, seen_by_others
from weilu.systems.models import Host, HostImport, Limit, System

router = Router(tags=["read"])
PAGE = 200


@router.get("/systems/{uuid:uid}", summary="One system: environments, groups, what it depends on")
def system(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """`total` counts the hosts of a group; they are read at /hosts."""
    found = System.objects.select_related("owner").fetch(reader(request), uid)
    seen_by_others(request, found.owner, "system", found.uid, found.code)
    related = queries.dependencies_of(found)
    tree = [(lines.environment, lines.groups) for lines in queries.tree_of(found, 0)]
    return {
        "uid": str(found.uid), "code": found.code, "name": found.name,
        "needs": [str(one.uid) for one in related["needs"]],
        "needed_by": [str(one.uid) for one in related["needed_by"]],
        "environments": [
            {
                "uid": str(environment.uid), "kind": environment.kind, "name": environment.name,
                "groups": [
                    {"uid": str(one.group.uid), "name": one.group.name, "at_once": one.group.at_once,
                     "total": one.total}
                    for one in groups
                ],
            }
            for environment, groups in tree
        ],
    }  # fmt: skip


@router.get("/hosts", summary="Hosts, by name")
def hosts(
    request: HttpRequest, after: str = "", system: str = "", kind: str = "", state: str = "", site: str = "",
    zone: str = "", q: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One page and the cursor of the next, "" on the last.

    `system` is a uid, `kind` test, standby or production, `state` unpinned, unreached, late, drift or retired.
    """
    given = {"system": system, "kind": kind, "state": state, "site": site, "zone": zone, "q": q}
    try:
        rows, more = queries.page_of(reader(request), queries.read_asked(given), after, PAGE)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    owners = Organisation.objects.filter(id__in=reader(request).owner_ids).order_by("code")
    list_seen_by_others(request, owners, "hosts")
    return {"hosts": [_host(one) for one in rows], "next": more}


@router.get("/hosts/{uuid:uid}", summary="One host: how it is reached, its key, facts and history")
def host(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """`entry` is the place of a line of the history in the log; null while that waits for one."""
    rows = Host.objects.select_related("owner", "group__environment__system")
    found: Host = rows.fetch(reader(request), uid)
    seen_by_others(request, found.owner, "host", found.uid, found.name)
    history = [
        {"at": iso(line.event.at), "kind": line.event.kind, "actor": line.event.actor, "data": line.event.data,
         "entry": line.index}
        for line in queries.history_of(found)
    ]  # fmt: skip
    return _host(found) | {"key": found.key, "facts": found.facts, "history": history}


@router.get("/limits", summary="How many hosts of a site or network zone may change at once")
def limits(request: HttpRequest) -> list[dict[str, Any]]:
    """Of every customer the caller sees."""
    rows = list(
        Limit.objects.visible_to(reader(request)).select_related("owner").order_by("owner__code", "kind", "name")
    )
    list_seen_by_others(request, {one.owner_id: one.owner for one in rows}.values(), "systems")
    return [
        {"uid": str(one.uid), "owner": one.owner.code, "kind": one.kind, "name": one.name, "at_once": one.at_once}
        for one in rows
    ]


@router.get("/imports/{uuid:uid}", summary="What an uploaded list of hosts would do, line by line")
def upload(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """`digest` is what confirm_import takes; lines are gone once the import is settled."""
    found: HostImport = HostImport.objects.select_related("owner", "environment__system").fetch(reader(request), uid)
    check_manages(reader(request), found.owner)
    said: dict[str, Any] = {"uid": str(found.uid), "name": found.name, "sha256": found.sha256, "done": found.done}
    if found.settled_at is not None:
        return said | {"digest": "", "counts": found.done, "lines": [], "faults": [], "left": []}
    plan = plan_of_import(found)
    lines = [
        {"line": one.line, "name": one.name, "state": one.state, "place": one.place, "fields": one.fields,
         "changed": one.changed, "key": one.fingerprint, "reason": one.reason}
        for one in plan.lines
    ]  # fmt: skip
    remarks = {name: found.read[name] for name in ("faults", "left")}
    return said | {"digest": plan.digest, "counts": plan.counts, "lines": lines} | remarks


def _host(one: Host) -> dict[str, Any]:
    environment = one.group.environment
    return {
        "uid": str(one.uid), **{name: getattr(one, name) for name in FIELDS}, "fingerprint": fingerprint(one.key),
        "system": str(environment.system.uid), "environment": environment.name, "kind": environment.kind,
        "group": one.group.name, "facts_at": iso(one.facts_at) if one.facts_at else None,
        "retired_at": iso(one.retired_at) if one.retired_at else None,
    }  # fmt: skip
