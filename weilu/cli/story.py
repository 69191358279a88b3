"""The story: an upgrade from its request to the signed sheet, and a faulty one that undoes itself.

Plays as the cast, only through the actions that the pages call; each change is asked where it
stands and the person it waits for does what is next, so a story that was stopped goes on.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from weilu.accounts.actions import sign_in
from weilu.changes import actions, queries
from weilu.changes.standard_actions import propose_template, request_standard
from weilu.cli.story_calendar import plan_ahead
from weilu.evidence.actions import tick
from weilu.evidence.export import export_item
from weilu.execution.worker import work_once
from weilu.kernel.times import now
from weilu.process.actions import return_item, sign_step
from weilu.records.actions import sign_sheet
from weilu.records.queries import paper_of, sheet_of

HERE = "127.0.0.1"
BAR = 24
LINES = 58


@dataclass(frozen=True)
class Upgrade:
    """What the cast wants and writes in one change of the story."""

    title: str
    need: str
    analysis: str
    analysed: str
    plan: dict[str, Any]
    first_back: str  # feared too thin, the first way back is returned by 周; "" when the first plan stands
    feedback: str = ""
    works: bool = True
    acceptance: str = "accepted"
    rests_at: str = ""  # the step at which the story leaves it, so that a newcomer has something to sign
    later: timedelta = timedelta()  # how much later than now its window opens


UPGRADES = (
    Upgrade(
        title="预约平台升级到 1.1.0：预约登记来源",
        need="窗口和网上的预约混在一起，月底要靠人工区分。希望登记每个预约的来源，并按事项汇总。",
        analysis="1.1.0 已包含来源字段与按事项汇总，表结构增加一列，原有预约不受影响。可行。",
        analysed="升级到 1.1.0：登记每个预约的来源（原有预约记为网上），提供按事项汇总。",
        plan={
            "version": "1.1.0",
            "impact": "停止受理预约约 1 分钟，查询在切换时中断数秒。",
            "risk": "预约表增加一列；迁移失败时预约不可用。",
            "way_back": "停应用，恢复备份的 1.0.0 程序与数据库，逐项比对后启动；预计 2 分钟。",
            "criteria": [
                {"title": "报告新版本", "path": "/healthz", "expect": '"version": "1.1.0"'},
                {"title": "原有预约仍在", "path": "/api/appointments", "expect": "孙桂兰"},
                {"title": "按事项汇总可用", "path": "/api/summary", "expect": '"feature": "summary"'},
            ],
            "upgrade_notes": "预约现在登记来源。\n新增按事项汇总：在首页打开「汇总」。",
        },
        first_back="重新部署 1.0.0。",
        feedback="来源和汇总都能用，原有预约没有变化。",
        works=True,
    ),
    Upgrade(
        title="预约平台升级到 1.2.0：预约凭证",
        need="办事人来窗口时说不清预约号。希望每个预约有一张可打开的凭证。",
        analysis="1.2.0 为每个预约生成凭证链接，表结构增加一列并补写原有预约。可行。",
        analysed="升级到 1.2.0：每个预约有凭证号和能打开的凭证链接。",
        plan={
            "version": "1.2.0",
            "impact": "停止受理预约约 1 分钟。",
            "risk": "迁移会改写原有预约的电话格式；回退必须连数据一起恢复。",
            "way_back": "停应用，恢复备份的 1.1.0 程序与数据库，逐项比对后启动；预计 2 分钟。",
            "criteria": [
                {"title": "报告新版本", "path": "/healthz", "expect": '"version": "1.2.0"'},
                {"title": "原有预约仍在", "path": "/api/appointments", "expect": "孙桂兰"},
                {"title": "凭证链接能打开", "path": "/api/vouchers/check", "expect": '{"voucher": "ok"}'},
            ],
            "upgrade_notes": "每个预约有凭证号，点开即可查看。",
        },
        first_back="",
        feedback="升级没有成功，但预约和以前一样能用，数据没有丢。",
        works=True,
        acceptance="again",
    ),
)
LEFT_OPEN = Upgrade(
    title="预约平台再升级到 1.2.0：凭证链接改正后",
    need="上次升级因凭证链接打不开而回退。希望查明原因后再升级一次。",
    analysis="链接由公开地址拼成，公开地址末尾多一个斜杠。改正配置后可行。",
    analysed="公开地址改正后，升级到 1.2.0：每个预约有能打开的凭证链接。",
    plan=UPGRADES[1].plan,
    first_back="",
    rests_at="confirm",
)

TEMPLATE: dict[str, Any] = {
    "version": "1.*",
    "window_minutes": 180,
    "impact": "停止受理预约约 1 分钟。",
    "risk": "小版本只加列；迁移失败时预约不可用。",
    "way_back": "停应用，恢复备份的 {version_from} 程序与数据库，逐项比对后启动；预计 2 分钟。",
    "criteria": [
        {"title": "报告新版本", "path": "/healthz", "expect": '"version": "{version}"'},
        {"title": "原有预约仍在", "path": "/api/appointments", "expect": "孙桂兰"},
    ],
    "upgrade_notes": "预约平台已升级到 {version}。",
}
STANDARD = "预约平台例行小版本升级"


class Story:
    """One telling: who is signed in, how far the two changes are, and the line that says so."""

    def __init__(self, out: Path, password: str, say: Callable[[str], None]) -> None:
        self.out, self.password, self.say = out, password, say
        self.people: dict[str, Any] = {}
        self.told = 0

    def person(self, username: str) -> Any:
        """The person of the cast, signed in with the password as at the page."""
        if username not in self.people:
            self.people[username] = sign_in(username, self.password, HERE)
        return self.people[username]

    def line(self, words: str) -> None:
        """One line with a bar: LINES lines make a story."""
        self.told += 1
        filled = min(BAR, self.told * BAR // LINES)
        self.say(f"[{'█' * filled}{'·' * (BAR - filled)}] {words}")

    def play(self) -> None:
        """Both upgrades, one after the other, and one that is left to sign."""
        for upgrade in (*UPGRADES, LEFT_OPEN):
            change = self._begun(upgrade)
            while change.item.state == "open" and change.item.step != upgrade.rests_at:
                self._next(upgrade, change)
                change = queries.change_of(self.person("chenhang"), change.item.uid)
            if not upgrade.rests_at:
                self._leave_papers(change)
        self._leave_standard()
        plan_ahead(self)
        tick()

    def _leave_standard(self) -> None:
        """A template that everybody has approved, and a standard change by it that waits for its version and window."""
        chen, wang = self.person("chenhang"), self.person("wangmin")
        if queries.titled(wang, STANDARD) is not None:
            return
        template = next(iter(queries.templates_of(chen)), None)
        if template is None:
            installation = queries.installations_of(wang)[0]
            why = "小版本每月一次，步骤不变，回退都演练过。"
            proposed = propose_template(chen, installation, title="小版本升级", need=why, plan=TEMPLATE)
            self.line(f"陈航 提出变更模板 {proposed.item.number}")
        else:
            proposed = template.change
        item = queries.change_of(chen, proposed.item.uid).item
        while item.step:
            self._approve(item)
            item = queries.change_of(chen, item.uid).item
        made = request_standard(wang, queries.change_of(wang, item.uid), title=STANDARD, need="例行小版本升级。")
        self.line(f"王敏 按模板申请 {made.item.number}：{STANDARD}")

    def _approve(self, item: Any) -> None:
        words = dict.fromkeys(("zhouyi", "zhaolixin", "qianwenyuan", "wujing"), "可以作为模板，同意。")
        self.sign(item, words, "变更模板")

    def _begun(self, upgrade: Upgrade) -> Any:
        wang = self.person("wangmin")
        found = queries.titled(wang, upgrade.title)
        if found is None:
            installation = queries.installations_of(wang)[0]
            found = actions.request_change(wang, installation, title=upgrade.title, need=upgrade.need)
            self.line(f"王敏 申请 {found.item.number}：{upgrade.title}")
        return queries.change_of(wang, found.item.uid)

    def _next(self, upgrade: Upgrade, change: Any) -> None:
        getattr(self, f"_at_{change.item.step}")(upgrade, change, change.item)

    def _at_analysis(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        actions.submit_analysis(
            self.person("chenhang"),
            change,
            turn=item.turn,
            feasible=True,
            analysis=upgrade.analysis,
            need=upgrade.analysed,
        )
        self.line("陈航 可行性分析：可行")

    def _at_need(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        self.sign(item, {"wangmin": "与我要的一致。", "lijianguo": "情况属实，确有需要。"}, "需求确认")

    def _at_design(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        plan = dict(upgrade.plan)
        if upgrade.first_back and not change.plans.exists():
            plan["way_back"] = upgrade.first_back
        opens = now() - timedelta(minutes=1) + upgrade.later
        # What is left to a newcomer can still be signed tomorrow.
        length = timedelta(days=1) if upgrade.rests_at else timedelta(hours=2)
        kept = actions.submit_plan(
            self.person("chenhang"), change, turn=item.turn, window_from=opens, window_to=opens + length, **plan
        )  # fmt: skip
        self.line(f"陈航 提交方案第 {kept.number} 版，升级包来源与完整性核对通过")

    def _at_plan_check(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        zhou = self.person("zhouyi")
        if upgrade.first_back and change.plans.count() == 1:
            words = "回退只写了重新部署，没有写数据如何还原。"
            return_item(zhou, item, turn=item.turn, to="design", words=words)
            self.line(f"周毅 退回方案：{words}")
        else:
            self.sign(item, {"zhouyi": "回退写明了，同意。"}, "方案确认")

    def _at_confirm(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        self.sign(item, {"zhaolixin": "同意。", "qianwenyuan": "同意，注意先备份。"}, "需求与方案确认")

    def _at_security(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        self.sign(item, {"wujing": "在用系统的变更，准则齐备，批准。"}, "信息安全办审批")

    def _at_release(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        chen = self.person("chenhang")
        runs = queries.change_view(chen, item.uid).runs
        run = runs[0] if runs else actions.order_upgrade(chen, change, turn=item.turn)
        self.line(f"陈航 开始执行 {run.number}：核对、备份、演练、停机、升级、验收")
        seen: set[str] = set()
        while queries.change_view(chen, item.uid).runs[0].ended_at is None:
            if not work_once():
                time.sleep(0.1)
            for title in _finished_steps(run):
                if title not in seen:
                    seen.add(title)
                    self.say(f"  {'':<{BAR}} ✓ {title}" if not title.endswith("失败") else f"  {'':<{BAR}} ✗ {title}")
        ended = queries.change_view(chen, item.uid).runs[0]
        self.line(f"{ended.number} {ended.get_state_display()}")
        item = queries.change_of(chen, item.uid).item
        self.sign(item, {"chenhang": f"执行 {ended.number} 结束：{ended.get_state_display()}。"}, "实施与发布")

    def _at_feedback(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        actions.give_feedback(
            self.person("wangmin"), change, turn=item.turn, works=upgrade.works,
            opinion=upgrade.feedback, satisfaction="satisfied",
        )  # fmt: skip
        self.line(f"王敏 使用反馈：{upgrade.feedback}")

    def _at_sheet(self, upgrade: Upgrade, change: Any, item: Any) -> None:
        for username, side in (("chenhang", "vendor"), ("wangmin", "customer")):
            person = self.person(username)
            sheet = sheet_of(person, item)
            if sheet.signatures.filter(side=side).exists():
                continue
            said: dict[str, Any] = {
                "opinion": upgrade.feedback, "satisfaction": "satisfied", "acceptance": upgrade.acceptance,
            }  # fmt: skip
            sign_sheet(
                person, sheet, side=side, password=self.password, address=HERE, digest=sheet.digest,
                strokes=drawn(person.name), **(said if side == "customer" else {}),
            )  # fmt: skip
            self.line(f"{person.name} 签署报告单 {sheet.number}")

    def sign(self, item: Any, words: dict[str, str], title: str) -> None:
        """Whoever of these the item waits for signs, with their words."""
        waiting = {seat.person.username for seat in item.seats.filter(open=True).select_related("person")}
        for username in (name for name in words if name in waiting):
            person = self.person(username)
            fresh = queries.change_of(person, item.uid).item
            sign_step(person, fresh, turn=fresh.turn, subject=fresh.subject, words=words[username])
            self.line(f"{person.name} 签署「{title}」")

    def _leave_papers(self, change: Any) -> None:
        item = change.item
        sheet = sheet_of(self.person("chenhang"), item)
        paper = self.out / f"{sheet.number}.pdf"
        if not paper.exists():
            paper.write_bytes(paper_of(sheet))
        tick()
        place = self.out / "evidence" / item.number
        if not place.exists():
            export_item(str(item.uid), item.owner.code, place, actor=self.person("chenhang").actor)
        self.line(f"报告单 {paper.name}，存证 evidence/{item.number}")


def _finished_steps(run: Any) -> list[str]:
    rows = run.steps.order_by("ordinal").values_list("title", "state")
    words = {"done": "", "failed": " 失败"}
    return [f"{title}{words[state]}" for title, state in rows if state in words]


def drawn(name: str) -> list[list[list[int]]]:
    """A signature as the pad would give it: one wave per character, different for different names."""
    strokes = []
    for place, sign in enumerate(name):
        seed = ord(sign)
        left, height = 60 + place * 170, 40 + seed % 30
        points = []
        for step in range(40):
            angle = step / 39 * math.tau
            x = left + step * 3.2 + 18 * math.sin(angle * (1 + seed % 3))
            y = 100 + height * math.sin(angle * (1.5 + seed % 4 / 2) + seed) * math.cos(angle / 2)
            points.append([max(0, min(600, round(x))), max(0, min(200, round(y)))])
        strokes.append(points)
    return strokes


def play(out: Path, say: Callable[[str], None] = print) -> None:
    """Set the demo up where it is missing, then play the story; papers and evidence are left in `out`."""
    from weilu.demo import PASSWORD, set_stage

    out.mkdir(parents=True, exist_ok=True)
    set_stage(say)
    Story(out, PASSWORD, say).play()
