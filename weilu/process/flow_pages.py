"""What the pages of flows are made of: the live part beside the editor, the simulation, a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.accounts.roles import ROLES
from weilu.kernel.times import now
from weilu.process.chart import draw_steps
from weilu.process.flow import Fault, Flow, WrongFlow, parse_flow, read_who
from weilu.process.flow_words import Described, Difference, describe, differences, who_words
from weilu.process.models import FlowVersion
from weilu.process.publishing import faults_in, written
from weilu.process.queries import StepView
from weilu.process.simulation import Case, Visit, simulate
from weilu.process.vocabulary import Facets, Kind, fact_title, kind_of_flow
from weilu.systems.models import System
from weilu.ui.diff import Row, compare

FACET, OUTCOME = "facet.", "out."


@dataclass(frozen=True)
class Live:
    """What stands beside the text of a flow: its faults, its chart, and what it says otherwise than its base."""

    flow: Flow | None
    faults: list[Fault]
    chart: SafeString
    differences: list[Difference]

    @property
    def lines(self) -> str:
        """The lines with a fault, as the editor marks them."""
        return " ".join(sorted({str(fault.line) for fault in self.faults if fault.line}, key=int))


def live(source: str, owner: Organisation, base: FlowVersion | None) -> Live:
    """`source` checked as publishing would check it."""
    flow, faults = faults_in(source, owner)
    if flow is None:
        return Live(None, faults, SafeString(""), [])
    people = people_named(flow)
    wrong = {fault.line for fault in faults}
    old = readable(base.source) if base else None
    changed = differences(old, flow, people | people_named(old)) if old else []
    return Live(flow, faults, drawn(flow, people, wrong), changed)


def readable(source: str) -> Flow | None:
    """The flow of a text; None for one that cannot be read."""
    try:
        return parse_flow(source)
    except WrongFlow:
        return None


def drawn(flow: Flow, people: Mapping[str, str], wrong: set[int] | None = None) -> SafeString:
    """The chart of a flow without an item, who is asked under each step; steps whose line is in `wrong` are red."""
    number, views, under = 0, [], {}
    for step in flow.steps:
        number += 0 if step.mark else 1
        state = "wrong" if step.line in (wrong or ()) else "future"
        views.append(StepView(step, 0 if step.mark else number, state, [], [], [], [], 0))
        under[step.key] = [who_words(who, flow, people) for who in step.who] or [_("自动办理")]
    summary = _("流程图：%(steps)s") % {"steps": " → ".join(_(step.title) for step in flow.steps)}
    return draw_steps(flow, views, summary, under=under)


def people_named(flow: Flow | None) -> dict[str, str]:
    """The names of those whom a flow asks for by their sign-in name."""
    usernames = {who.name for step in (flow.steps if flow else ()) for who in step.who if who.kind == "person"}
    return dict(Person.objects.filter(username__in=usernames).values_list("username", "name")) if usernames else {}


def described(flow: Flow) -> list[Described]:
    """Every step in words."""
    people = people_named(flow)
    return [describe(step, flow, people) for step in flow.steps]


@dataclass(frozen=True)
class Compared:
    """Two texts of a flow beside one another, as lines and in words."""

    rows: list[Row]
    said: list[Difference]
    same: bool


def compared(old: str, new: str) -> Compared:
    """What `new` says otherwise than `old`; in words only where both can be read."""
    before, after = readable(old), readable(new)
    people = people_named(before) | people_named(after)
    said = differences(before, after, people) if before and after else []
    return Compared(compare(old.split("\n"), new.split("\n")), said, old == new)


@dataclass(frozen=True)
class Facet:
    """One facet of an item that a simulation assumes, with the values it can have, as conditions write them."""

    name: str
    values: list[str]
    chosen: str


@dataclass(frozen=True)
class Simulated:
    """A flow played through, with what was assumed and what else could be."""

    requesters: list[Person]
    systems: list[System]
    facets: list[Facet]
    requester: Person | None
    system: System | None
    visits: list[Visit]
    outcomes: Mapping[str, str]

    @property
    def ends(self) -> bool:
        """Whether somebody is left for every step."""
        return bool(self.visits) and not any(visit.stuck for visit in self.visits)


def simulated(flow: Flow, owner: Organisation, given: Mapping[str, str]) -> Simulated | None:
    """Who would get it, under what `given` chooses; None for a flow of no known kind."""
    kind = kind_of_flow(flow.key)
    if kind is None:
        return None
    roles = [role for role in ROLES if kind.right in ROLES[role].rights]
    holding = [Person.objects.holding(role, owner).select_related("department__head") for role in roles]
    found = {one.id: one for holders in holding for one in holders}
    requesters = sorted(found.values(), key=lambda one: one.id)
    systems = list(System.objects.filter(owner=owner).select_related("backup_owner").order_by("code"))
    chosen = given.get("requester", "")
    requester = next((one for one in requesters if one.username == chosen), requesters[0] if requesters else None)
    wanted = given.get("system", "")
    system = next((one for one in systems if str(one.uid) == wanted), systems[0] if systems else None)
    facets, named = _facets(kind, given)
    outcomes = {name.removeprefix(OUTCOME): given[name] for name in given if name.startswith(OUTCOME)}
    visits = simulate(flow, Case(owner, requester, system, facets, outcomes), now()) if requester else []
    return Simulated(requesters, systems, named, requester, system, visits, outcomes)


def _facets(kind: Kind, given: Mapping[str, str]) -> tuple[Facets, list[Facet]]:
    facets: dict[str, object] = {}
    named = []
    for name, values in kind.facets.items():
        written = {str(value).lower() if isinstance(value, bool) else str(value): value for value in values}
        chosen = given.get(FACET + name, "")
        chosen = chosen if chosen in written else next(iter(written))
        facets[name] = written[chosen]
        named.append(Facet(name, list(written), chosen))
    return facets, named


def shown(made: Live, owner: Organisation, given: Mapping[str, str]) -> dict[str, Any]:
    """What the live part shows: faults, chart, differences, and who would get it while the text has no fault in it."""
    ready = made.flow is not None and kind_of_flow(made.flow.key) is not None
    return {"live": made, "simulated": simulated(made.flow, owner, given) if made.flow and ready else None}


def offered(flow: Flow | None) -> list[tuple[str, list[tuple[str, str]]]]:
    """What may stand in a flow of this kind: each word with its values, and what they mean; empty for no known kind."""
    kind = kind_of_flow(flow.key) if flow else None
    if kind is None:
        return []
    entries = ["requester", "dept_head(requester)", "contract_engineer", "system_owner"]
    who = [(entry, who_words(read_who(entry), flow, {})) for entry in entries] if flow else []
    who += [(f"role({key})", str(role.title)) for key, role in ROLES.items()]
    who += [("actor(…)", _("办过那一步的人")), ("person(…)", _("按登录名指定一个人"))]
    values = {name: _("、").join(map(written, options)) for name, options in kind.facets.items()}
    return [
        ("who", who),
        ("sign", [("all", _("会签")), ("any", _("或签")), ("2", _("要同意的人数"))]),
        ("gates", [(key, fact_title(key)) for key in kind.facts]),
        ("when", [(name, values[name]) for name in values]),
        ("form", [(name, "") for name in sorted(kind.forms)]),
        ("auto", [(name, "") for name in sorted(kind.automatic)]),
        ("key", [(one.key, "") for one in kind.required]),
    ]
