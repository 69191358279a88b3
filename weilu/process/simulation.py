"""谁会收到: a flow played through for a requester, with the people who exist now; a pure read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.kernel import worktime
from weilu.process.flow import END, Flow, Step, Who
from weilu.process.flow_words import title_of
from weilu.process.models import Delegation, WorkItem
from weilu.process.rules import why_not_required
from weilu.process.vocabulary import Facets
from weilu.process.walk import OFFICE
from weilu.process.who import resolve
from weilu.systems.models import System

RETURN = "return:"
MOST = 200  # visits played through


@dataclass(frozen=True)
class Asked:
    """Somebody a step would ask, who acts for them while they are away, and whether they are taken to sign."""

    person: Person
    stands_in: Person | None = None
    signs: bool = False


@dataclass(frozen=True)
class Barred:
    """Somebody meant who may not act, with the step they acted in."""

    person: Person
    because: str


@dataclass
class Visit:
    """One stay at a step as it would be; `stuck` says why nobody could go on."""

    step: Step
    number: int  # which stay at this step, from 1
    asked: list[Asked] = field(default_factory=list)
    barred: list[Barred] = field(default_factory=list)
    skipped: str = ""  # why it is not required
    stuck: str = ""
    back: str = ""  # the title of the step it is returned to
    targets: list[Step] = field(default_factory=list)  # where a return could go
    since: datetime | None = None
    due: datetime | None = None  # when its deadline would fall, if every step before took all its time

    @property
    def chosen(self) -> list[str]:
        """The sign-in names of those who are taken to sign."""
        return [one.person.username for one in self.asked if one.signs]


@dataclass
class Case:
    """What is assumed: who asks, for which system and facets, and what somebody chose to happen."""

    owner: Organisation
    requester: Person
    system: System | None
    facets: Facets
    chosen: Mapping[str, str] = field(default_factory=dict)  # step: a sign-in name, or `return:` and a step


def simulate(flow: Flow, case: Case, now: datetime) -> list[Visit]:
    """Every stay of such an item from its opening at `now` to its end, or to where nobody is left."""
    return _Walk(flow, case, now).visits()


@dataclass
class _Walk:
    flow: Flow
    case: Case
    now: datetime
    acted: dict[str, set[int]] = field(default_factory=dict)
    before: set[int] = field(default_factory=set)  # who had acted in the last step before this stay
    made: list[Visit] = field(default_factory=list)
    known: dict[int, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.item = WorkItem(owner=self.case.owner, requester=self.case.requester, facets=dict(self.case.facets))
        if self.case.system is not None:
            self.item.system = self.case.system
        self.absent = self._absent()

    def visits(self) -> list[Visit]:
        """Step after step; of lines that run together one after another, each with its own clock."""
        key, clock, ends = self.flow.steps[0].key, self.now, dict[str, datetime]()
        while key != END and len(self.made) < MOST:
            step = self.flow.step(key)
            if not step.branch and ends:
                clock, ends = max(ends.values()), {}
            start = ends.get(step.branch, clock) if step.branch else clock
            visit = self._visit(step, start)
            self.made.append(visit)
            if visit.stuck:
                break
            if step.branch:
                ends[step.branch] = visit.due or start
            else:
                clock = visit.due or start
            key = self._returns(visit)
            if key:
                clock, ends = visit.due or start, {}
            else:
                key = self._following(step)
        return self.made

    def _following(self, step: Step) -> str:
        """The next step to show: of lines that run together, one after another."""
        place = self.flow.place(step.key) + 1
        if step.branch and place < len(self.flow.steps) and self.flow.together(step, self.flow.steps[place]):
            return self.flow.steps[place].key
        return step.then

    def _returns(self, visit: Visit) -> str:
        wanted = self.case.chosen.get(visit.step.key, "")
        to = wanted.removeprefix(RETURN)
        if not wanted.startswith(RETURN) or visit.number > 1 or to not in [one.key for one in visit.targets]:
            return ""
        visit.back = title_of(self.flow, to)
        self.acted[visit.step.key] = self.before
        return to

    def _visit(self, step: Step, since: datetime) -> Visit:
        number = sum(1 for one in self.made if one.step.key == step.key) + 1
        visit = Visit(step, number, since=since)
        if step.when is not None and not step.when.holds(self.case.facets):
            visit.skipped = why_not_required(step.when.text)
            return visit
        visit.due = worktime.add(since, step.hours * 60, OFFICE) if step.hours else None
        if step.auto:
            return visit
        been = {one.step.key for one in self.made if not one.skipped}
        before = self.flow.steps[: self.flow.place(step.key)]
        visit.targets = [
            one for one in before
            if one.key in been and not one.auto and not self.flow.beside(step, one)
            and (not step.back or one.key in step.back)
        ]  # fmt: skip
        self._ask(visit)
        return visit

    def _ask(self, visit: Visit) -> None:
        """Who is meant, who of them is barred, who signs, and whether anybody could."""
        step, asked, empty = visit.step, dict[int, Person](), list[Who]()
        barring = {person: key for key in reversed(step.not_also) for person in self.acted.get(key, ())}
        for who in step.who:
            found = self._meant(who)
            free = [one for one in found if one.id not in barring]
            empty += [] if free else [who]
            asked |= {one.id: one for one in free}
            known = {one.person.id for one in visit.barred}
            visit.barred += [
                Barred(one, title_of(self.flow, barring[one.id]))
                for one in found if one.id in barring and one.id not in known
            ]  # fmt: skip
        needed = step.sign if isinstance(step.sign, int) else len(asked) if step.sign == "all" else 1
        if empty or len(asked) < needed:
            visit.stuck = self._why(visit, empty, needed, len(asked))
        signers = self._signers(step, list(asked.values()), needed)
        visit.asked = [Asked(one, self._delegate(one, step, barring), one.id in signers) for one in asked.values()]
        self.before = set(self.acted.get(step.key, set()))
        if not visit.stuck:
            self.acted[step.key] = self.before | signers

    def _why(self, visit: Visit, empty: Sequence[Who], needed: int, found: int) -> str:
        if empty and any(who.kind == "system_owner" for who in empty) and self.case.system is None:
            return _("先选系统，才知道备份责任人是谁")
        if visit.barred and empty:
            return _("除去不能办的人，没有人可办")
        if empty:
            return _("没有人可办：%(who)s") % {"who": _("、").join(map(str, empty))}
        return _("要 %(needed)d 人，只有 %(found)d 人可办") % {"needed": needed, "found": found}

    def _signers(self, step: Step, people: list[Person], needed: int) -> set[int]:
        wanted = self.case.chosen.get(step.key, "")
        first = sorted(people, key=lambda one: one.username != wanted)
        return {one.id for one in first[:needed]}

    def _meant(self, who: Who) -> list[Person]:
        if who.kind == "actor":
            acted = self.acted.get(who.name, set())
            return [self.known[one] for one in sorted(acted)]
        if who.kind == "system_owner" and self.case.system is None:
            return []
        found = resolve(who, self.item)
        self.known |= {one.id: one for one in found}
        return found

    def _absent(self) -> dict[int, Person]:
        """Who stands in for whom now towards this customer, by the id of the absent one."""
        found = Delegation.objects.in_force(self.now).filter(owner=self.case.owner).select_related("delegate")
        return {one.person_id: one.delegate for one in found.order_by("-id")}

    def _delegate(self, person: Person, step: Step, barring: Mapping[int, str]) -> Person | None:
        """Who would act in the name of `person`; nobody where it is personal, or they are barred."""
        delegate = self.absent.get(person.id)
        return None if delegate is None or step.personal or delegate.id in barring else delegate
