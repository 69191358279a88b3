"""Pages of flows as they are published: the list, one version with the record of its publication, two compared."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from weilu.accounts.models import Person
from weilu.accounts.reader import reader
from weilu.evidence.queries import indexes
from weilu.kernel.rights import right
from weilu.process import flow_pages
from weilu.process.flow import parse_flow
from weilu.process.flow_actions import EDIT
from weilu.process.flow_queries import SEE, drafts_seen, fetch_version, owners_seen, published, running_by_step
from weilu.process.models import FlowVersion


@right(SEE)
@require_GET
def flows(request: HttpRequest) -> HttpResponse:
    """Every flow with its newest version and what still runs on older ones; drafts on their way."""
    me = reader(request)
    shown = {"flows": published(me), "drafts": list(drafts_seen(me)), "editable": owners_seen(me, EDIT)}
    return render(request, "process/flows.html", shown)


@right(SEE)
@require_GET
def flow(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One version: chart, steps in words, who wrote and who published it, what changed, what runs on it."""
    me, version = reader(request), fetch_version(reader(request), uid)
    definition = parse_flow(version.source)
    versions = list(FlowVersion.objects.filter(owner=version.owner, key=version.key).order_by("-number"))
    before = next((one for one in versions if one.number == version.number - 1), None)
    shown = {
        "version": version, "flow": definition, "versions": versions, "newest": versions[0], "before": before,
        "chart": flow_pages.drawn(definition, flow_pages.people_named(definition)),
        "steps": flow_pages.described(definition), "running": _running(version),
        "changed": flow_pages.compared(before.source, version.source) if before else None,
        "index": indexes([version.evidence]).get(version.evidence) if version.evidence else None,
        "may_edit": me.may(EDIT, version.owner_id), "may_move": me.may("flows.move", version.owner_id),
        "simulated": flow_pages.simulated(definition, version.owner, request.GET.dict()),
    }  # fmt: skip
    return render(request, "process/flow.html", shown)


@right(SEE)
@require_GET
def simulation(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The part of the page that says who would get it, for what was chosen."""
    version = fetch_version(reader(request), uid)
    made = flow_pages.simulated(parse_flow(version.source), version.owner, request.GET.dict())
    return render(request, "process/simulation.html", {"simulated": made})


@right(SEE)
@require_GET
def compare(request: HttpRequest, uid: UUID) -> HttpResponse:
    """This version beside another of the same flow (`with`, a uid); the older one stands left."""
    version = fetch_version(reader(request), uid)
    versions = list(FlowVersion.objects.filter(owner=version.owner, key=version.key).order_by("-number"))
    other = _chosen(reader(request), request.GET.get("with", ""), versions, version)
    old, new = sorted((other, version), key=lambda one: one.number)
    shown = {
        "version": version, "flow": parse_flow(version.source), "versions": versions, "old": old, "new": new,
        "changed": flow_pages.compared(old.source, new.source),
    }  # fmt: skip
    return render(request, "process/flow-compare.html", shown)


def _chosen(me: Person, uid: str, versions: list[FlowVersion], version: FlowVersion) -> FlowVersion:
    """The other version: the one named, else the one before, for the first the one after."""
    if not uid:
        others = [one for one in versions if one.number != version.number]
        return next((one for one in others if one.number < version.number), others[-1] if others else version)
    other = fetch_version(me, uid)
    if other not in versions:
        raise BadRequest("with")
    return other


def _running(version: FlowVersion) -> list[dict[str, Any]]:
    """How many open items are at each step of the version, in its order."""
    counted = running_by_step([version]).get(version.id, {})
    steps = parse_flow(version.source).steps
    return [{"step": step, "count": counted[step.key]} for step in steps if step.key in counted]
