"""What the pages of a change are made of: differences, facts, the sign panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes.approval import stands_approved
from weilu.changes.carried import acted, spent
from weilu.changes.gates import Mend, mends
from weilu.changes.host_pages import host_plan_view, may_rehearse, start_gates
from weilu.changes.kind import STANDARD, TEMPLATE
from weilu.changes.kind_pages import document_gates, kind_part
from weilu.changes.models import PlanVersion
from weilu.changes.plan import is_template, lines
from weilu.changes.planned import time_gates
from weilu.changes.queries import ChangeView
from weilu.evidence.queries import indexes
from weilu.kernel.times import now
from weilu.process.chart import draw
from weilu.process.models import StepVisit
from weilu.process.pages import Moment, chips, neighbours, timeline, watches
from weilu.process.rules import Gate
from weilu.process.vocabulary import fact_title
from weilu.records.models import RecordSheet
from weilu.ui import diff
from weilu.ui.dates import window

FORM_PAGES = {
    "need": "changes:need",
    "analysis": "changes:need",
    "plan": "changes:plan",
    "feedback": "changes:feedback",
}


def form_of(found: ChangeView) -> str:
    """The form by which the reader does the present step; "" when it is not theirs or is a bare signature."""
    return found.view.step.form if found.view.step and found.view.does_the_step else ""


def form_words(form: str) -> str:
    """What the button that leads to a form says."""
    return {
        "need": _("改需求"),
        "analysis": _("写可行性分析"),
        "plan": _("写实施方案"),
        "feedback": _("写使用反馈"),
        "sheet": _("签报告单"),
    }.get(form, "")


@dataclass(frozen=True)
class Compared:
    """Two versions of the plan and what lies between them."""

    old: PlanVersion
    new: PlanVersion
    rows: list[diff.Row]
    changed: int
    come: int
    gone: int
    first: diff.Row | None  # the first difference, for the narrow screen

    @property
    def others(self) -> int:
        """How many differences there are beside the first."""
        shown = 2 if self.first and self.first.kind == "replaced" else 1
        return max(0, self.changed + self.come + self.gone - shown)


def compared(
    old: PlanVersion, new: PlanVersion, *, fold: bool = True, wording: Sequence[str] | None = None
) -> Compared:
    """The wording of two plans, line by line; `wording` is that of the new one, where it is known already."""
    rows = diff.compare(lines(old.content), list(wording or lines(new.content)), fold=fold)
    first = diff.first_difference(rows)
    return Compared(old, new, rows, *diff.summary(rows), first)


def change_page(found: ChangeView, reader: Person, old: int = 0) -> dict[str, Any]:
    """The page of a change; `old` is the version of the plan to compare the newest with, by default the one before."""
    moments = timeline(found.view)
    wording = lines(found.plans[0].content) if found.plans else []
    gates = sorted([*time_gates(found, reader), *gate_lines(found)], key=lambda line: line[1].open)  # what fails first
    item = found.change.item
    return {
        "found": found, "change": found.change, "view": found.view, "item": item, "now": now(),
        "chart": draw(found.view), "near": neighbours(reader, item), "watching": watches(reader, item),
        "need": found.needs[0] if found.needs else None,
        "plan": found.plans[0] if found.plans else None, "against": _against(found, old, wording),
        "plan_lines": wording, "window": window_of(found),
        "moments": moments, "chips": chips(moments), "seals": _seals(moments), "form": form_of(found),
        "form_words": form_words(form_of(found)), "gates": gates,
        "missing": sum(not gate.open for _title, gate, _mend in gates), "returned": _returned(found),
        "countersign": "".join(countersign(found)), "countersign_short": countersign(found)[0],
        "last": next((one for one in found.view.opinions if not hasattr(one, "withdrawal")), None),
        "may_run": _may_run(found), **hosts_part(found, reader), "following": _following(found),
        "sheet": RecordSheet.objects.filter(item=item).order_by("-id").first(), **kind_part(found, reader),
    }  # fmt: skip


def hosts_part(found: ChangeView, reader: Person) -> dict[str, Any]:
    """What only the pages of a change about hosts show: the plan with its rehearsal, and what its start asks for."""
    if not found.change.on_hosts:
        return {"on_hosts": None, "may_rehearse": False, "start_gates": []}
    gates = start_gates(found, reader) if _may_run(found) else []
    return {
        "on_hosts": host_plan_view(found, found.plans[0] if found.plans else None),
        "may_rehearse": may_rehearse(found, reader), "start_gates": gates,
        "starts_missing": sum(not one.gate.open for one in gates),
    }  # fmt: skip


def gate_lines(found: ChangeView) -> list[tuple[str, Gate, Mend | None]]:
    """Each gate with what it asks for and, while it is closed, who can open it."""
    open_by = mends(found.change, found.view.gates, found.acts)
    facts = [(fact_title(gate.key), gate, open_by.get(gate.key)) for gate in found.view.gates]
    return [*document_gates(found), *facts]


def _against(found: ChangeView, old: int, wording: Sequence[str]) -> Compared | None:
    if len(found.plans) < 2:
        return None
    before = next((plan for plan in found.plans[1:] if plan.number == old), found.plans[1])
    return compared(before, found.plans[0], wording=wording)


def window_of(found: ChangeView) -> str:
    """The window of the newest plan; "" before there is one, and of a template, which leaves it open."""
    if not found.plans or is_template(found.plans[0].content):
        return ""
    content = found.plans[0].content
    return window(datetime.fromisoformat(content["window_from"]), datetime.fromisoformat(content["window_to"]), now())


def _seals(moments: list[Moment]) -> dict[Any, int]:
    return indexes([moment.evidence for moment in moments if moment.evidence])


def _returned(found: ChangeView) -> int:
    return sum(visit.outcome == StepVisit.Outcome.RETURNED for visit in found.view.visits)


def countersign(found: ChangeView) -> tuple[str, str]:
    """`会签 1/2` and `，钱文远已签` for a step that several sign; nothing for any other."""
    view = found.view
    if view.step is None or not view.visits or view.step.sign == "any":
        return "", ""
    present = next(one for one in view.steps if one.step == view.step)
    here, total = present.agreed, present.asked
    if total < 2:
        return "", ""
    counted = _("会签 %(agreed)d/%(total)d") % {"agreed": len(here), "total": total}
    names = _("、").join(one.person.name for one in here)
    return counted, _("，%(names)s已签") % {"names": names} if names else ""


def _may_run(found: ChangeView) -> bool:
    """Whether the reader may order the run now: the step is theirs, and this plan was not carried out yet."""
    view, item = found.view, found.change.item
    here = view.step is not None and view.step.key == "release" and view.does_the_step
    return here and not (acted(found.runs, item.subject) and spent(item, item.subject))


def _following(found: ChangeView) -> str:
    """The title of the step after the present one; "" at the end."""
    view = found.view
    if view.step is None or view.step.then == "end":
        return ""
    return _(view.flow.step(view.step.then).title)


def need_page(found: ChangeView) -> dict[str, Any]:
    """The versions of the need, the newest compared with the one before."""
    rows = []
    if len(found.needs) > 1:
        rows = diff.compare(found.needs[1].text.splitlines(), found.needs[0].text.splitlines())
    return {"found": found, "item": found.change.item, "view": found.view, "rows": rows}


def plan_page(found: ChangeView, reader: Person) -> dict[str, Any]:
    """The form of the plan, or its wording for somebody who may not write it now."""
    return {
        "found": found, "item": found.change.item, "view": found.view, "writes": _writes(found, reader),
        "anew": form_of(found) != "plan", "plan": found.plans[0] if found.plans else None,
        "plan_lines": lines(found.plans[0].content) if found.plans else [], "kind": found.change.item.kind,
        "template": found.template, "template_lines": _template_lines(found), **hosts_part(found, reader),
    }  # fmt: skip


def _template_lines(found: ChangeView) -> list[str]:
    """The wording of the template that a standard change rests on; nothing for any other."""
    if found.change.item.kind != STANDARD.key or found.template is None:
        return []
    approved = PlanVersion.objects.filter(change=found.template.change, digest=found.template.digest).first()
    return lines(approved.content) if approved else []


def _writes(found: ChangeView, reader: Person) -> bool:
    """The engineer at the design; or later, until a run of this plan has begun, when signatures fall away."""
    view = found.view
    if form_of(found) == "plan":
        return True
    if view.step is None or not found.plans or acted(found.runs, found.change.item.subject):
        return False
    first = view.flow.place("design")
    last = len(view.flow.steps) if found.change.item.kind == TEMPLATE.key else view.flow.place("release")
    if not first < view.flow.place(view.step.key) <= last or _approved(found):
        return False
    return reader.holds("engineer", found.change.item.owner_id)


def _approved(found: ChangeView) -> bool:
    return stands_approved(found.change, "design", found.view.visits, found.amendments, found.view.flow)


def compare_page(found: ChangeView, old: int, new: int) -> dict[str, Any]:
    """Any two versions of the plan, every line shown; by default the last two."""
    by_number = {plan.number: plan for plan in found.plans}
    newest = by_number.get(new, found.plans[0] if found.plans else None)
    before = by_number.get(old, found.plans[1] if len(found.plans) > 1 else newest)
    pair = compared(before, newest, fold=False) if newest and before else None
    return {"found": found, "item": found.change.item, "against": pair, "plans": found.plans}
