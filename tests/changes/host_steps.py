"""A change about hosts: how it is asked for, what 陈 writes as its plan, and how it gets to where a test begins."""

from datetime import timedelta
from typing import Any

from tests.cast import Cast
from tests.changes.steps import bring, item_of, sign_as
from weilu.changes.actions import request_change
from weilu.changes.host_orders import Written
from weilu.changes.host_plan import hosts_of, keep_plan_file, submit_host_plan
from weilu.changes.models import Change, PlanVersion
from weilu.kernel.times import now
from weilu.planning.models import Window
from weilu.systems.models import System

UPGRADE = {
    "kind": "package", "title": "升级 jzhello", "with": {"name": "jzhello", "version": "1.1.0"},
    "seconds": 120, "crash": "probe", "back": "auto",
}  # fmt: skip
ANSWERS = {"title": "应答新版本", "port": 8080, "path": "/", "expect": "1.1.0"}


def open_all_day(system: System) -> None:
    """A window of the system that is open at whatever hour a test runs."""
    if not Window.objects.filter(system=system).exists():
        Window.objects.create(
            owner=system.owner, system=system, name="随时", rule="FREQ=DAILY", starts=now() - timedelta(days=2),
            minutes=24 * 60,
        )  # fmt: skip


def ask(cast: Cast, system: System, title: str = "应用主机升级 jzhello") -> Change:
    """王 asks for a change of the system's hosts."""
    return request_change(cast.wang, system, title=title, need="应答页换成新版本。")


def designed(cast: Cast, system: System) -> Change:
    """A change about hosts whose plan is to be written."""
    open_all_day(system)
    return bring(cast, ask(cast, system), "design")


def written(**over: Any) -> Written:
    fields: dict[str, Any] = {
        "canary": 1, "then": ["100%"], "health": [ANSWERS], "stop_done": 3, "stop_below": 80, "at_once": 10,
        "minutes": 10, "at_window_end": "ask", "backup_step": 0, "no_backup": "只换一个软件包，随时可退",
    }  # fmt: skip
    return Written(**(fields | over))


def host_plan_fields(change: Change, **over: Any) -> dict[str, Any]:
    """What 陈 writes: all hosts, one package, one check; fields of `Written` may be given as well."""
    batches = {name: over.pop(name) for name in list(over) if name in Written.__dataclass_fields__}
    fields: dict[str, Any] = {
        "hosts": [str(host.uid) for host in hosts_of(change.item)], "steps": [UPGRADE], "written": written(**batches),
        "window_from": now() - timedelta(minutes=1), "window_to": now() + timedelta(hours=3),
        "impact": "逐台停止应答约 1 分钟。", "risk": "新版本不应答。", "way_back": "逐台恢复原来的软件包。",
        "upgrade_notes": "应答页已更新。",
    }  # fmt: skip
    return fields | over


def host_plan(cast: Cast, change: Change, **over: Any) -> PlanVersion:
    """陈 submits a plan for hosts."""
    return submit_host_plan(cast.chen, change, turn=item_of(change).turn, **host_plan_fields(change, **over))


def keep(cast: Cast, change: Change, text: str, name: str = "脚本.sh") -> str:
    """陈 uploads a file for the plan; its SHA-256."""
    return keep_plan_file(cast.chen, change, data=text.encode(), name=name).sha256


def approve(cast: Cast, change: Change) -> None:
    """Everybody agrees to the plan as it stands; the item comes to the release."""
    sign_as(cast, change, "zhou", "zhao", "qian", "wu")
