"""The editor of flows, and the page on which a second person looks at a proposal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from weilu.accounts.reader import reader
from weilu.kernel.canonical import sha256_hex
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import right
from weilu.process import flow_actions, flow_pages
from weilu.process.drafted import FlowDraft
from weilu.process.flow_actions import EDIT, PUBLISH, as_typed
from weilu.process.flow_queries import SEE, fetch_draft, fetch_version, owners_seen

BLANK = """flow: {room}.own
title: 新流程
steps:
  - key: request
    title: 申请
    who: requester
"""


@right(EDIT)
@require_POST
def begin_flow(request: HttpRequest) -> HttpResponse:
    """A draft of a flow from nothing, for the customer named."""
    owners = owners_seen(reader(request), EDIT)
    owner = next((one for one in owners if one.code == request.POST.get("owner", "")), None)
    if owner is None:
        raise NotVisible("owner")
    made = flow_actions.draft_flow(reader(request), owner, source=BLANK.format(room="changes"))
    return redirect("process:draft", made.uid)


@right(EDIT)
@require_POST
def begin_draft(request: HttpRequest, uid: UUID) -> HttpResponse:
    """A draft that begins with the text of a version, to become the one after the newest."""
    version = fetch_version(reader(request), uid)
    base = flow_actions.newest(version.owner, version.key)
    made = flow_actions.draft_flow(reader(request), version.owner, source=version.source, base=base)
    return redirect("process:draft", made.uid)


@right(SEE)
@require_http_methods(["GET", "POST"])
def draft(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The editor for who writes it, the proposal for who decides; what was typed stays when an act is turned down."""
    found = fetch_draft(reader(request), uid)
    refused = None
    if request.method == "POST" and request.POST.get("act") != "check":
        act = ACTS.get(request.POST.get("act", ""))
        if act is None:
            raise NotVisible("act")
        try:
            return act(request, found)
        except Refused as problem:
            refused = problem
            found = fetch_draft(reader(request), uid)
    return render(request, "process/draft.html", _shown(request, found, refused), status=409 if refused else 200)


@right(SEE)
@require_POST
def check(request: HttpRequest, uid: UUID) -> HttpResponse:
    """What stands beside the editor for the text as it is typed now; nothing is kept."""
    found = fetch_draft(reader(request), uid)
    try:
        made = flow_pages.live(as_typed(request.POST.get("source", "")), found.owner, found.base)
    except Refused as problem:
        return HttpResponse(problem.reason, status=409)
    shown = flow_pages.shown(made, found.owner, request.POST.dict()) | {"beside": True}
    return render(request, "process/flow-live.html", shown)


def _shown(request: HttpRequest, found: FlowDraft, refused: Refused | None) -> dict[str, Any]:
    me, given = reader(request), request.POST.dict()
    typed = given.get("source", found.source).replace("\r\n", "\n")
    edits = found.author_id == me.id and found.is_open and me.may(EDIT, found.owner_id)
    source = typed if edits else found.source
    proposed = found.state == FlowDraft.State.PROPOSED
    newest = flow_actions.newest(found.owner, found.base.key) if found.base else None
    made = flow_pages.live(source, found.owner, found.base)
    base = found.base.source if found.base else ""
    return flow_pages.shown(made, found.owner, given) | {
        "draft": found, "source": source, "edits": edits, "refused": refused, "typed": given, "proposed": proposed,
        "seen": given.get("seen") if refused and "seen" in given else sha256_hex(found.source.encode()),
        "decides": proposed and me.may(PUBLISH, found.owner_id) and found.author_id != me.id,
        "publishers": flow_actions.publishers(found) if proposed else [],
        "newer": newest if newest and found.base and newest.number > found.base.number and found.is_open else None,
        "changed": flow_pages.compared(base, source) if not edits or found.base else None,
        "offered": flow_pages.offered(made.flow or flow_pages.readable(base)) if edits else [],
        "discards": found.is_open and me.may(EDIT, found.owner_id),
        "rows": max(24, min(60, source.count("\n") + 3)),
    }  # fmt: skip


def _kept(request: HttpRequest, found: FlowDraft) -> FlowDraft:
    """The draft with the text of the form; against the newest version, where its author has looked at that."""
    source, base = request.POST.get("source", ""), found.base
    if base is not None and request.POST.get("rebase"):
        base = flow_actions.newest(found.owner, base.key)
    unchanged = as_typed(source) == found.source and base == found.base and found.is_open
    if unchanged and found.author_id == reader(request).id:
        return found
    return flow_actions.draft_flow(
        reader(request), found.owner, source=source, draft=found, base=base, seen=request.POST.get("seen", "")
    )


def _save(request: HttpRequest, found: FlowDraft) -> HttpResponse:
    kept = _kept(request, found)
    messages.success(request, _("草稿已保存"))
    return redirect("process:draft", kept.uid)


def _propose(request: HttpRequest, found: FlowDraft) -> HttpResponse:
    kept = _kept(request, found)
    seen = sha256_hex(as_typed(request.POST.get("source", "")).encode())
    flow_actions.propose_flow(reader(request), kept, seen=seen, words=request.POST.get("words", ""))
    messages.success(request, _("已送审，等另一个人发布"))
    return redirect("process:draft", kept.uid)


def _publish(request: HttpRequest, found: FlowDraft) -> HttpResponse:
    version = flow_actions.publish_flow(reader(request), found, digest=request.POST.get("digest", ""))
    messages.success(request, _("已发布为第 %(number)d 版") % {"number": version.number})
    return redirect("process:flow", version.uid)


def _reject(request: HttpRequest, found: FlowDraft) -> HttpResponse:
    given = request.POST
    flow_actions.reject_flow(reader(request), found, digest=given.get("digest", ""), words=given.get("words", ""))
    messages.success(request, _("已退回给%(name)s") % {"name": found.author.name})
    return redirect("process:draft", found.uid)


def _discard(request: HttpRequest, found: FlowDraft) -> HttpResponse:
    flow_actions.discard_flow(reader(request), found)
    messages.success(request, _("已放弃这份草稿"))
    return redirect("process:flows")


ACTS: dict[str, Callable[[HttpRequest, FlowDraft], HttpResponse]] = {
    "save": _save, "propose": _propose, "publish": _publish, "reject": _reject, "discard": _discard,
}  # fmt: skip
