"""Amendments: a need or design changed after its approval, and the documents that follow it (CHG-2)."""

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import rules
from weilu.changes.actions import hold
from weilu.changes.approval import AMENDED, wants_amendment
from weilu.changes.carried import acts_of
from weilu.changes.kind import EMERGENCY
from weilu.changes.models import AffectedDocument, Amendment, Change
from weilu.evidence.actions import stage
from weilu.execution.models import Run
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.numbering import take_number
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process.actions import note, reopen_step
from weilu.process.rules import check_turn

BACK_TO = {Amendment.Of.NEED.value: "analysis", Amendment.Of.DESIGN.value: "design"}


@action("changes.file_amendment")
def file_amendment(
    by: Person,
    change: Change,
    *,
    turn: int,
    of: str,
    what: str,
    reason: str,
    documents: Sequence[Mapping[str, str]],
    none_affected: str = "",
) -> Amendment:
    """Ask for another need or design than the approved one: the item goes back to its analysis or design.

    The request has its own number; the next plan names it, so that whoever signs that plan signs the request.
    `documents` are the affected ones (number, title, version), else `none_affected` says why there are none.
    """
    if of not in Amendment.Of.values:
        raise Refused(_("没有选改什么。选一项再提交"), field="of")
    what = text.prose(what, _("改什么"), field="what", longest=2000)
    reason = text.prose(reason, _("为什么改"), field="reason", longest=1000)
    rows, none_affected = rules.checked_documents(documents, none_affected)
    item = hold(change)
    _check_may_ask(by, change)
    check_turn(turn, item.turn)
    if item.kind == EMERGENCY.key and of == Amendment.Of.NEED:
        raise Refused(_("紧急变更的需求在「补可行性分析」时写。这里只能改方案"), field="of")
    runs = acts_of(item).filter(subject=item.subject)
    live = next((run.number for run in runs if run.live), "")
    succeeded = runs.filter(state=Run.State.SUCCEEDED).exists()
    rules.check_may_amend(wants_amendment(change, of), live, succeeded)
    number = take_number(item.owner.code, "SQ", now())
    ref = stage(
        "changes.amendment_filed",
        {
            "number": item.number, "amendment": number, "of": of, "what": what, "reason": reason,
            "subject": item.subject, "documents": rows, "none_affected": none_affected,
        },
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
        urgent=True,
    )  # fmt: skip
    filed = Amendment.objects.create(
        change=change, number=number, of=of, what=what, reason=reason, none_affected=none_affected,
        subject=item.subject, by=by, evidence=ref,
    )  # fmt: skip
    AffectedDocument.objects.bulk_create(AffectedDocument(amendment=filed, **row) for row in rows)
    back = BACK_TO[of]
    if item.step != back:
        voided = _("变更申请 %(number)s：原来的签名与关口失效") % {"number": number}
        change.item = item = reopen_step(by, item, turn=turn, to=back, reason=voided)
    said = _("变更申请 %(number)s：%(what)s") % {"number": number, "what": what[:200]}
    note(item, "file", said, actor=by, link="#amendments", evidence=ref)
    return filed


def _check_may_ask(by: Person, change: Change) -> None:
    item = change.item
    if item.kind not in AMENDED:
        raise Refused(_("这类工单不用变更申请"))
    if by.id != item.requester_id and not by.holds("engineer", item.owner):
        raise Refused(_("变更申请由申请人或维护工程师提出"), rules.AMENDED_BY_REQUEST)


@action("changes.record_update")
def record_update(
    by: Person, change: Change, *, amendment: str, document: str, new_version: str, record: str
) -> AffectedDocument:
    """Put on record that an affected document has been updated: its new version, and what was changed in it."""
    new_version = text.code(new_version, _("新版本"), field="new_version", longest=40)
    record = text.line(record, _("变更记录"), field="record", longest=300)
    item = hold(change)
    _check_may_ask(by, change)
    if not item.step:
        raise Refused(_("工单已办结，不能再改"))
    found: AffectedDocument | None = (
        AffectedDocument.objects.select_for_update()
        .filter(amendment__change=change, amendment__number=amendment, number=document)
        .first()
    )
    if found is None:
        raise Refused(_("这份变更申请没有写到这份文件"), field="document")
    if new_version == found.version:
        raise Refused(_("新版本与原版本相同。写更新后的版本"), rules.AMENDED_BY_REQUEST, field="new_version")
    found.new_version, found.record, found.updated_by, found.updated_at = new_version, record, by, now()
    found.save(update_fields=["new_version", "record", "updated_by", "updated_at"])
    ref = stage(
        "changes.document_updated",
        {
            "number": item.number, "amendment": amendment, "document": document, "title": found.title,
            "from": found.version, "to": new_version, "record": record,
        },
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
    )  # fmt: skip
    words = {"title": found.title, "document": document, "version": new_version}
    note(item, "file", _("%(title)s %(document)s 已更新到 %(version)s") % words, actor=by, evidence=ref)
    return found


def documents_left(change: Change) -> list[str]:
    """The numbers of affected documents that are not updated yet."""
    left = AffectedDocument.objects.filter(amendment__change=change, updated_at=None)
    return list(left.order_by("amendment_id", "id").values_list("number", flat=True))
