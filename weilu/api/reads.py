"""What the API tells: the same querysets as the pages, in cursor pages."""

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from ninja import Router

from weilu.accounts.reader import reader
from weilu.changes.queries import ChangeView, change_view
from weilu.kernel.times import iso
from weilu.process import lists
from weilu.process.filters import read_filters
from weilu.process.queries import PAGE, Row
from weilu.systems.models import Installation, System

router = Router()


@router.get("/items", summary="Work items: todo, done, mine, watched or all")
def items(
    request: HttpRequest, list: str = "todo", after: str = "", kind: str = "", system: str = "", priority: str = "",
    due: str = "", state: str = "",
) -> dict[str, Any]:  # fmt: skip
    """One page of items and the cursor of the next; `next` is empty on the last page. Filters are those of the pages:
    `system` is a uid, `due` overdue, today or week, `state` open or closed.
    """
    named = {"kind": kind, "system": system, "priority": priority, "due": due, "state": state}
    try:
        rows = lists.rows(reader(request), list, read_filters(named), after)
    except (KeyError, ValueError, OverflowError, OSError) as problem:  # no such list or value, or not our cursor
        raise BadRequest(str(problem)) from None
    following = rows[-1].cursor if len(rows) == PAGE else ""
    return {"items": [row_data(row) for row in rows], "next": following}


@router.get("/changes/{uuid:uid}", summary="One change: step, need, plan, gates, runs")
def change(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """What its page shows, as data."""
    found = change_view(reader(request), uid)
    item, view = found.change.item, found.view
    return {
        "uid": str(item.uid),
        "number": item.number,
        "title": item.title,
        "kind": item.kind,
        "state": item.state,
        "step": item.step,
        "turn": item.turn,
        "subject": item.subject,
        "system": str(item.system.uid),
        "installation": str(found.change.installation.uid) if found.change.installation else "",
        "needs": [{"number": need.number, "text": need.text, "digest": need.digest} for need in found.needs],
        "plans": [{"number": plan.number, "content": plan.content, "digest": plan.digest} for plan in found.plans],
        "gates": [{"key": gate.key, "open": gate.open, "words": gate.words} for gate in view.gates],
        "may_return_to": [step.key for step in view.targets],
        "runs": [
            {"uid": str(run.uid), "number": run.number, "state": run.state, "purpose": run.purpose}
            for run in found.runs
        ],
        "files": [{"name": one.name, "sha256": one.sha256, "size": one.size} for one in found.files],
        **_of_kind(found),
    }


def _of_kind(found: ChangeView) -> dict[str, Any]:
    """What only some changes have: a template or its standing, why one could not wait, amendments with documents."""
    template, emergency = found.template, found.emergency
    return {
        "template": template and {
            "uid": str(template.change.item.uid), "number": template.change.item.number, "digest": template.digest,
            "approved": iso(template.approved_at) if template.approved_at else "",
            "withdrawn": iso(template.withdrawn_at) if template.withdrawn_at else "",
        },
        "emergency": emergency and {
            "reason": emergency.reason, "complete_by": iso(emergency.due_at),
            "completed": iso(emergency.done_at) if emergency.done_at else "",
        },
        "amendments": [
            {
                "number": one.number, "of": one.of, "what": one.what, "reason": one.reason,
                "none_affected": one.none_affected,
                "documents": [
                    {"number": doc.number, "title": doc.title, "version": doc.version, "new_version": doc.new_version}
                    for doc in one.documents.all()
                ],
            }
            for one in found.amendments
        ],
    }  # fmt: skip


@router.get("/systems", summary="Systems and their installations")
def systems(request: HttpRequest) -> list[dict[str, Any]]:
    """Every system the caller may see."""
    person = reader(request)
    installed: dict[int, list[dict[str, str]]] = {}
    for one in Installation.objects.visible_to(person).order_by("id"):
        data = {"uid": str(one.uid), "name": one.name, "host": one.host, "version": one.version}
        installed.setdefault(one.system_id, []).append(data)
    found = System.objects.visible_to(person).order_by("code")
    return [
        {"uid": str(one.uid), "code": one.code, "name": one.name, "installations": installed.get(one.id, [])}
        for one in found
    ]


def row_data(row: Row) -> dict[str, Any]:
    """One item of a list, as data."""
    item = row.item
    return {
        "uid": str(item.uid),
        "number": item.number,
        "kind": item.kind,
        "title": item.title,
        "state": item.state,
        "step": item.step,
        "turn": item.turn,
        "due_at": iso(row.due_at) if row.due_at else None,
        "waiting_for": [person.name for person in row.waiting],
    }
