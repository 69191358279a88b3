"""Whether the people who exist could bring a flow to its end, with every separation of duties kept (ROL-1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from weilu.process.flow import Fault, Flow, Step, Who, in_line
from weilu.process.vocabulary import Kind

MOST_TRIED = 20_000  # choices looked at before the search gives up; what it cannot decide is not refused
People = frozenset[int]


@dataclass(frozen=True)
class Staff:
    """Who exists towards a customer, by id, as far as steps can ask for them."""

    requesters: Mapping[int, int | None]  # who may open such an item, each with the head of their department
    holders: Mapping[Who, People]  # of the roles, contracts and names that the flow asks for
    owners: People  # who can own a system's backups
    named: Callable[[Who], str] = str  # what an entry is called: as it is written, or as people say it


def journeys(flow: Flow, kind: Kind) -> list[list[Step]]:
    """The different ways through the flow that the facets of its items make, each without its automatic steps."""
    ways = {
        tuple(one.key for one in flow.steps if not one.auto and (one.when is None or one.when.holds(facets)))
        for facets in kind.every_facets
    }
    return [[flow.step(key) for key in keys] for keys in sorted(ways)]


def faults_of_staff(flow: Flow, ways: Sequence[Sequence[Step]], staff: Staff) -> list[Fault]:
    """Why steps could never be met by these people, each with its line; empty when some choice meets them all."""
    return [in_line(step.line, words) for step, words in unmet(flow, ways, staff)]


def unmet(flow: Flow, ways: Sequence[Sequence[Step]], staff: Staff) -> list[tuple[Step, str]]:
    """The steps that could never be met by these people, each with why; empty when some choice meets them all."""
    found = [(step, words) for step in flow.steps for words in unmet_alone(step, staff)]
    if found:
        return found
    stuck = [_Search(way, staff).stuck() for way in ways]
    return list(dict.fromkeys((one.step, _words(flow, one)) for one in stuck if one is not None))


def unmet_alone(step: Step, staff: Staff) -> Iterator[str]:
    """What a step lacks whoever acted before it."""
    groups = {who: _everybody(who, staff) for who in step.who}
    empty = [staff.named(who) for who, people in groups.items() if people is not None and not people]
    if empty:
        yield _("「%(step)s」要的 %(who)s 没有人") % {"step": _(step.title), "who": _("、").join(empty)}
        return
    found = _union(people for people in groups.values() if people is not None)
    if isinstance(step.sign, int) and None not in groups.values() and len(found) < step.sign:
        words = {"step": _(step.title), "wanted": step.sign, "found": len(found)}
        yield _("「%(step)s」要 %(wanted)d 人，只有 %(found)d 人够格") % words


def _everybody(who: Who, staff: Staff) -> People | None:
    """All whom an entry could mean in some item; none known for `actor`, which depends on the way."""
    match who.kind:
        case "requester":
            return frozenset(staff.requesters)
        case "dept_head":
            return frozenset(head for one, head in staff.requesters.items() if head and head != one)
        case "system_owner":
            return staff.owners
        case "actor":
            return None
        case _:
            return staff.holders.get(who, frozenset())


def _union(groups: Iterator[People] | Collection[People]) -> People:
    return frozenset().union(*groups)


def _needed(step: Step, asked: int) -> int:
    return step.sign if isinstance(step.sign, int) else asked if step.sign == "all" else 1


def _words(flow: Flow, stuck: _Stuck) -> str:
    barring = "".join(f"「{_(flow.step(key).title)}」" for key in stuck.barring)
    words = {"step": _(stuck.step.title), "wanted": stuck.wanted, "found": stuck.found, "barring": barring}
    if not barring:
        return _("「%(step)s」要 %(wanted)d 人，只有 %(found)d 人够格") % words
    return _("「%(step)s」要 %(wanted)d 人，除去办过%(barring)s的人，只剩 %(found)d 人") % words


@dataclass(frozen=True)
class _Stuck:
    """The furthest step that could not be met, and why."""

    step: Step
    wanted: int
    found: int
    barring: tuple[str, ...]


@dataclass
class _Search:
    """Who acts in each step of one way: tried step by step, people who are alike counted as one."""

    way: Sequence[Step]
    staff: Staff
    tried: int = 0
    furthest: tuple[int, _Stuck] | None = None
    failed: set[object] = field(default_factory=set)

    def stuck(self) -> _Stuck | None:
        """None when some choice leads to the end, or when there are too many to look at all."""
        for requester, owner in self._items():
            self.failed.clear()
            if self._from(1, requester, owner, {self.way[0].key: frozenset({requester})}):
                return None
        return self.furthest[1] if self.furthest and self.tried <= MOST_TRIED else None

    def _items(self) -> Iterator[tuple[int, int | None]]:
        """Requester and owner of the backups of every item, one of each sort that is alike."""
        asks_owner = any(who.kind == "system_owner" for step in self.way for who in step.who)
        seen = set()
        for requester, head in self.staff.requesters.items():
            for owner in sorted(self.staff.owners) if asks_owner else [None]:
                near = (requester, head, owner)
                same = (
                    self._roles(requester, near),
                    head and self._roles(head, near),
                    owner and self._roles(owner, near),
                )
                if same not in seen:
                    seen.add(same)
                    yield requester, owner

    def _roles(self, person: int, near: tuple[int | None, ...]) -> tuple[object, ...]:
        """What tells a person from others: who they are to the item, and every entry that means them."""
        return tuple(person == one for one in near), tuple(person in people for people in self.staff.holders.values())

    def _from(self, place: int, requester: int, owner: int | None, acted: dict[str, People]) -> bool:
        if place == len(self.way):
            return True
        self.tried += 1
        later = {key for step in self.way[place:] for key in (*step.not_also, *(who.name for who in step.who))}
        state = place, tuple((key, acted[key]) for key in sorted(later & set(acted)))
        if state in self.failed:
            return False
        if self.tried > MOST_TRIED:
            return True
        step = self.way[place]
        for chosen in self._choices(place, step, requester, owner, acted):
            if self._from(place + 1, requester, owner, acted | {step.key: chosen}):
                return True
        self.failed.add(state)
        return False

    def _choices(
        self, place: int, step: Step, requester: int, owner: int | None, acted: dict[str, People]
    ) -> Iterator[People]:
        """The sets of people by whom the step can be done now, one of each sort that is alike."""
        barred = _union([acted.get(key, frozenset()) for key in step.not_also])
        everybody = [self._asked(who, requester, owner, acted) for who in step.who]
        groups = [people - barred for people in everybody]
        asked = _union(groups) if all(groups) else frozenset()
        wanted = max(_needed(step, len(asked)), 1)
        if len(asked) < wanted:
            barring = tuple(key for key in step.not_also if acted.get(key, frozenset()) & _union(everybody))
            if self.furthest is None or place > self.furthest[0]:
                self.furthest = place, _Stuck(step, wanted, len(asked), barring)
            return
        near = (requester, self.staff.requesters[requester], owner)
        alike: dict[object, list[int]] = {}
        for person in sorted(asked):
            history = tuple(key for key, people in sorted(acted.items()) if person in people)
            alike.setdefault((self._roles(person, near), history), []).append(person)
        yield from _picks(list(alike.values()), wanted)

    def _asked(self, who: Who, requester: int, owner: int | None, acted: dict[str, People]) -> People:
        match who.kind:
            case "requester":
                return frozenset({requester})
            case "dept_head":
                head = self.staff.requesters[requester]
                return frozenset({head}) if head and head != requester else frozenset()
            case "system_owner":
                return frozenset({owner}) if owner is not None else frozenset()
            case "actor":
                return acted.get(who.name, frozenset())
            case _:
                return self.staff.holders.get(who, frozenset())


def _picks(sorts: list[list[int]], wanted: int) -> Iterator[People]:
    """The ways to take `wanted` people from these sorts, where only the number from each sort matters."""
    if not sorts:
        if wanted == 0:
            yield frozenset()
        return
    first, rest = sorts[0], sorts[1:]
    left = sum(len(sort) for sort in rest)
    for number in range(max(0, wanted - left), min(len(first), wanted) + 1):
        for others in _picks(rest, wanted - number):
            yield frozenset(first[:number]) | others
