"""What the pages of a change about hosts are made of: the form, the plan as approvers read it, its rehearsal, gates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import host_forms, host_start, host_words
from weilu.changes.forms import instant, whole
from weilu.changes.gates import Mend
from weilu.changes.host_fields import Entry, entries_of, kind_title
from weilu.changes.host_plan import hosts_of
from weilu.changes.models import PlanVersion
from weilu.changes.plan import is_on_hosts
from weilu.changes.queries import ChangeView
from weilu.execution.fleet import orders
from weilu.execution.grid.rehearsal import cannot_return, look
from weilu.execution.masking import mask
from weilu.execution.models import Cell, Run
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.planning.queries import Slot, conflicts_and_slots
from weilu.planning.rules import Span
from weilu.planning.telling import Conflict
from weilu.process.rules import Gate
from weilu.systems.keys import fingerprint
from weilu.systems.models import Environment, Host, HostGroup
from weilu.ui.about import Helper
from weilu.ui.dates import window

REPORTED = 200  # hosts of a rehearsal that the report reads; its run has all
WORDS = 60  # lines of what would change that are shown of one host


@dataclass(frozen=True)
class Asked:
    """An entry of a step with its value; one for a file has the kept ones to choose from."""

    entry: Entry
    id: str  # s2-path
    value: str
    wrong: bool = False


@dataclass(frozen=True)
class StepRow:
    """One step on the form."""

    number: int
    kind: str
    title: str
    asked: list[Asked]
    last: bool
    more: list[Asked]  # entries that are rarely written
    wrong: bool  # something is wrong with the step that is no entry of it

    @property
    def marked(self) -> bool:
        """Whether one of its entries is wrong, and takes the cursor."""
        return any(one.wrong for one in (*self.asked, *self.more))

    @property
    def more_open(self) -> bool:
        return any(one.value or one.wrong for one in self.more)


@dataclass
class GroupRow:
    """A group of hosts on the form."""

    group: HostGroup
    environment: Environment
    hosts: list[Host] = field(default_factory=list)


def form_part(
    found: ChangeView, given: host_forms.Typed, reader: Person, focus: int = 0, refused: Refused | None = None
) -> dict[str, Any]:
    """What the form shows: hosts by group, steps with their entries, files kept, and when it could be done."""
    hosts = hosts_of(found.change.item)
    health = given["health"] + [dict.fromkeys(host_forms.CHECK, "") for _n in range(max(1, 2 - len(given["health"])))]
    return {
        "typed": given | {"health": health}, "groups": _groups(hosts), "steps": list(_rows(given, refused)),
        "kinds": [(kind, kind_title(kind)) for kind in orders.KINDS], "files": found.files, "focus": focus,
        "picked": len(host_forms.chosen(given, hosts)), "of_its_own": host_forms.of_its_own(given, hosts),
        **time_part(found, given, reader, hosts),
    }  # fmt: skip


def time_part(
    found: ChangeView, given: host_forms.Typed, reader: Person, hosts: Sequence[Host]
) -> dict[str, list[Conflict] | list[tuple[str, str]]]:
    """What stands in the way of the window that is typed, and the next times in which the work would fit (CHG-3)."""
    item, picked = found.change.item, host_forms.chosen(given, hosts)
    span = _span(given)
    minutes = int((span[1] - span[0]).total_seconds()) // 60 if span else _needed(given, picked)
    met, slots = conflicts_and_slots(item, item.system, span, minutes, picked, [reader], reader)
    return {"in_the_way": met, "slots": [_offered(slot) for slot in slots]}


def _offered(slot: Slot) -> tuple[str, str]:
    """What the button of a free slot sends, and what it says."""
    words = window(slot.starts, slot.ends, now())
    words += f" · {slot.window}" if slot.window else ""
    return f"{host_forms.local(slot.starts)}/{host_forms.local(slot.ends)}", words


def _span(given: host_forms.Typed) -> Span | None:
    try:
        start, end = (instant(given[name], "", name) for name in ("window_from", "window_to"))
    except Refused:
        return None
    return Span(start, end) if start < end <= start + timedelta(days=7) else None


def _needed(given: host_forms.Typed, hosts: Sequence[Host]) -> int:
    """Minutes that the batches as typed would take; an hour while that cannot be told."""
    minutes = whole(given["minutes"])
    batches = len(host_forms.written(given, hosts).then) + bool(given["canary"])
    return minutes * batches if 1 <= minutes * batches <= 24 * 60 else 60


def _groups(hosts: Sequence[Host]) -> list[GroupRow]:
    found: dict[int, GroupRow] = {}
    for host in hosts:
        row = found.setdefault(host.group_id, GroupRow(host.group, host.group.environment))
        row.hosts.append(host)
    return list(found.values())


def _rows(given: host_forms.Typed, refused: Refused | None) -> Iterator[StepRow]:
    """The steps as typed; a refusal stands under the entry it names, or at its step where that has no such entry."""
    steps, field = given["steps"], refused.field if refused else ""
    for n, row in enumerate(steps, start=1):
        asked = [
            Asked(entry, f"s{n}-{entry.name}", row[entry.name], field == f"step-{n}-{entry.name}")
            for entry in entries_of(row["kind"])
        ]
        usual, more = ([one for one in asked if one.entry.more == rare] for rare in (False, True))
        mine = field == f"step-{n}" or field.startswith(f"step-{n}-")
        wrong = mine and not any(one.wrong for one in asked)
        yield StepRow(n, row["kind"], kind_title(row["kind"]), usual, n == len(steps), more, wrong)


@dataclass(frozen=True)
class StepView:
    """One step as approvers read it."""

    number: int
    title: str
    words: str
    limit: str
    crash: str
    back: str
    no_back: bool
    seen: list[Outcome] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What a rehearsal says of a step for the hosts on which it is the same."""

    hosts: str
    would: list[tuple[str, str]]  # kind of the line (add, del or none) and the line
    more: int  # lines that are not shown
    rehearsed: bool
    back: str
    failed: str


