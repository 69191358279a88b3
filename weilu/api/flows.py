"""Flows: what is published and what is being written; writing, proposing and publishing as POSTs."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named
from weilu.kernel.times import iso
from weilu.process import flow_actions, move_actions
from weilu.process.drafted import FlowDraft
from weilu.process.flow_queries import drafts_seen, fetch_draft, fetch_version, running_by_step, versions_seen
from weilu.process.models import FlowVersion, WorkItem
from weilu.process.publishing import faults_in

router = Router()
acts = Router()


class DraftIn(Schema, extra="forbid"):
    """A new draft without `draft`, else the new text of one's own; `base` is the uid of the version it changes.

    `seen` is the SHA-256 of the text that is replaced.
    """

    owner: str
    source: str
    draft: str = ""
    base: str = ""
    seen: str = ""


class ProposalIn(Schema, extra="forbid"):
    """`seen` is the SHA-256 of the text that is proposed."""

    draft: UUID
    seen: str
    words: str


class PublishIn(Schema, extra="forbid"):
    """`digest` is the SHA-256 of what was proposed."""

    draft: UUID
    digest: str


class RejectIn(PublishIn):
    words: str


class DraftRef(Schema, extra="forbid"):
    draft: UUID


class MoveIn(Schema, extra="forbid"):
    """An item as the caller saw it goes on under the newest version of its flow."""

    item: UUID
    turn: int
    words: str


@router.get("/flows", summary="Versions of flows, newest first, and drafts on their way")
def flows(request: HttpRequest) -> dict[str, Any]:
    """Every version of every flow that the caller may see, and the drafts that are not yet decided."""
    person = reader(request)
    return {
        "versions": [version_data(one) for one in versions_seen(person)],
        "drafts": [draft_data(one) for one in drafts_seen(person)],
    }


@router.get("/flows/{uuid:uid}", summary="One version of a flow: its text and the open items that follow it")
def flow(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """`running` counts open items by step."""
    version = fetch_version(reader(request), uid)
    return version_data(version) | {"source": version.source, "running": running_by_step([version]).get(version.id, {})}


@router.get("/flows/drafts/{uuid:uid}", summary="One draft: its text and every fault, each with its line")
def draft(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """A fault's `line` is 0 where it concerns the whole."""
    found = fetch_draft(reader(request), uid)
    _flow, faults = faults_in(found.source, found.owner)
    told = [{"line": fault.line, "words": str(fault)} for fault in faults]
    return draft_data(found) | {"source": found.source, "faults": told}


@acts.post("/process/draft_flow", response=Done)
def draft_flow(request: HttpRequest, act: DraftIn) -> Done:
    owner = owner_named(request, act.owner)
    old = fetch_draft(reader(request), act.draft) if act.draft else None
    base = fetch_version(reader(request), act.base) if act.base else None
    made = flow_actions.draft_flow(reader(request), owner, source=act.source, draft=old, base=base, seen=act.seen)
    return Done(uid=str(made.uid))


@acts.post("/process/propose_flow", response=Done)
def propose_flow(request: HttpRequest, act: ProposalIn) -> Done:
    made = flow_actions.propose_flow(
        reader(request), fetch_draft(reader(request), act.draft), seen=act.seen, words=act.words
    )
    return Done(uid=str(made.uid))


@acts.post("/process/publish_flow", response=Done)
def publish_flow(request: HttpRequest, act: PublishIn) -> Done:
    version = flow_actions.publish_flow(reader(request), fetch_draft(reader(request), act.draft), digest=act.digest)
    return Done(uid=str(version.uid), number=f"{version.key} v{version.number}")


@acts.post("/process/reject_flow", response=Done)
def reject_flow(request: HttpRequest, act: RejectIn) -> Done:
    made = flow_actions.reject_flow(
        reader(request), fetch_draft(reader(request), act.draft), digest=act.digest, words=act.words
    )
    return Done(uid=str(made.uid))


@acts.post("/process/discard_flow", response=Done)
def discard_flow(request: HttpRequest, act: DraftRef) -> Done:
    return Done(uid=str(flow_actions.discard_flow(reader(request), fetch_draft(reader(request), act.draft)).uid))


@acts.post("/process/move_item", response=Done)
def move_item(request: HttpRequest, act: MoveIn) -> Done:
    item = WorkItem.objects.select_related("owner").fetch(reader(request), act.item)
    moved = move_actions.move_item(reader(request), item, turn=act.turn, words=act.words)
    return Done(uid=str(moved.uid), number=moved.number)


def version_data(version: FlowVersion) -> dict[str, Any]:
    """A version, without its text."""
    return {
        "uid": str(version.uid), "owner": version.owner.code, "flow": version.key, "number": version.number,
        "digest": version.digest, "published_at": iso(version.published_at), "published_by": version.published_by,
        "written_by": version.written_by, "words": version.words, "evidence": str(version.evidence or ""),
    }  # fmt: skip


def draft_data(found: FlowDraft) -> dict[str, Any]:
    """A draft, without its text."""
    return {
        "uid": str(found.uid), "owner": found.owner.code, "flow": found.key, "state": found.state,
        "author": found.author.username, "base": str(found.base.uid) if found.base else "", "words": found.words,
        "digest": found.digest, "answer": found.answer,
    }  # fmt: skip
