"""What happens to controlled documents: proposed, approved by a second person, given out, received (DOC-1)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts.models import Department, Grant, Organisation, Person
from weilu.documents import rules
from weilu.documents.models import Document, Receipt, Recipient, Version
from weilu.documents.templating import FORMS, check_template
from weilu.evidence.actions import stage
from weilu.evidence.files import FileRef, keep
from weilu.kernel import text
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

State = Version.State


@dataclass(frozen=True)
class Proposal:
    """A version as it is proposed; `keeper` is a sign-in name, `recipients` are keys of `Recipient.key`."""

    label: str
    title: str
    level: str
    effective: date
    keeper: str
    recipients: Sequence[str]
    name: str
    data: bytes


def register_document(by: Person, owner: Organisation, *, number: str, form: str, proposal: Proposal) -> Version:
    """Put a document under control, with its first version; `form` makes it the template of that form.

    Not one transaction with the looking: no lock is held while a hostile file is looked at.
    """
    rules.check_may_propose(by.may("documents.manage", owner.id))
    number = text.code(number, _("编号"), field="number", longest=60)
    kind, sample = _looked_at(form, proposal)
    with transaction.atomic():
        owner = Organisation.objects.select_for_update().get(id=owner.id)
        if Document.objects.filter(owner=owner, number=number).exists():
            raise Refused(_("编号 %(number)s 已有文件") % {"number": number}, rules.CONTROLLED, field="number")
        document = Document.objects.create(owner=owner, number=number, form=form)
        return _propose(by, document, proposal, kind, sample)


def propose_version(by: Person, document: Document, *, proposal: Proposal) -> Version:
    """Propose the next version; the present one counts until a second person has approved it."""
    rules.check_may_propose(by.may("documents.manage", document.owner_id))
    kind, sample = _looked_at(document.form, proposal)
    with transaction.atomic():
        document = _locked(document)
        if document.versions.filter(state=State.PROPOSED).exists():
            raise Refused(_("已有一版待批准。批准或退回后再提新版"), rules.CONTROLLED)
        return _propose(by, document, proposal, kind, sample)


# Registered by hand: each is two steps, since the file is looked at before anything is locked.
ACTIONS["documents.register_document"] = register_document
ACTIONS["documents.propose_version"] = propose_version


@action("documents.approve_version")
def approve_version(by: Person, version: Version, *, sha256: str) -> Version:
    """Approve the file with the digest that was shown, with its level and distribution; those named are told."""
    document = _locked(version.document)
    version = _fresh(version)
    may = _may_approve(by, document.owner_id)
    rules.check_may_decide(may, by.id, version.proposed_by_id, version.state, version.sha256, sha256)
    people = people_given(version)
    _decide(by, version, State.APPROVED, "documents.approved", {"given_to": [one.actor for one in people]})
    document.current = version
    document.save()
    Receipt.objects.bulk_create(Receipt(version=version, person=one) for one in people)
    title = _("受控文件 %(number)s %(version)s 发给您，请签收")
    _tell(document, people, title % {"number": document.number, "version": version.label}, version.title)
    announce("documents.approved", version=version)
    return version


@action("documents.decline_version")
def decline_version(by: Person, version: Version, *, reason: str) -> Version:
    """Turn a proposal down, or take one's own back, with the reason; the present version goes on counting."""
    document = _locked(version.document)
    version = _fresh(version)
    own = by.id == version.proposed_by_id
    may, proposer = own or _may_approve(by, document.owner_id), 0 if own else version.proposed_by_id
    rules.check_may_decide(may, by.id, proposer, version.state, version.sha256, version.sha256)
    version.reason = text.prose(reason, _("退回原因"), field="reason", longest=500)
    _decide(by, version, State.DECLINED, "documents.declined", {"reason": version.reason})
    return version


@action("documents.confirm_receipt")
def confirm_receipt(by: Person, version: Version) -> Receipt:
    """`by` has received this version."""
    document = _locked(version.document)
    version = _fresh(version)
    receipt = Receipt.objects.filter(version=version, person=by).first()
    given = receipt is not None or by.id in {one.id for one in people_given(version)}
    rules.check_may_confirm(given, version.state, receipt is not None and receipt.confirmed_at is not None)
    receipt = receipt or Receipt(version=version, person=by)
    receipt.confirmed_at = now()
    receipt.save()
    _stage("documents.receipt_confirmed", by, document, version, {})
    return receipt


def people_given(version: Version) -> list[Person]:
    """Who is meant by the distribution now: people who see the customer, each once."""
    seeing = Grant.objects.in_force(now()).filter(organisation_id=version.document.owner_id).values("person_id")
    rows = version.recipients.all()
    ids = {
        "id__in": [row.person_id for row in rows if row.person_id],
        "department_id__in": [row.department_id for row in rows if row.department_id],
        "organisation_id__in": [row.organisation_id for row in rows if row.organisation_id],
    }
    near = Person.objects.filter(id__in=seeing, is_active=True)
    found = {one.id: one for key, some in ids.items() if some for one in near.filter(**{key: some})}
    return [found[id] for id in sorted(found)]


