"""Who can open a closed gate of a change, and how: the plan's author anew, or the run that proves it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes.carried import acts_of, spent
from weilu.changes.kind import CHANGE
from weilu.changes.models import Change
from weilu.changes.queries import change_of
from weilu.execution.models import Run
from weilu.process.about import about_item
from weilu.process.flow import parse_flow
from weilu.process.models import WorkItem
from weilu.process.queries import gates_of
from weilu.process.rules import Gate
from weilu.ui.about import About, Helper


@dataclass(frozen=True)
class Mend:
    """How a closed gate comes open: who does what, and the run it hangs on, where there is one."""

    helpers: list[Helper]
    words: str
    run: Run | None = None


def mends(change: Change, gates: list[Gate], runs: list[Run]) -> dict[str, Mend]:
    """For each closed gate its mend; asks the database nothing while every gate is open."""
    closed = [gate.key for gate in gates if not gate.open]
    if not closed:
        return {}
    item = change.item
    engineers = list(Person.objects.holding("engineer", item.owner).select_related("organisation"))
    run = next((one for one in runs if one.subject == item.subject), None)
    found = {}
    for key in closed:
        if CHANGE.facts.get(key) == "design":
            words, of_run = _("重新提交方案，升级包随即再核对"), None
        else:
            words, of_run = _by_run(item, run), run
        found[key] = Mend([Helper(one, words) for one in engineers], words, of_run)
    return found


def _by_run(item: WorkItem, run: Run | None) -> str:
    """What has to happen to, or after, the run of this plan."""
    if run is None and item.step != "release":
        return _("到「%(step)s」开始执行，由执行证明") % {"step": _title(item, "release")}
    if run is None:
        return _("开始执行，由执行证明")
    if run.state == Run.State.ASKS:
        return _("%(run)s 在等人判断，判断后继续") % {"run": run.number}
    if run.live:
        return _("%(run)s 正在执行，做到这一步就有结论") % {"run": run.number}
    if item.step == "release" and spent(item, run.subject) is None:
        return _("%(run)s 没有动到主机就结束了，可以再开始执行") % {"run": run.number}
    return _("%(run)s 没有证明它。退回「%(step)s」改方案，再执行") % {
        "run": run.number,
        "step": _title(item, "design"),
    }


def _title(item: WorkItem, key: str) -> str:
    return _(parse_flow(item.flow.source).step(key).title)


def about_change(reader: Person, arguments: Mapping[str, Any]) -> About:
    """The change at this address: who opens its gates, where it waits for the reader; else whom it waits for."""
    if "uid" not in arguments:
        return About()
    change = change_of(reader, arguments["uid"])
    item = change.item
    helpers: dict[int, Helper] = {}
    if item.step and item.seats.filter(person=reader, open=True).exists():
        step = parse_flow(item.flow.source).step(item.step)
        runs = list(acts_of(item).order_by("-id"))
        for mend in mends(change, gates_of(item, step), runs).values():
            helpers |= {one.person.id: one for one in mend.helpers}
    return about_item(item, reader, list(helpers.values()))
