"""What a plan holds, and its wording line by line for comparing two versions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from django.utils.translation import gettext as _

from weilu.changes.host_words import host_lines
from weilu.execution.fleet.orders import Orders
from weilu.kernel.times import SHANGHAI


class Criterion(TypedDict):
    """An acceptance check set beforehand (CHG-5): GET `path` answers 200 and its body holds `expect`."""

    title: str
    path: str
    expect: str


class Plan(TypedDict):
    """The canonical content of a plan version. Instants are ISO 8601 in UTC."""

    need_number: int
    need_digest: str
    installation: str  # uid
    host: str
    version_from: str
    version: str
    wheel: str
    sha256: str
    signer: str
    impact: str
    risk: str
    way_back: str
    window_from: str
    window_to: str
    criteria: list[Criterion]
    upgrade_notes: str
    amendments: NotRequired[list[str]]  # numbers of the amendments it answers: whoever signs it signs them too (CHG-2)
    template: NotRequired[str]  # number and digest of the template it was made from
    template_digest: NotRequired[str]


class HostPlan(TypedDict):
    """The canonical content of a plan for hosts: the orders that hosts get, and what people sign beside them."""

    need_number: int
    need_digest: str
    orders: Orders  # see `execution.fleet.orders`
    impact: str
    risk: str
    way_back: str
    window_from: str
    window_to: str
    upgrade_notes: str
    amendments: NotRequired[list[str]]


def is_on_hosts(content: Mapping[str, Any]) -> bool:
    """Whether this is the content of a plan for hosts."""
    return "orders" in content


def is_template(content: Mapping[str, Any]) -> bool:
    """Whether this is the content of a template, not of a plan."""
    return "window_minutes" in content


def lines(plan: dict[str, Any]) -> list[str]:
    """The plan as numbered wording, one fact a line: what the comparison of versions shows."""
    found = _for_hosts(plan) if is_on_hosts(plan) else _limits(plan) if is_template(plan) else _orders(plan)
    for label, key in ((_("影响"), "impact"), (_("风险"), "risk"), (_("回退"), "way_back")):
        found += [
            _("%(label)s：%(line)s") % {"label": label, "line": line} for line in plan[key].splitlines() if line.strip()
        ]
    found += [
        _("验收：%(title)s（GET %(path)s 应含「%(expect)s」）") % dict(criterion)
        for criterion in plan.get("criteria", ())
    ]
    found += [_("升级说明：%(line)s") % {"line": line} for line in plan["upgrade_notes"].splitlines() if line.strip()]
    return found


def _limits(template: dict[str, Any]) -> list[str]:
    found = [
        _("主机 %(host)s，用于升级到 %(version)s") % template,
        _("窗口由每次变更定，最长 %(window_minutes)d 分钟") % template,
    ]
    if template["window_after"]:
        found.append(_("窗口在 %(window_after)s 至 %(window_before)s 之内") % template)
    return found


def _for_hosts(plan: dict[str, Any]) -> list[str]:
    found = [_("依据需求第 %(number)d 版") % {"number": plan["need_number"]}, _window(plan)]
    found += [_("依据变更申请 %(number)s") % {"number": number} for number in plan.get("amendments", [])]
    return found + host_lines(plan["orders"])


def _window(plan: Mapping[str, Any]) -> str:
    start, end = (datetime.fromisoformat(plan[key]).astimezone(SHANGHAI) for key in ("window_from", "window_to"))
    words = {"start": start.strftime("%Y-%m-%d %H:%M"), "end": end.strftime("%Y-%m-%d %H:%M")}
    return _("窗口 %(start)s 至 %(end)s") % words


def _orders(plan: dict[str, Any]) -> list[str]:
    found = [
        _("依据需求第 %(number)d 版") % {"number": plan["need_number"]},
        _("主机 %(host)s：%(old)s 升级到 %(new)s")
        % {"host": plan["host"], "old": plan["version_from"], "new": plan["version"]},
        _("升级包 %(wheel)s") % {"wheel": plan["wheel"]},
        f"SHA-256 {plan['sha256']}",
        _window(plan),
    ]
    found += [_("依据变更申请 %(number)s") % {"number": number} for number in plan.get("amendments", [])]
    if "template" in plan:
        found.append(_("出自模板 %(template)s，SHA-256 %(template_digest)s") % plan)
    return found
