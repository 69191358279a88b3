"""What the demo's calendar shows beside the story: two systems with windows and hosts, a freeze, three planned changes.

Played through the actions that the pages call; what is there already is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from weilu.changes import actions, queries
from weilu.changes.host_orders import Written
from weilu.changes.host_plan import hosts_of, submit_host_plan
from weilu.changes.models import Change
from weilu.demo import made_up_key
from weilu.kernel.times import SHANGHAI, now
from weilu.planning.actions import add_freeze, add_window
from weilu.planning.exceptions import ask_exception
from weilu.planning.models import Freeze
from weilu.planning.queries import free_slots
from weilu.systems.actions import register_system
from weilu.systems.host_actions import register_host
from weilu.systems.layout_actions import add_dependency, add_environment, add_group
from weilu.systems.models import System

if TYPE_CHECKING:
    from weilu.cli.story import Story

FREEZE = "月底结算封网"
WRITTEN = Written(
    canary=1, then=["100%"], health=[{"title": "应答", "port": 8080, "path": "/healthz", "expect": "ok"}],
    stop_done=1, stop_below=100, at_once=1, minutes=40, at_window_end="finish_batch", backup_step=0,
    no_backup="只换一个软件包，逐台可退",
)  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A system of the demo: its window by rule and the hour it opens, and its hosts."""

    code: str
    name: str
    importance: str
    window: str
    rule: str
    hour: int
    minutes: int
    hosts: tuple[str, ...]


SYSTEMS = (
    Kept("SBHX", "社保核心业务系统", "important", "每晚", "FREQ=DAILY", 22, 480, ("core-01", "core-02")),
    Kept("CWGL", "财务管理系统", "normal", "周二、周五夜间", "FREQ=WEEKLY;BYDAY=TU,FR", 20, 600, ("fin-01",)),
)


def plan_ahead(story: Story) -> None:
    """Lay systems out, set a freeze, and plan: before it, in a window, and within it by an exception asked for."""
    core, finance = (_system(story, one) for one in SYSTEMS)
    bookings = System.objects.get(owner=core.owner, code="YYPT")
    if not bookings.needs.filter(on=core).exists():
        add_dependency(story.person("zhengjie"), bookings, on=core)
    freeze = Freeze.objects.filter(owner=core.owner, name=FREEZE).first()
    if freeze is None:
        freeze = add_freeze(
            story.person("wujing"), core.owner, name=FREEZE, starts=_at(5, 18), ends=_at(10, 8),
            reason="月底集中结算，业务不能中断",
        )  # fmt: skip
        story.line(f"吴静 设封网期「{FREEZE}」")
    _planned(story, core, "社保核心升级参保查询", "参保查询要能按月份筛选。", "jzquery", "2.4.1", _at(2, 22))
    _planned(story, finance, "财务系统更新月结程序", "月结报表要多一列备注。", "jzledger", "1.9.0", None)
    within = _planned(story, core, "社保核心堵待遇试算漏洞", "试算接口要校验身份。", "jztrial", "3.0.2", _at(6, 22))
    if not within.item.freeze_exceptions.exists():
        ask_exception(story.person("chenhang"), within.item, freeze, why="漏洞已有利用，等到封网后风险更大")
        story.line(f"陈航 申请在「{FREEZE}」破例：{within.item.number}")


def _at(days: int, hour: int) -> datetime:
    """So many days from today, at this hour of Asia/Shanghai."""
    return datetime.combine(now().astimezone(SHANGHAI).date() + timedelta(days=days), time(hour), SHANGHAI)


def _system(story: Story, kept: Kept) -> System:
    zheng = story.person("zhengjie")
    found: System | None = System.objects.filter(owner=zheng.organisation, code=kept.code).first()
    if found is not None:
        return found
    made = register_system(
        zheng, zheng.organisation, code=kept.code, name=kept.name, importance=kept.importance, backup_owner=zheng
    )
    first = datetime.combine(now().astimezone(SHANGHAI).date(), time(kept.hour), SHANGHAI)
    add_window(zheng, made, name=kept.window, rule=kept.rule, starts=first, minutes=kept.minutes)
    group = add_group(zheng, add_environment(zheng, made, kind="production", name="现网"), name="应用")
    for host in kept.hosts:
        # Addresses for documentation (RFC 5737): nobody ever reaches these hosts.
        number = sum(host.encode()) % 200 + 20
        register_host(zheng, group, name=host, address=f"192.0.2.{number}", key=made_up_key(host))
    story.line(f"郑洁 登记 {kept.name} 与窗口「{kept.window}」")
    return made


def _planned(
    story: Story, system: System, title: str, need: str, package: str, version: str, starts: datetime | None
) -> Change:
    """A change of the system's hosts with its plan submitted, at `starts` or at the next free slot."""
    wang, chen = story.person("wangmin"), story.person("chenhang")
    found = queries.titled(wang, title)
    if found is None:
        found = actions.request_change(wang, system, title=title, need=need)
        story.line(f"王敏 申请 {found.item.number}：{title}")
    change = queries.change_of(chen, found.item.uid)
    if change.item.step == "analysis":
        actions.submit_analysis(
            chen, change, turn=change.item.turn, feasible=True, analysis="换一个软件包即可，可行。", need=need
        )
    change = queries.change_of(chen, found.item.uid)
    if change.item.step == "need":
        story.sign(change.item, {"wangmin": "与我要的一致。", "lijianguo": "情况属实。"}, "需求确认")
    change = queries.change_of(chen, found.item.uid)
    if change.item.step == "design":
        begin = starts or free_slots(system, 120, after=_at(1, 0))[0].starts
        submit_host_plan(
            chen, change, turn=change.item.turn, hosts=[str(host.uid) for host in hosts_of(change.item)],
            steps=[_step(package, version)], written=WRITTEN, window_from=begin,
            window_to=begin + timedelta(hours=2), impact="逐台停止应答约 2 分钟。", risk="新版本不应答。",
            way_back="逐台装回原来的版本。", upgrade_notes=f"已更新到 {version}。",
        )  # fmt: skip
        story.line(f"陈航 提交 {change.item.number} 方案，排在 {begin.astimezone(SHANGHAI):%m-%d %H:%M}")
    return queries.change_of(chen, found.item.uid)


def _step(package: str, version: str) -> Mapping[str, Any]:
    named = {"name": package, "version": version}
    return {
        "kind": "package", "title": f"升级 {package}", "with": named, "seconds": 300, "crash": "probe", "back": "auto",
    }  # fmt: skip
