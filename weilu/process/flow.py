"""The flow language: YAML in, a checked `Flow` out; `docs/flows.md` explains each word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.process.conditions import Condition, WrongCondition, parse_condition

WHO = re.compile(
    r"^(requester|system_owner|contract_engineer|dept_head\(requester\)|(role|actor|person)\(([a-z0-9_.-]+)\))$"
)
KEY = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
DEEPEST = 8  # how far lists and fields may be nested; a flow needs five
STEP_WORDS = {
    "key", "title", "who", "sign", "veto", "gates", "back", "resume", "not_also", "when", "auto", "form", "hours",
    "clause", "mark", "then", "act", "branch", "personal",
}  # fmt: skip
END = "end"
FORMS: dict[str, tuple[object, ...]] = {
    "veto": (True, False), "resume": ("direct", "forward"), "personal": (True, False),
}  # fmt: skip


@dataclass(frozen=True)
class Who:
    """Whom a step asks: `kind` of the closed vocabulary and, for role, actor and person, its `name`."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        inside = "requester" if self.kind == "dept_head" else self.name
        return f"{self.kind}({inside})" if inside else self.kind


@dataclass(frozen=True)
class Step:
    """One line of a flow."""

    key: str
    title: str
    who: tuple[Who, ...]
    sign: str | int  # "all" 会签, "any" 或签, or how many must agree
    veto: bool  # one refusal returns the item
    gates: tuple[str, ...]  # keys of facts that must hold for the item's present subject
    back: tuple[str, ...]  # where a return may go; empty: any earlier visited step
    direct: bool  # after a return, forward again straight to here (`resume: direct`)
    not_also: tuple[str, ...]  # whoever acted in these steps may not act here (ROL-1)
    when: Condition | None
    auto: str  # the name of an automatic step; nobody signs it
    form: str  # the step is done by this form of a room above, not by a bare signature
    hours: int  # deadline in working hours; 0 for none
    clause: str
    mark: str  # one character in a diamond, for a step outside the numbered ones
    then: str  # the next step's key, or END
    act: str  # what the button says
    branch: str  # the line between two joints that the step stands on; "" outside
    personal: bool  # by oneself: neither handed on nor done in another's name
    line: int  # where it stands in the source, from 1


@dataclass(frozen=True)
class Flow:
    """A whole definition: key, title and its steps in order.

    Consecutive steps with a `branch` make a section: its lines begin together, and the step after it
    is entered when every line has ended.
    """

    key: str
    title: str
    steps: tuple[Step, ...]

    @property
    def branched(self) -> bool:
        """Whether an item can be at several steps at once."""
        return any(step.branch for step in self.steps)

    def section(self, step: Step) -> tuple[Step, ...]:
        """The steps between the same two joints as `step`, which stands on a line; in order."""
        first = last = self.place(step.key)
        while first > 0 and self.steps[first - 1].branch:
            first -= 1
        while last + 1 < len(self.steps) and self.steps[last + 1].branch:
            last += 1
        return self.steps[first : last + 1]

    def lines(self, step: Step) -> list[Step]:
        """The first step of every line of the section of `step`."""
        firsts: dict[str, Step] = {}
        for one in self.section(step):
            firsts.setdefault(one.branch, one)
        return list(firsts.values())

    def together(self, one: Step, other: Step) -> bool:
        """Whether both stand between the same two joints."""
        return bool(one.branch and other.branch) and other in self.section(one)

    def beside(self, one: Step, other: Step) -> bool:
        """Whether they stand on different lines of one section: neither comes before the other."""
        return one.branch != other.branch and self.together(one, other)

    def step(self, key: str) -> Step:
        return next(step for step in self.steps if step.key == key)

    def place(self, key: str) -> int:
        """The position of a step in the definition, from 0."""
        return next(place for place, step in enumerate(self.steps) if step.key == key)


class Fault(str):
    """What is wrong with a flow, as people read it; `line` says where in the source, from 1, or 0 for the whole."""

    line: int

    def __new__(cls, words: str, line: int = 0) -> Fault:
        made = super().__new__(cls, words)
        made.line = line
        return made