@dataclass(frozen=True)
class Rehearsal:
    """The newest rehearsal of a plan."""

    run: Run
    passed: bool
    unread: int  # hosts that the report leaves out


@dataclass(frozen=True)
class HostPlanView:
    """A plan for hosts as approvers read it, with its rehearsal."""

    steps: list[StepView]
    batches: list[tuple[str, int, str]]
    hosts: list[dict[str, Any]]
    health: list[tuple[str, str]]
    files: list[dict[str, Any]]
    told: orders.Orders
    stop: str
    window_end: str
    backup: str
    without_back: str
    no_return: str  # hosts that cannot go back though the plan says so, as its rehearsal found
    rehearsal: Rehearsal | None


def host_plan_view(found: ChangeView, plan: PlanVersion | None) -> HostPlanView | None:
    """The plan for approvers; None of a plan that is not for hosts."""
    if plan is None or not is_on_hosts(plan.content):
        return None
    told = plan.content["orders"]
    run = next((one for one in found.runs if one.subject == plan.digest and one.purpose == Run.Purpose.REHEARSE), None)
    outcomes = _outcomes(run) if run and not run.live else {}
    steps = [_step_view(told, n, step, outcomes.get(step["key"], [])) for n, step in enumerate(told["steps"], 1)]
    left = host_words.without_back(told)
    return HostPlanView(
        steps=steps, batches=[(one, len(mine), host_words.named(mine)) for one, mine in host_words.batch_names(told)],
        hosts=[dict(host) | {"print": fingerprint(host["key"])} for host in told["hosts"]],
        health=[(one["title"], host_words.check_words(one)) for one in told["batches"].get("health", [])],
        files=told["artefacts"], told=told, stop=host_words.stop_words(told),
        window_end=host_words.window_end_words(told["at_window_end"]), backup=host_words.backup_words(told),
        without_back=_("、").join(step["title"] for step in left), rehearsal=_rehearsal(run),
        no_return=_no_return(found, plan),
    )  # fmt: skip


