"""What a plan holds, and its wording line by line for comparing two versions."""

from datetime import datetime
from typing import Any, TypedDict

from django.utils.translation import gettext as _

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


def lines(plan: dict[str, Any]) -> list[str]:
    """The plan as numbered wording, one fact a line: what the comparison of versions shows."""
    start, end = (datetime.fromisoformat(plan[key]).astimezone(SHANGHAI) for key in ("window_from", "window_to"))
    found = [
        _("依据需求第 %(number)d 版") % {"number": plan["need_number"]},
        _("主机 %(host)s：%(old)s 升级到 %(new)s")
        % {"host": plan["host"], "old": plan["version_from"], "new": plan["version"]},
        _("升级包 %(wheel)s") % {"wheel": plan["wheel"]},
        f"SHA-256 {plan['sha256']}",
        _("窗口 %(start)s 至 %(end)s")
        % {"start": start.strftime("%Y-%m-%d %H:%M"), "end": end.strftime("%Y-%m-%d %H:%M")},
    ]
    for label, key in ((_("影响"), "impact"), (_("风险"), "risk"), (_("回退"), "way_back")):
        found += [
            _("%(label)s：%(line)s") % {"label": label, "line": line} for line in plan[key].splitlines() if line.strip()
        ]
    found += [
        _("验收：%(title)s（GET %(path)s 应含「%(expect)s」）") % dict(criterion) for criterion in plan["criteria"]
    ]
    found += [_("升级说明：%(line)s") % {"line": line} for line in plan["upgrade_notes"].splitlines() if line.strip()]
    return found