def _looked_at(form: str, proposal: Proposal) -> tuple[str, bytes]:
    """The kind of the file, and a template filled in with the sample; raises Refused."""
    kind = rules.kind_of(proposal.name, proposal.data)
    if not form:
        return kind, b""
    if form not in FORMS:
        raise Refused(_("没有这种表单"), rules.CONTROLLED, field="form")
    if kind != "docx":
        raise Refused(_("模板要用 DOCX"), rules.CONTROLLED, field="file")
    return kind, check_template(proposal.data, FORMS[form])


def _propose(by: Person, document: Document, proposal: Proposal, kind: str, sample: bytes) -> Version:
    version = Version(document=document, ordinal=document.versions.count() + 1, kind=kind, proposed_by=by)
    version.label = text.code(proposal.label, _("版本"), field="label", longest=30)
    if document.versions.filter(label=version.label).exists():
        raise Refused(_("版本 %(label)s 已经有了") % {"label": version.label}, rules.CONTROLLED, field="label")
    version.title = text.line(proposal.title, _("名称"), field="title", longest=100)
    version.keeper = _keeper(document.owner, proposal.keeper)
    version.level, version.effective = proposal.level, proposal.effective
    recipients = _recipients(document.owner, proposal.recipients)
    rules.check_distribution(version.level, len(recipients))
    version.name = text.line(proposal.name, _("文件名"), field="file", longest=150)
    kept = keep(proposal.data, version.name)
    version.sha256, version.size = kept.sha256, kept.size
    files = [kept]
    if sample:
        files.append(keep(sample, f"{document.number}-sample.docx"))
        version.preview = files[1].sha256
    facts = {"level": version.level, "effective": version.effective.isoformat(), "keeper": version.keeper.actor,
             "form": document.form, "recipients": sorted(one.key for one in recipients)}  # fmt: skip
    version.evidence = _stage("documents.proposed", by, document, version, facts, files)
    version.save()
    for one in recipients:
        one.version = version
    Recipient.objects.bulk_create(recipients)
    asked = {one.id: one for role in ("technical_head", "security_office", "leader", "administrator")
             for one in Person.objects.holding(role, document.owner) if one.id != by.id}  # fmt: skip
    words = _("受控文件 %(number)s %(version)s 等批准") % {"number": document.number, "version": version.label}
    _tell(document, list(asked.values()), words, version.title)
    return version


def _decide(by: Person, version: Version, state: str, kind: str, facts: dict[str, Any]) -> None:
    version.state, version.decided_by, version.decided_at = state, by, now()
    version.evidence = _stage(kind, by, version.document, version, facts, urgent=True)
    version.save()


def _keeper(owner: Organisation, username: str) -> Person:
    named = text.code(username, _("责任人"), field="keeper", longest=40)
    found = Person.objects.filter(username=named, organisation=owner, is_active=True).first()
    if found is None:
        raise Refused(_("责任人应是甲方在职的人"), rules.CONTROLLED, field="keeper")
    return found


def _recipients(owner: Organisation, keys: Sequence[str]) -> list[Recipient]:
    """The lines of a distribution, each once; raises Refused for what this customer does not know."""
    found = []
    seeing = Grant.objects.in_force(now()).filter(organisation=owner).values("person_id")
    for key in dict.fromkeys(keys):
        kind, _colon, name = str(key).replace("\0", "\ufffd").partition(":")
        near: dict[str, Any] = {
            "organisation": Organisation.objects.filter(code=name, people__in=seeing),
            "department": Department.objects.filter(name=name, organisation=owner),
            "person": Person.objects.filter(username=name, id__in=seeing, is_active=True),
        }
        row = near[kind].first() if kind in near else None
        if row is None:
            raise Refused(_("发放范围里没有「%(key)s」") % {"key": key[:60]}, rules.CONTROLLED, field="recipients")
        found.append(Recipient(**{kind: row}))
    return found


def _may_approve(by: Person, owner_id: int) -> bool:
    return by.may("documents.approve", owner_id)


def _locked(document: Document) -> Document:
    found: Document = Document.objects.select_for_update(of=("self",)).select_related("owner").get(id=document.id)
    return found


def _fresh(version: Version) -> Version:
    return Version.objects.select_related("document__owner", "proposed_by", "keeper").get(id=version.id)


def _tell(document: Document, people: list[Person], title: str, body: str) -> None:
    """Rooms beside this one carry it to the inbox."""
    if people:
        link = f"/documents/{document.uid}/"
        announce("documents.told", people=people, title=title, body=body, link=link, owner=document.owner)


def _stage(
    kind: str, by: Person, document: Document, version: Version, facts: dict[str, Any],
    files: Sequence[FileRef] = (), *, urgent: bool = False,
) -> uuid.UUID:  # fmt: skip
    said = {"document": document.number, "version": version.label, "title": version.title, "sha256": version.sha256}
    return stage(kind, said | facts, actor=by.actor, org=document.owner.code, urgent=urgent, files=files)
