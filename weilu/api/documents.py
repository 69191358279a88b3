"""Controlled documents: what one may see, and the acts on them."""

import base64
import binascii
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named
from weilu.documents import actions
from weilu.documents.models import Document, Version
from weilu.documents.queries import documents_of, lines_of, version_fetched
from weilu.kernel.refused import Refused

router = Router(tags=["act"])
reads = Router(tags=["read"])
PAGE = 50


class ProposalIn(Schema):
    """`keeper` is a sign-in name; `recipients` are organisation:CODE, department:NAME or person:SIGN-IN NAME."""

    label: str
    title: str
    level: str
    effective: date
    keeper: str
    recipients: list[str] = []
    name: str
    data: str  # the file in base64


class NewDocument(ProposalIn):
    """`form` is the key of a form when the document is a template of it."""

    owner: str
    number: str
    form: str = ""


class NextVersion(ProposalIn):
    document: UUID


class VersionRef(Schema, extra="forbid"):
    version: UUID


class Approval(VersionRef):
    """`sha256` of the file that was looked at."""

    sha256: str


class Declining(VersionRef):
    reason: str


@reads.get("/documents", summary="Controlled documents one may see, the newest first")
def documents(request: HttpRequest, after: str = "", waiting: bool = False) -> dict[str, Any]:
    """One page and the cursor of the next; `waiting`: those one has still to confirm."""
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise BadRequest(after)
    rows = list(documents_of(reader(request), waiting=waiting, before=int(after) if after else None)[:PAGE])
    found = [{"uid": str(one.uid), "number": one.number, "form": one.form, **_version(one.latest)} for one in rows]
    return {"documents": found, "next": str(rows[-1].id) if len(rows) == PAGE else ""}


@reads.get("/documents/{uuid:uid}", summary="One controlled document with its versions")
def document(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """`standing` is proposed, declined, coming, in_force or superseded."""
    found = Document.objects.select_related("owner").fetch(reader(request), uid)
    lines = [
        _version(line.version)
        | {"standing": line.standing, "recipients": [one.key for one in line.version.recipients.all()]}
        for line in lines_of(found, reader(request))
    ]
    return {"uid": str(found.uid), "number": found.number, "form": found.form, "versions": lines}


def _version(one: Version) -> dict[str, Any]:
    return {
        "version": str(one.uid), "label": one.label, "title": one.title, "level": one.level, "state": one.state,
        "effective": one.effective.isoformat(), "sha256": one.sha256, "size": one.size,
    }  # fmt: skip


@router.post("/documents/register_document", response=Done)
def register_document(request: HttpRequest, body: NewDocument) -> Done:
    """Put a document under control; what it answers is the uid of its first version."""
    owner = owner_named(request, body.owner)
    made = actions.register_document(
        reader(request), owner, number=body.number, form=body.form, proposal=_proposal(body)
    )
    return Done(uid=str(made.uid), number=made.document.number)


@router.post("/documents/propose_version", response=Done)
def propose_version(request: HttpRequest, body: NextVersion) -> Done:
    found = Document.objects.select_related("owner").fetch(reader(request), body.document)
    made = actions.propose_version(reader(request), found, proposal=_proposal(body))
    return Done(uid=str(made.uid), number=found.number)


@router.post("/documents/approve_version", response=Done)
def approve_version(request: HttpRequest, body: Approval) -> Done:
    return _done(actions.approve_version(reader(request), _fetched(request, body), sha256=body.sha256))


@router.post("/documents/decline_version", response=Done)
def decline_version(request: HttpRequest, body: Declining) -> Done:
    return _done(actions.decline_version(reader(request), _fetched(request, body), reason=body.reason))


@router.post("/documents/confirm_receipt", response=Done)
def confirm_receipt(request: HttpRequest, body: VersionRef) -> Done:
    return _done(actions.confirm_receipt(reader(request), _fetched(request, body)).version)


def _proposal(body: ProposalIn) -> actions.Proposal:
    try:
        data = base64.b64decode(body.data, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(_("文件不是 base64"), field="data") from None
    return actions.Proposal(
        label=body.label, title=body.title, level=body.level, effective=body.effective, keeper=body.keeper,
        recipients=body.recipients, name=body.name, data=data,
    )  # fmt: skip


def _fetched(request: HttpRequest, body: VersionRef) -> Version:
    return version_fetched(reader(request), body.version)


def _done(version: Version) -> Done:
    return Done(uid=str(version.uid), number=version.document.number)
