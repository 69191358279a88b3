"""What the pages show of a change's kind: its template, why it could not wait, amendments with their documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes.approval import stands_approved
from weilu.changes.chase import counted
from weilu.changes.kind import CHANGE, CHANGES, EMERGENCY, STANDARD, TEMPLATE
from weilu.changes.models import AffectedDocument, PlanTemplate
from weilu.changes.queries import ChangeView
from weilu.kernel.times import now
from weilu.process.filters import Filters
from weilu.process.rules import Gate
from weilu.process.vocabulary import kind_title


def kind_part(found: ChangeView, reader: Person) -> dict[str, Any]:
    """What the page of a change shows of its kind, and which acts of its kind the reader may do."""
    item, emergency = found.change.item, found.emergency
    turned = item.kind in (STANDARD.key, EMERGENCY.key) and bool(item.step) and not found.acts
    carried_out = any(run.live or run.state == "succeeded" for run in found.acts if run.subject == item.subject)
    approved = any(
        stands_approved(found.change, of, found.view.visits, found.amendments, found.view.flow)
        for of in ("need", "design")
    )
    acts = approved or turned or bool(found.amendments)  # who the reader is matters only where there is something to do
    concerned = acts and (item.requester_id == reader.id or reader.holds("engineer", item.owner_id))
    return {
        "kind": item.kind, "template": found.template, "emergency": emergency, "amendments": found.amendments,
        "late": emergency is not None and emergency.done_at is None and emergency.due_at <= now(),
        "may_amend": concerned and approved and not carried_out,
        "may_record": concerned and bool(item.step),
        "may_turn": turned and (concerned or found.view.seat is not None),
        "may_withdraw": _may_withdraw(found.template, found, reader),
        "may_replace": item.kind == TEMPLATE.key and in_force(found.template)
        and reader.may("templates.propose", item.owner_id),
        "may_use": item.kind == TEMPLATE.key and in_force(found.template)
        and reader.may("changes.request", item.owner_id),
        "may_follow": item.kind in CHANGES and (not item.step or carried_out)
        and reader.may("changes.request", item.owner_id),
    }  # fmt: skip


def in_force(template: PlanTemplate | None) -> bool:
    """Whether standard changes may rest on it now."""
    return template is not None and template.approved_at is not None and template.withdrawn_at is None


def _may_withdraw(template: PlanTemplate | None, found: ChangeView, reader: Person) -> bool:
    item = found.change.item
    return item.kind == TEMPLATE.key and in_force(template) and reader.may("templates.withdraw", item.owner_id)


def left_of(found: ChangeView) -> list[AffectedDocument]:
    """The affected documents that are not updated yet."""
    return [one for filed in found.amendments for one in filed.documents.all() if one.updated_at is None]


def document_gates(found: ChangeView) -> list[tuple[str, Gate, None]]:
    """The affected documents as a gate of the release: shown before its button, asked again in the act (CHG-2)."""
    step, documents = found.view.step, [one for filed in found.amendments for one in filed.documents.all()]
    if step is None or step.key != "release" or not documents:
        return []
    left = left_of(found)
    if left:
        words = {"count": len(left), "numbers": _("、").join(one.number for one in left)}
        said = _("还有 %(count)d 份没有登记新版本：%(numbers)s") % words
    else:
        said = _("%(count)d 份都已更新") % {"count": len(documents)}
    return [(_("受影响的文件"), Gate("documents", not left, said), None)]


@dataclass(frozen=True)
class Chip:
    """One choice above the list of changes."""

    title: str
    url: str
    on: bool
    count: int | None = None


def chips(reader: Person, filters: Filters) -> list[Chip]:
    """Every kind of change, and the emergencies that are not complete, counted."""
    offered = [(_("全部"), Filters(kind="changes"), None)]
    offered += [(kind_title(one.key), Filters(kind=one.key), None) for one in (CHANGE, STANDARD, EMERGENCY)]
    opened: list[tuple[str, Filters, int | None]] = [
        *offered, (_("没有补齐的紧急变更"), Filters(kind=EMERGENCY.key, state="open"), counted(reader, now()).open)
    ]  # fmt: skip
    return [
        Chip(title, "/changes/" if one.kind == "changes" else f"/changes/?{one.query}", one == filters, count)
        for title, one, count in opened
    ]
