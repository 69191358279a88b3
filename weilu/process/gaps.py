"""What flows and open items ask of a customer's people that nobody can do: before somebody's role ends, and after."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Q
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.accounts.roles import ROLES
from weilu.process import rules
from weilu.process.flow import Flow, Step, Who, parse_flow
from weilu.process.models import FlowVersion, Opinion, Seat, WorkItem
from weilu.process.publishing import staff_of
from weilu.process.staffing import Staff, journeys, unmet, unmet_alone
from weilu.process.vocabulary import Kind, kind_of_flow
from weilu.process.who import is_meant

MOST = 20  # open items looked at for each act
ITEM = (
    "visit",
    "person",
    "authority",
    "item__flow",
    "item__owner",
    "item__system",
    "item__requester__department__head",
)


def gaps(owner: Organisation, people: Collection[Person]) -> list[str]:
    """Steps nobody could do, departments without the head a step asks for, items that wait for `people` in vain."""
    flows = [(version, flow, kind) for version, flow, kind in _newest(owner) if kind is not None]
    found = []
    for _version, flow, kind in flows:
        staff = staff_of(flow, kind, owner, who_words)
        found += [_of_flow(flow, words) for _step, words in unmet(flow, journeys(flow, kind), staff)]
        found += _headless(flow, staff)
    found += _of_running(owner, {version.id for version, _flow, _kind in flows})
    return found + _held_up(owner, people)


def uses(owner: Organisation) -> dict[str, list[str]]:
    """For each role, the steps of the newest flows that ask for it, a line for each flow: 正常变更：方案确认、通知."""
    found: dict[str, list[str]] = {}
    for _version, flow, _kind in _newest(owner):
        asked: dict[str, list[str]] = {}
        for step in flow.steps:
            for role in dict.fromkeys(who.kind if who.kind == "requester" else _role(who) for who in step.who):
                if role:
                    asked.setdefault(role, []).append(_(step.title))
        for role, titles in asked.items():
            words = {"flow": _(flow.title), "steps": _("、").join(titles)}
            found.setdefault(role, []).append(_("%(flow)s：%(steps)s") % words)
    return found


def who_words(who: Who) -> str:
    """Whom an entry means, as people say it."""
    match who.kind:
        case "requester":
            return str(ROLES["requester"].title)
        case "dept_head":
            return str(ROLES["department_head"].title)
        case "system_owner":
            return _("系统备份责任人")
        case "actor":
            return _("办过「%(step)s」的人") % {"step": who.name}
    return str(ROLES[_role(who)].title) if _role(who) in ROLES else who.name


def _role(who: Who) -> str:
    """The role an entry asks for; a department's head is no role but a place."""
    return who.name if who.kind == "role" else "engineer" if who.kind == "contract_engineer" else ""


def _of_flow(flow: Flow, words: str) -> str:
    return _("流程「%(flow)s」：%(gap)s") % {"flow": _(flow.title), "gap": words}


def _newest(owner: Organisation) -> list[tuple[FlowVersion, Flow, Kind | None]]:
    """The newest version of each flow, which items opened from now on follow."""
    known = FlowVersion.objects.filter(owner=owner).order_by("key", "number").values_list("key", "id")
    versions = FlowVersion.objects.filter(id__in=dict(known).values()).order_by("key")
    return [(version, parse_flow(version.source), kind_of_flow(version.key)) for version in versions]


def _headless(flow: Flow, staff: Staff) -> Iterator[str]:
    """Departments without a head, whose people may ask for what a head must confirm."""
    step = next((one for one in flow.steps if any(who.kind == "dept_head" for who in one.who)), None)
    if step is None:
        return
    people = [one for one, head in staff.requesters.items() if head is None]
    found = Person.objects.filter(id__in=people).order_by("department__name", "name", "id")
    for place, name in dict.fromkeys(found.values_list("department__name", "name")):
        words = {"step": _(step.title), "place": place or name}
        if place:
            yield _of_flow(flow, _("「%(step)s」要部门负责人，%(place)s没有") % words)
        else:
            yield _of_flow(flow, _("「%(step)s」要部门负责人，申请人%(place)s不在任何部门") % words)


def _of_running(owner: Organisation, newest: Collection[int]) -> list[str]:
    """What open items on older versions still come to that nobody could do."""
    open_items = WorkItem.objects.filter(owner=owner, state=WorkItem.State.OPEN).exclude(flow__in=newest)
    steps: dict[int, set[str]] = {}
    for version, step in open_items.order_by().values_list("flow_id", "step").distinct():
        steps.setdefault(version, set()).add(step)
    found = []
    for version in FlowVersion.objects.filter(id__in=steps).order_by("key", "number"):
        flow, kind = parse_flow(version.source), kind_of_flow(version.key)
        if kind is None:
            continue
        first = min(flow.place(key) for key in steps[version.id])
        staff = staff_of(flow, kind, owner, who_words)
        for step in flow.steps[first:]:
            for words in unmet_alone(step, staff):
                older = {"flow": _(flow.title), "number": version.number, "gap": words}
                found.append(_("流程「%(flow)s」第 %(number)d 版还有工单在办：%(gap)s") % older)
    return found


def _held_up(owner: Organisation, people: Collection[Person]) -> list[str]:
    """Open items that wait for one of `people` who is no longer meant, where too few others are."""
    ids = [one.id for one in people]
    if not ids:
        return []
    waiting = Seat.objects.filter(item__owner=owner, open=True, part=Seat.Part.ASKED).select_related(*ITEM)
    mine = waiting.filter(Q(person__in=ids, authority=None) | Q(authority__in=ids)).order_by("id")
    found = []
    for seat in mine[:MOST]:
        step = parse_flow(seat.item.flow.source).step(seat.visit.step)
        if not _counts(seat, step) and _stuck(seat, step):
            words = {"number": seat.item.number, "step": _(step.title), "name": (seat.authority or seat.person).name}
            found.append(_("%(number)s 的「%(step)s」在等%(name)s") % words)
    return found


def _counts(seat: Seat, step: Step) -> bool:
    """Whether whoever the flow asked for this seat may still act from it."""
    asked = seat.authority or seat.person
    return asked.is_active and any(is_meant(asked, who, seat.item) for who in step.who)


def _stuck(seat: Seat, step: Step) -> bool:
    """Whether the visit of this seat can no longer come to its number: with those who agreed and are still meant."""
    asked = list(Seat.objects.filter(visit=seat.visit_id, part=Seat.Part.ASKED).select_related(*ITEM))
    heard = Opinion.objects.filter(visit=seat.visit_id, act=Opinion.Act.AGREE, withdrawal=None)
    agreed = {one for pair in heard.values_list("person_id", "on_behalf_id") for one in pair}
    able = {one.person_id for one in asked if one.person_id in agreed or (one.open and _counts(one, step))}
    return rules.outcome(step, {one.person_id for one in asked}, able, ()) != "done"
