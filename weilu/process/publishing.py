"""What a flow names must exist, and what it says must be able to happen: the checks before it is published."""

import re
from collections.abc import Callable, Iterable

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.accounts.roles import ROLES
from weilu.kernel.clauses import clause_table
from weilu.kernel.refused import Refused
from weilu.process.conditions import parse_condition
from weilu.process.flow import Fault, Flow, Step, Who, WrongFlow, in_line, parse_flow
from weilu.process.rules import NO_STEP_SKIPPED
from weilu.process.staffing import Staff, faults_of_staff, journeys
from weilu.process.vocabulary import Facets, Kind, Required, kind_of_flow, rooms_with_flows

Check = Callable[[Flow, Step, Kind], Iterable[str]]
FLOW_KEY = re.compile(r"^[a-z][a-z0-9_]{0,19}\.[a-z][a-z0-9_]{0,39}$")


def check_publishable(flow: Flow, owner: Organisation) -> None:
    """NO_STEP_SKIPPED: a flow that could never be followed to its end is not published."""
    kind = kind_of_flow(flow.key)
    faults, help = faults_of_names(flow, kind), _("改正后再发布")
    if kind is not None and not faults:
        faults, help = faults_of_people(flow, kind, owner), _("先指定人员，再发布")
    if faults:
        raise Refused(_("；").join(faults), NO_STEP_SKIPPED, field="source", help=help)


def faults_in(source: str, owner: Organisation) -> tuple[Flow | None, list[Fault]]:
    """What stands in the way of publishing `source` for `owner`, and the flow where it can be read at all."""
    try:
        flow = parse_flow(source)
    except WrongFlow as wrong:
        return None, [*wrong.faults]
    kind = kind_of_flow(flow.key)
    faults = faults_of_names(flow, kind)
    if kind is not None and not faults:
        faults = faults_of_people(flow, kind, owner)
    return flow, faults


def faults_of_names(flow: Flow, kind: Kind | None) -> list[Fault]:
    """Every fault of the definition by itself, each with its line and what may stand there instead."""
    if kind is None:
        words = {"flow": flow.key, "known": _listed(rooms_with_flows())}
        return [Fault(_("flow「%(flow)s」不属于任何一类工单，应以其中一个开头：%(known)s") % words)]
    if not FLOW_KEY.match(flow.key):
        words = {"flow": flow.key}
        return [Fault(_("flow「%(flow)s」应像 changes.normal：小写英文，中间一个点") % words)]
    checks: tuple[Check, ...] = (_first, _vocabulary, _gates, _condition, _returns, _actors, _kept)
    faults = [in_line(step.line, fault) for step in flow.steps for check in checks for fault in check(flow, step, kind)]
    return _missing(flow, kind) + faults


def visited(step: Step, kind: Kind) -> list[Facets]:
    """The items that are asked to act in this step, told apart by their facets."""
    return [facets for facets in kind.every_facets if step.when is None or step.when.holds(facets)]


def _listed(words: Iterable[object]) -> str:
    return _("、").join(map(str, words))


def _first(flow: Flow, step: Step, kind: Kind) -> Iterable[str]:
    """Opening an item signs its first step at once: nothing there can be waited for."""
    if step is not flow.steps[0]:
        return
    wrong = [
        ([str(who) for who in step.who] != ["requester"], _("who 应是 requester")),
        (step.when is not None, _("不能有 when")),
        (bool(step.gates), _("不能有 gates")),
        (step.sign not in ("all", "any", 1), _("不能要多人")),
    ]
    for is_wrong, fault in wrong:
        if is_wrong:
            yield _("步骤 %(step)s 是第一步，由发起人在发起时签：%(fault)s") % {"step": step.key, "fault": fault}


