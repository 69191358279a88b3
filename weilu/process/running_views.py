"""The open items that follow a version of a flow, by step; and moving them to the newest one, each with its result."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from weilu.accounts.models import Person
from weilu.accounts.reader import reader
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import right
from weilu.process.flow import Flow, parse_flow
from weilu.process.flow_actions import newest
from weilu.process.flow_queries import SEE, fetch_version, open_steps, running_by_step, running_items
from weilu.process.models import FlowVersion, WorkItem
from weilu.process.move_actions import MOVE, move_item, pasts
from weilu.process.moving import in_the_way
from weilu.process.pages import item_url
from weilu.process.queries import PAGE


@dataclass(frozen=True)
class Line:
    """One open item: where it is, and why it could not be moved; nothing stands in the way where `why` is empty."""

    item: WorkItem
    url: str
    steps: list[str]
    why: list[str]


@dataclass(frozen=True)
class Result:
    """What became of one item: moved, or refused with the reason."""

    item: WorkItem
    url: str
    refused: Refused | None


@right(SEE)
@require_http_methods(["GET", "POST"])
def running(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Fifty open items of a version, oldest first, all or at one step; POST moves those that are ticked."""
    version = fetch_version(reader(request), uid)
    flow, last = parse_flow(version.source), newest(version.owner, version.key)
    results: list[Result] = []
    refused = None
    if request.method == "POST":
        try:
            results = _moved(reader(request), version, request)
        except Refused as problem:
            refused = problem
    step, after = request.GET.get("step", ""), request.GET.get("after", "0")
    if (step and step not in [one.key for one in flow.steps]) or not (after.isdecimal() and len(after) < 16):
        raise BadRequest("step")
    items = running_items(version, step, int(after), PAGE)
    counted = running_by_step([version]).get(version.id, {})
    shown = {
        "version": version, "flow": flow, "newest": last, "lines": _lines(items, flow, last), "step": step,
        "steps": [(one, counted[one.key]) for one in flow.steps if one.key in counted],
        "total": sum(counted.values()), "next": items[-1].id if len(items) == PAGE else 0,
        "may_move": last != version and reader(request).may(MOVE, version.owner_id), "results": results,
        "moved": sum(one.refused is None for one in results), "refused": refused,
        "typed": request.POST.get("words", "") if refused else "",
    }  # fmt: skip
    return render(request, "process/flow-running.html", shown, status=409 if refused else 200)


def _lines(items: list[WorkItem], flow: Flow, last: FlowVersion | None) -> list[Line]:
    """The rows of the page; the number of queries does not grow with them."""
    new = parse_flow(last.source) if last else flow
    past, steps = pasts(items), open_steps(items)
    return [
        Line(
            item,
            item_url(item),
            [_(flow.step(key).title) for key in steps.get(item.id, [item.step])],
            in_the_way(flow, new, past[item.id]) if new is not flow else [],
        )
        for item in items
    ]


def _moved(by: Person, version: FlowVersion, request: HttpRequest) -> list[Result]:
    """Each item by the ordinary action, with the turn the page showed; one that is refused stops no other."""
    picked = request.POST.getlist("item")
    if not picked:
        raise Refused(_("还没有选工单"), field="item")
    results = []
    for value in picked[:PAGE]:
        uid, _sign, turn = value.partition(":")
        if not (turn.isascii() and turn.isdigit() and len(turn) < 10):
            raise BadRequest("item")
        try:
            item = WorkItem.objects.select_related("owner").fetch(by, uid)
        except NotVisible:
            continue
        if item.owner_id != version.owner_id:
            continue
        try:
            moved = move_item(by, item, turn=int(turn), words=request.POST.get("words", ""))
            results.append(Result(moved, item_url(moved), None))
        except Refused as problem:
            if problem.field == "words":
                raise
            results.append(Result(item, item_url(item), problem))
    return results
