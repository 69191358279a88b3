"""What a template holds, what it leaves open, and the one plan that a version and a window make of it."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.utils.translation import gettext as _

from weilu.changes.plan import Criterion, Plan
from weilu.execution.channel import Release
from weilu.kernel import text
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI, iso

APPROVED_BEFOREHAND = Clause("CHG-7")
NEW_VERSION, OLD_VERSION = "{version}", "{version_from}"
LONGEST_WINDOW = 24 * 60
PATTERN = re.compile(r"[0-9][0-9A-Za-z.+!_-]{0,38}\*?")
HOUR = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Template(TypedDict):
    """The canonical content of a template. Open are the version within `version`, and the window within its limits.

    In its texts `{version}` and `{version_from}` stand for the version that comes and the one that goes.
    """

    need_number: int
    need_digest: str
    installation: str  # uid
    host: str
    version: str  # one version, or how it begins: 1.1.*
    window_minutes: int  # the longest window
    window_after: str  # the hours of the day a window lies in, 22:00 to 06:00, Asia/Shanghai; "" for any
    window_before: str
    impact: str
    risk: str
    way_back: str
    criteria: list[Criterion]
    upgrade_notes: str


def checked_limits(version: str, minutes: int, after: str, before: str) -> tuple[str, int, str, str]:
    """The openings of a template as they are kept; raises Refused for one that means nothing."""
    version = text.code(version, _("版本范围"), field="version", longest=40)
    if not PATTERN.fullmatch(version):
        raise Refused(_("版本范围应是一个版本，或以 * 结尾，例如 1.1.*"), field="version")
    if not 1 <= minutes <= LONGEST_WINDOW:
        raise Refused(_("窗口最长应是 1 到 %(most)d 分钟") % {"most": LONGEST_WINDOW}, field="window_minutes")
    hours = []
    for value, name in ((after, "window_after"), (before, "window_before")):
        hour = text.code(value, _("时段"), field=name, longest=5, required=False)
        if hour and not HOUR.fullmatch(hour):
            raise Refused(_("时段应写成 22:00 这样的钟点"), field=name)
        hours.append(hour)
    if bool(hours[0]) != bool(hours[1]):
        raise Refused(_("时段要写起止两个钟点，或都不写"), field="window_after")
    return version, minutes, hours[0], hours[1]


def covers(pattern: str, version: str) -> bool:
    """Whether a template that leaves `pattern` open is for `version`."""
    return version.startswith(pattern[:-1]) if pattern.endswith("*") else version == pattern


def check_openings(template: Mapping[str, Any], version: str, start: datetime, end: datetime) -> None:
    """APPROVED_BEFOREHAND: version and window lie within what was left open."""
    if not covers(template["version"], version):
        words = {"version": version, "pattern": template["version"]}
        raise Refused(
            _("模板只用于 %(pattern)s，不能升级到 %(version)s。换一个版本，或改走正常流程") % words,
            APPROVED_BEFOREHAND,
            field="version",
        )
    if end - start > timedelta(minutes=template["window_minutes"]):
        raise Refused(
            _("窗口超过模板定的 %(minutes)d 分钟。缩短窗口") % {"minutes": template["window_minutes"]},
            APPROVED_BEFOREHAND,
            field="window_to",
        )
    if template["window_after"] and not _within(start, end, template["window_after"], template["window_before"]):
        words = {"after": template["window_after"], "before": template["window_before"]}
        raise Refused(
            _("窗口不在模板定的时段 %(after)s–%(before)s 之内") % words, APPROVED_BEFOREHAND, field="window_from"
        )


def _within(start: datetime, end: datetime, after: str, before: str) -> bool:
    """Whether the window lies in one night (or day) from `after` to `before`."""
    opens, closes = (int(hour[:2]) * 60 + int(hour[3:]) for hour in (after, before))
    local = start.astimezone(SHANGHAI)
    since = (local.hour * 60 + local.minute - opens) % LONGEST_WINDOW
    whole = (closes - opens) % LONGEST_WINDOW or LONGEST_WINDOW
    opened = local.replace(second=0, microsecond=0) - timedelta(minutes=since)
    return since < whole and end <= opened + timedelta(minutes=whole)


def plan_of(
    template: Mapping[str, Any], known: Mapping[str, str], need: tuple[int, str], release: Release,
    window: tuple[datetime, datetime],
) -> Plan:  # fmt: skip
    """The plan: everything from the template but version, package and window.

    `known` says by which template (`template`, `template_digest`), from which version (`version_from`) to which
    (`version`).
    """

    def filled(words: str) -> str:
        return words.replace(NEW_VERSION, known["version"]).replace(OLD_VERSION, known["version_from"])

    return Plan(
        need_number=need[0],
        need_digest=need[1],
        installation=template["installation"],
        host=template["host"],
        version_from=known["version_from"],
        version=known["version"],
        wheel=release.wheel,
        sha256=release.sha256,
        signer=release.signer,
        impact=filled(template["impact"]),
        risk=filled(template["risk"]),
        way_back=filled(template["way_back"]),
        window_from=iso(window[0]),
        window_to=iso(window[1]),
        criteria=[
            Criterion(title=filled(row["title"]), path=filled(row["path"]), expect=filled(row["expect"]))
            for row in template["criteria"]
        ],
        upgrade_notes=filled(template["upgrade_notes"]),
        template=known["template"],
        template_digest=known["template_digest"],
    )


def check_from_template(template: Mapping[str, Any], number: str, digest: str, plan: Mapping[str, Any]) -> None:
    """APPROVED_BEFOREHAND: `plan` is what the template of this number and digest makes of it, byte for byte."""
    release = Release(plan["wheel"], plan["sha256"], plan["signer"])
    start, end = (datetime.fromisoformat(plan[key]) for key in ("window_from", "window_to"))
    known = {"template": number, "template_digest": digest}
    known |= {key: plan[key] for key in ("version", "version_from")}
    made = plan_of(template, known, (plan["need_number"], plan["need_digest"]), release, (start, end))
    if dict(made) != {key: value for key, value in plan.items() if key != "number"}:
        raise Refused(
            _("方案与模板 %(number)s 不一致，不能按标准变更执行") % {"number": number},
            APPROVED_BEFOREHAND,
            help=_("改走正常流程，由各方审批这份方案"),
        )
    check_openings(template, plan["version"], start, end)


def check_in_force(number: str, approved: bool, withdrawn: bool) -> None:
    """APPROVED_BEFOREHAND: only a template that stands approved lets anything be done under it."""
    if withdrawn:
        raise Refused(
            _("模板 %(number)s 已停用，不能再按它执行") % {"number": number},
            APPROVED_BEFOREHAND,
            help=_("改走正常流程，或换一个在用的模板"),
        )
    if not approved:
        raise Refused(_("模板 %(number)s 还没有批准") % {"number": number}, APPROVED_BEFOREHAND)