def _vocabulary(flow: Flow, step: Step, kind: Kind) -> Iterable[str]:
    for word, name, known in (("form", step.form, kind.forms), ("auto", step.auto, kind.automatic)):
        if name and name not in known:
            words = {"step": step.key, "word": word, "name": name, "known": _listed(sorted(known))}
            yield _("步骤 %(step)s 的 %(word)s「%(name)s」不存在。可用：%(known)s") % words
    for who in step.who:
        if who.kind == "role" and who.name not in ROLES:
            words = {"step": step.key, "who": str(who), "known": _listed(ROLES)}
            yield _("步骤 %(step)s 的 %(who)s 不存在。可用：%(known)s") % words
    if step.clause and step.clause not in clause_table():
        yield _("步骤 %(step)s 的 clause「%(clause)s」不在条款表里") % {"step": step.key, "clause": step.clause}


def _gates(flow: Flow, step: Step, kind: Kind) -> Iterable[str]:
    places = {one.key: place for place, one in enumerate(flow.steps)}
    for gate in step.gates:
        words = {"step": step.key, "gate": gate, "from": kind.facts.get(gate, ""), "known": _listed(sorted(kind.facts))}
        if gate not in kind.facts:
            yield _("步骤 %(step)s 的关口「%(gate)s」没有人会记录。可用：%(known)s") % words
        elif words["from"] and words["from"] not in places:
            yield _("步骤 %(step)s 的关口「%(gate)s」要有步骤 %(from)s 才会有记录") % words
        elif words["from"] and places[words["from"]] > places[step.key]:
            yield _("步骤 %(step)s 的关口「%(gate)s」要到步骤 %(from)s 才会有记录，不能早于它") % words


def _condition(flow: Flow, step: Step, kind: Kind) -> Iterable[str]:
    if step.when is None:
        return
    faults = []
    for field, constant in step.when.compared:
        values = kind.facets.get(field)
        words = {"step": step.key, "field": field, "constant": written(constant)}
        if values is None:
            words["known"] = _listed(sorted(kind.facets))
            faults.append(_("步骤 %(step)s 的 when 里的字段「%(field)s」不存在。可用：%(known)s") % words)
        elif (type(constant), constant) not in [(type(value), value) for value in values]:  # for True == 1
            words["known"] = _listed(map(written, values))
            faults.append(_("步骤 %(step)s 的 when 里 %(field)s 不会是「%(constant)s」。可用：%(known)s") % words)
    if not faults and not visited(step, kind):
        words = {"step": step.key, "when": step.when.text}
        faults.append(_("步骤 %(step)s 的 when「%(when)s」从不成立，这一步永远走不到") % words)
    yield from faults


def written(constant: object) -> str:
    """A constant as it is written in a condition."""
    return f"'{constant}'" if isinstance(constant, str) else str(constant).lower()


def _returns(flow: Flow, step: Step, kind: Kind) -> Iterable[str]:
    before = [one for one in flow.steps[: flow.place(step.key)] if not one.auto]
    targets = [flow.step(key) for key in step.back]
    for target in targets:
        if target.auto:
            words = {"step": step.key, "back": target.key, "known": _listed(one.key for one in before)}
            yield _("步骤 %(step)s 的 back「%(back)s」是自动步骤，不能退回到那里。可用：%(known)s") % words
    names = [target for target in targets if not target.auto]
    if names and any(all(facets not in visited(one, kind) for one in names) for facets in visited(step, kind)):
        always = [one.key for one in before if all(facets in visited(one, kind) for facets in visited(step, kind))]
        words = {"step": step.key, "back": _listed(one.key for one in names), "known": _listed(always)}
        yield _("步骤 %(step)s 只能退回到 %(back)s，而有的工单不走那里。可再写：%(known)s") % words


def _actors(flow: Flow, step: Step, kind: Kind) -> Iterable[str]:
    for who in step.who:
        same = who.name if who.kind == "actor" else flow.steps[0].key if who.kind == "requester" else ""
        if same in step.not_also:
            words = {"step": step.key, "who": str(who), "barred": same}
            yield _("步骤 %(step)s 请 %(who)s，又用 not_also「%(barred)s」把同一个人排除，永远没有人可办") % words
        if who.kind != "actor":
            continue
        named, words = flow.step(who.name), {"step": step.key, "who": str(who), "named": who.name}
        if named.auto:
            yield _("步骤 %(step)s 的 %(who)s 没有人：步骤 %(named)s 是自动步骤") % words
        elif any(facets not in visited(named, kind) for facets in visited(step, kind)):
            yield _("步骤 %(step)s 的 %(who)s 可能没有人：有的工单不走步骤 %(named)s") % words


