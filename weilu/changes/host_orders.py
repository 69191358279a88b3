"""From what people write of steps, batches and checks to the orders of a run on hosts; nothing here reads a database.

Texts are made fit to keep and numbers bounded here; `execution.fleet.orders.check_orders` says whether a host could
be given what comes of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.roles import ROLES
from weilu.changes.rules import CRITERIA_BEFOREHAND, MOST_CRITERIA
from weilu.execution.fleet import orders as fleet
from weilu.kernel import text
from weilu.kernel.refused import Refused

TEXTS = ("name", "version", "sha256", "state", "path", "mode", "owner", "group", "interpreter", "role", "playbook")
SHOWS = ("http", "manual", "signature")  # kinds of steps that show whether what was wanted is there
MOST_MINUTES = 24 * 60


@dataclass(frozen=True)
class Written:
    """What the author of a plan for hosts writes of batches, time and backup."""

    canary: int
    then: Sequence[str]  # "25%", "100%", or "group:应用"
    health: Sequence[Mapping[str, Any]]
    stop_done: int
    stop_below: int
    at_once: int
    minutes: int  # that one batch takes at most
    at_window_end: str
    backup_step: int  # its number; 0 for none
    no_backup: str  # why, where there is none


def checked_steps(given: Sequence[Mapping[str, Any]]) -> list[fleet.Step]:
    """The steps with their keys; raises Refused, naming step and entry."""
    if len(given) > fleet.MOST_STEPS:
        raise Refused(_("步骤应有 1 到 %(most)d 步") % {"most": fleet.MOST_STEPS}, field="steps")
    return [_step(number, one) for number, one in enumerate(given, start=1)]


def _step(number: int, given: Mapping[str, Any]) -> fleet.Step:
    field, label, back = f"step-{number}", _("第 %(n)d 步的") % {"n": number}, given.get("back")
    if given["kind"] not in fleet.KINDS:
        raise Refused(_("第 %(n)d 步：没有这种步骤") % {"n": number}, field=field)
    told = {
        key: text.code(value, label + _("内容"), field=f"{field}-{key}", longest=500, required=False)
        if key in TEXTS else value
        for key, value in given["with"].items()
    }  # fmt: skip
    if given["kind"] in fleet.BY_PEOPLE:
        told["words"] = text.prose(told.get("words"), label + _("要人做什么"), field=f"{field}-words", longest=2000)
        told["role"] = told.get("role") or "engineer" if given["kind"] == "signature" else ""
    if given["kind"] == "signature" and told["role"] not in ROLES:
        raise Refused(_("第 %(n)d 步：没有这个角色") % {"n": number}, field=f"{field}-role")
    if given["kind"] == "http":
        told = check_of(told, field, label, by_entry=True)
    return {
        "key": f"s{number}", "kind": given["kind"],
        "title": text.line(given.get("title"), label + _("名称"), field=f"{field}-title", longest=60),
        "with": _some(told), "back": _some(back) if isinstance(back, Mapping) else back, **_time_of(given),
    }  # fmt: skip


def _time_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """Limit, and what follows a lost result; work by people has neither, and is written in one way only."""
    if given["kind"] in fleet.BY_PEOPLE:
        return {"seconds": fleet.LONGEST_STEP, "crash": "ask"}
    return {"seconds": given["seconds"], "crash": given["crash"]}


def _some(told: Mapping[str, Any]) -> dict[str, Any]:
    """Without what says nothing, so that the same plan is the same content whoever wrote it, page or program."""
    whole = {key: _some(value) if key == "probe" and value else value for key, value in told.items()}
    return {key: value for key, value in whole.items() if value not in ("", None, [], {})}


def check_of(given: Mapping[str, Any], field: str, label: str, *, by_entry: bool = False) -> dict[str, Any]:
    """An HTTP check of a step or of a batch, bounded; a step has a field for each entry."""

    def of(entry: str) -> str:
        return f"{field}-{entry}" if by_entry else field

    status = given.get("status") or 200
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise Refused(label + _("应答码应是 100 到 599"), field=of("status"))
    found = {"port": given.get("port"), "path": text.code(given.get("path"), label + _("路径"), field=of("path"))}
    found["expect"] = text.line(given.get("expect"), label + _("应含内容"), field=of("expect"), required=False)
    return found | ({"status": status} if status != 200 else {})


def checked_health(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """CRITERIA_BEFOREHAND: what every host has to answer after its batch."""
    if len(given) > MOST_CRITERIA:
        raise Refused(_("验收准则最多 %(most)d 条") % {"most": MOST_CRITERIA}, CRITERIA_BEFOREHAND, field="health")
    found = []
    for number, one in enumerate(given, start=1):
        label = _("第 %(n)d 条检查的") % {"n": number}
        title = text.line(one.get("title"), label + _("名称"), field="health", longest=60)
        found.append({"title": title} | check_of(one, "health", label))
    return found


def batches_of(written: Written) -> dict[str, Any]:
    """The part of the orders that says in which order hosts come in, and when no more do."""
    if not 1 <= written.stop_done <= fleet.MOST_HOSTS:
        raise Refused(_("停止规则应是至少几台做完、成功率低于百分之几"), field="batches")
    return {
        "canary": written.canary,
        "then": [text.line(word, _("批次"), field="batches", longest=80) for word in written.then],
        "health": checked_health(written.health),
        "stop": {"done": written.stop_done, "below": written.stop_below},
        "at_once": written.at_once,
    }


def backup_of(written: Written) -> dict[str, str]:
    """Which step backs up, or why none does (OPS-4)."""
    if written.backup_step:
        return {"step": f"s{written.backup_step}"}
    why = text.line(
        written.no_backup, _("不备份的理由"), field="backup", longest=300, required=False,
    )  # fmt: skip
    return {"none": why}


def files_named(steps: Sequence[fleet.Step]) -> set[str]:
    """The digests of all files that the steps, their ways back and their probes name; not those of packages."""
    named = [step["with"] for step in steps if step["kind"] != "package"]
    named += [step["back"] for step in steps if isinstance(step["back"], dict)]
    named += [one["probe"] for one in named if isinstance(one.get("probe"), dict)]
    return {str(one["sha256"]) for one in named if one.get("sha256")}


def check_criteria_set(told: fleet.Orders) -> None:
    """CRITERIA_BEFOREHAND: something set beforehand shows whether what was wanted is there."""
    if not told["batches"]["health"] and not any(step["kind"] in SHOWS for step in told["steps"]):
        raise Refused(
            _("没有验收准则。至少写一条每批之后的检查，或加一步 HTTP 检查或人工检查"),
            CRITERIA_BEFOREHAND,
            field="health",
        )


def check_fits_window(told: fleet.Orders, batches: int, start: datetime, end: datetime) -> None:
    """What so many batches take at most, by the plan's own word, lies within its window."""
    if not 1 <= told["minutes"] <= MOST_MINUTES:
        raise Refused(_("每批的时间应是 1 到 %(most)d 分钟") % {"most": MOST_MINUTES}, field="minutes")
    need = fleet.minutes_needed(told, batches)
    if end - start < timedelta(minutes=need):
        words = {"batches": batches, "each": told["minutes"], "need": need}
        raise Refused(_("%(batches)d 批每批最多 %(each)d 分钟，共 %(need)d 分钟，窗口放不下") % words, field="minutes")