def _no_return(found: ChangeView, plan: PlanVersion) -> str:
    undone = [step["key"] for step in plan.content["orders"]["steps"] if step["back"]]
    names = cannot_return(found.change.item_id, plan.digest, undone)
    return _("%(n)d 台回不去：%(names)s") % {"n": len(names), "names": host_words.named(names)} if names else ""


def _rehearsal(run: Run | None) -> Rehearsal | None:
    if run is None:
        return None
    return Rehearsal(run, run.state == Run.State.SUCCEEDED, max(0, run.hosts.count() - REPORTED))


def _step_view(told: orders.Orders, number: int, step: orders.Step, seen: list[Outcome]) -> StepView:
    people = step["kind"] in orders.BY_PEOPLE
    return StepView(
        number, step["title"], host_words.step_words(told, step),
        "" if people else _("时限 %(n)d 秒") % {"n": step["seconds"]},
        "" if people else host_words.crash_words(step["crash"]), host_words.back_words(told, step),
        step["kind"] in orders.CHANGING and step["back"] is None, seen,
    )  # fmt: skip


def _outcomes(run: Run) -> dict[str, list[Outcome]]:
    """By step: what would change, hosts with the same outcome together."""
    cells = Cell.objects.filter(step__run=run, host__ordinal__lte=REPORTED).order_by("step__ordinal", "host__ordinal")
    alike: dict[str, dict[tuple[Any, ...], list[str]]] = defaultdict(lambda: defaultdict(list))
    for key, name, state, words, result in cells.values_list(
        "step__key", "host__name", "state", "words", "result"
    ):  # fmt: skip
        failed = mask(words) if state == Cell.State.FAILED else ""
        would = tuple(mask(str(line)) for line in result.get("would", ()))
        back = mask(str(result.get("back") or ""))
        alike[key][(would, bool(result.get("rehearsed", False)), back, failed)].append(name)
    return {
        key: [_outcome(names, *what) for what, names in same.items()] for key, same in alike.items()
    }  # fmt: skip


def _outcome(names: list[str], would: tuple[str, ...], rehearsed: bool, back: str, failed: str) -> Outcome:
    shown = [(look(line), line) for line in would[:WORDS]]
    return Outcome(host_words.named(names), shown, max(0, len(would) - WORDS), rehearsed, back, failed)


def may_rehearse(found: ChangeView, reader: Person) -> bool:
    """Whether the reader may try the present plan on its hosts now."""
    item = found.change.item
    if not found.change.on_hosts or not item.step or not found.plans or found.plans[0].digest != item.subject:
        return False
    if any(run.live or (run.purpose == Run.Purpose.CARRY_OUT and run.subject == item.subject) for run in found.runs):
        return False
    return reader.holds("engineer", item.owner_id)


@dataclass(frozen=True)
class StartGate:
    """One thing that has to hold before the run is ordered, as the page says it."""

    title: str
    gate: Gate
    help: str = ""
    clause: str = ""
    mend: Mend | None = None  # who can open it, and how


def start_gates(found: ChangeView, reader: Person) -> list[StartGate]:
    """What has to hold before the run is ordered; the act asks the same (`host_start.check_may_start`)."""
    item = found.change.item
    gates = [_gate(one) for one in host_start.asked(item, found.plans[0], reader)]
    if all(one.gate.open for one in gates):
        return gates
    engineers = list(Person.objects.holding("engineer", item.owner).select_related("organisation"))
    return [one if one.gate.open else replace(one, mend=_mend(one.gate.key, engineers)) for one in gates]


def _mend(key: str, engineers: Sequence[Person]) -> Mend:
    words = {
        "rehearsal": _("演练这一版方案"), "window": _("改窗口或批次，重新送审"),
        "hosts": _("按现在的登记重新提交方案"), "program": _("重新提交方案"), "time": _("改期，重新送审"),
    }[key]  # fmt: skip
    return Mend([Helper(one, words) for one in engineers], words)


def _gate(one: host_start.Asked) -> StartGate:
    try:
        one.check()
    except Refused as problem:
        clause = str(problem.clause or "")
        return StartGate(one.title, Gate(one.key, False, problem.reason), str(problem.help or ""), clause)
    return StartGate(one.title, Gate(one.key, True, one.words))