class WrongFlow(Refused):
    """The text is no flow; `faults` are all that were found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(_("；").join(faults), field="source")
        self.faults = tuple(faults)


@lru_cache(maxsize=256)
def parse_flow(source: str) -> Flow:
    """The flow that `source` defines; raises WrongFlow with every fault found, each with its line."""
    data, node = _read(source)
    if not isinstance(data, dict) or not isinstance(data.get("steps"), list) or not data["steps"]:
        raise WrongFlow([Fault(_("流程要有 flow、title 和至少一个 steps。改正后再发布"), 1)])
    lines, faults = _lines_of_steps(node), _written_twice(node)
    rows = data["steps"]
    keys = [str(row.get("key", "")) if isinstance(row, dict) else "" for row in rows]
    steps = []
    for place, row in enumerate(rows):
        try:
            steps.append(_read_step(row, _following(rows, keys, place), lines[place]))
        except ValueError as fault:
            faults.append(in_line(lines[place], str(fault)))
    if not faults:
        faults = [in_line(lines[place], words) for place, words in _faults_between(steps)]
    if not isinstance(data.get("flow"), str) or not isinstance(data.get("title"), str):
        faults.insert(0, Fault(_("缺 flow 或 title"), 1))
    if faults:
        raise WrongFlow(faults)
    return Flow(data["flow"], data["title"], tuple(steps))


def in_line(line: int, fault: str) -> Fault:
    """A fault as people read it, with the line it stands in."""
    return Fault(_("第 %(line)d 行：%(fault)s") % {"line": line, "fault": fault}, line)


def _read(source: str) -> tuple[Any, Any]:
    """The data and the nodes of a YAML text; raises WrongFlow for what is none, and for names that stand for others.

    An alias can make a few lines stand for millions, and nesting exhausts the reader.
    """
    try:
        depth = 0
        for event in yaml.parse(source, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise WrongFlow([in_line(line, _("不能用 & 和 * 代替内容，写全它"))])
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise WrongFlow([in_line(line, _("一层套一层太深"))])
        return yaml.safe_load(source), yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError as problem:
        line = getattr(getattr(problem, "problem_mark", None), "line", 0) + 1
    except ValueError:  # a date or a number that is none: 2026-13-45
        line = 1
    raise WrongFlow([Fault(_("第 %(line)d 行不是合法的 YAML。改正后再发布") % {"line": line}, line)])


def _written_twice(node: Any) -> list[Fault]:
    """Fields written twice in one place, of which YAML would silently keep the last."""
    faults, places = [], [node]
    while places:
        place = places.pop()
        if isinstance(place, yaml.SequenceNode):
            places += reversed(place.value)
        if not isinstance(place, yaml.MappingNode):
            continue
        known = set()
        for key, value in place.value:
            word = str(key.value)
            if word in known:
                faults.append(in_line(key.start_mark.line + 1, _("「%(word)s」写了两次") % {"word": word}))
            known.add(word)
            places.append(value)
    return faults


def _lines_of_steps(node: Any) -> list[int]:
    for key, value in node.value:
        if key.value == "steps":
            return [item.start_mark.line + 1 for item in value.value]
    return []


def _read_step(row: Any, following: str, line: int) -> Step:
    if not isinstance(row, dict):
        raise ValueError(_("步骤应是 key、title、who 等字段"))
    unknown = set(row) - STEP_WORDS
    if unknown:
        raise ValueError(_("不认识「%(words)s」") % {"words": _("、").join(sorted(map(str, unknown)))})
    key = str(row.get("key", ""))
    if not KEY.match(key) or key == END:
        raise ValueError(_("key「%(key)s」应是小写字母开头的英文名") % {"key": key})
    if not isinstance(row.get("title"), str) or not row["title"].strip():
        raise ValueError(_("步骤 %(key)s 缺 title") % {"key": key})
    who = _listed(row, "who")
    if bool(who) == bool(row.get("auto")):
        raise ValueError(_("步骤 %(key)s 要么写 who，要么写 auto") % {"key": key})
    sign = row.get("sign", "all")
    if sign not in ("all", "any") and not (isinstance(sign, int) and not isinstance(sign, bool) and sign >= 1):
        raise ValueError(_("步骤 %(key)s 的 sign 应是 all、any 或不小于 1 的数") % {"key": key})
    for word, allowed in FORMS.items():
        if word in row and row[word] not in allowed:
            shown = _("、").join(str(one).lower() for one in allowed)
            raise ValueError(
                _("步骤 %(key)s 的 %(word)s 应是 %(allowed)s") % {"key": key, "word": word, "allowed": shown}
            )
    if len(str(row.get("mark", ""))) > 1:
        raise ValueError(_("步骤 %(key)s 的 mark 应是一个字") % {"key": key})
    hours = row.get("hours", 0)
    if not isinstance(hours, int) or isinstance(hours, bool) or not 0 <= hours <= 2000:
        raise ValueError(_("步骤 %(key)s 的 hours 应是 0 到 2000 的工作小时数") % {"key": key})
    try:
        when = parse_condition(str(row["when"])) if "when" in row else None
    except WrongCondition as problem:
        raise ValueError(_("步骤 %(key)s 的 when：%(fault)s") % {"key": key, "fault": problem}) from None
    return Step(
        key=key,
        title=row["title"].strip(),
        who=tuple(read_who(text, key) for text in who),
        sign=sign,
        veto=row.get("veto", True),
        gates=tuple(_listed(row, "gates")),
        back=tuple(_listed(row, "back")),
        direct=row.get("resume", "forward") == "direct",
        not_also=tuple(_listed(row, "not_also")),
        when=when,
        auto=str(row.get("auto", "")),
        form=str(row.get("form", "")),
        hours=hours,
        clause=str(row.get("clause", "")),
        mark=str(row.get("mark", "")),
        then=str(row.get("then", following)),
        act=str(row.get("act", "")),
        branch=str(row.get("branch", "")),
        personal=row.get("personal", False),
        line=line,
    )


def _following(rows: list[Any], keys: list[str], place: int) -> str:
    """The key of the step after this one: the next row, or after the last of a line what follows its section."""
    branches = [str(row.get("branch", "")) if isinstance(row, dict) else "" for row in rows]
    after = place + 1
    if branches[place] and after < len(rows) and branches[after] != branches[place]:
        while after < len(rows) and branches[after]:
            after += 1
    return keys[after] if after < len(keys) else END


def _listed(row: dict[str, Any], word: str) -> list[str]:
    value = row.get(word, [])
    values = value if isinstance(value, list) else [value]
    return [str(one) for one in values]


def read_who(text: str, key: str = "") -> Who:
    """An entry of the closed vocabulary; raises ValueError for anything else."""
    match = WHO.match(text)
    if match is None:
        raise ValueError(_("步骤 %(key)s 的 who「%(text)s」不在词表里") % {"key": key, "text": text})
    if match[2]:
        return Who(match[2], match[3])
    return Who("dept_head") if text.startswith("dept_head") else Who(text)


def _faults_between(steps: list[Step]) -> list[tuple[int, str]]:
    """What single steps cannot show: double keys, targets that do not exist, steps never reached."""
    places = {step.key: place for place, step in reversed(list(enumerate(steps)))}
    double = [
        (place, _("key「%(key)s」出现了两次") % {"key": step.key})
        for place, step in enumerate(steps)
        if places[step.key] != place
    ]
    if double:
        return double
    faults = _faults_of_lines(Flow("", "", tuple(steps)), places)
    reached = {0}
    for place, step in enumerate(steps):
        if place in reached and step.branch:
            reached |= {places[first.key] for first in Flow("", "", tuple(steps)).lines(step)}
        if step.then != END and places.get(step.then, -1) <= place:
            faults.append((place, _("then「%(step)s」不存在，或不在后面") % {"step": step.then}))
        elif place in reached and step.then != END:
            reached.add(places[step.then])
        for word, targets in (("back", step.back), ("not_also", step.not_also)):
            for target in targets:
                if places.get(target, len(steps)) >= place:
                    faults.append((place, _("%(word)s「%(step)s」不存在，或不在前面") % {"word": word, "step": target}))
        for who in step.who:
            if who.kind == "actor" and places.get(who.name, len(steps)) >= place:
                faults.append((place, _("%(who)s 不存在，或不在前面") % {"who": who}))
    faults += [
        (place, _("走不到步骤「%(step)s」") % {"step": step.key})
        for place, step in enumerate(steps)
        if place not in reached
    ]
    return faults


def _faults_of_lines(flow: Flow, places: dict[str, int]) -> list[tuple[int, str]]:
    """What is wrong with lines between two joints: single, torn apart, jumped into or out of, looking at each other."""
    faults = []
    for place, step in enumerate(flow.steps):
        following = flow.steps[place + 1] if place + 1 < len(flow.steps) else None
        target = flow.steps[places[step.then]] if step.then in places else None
        if target and target.branch and not (flow.together(step, target) or target == flow.section(target)[0]):
            faults.append((place, _("then「%(step)s」在分支中间，只能走到分支的开头") % {"step": step.then}))
        if not step.branch:
            continue
        section = flow.section(step)
        own = [one for one in section if one.branch == step.branch]
        if place == 0:
            faults.append((place, _("第一步不能在分支里")))
        if step == section[0] and len(own) == len(section):
            faults.append((place, _("分支「%(branch)s」只有一条，至少要两条") % {"branch": step.branch}))
        if section.index(own[-1]) - section.index(own[0]) >= len(own) and step == own[0]:
            faults.append((place, _("分支「%(branch)s」的步骤要连在一起写") % {"branch": step.branch}))
        if (following and step != own[-1] and step.then != following.key) or (step == own[-1] and target in section):
            faults.append((place, _("分支里的步骤不能写 then")))
        for key in (*step.back, *step.not_also, *(who.name for who in step.who if who.kind == "actor")):
            if key in places and flow.beside(step, flow.steps[places[key]]):
                faults.append((place, _("「%(step)s」在另一条分支上，两边不分先后，不能提到它") % {"step": key}))
    return faults