def _missing(flow: Flow, kind: Kind) -> list[Fault]:
    known = [step.key for step in flow.steps]
    every = _listed(one.key for one in kind.required)
    return [
        Fault(_("流程缺步骤 %(step)s。这一类流程都要有：%(every)s") % {"step": one.key, "every": every})
        for one in kind.required
        if one.key not in known
    ]


def _kept(flow: Flow, step: Step, kind: Kind) -> Iterable[str]:
    """What code and clauses rest on: required steps in order, each with its form, never passed by."""
    known = [one.key for one in flow.steps]
    for one in kind.required:
        for word, has, own_word in (("form", step.form, one.form), ("auto", step.auto, one.auto)):
            if has and has == own_word and one.key != step.key:
                words = {"step": step.key, "word": word, "name": has, "home": one.key}
                yield _("步骤 %(step)s 不能用 %(word)s「%(name)s」，它只用在步骤 %(home)s") % words
    required = [one for one in kind.required if one.key in known]
    place = next((place for place, one in enumerate(required) if one.key == step.key), -1)
    if place < 0:
        return
    own = required[place]
    later = [one.key for one in required[:place] if known.index(one.key) > known.index(step.key)]
    if later:
        yield _("步骤 %(step)s 应在步骤 %(before)s 之后") % {"step": step.key, "before": _listed(later)}
    for word, has, wanted in (("form", step.form, own.form), ("auto", step.auto, own.auto)):
        words = {"step": step.key, "word": word, "wanted": wanted}
        if wanted and has != wanted:
            yield _("步骤 %(step)s 的 %(word)s 应是 %(wanted)s") % words
        elif has and not wanted:
            yield _("步骤 %(step)s 不能有 %(word)s") % words
    yield from _passed_by(step, own, kind)


def _passed_by(step: Step, own: Required, kind: Kind) -> Iterable[str]:
    if step.when is None:
        return
    if not own.whenever:
        yield _("步骤 %(step)s 不能跳过，不能有 when") % {"step": step.key}
        return
    must = parse_condition(own.whenever)
    if any(must.holds(facets) and not step.when.holds(facets) for facets in kind.every_facets):
        words = {"step": step.key, "whenever": own.whenever}
        yield _("步骤 %(step)s 在 %(whenever)s 时不能跳过，when 要包含它") % words


def faults_of_people(flow: Flow, kind: Kind, owner: Organisation) -> list[Fault]:
    """Why steps of `flow` could never be met by the people who exist towards `owner`; empty when all can."""
    return faults_of_staff(flow, journeys(flow, kind), staff_of(flow, kind, owner))


def staff_of(flow: Flow, kind: Kind, owner: Organisation, named: Callable[[Who], str] = str) -> Staff:
    """Who exists towards `owner` of all whom `flow` asks for; `named` says what an entry is called in sentences."""
    asked = {who for step in flow.steps for who in step.who}
    opening = [role for role in ROLES if kind.right in ROLES[role].rights]
    requesters = {
        one.id: one.department.head_id if one.department else None
        for role in opening
        for one in Person.objects.holding(role, owner).select_related("department")
    }
    active = set(
        Person.objects.filter(id__in=filter(None, requesters.values()), is_active=True).values_list("id", flat=True)
    )
    return Staff(
        requesters={one: head if head in active else None for one, head in requesters.items()},
        holders={who: found for who in asked if (found := _holders(who, owner)) is not None},
        owners=frozenset(Person.objects.filter(organisation=owner, is_active=True).values_list("id", flat=True)),
        named=named,
    )


def _holders(who: Who, owner: Organisation) -> frozenset[int] | None:
    """The ids of all whom an entry means towards `owner`, whatever the item; None for one that hangs on the item."""
    match who.kind:
        case "role":
            found = Person.objects.holding(who.name, owner)
        case "contract_engineer":
            found = Person.objects.holding("engineer", owner)
        case "person":
            found = Person.objects.filter(username=who.name, is_active=True)
        case _:
            return None
    return frozenset(found.values_list("id", flat=True))
