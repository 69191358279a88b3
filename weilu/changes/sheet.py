"""What the record sheet of a change says, gathered from its versions, its run and its feedback."""

from datetime import datetime
from typing import Any, Literal

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.changes import host_sheet
from weilu.changes.carried import acts_of
from weilu.changes.kind import EMERGENCY
from weilu.changes.models import Change
from weilu.changes.plan import is_on_hosts
from weilu.execution.models import Run, RunStep
from weilu.kernel.times import iso, seconds_between
from weilu.process.models import Opinion, StepVisit
from weilu.records.content import SheetContent, Step, Test, TimeLine

RESULTS = {"done": "成功", "failed": "失败"}


def sheet_content(change: Change, engineer: Person) -> SheetContent:
    """The content to freeze, once the requester has given feedback; raises IndexError without a plan or a run."""
    item = change.item
    plan = change.plans.order_by("-number")[0].content
    run = acts_of(item).filter(subject=item.subject).order_by("-id")[0]
    went_well = run.state == Run.State.SUCCEEDED
    told = _on_hosts(plan, run) if is_on_hosts(plan) else _on_installation(plan, run, went_well)
    department = f" {item.requester.department}" if item.requester.department else ""
    return SheetContent(
        customer=f"{item.owner.name}{department}",
        vendor=engineer.organisation.name,
        contract=_contract(engineer, item.owner_id),
        system=f"{item.system.name}（{_('生产')}）" if item.system.running else item.system.name,
        version_from=told["version_from"],
        version_to=told["version_to"],
        kinds=told["kinds"],
        ways=["remote"],
        urgency=_urgency(change),
        times=_times(change, run),
        cause=_cause(change),
        done=[*_approved(change, plan), *told["done"], *_amended(change)],
        steps=told["steps"],
        tests=told["tests"],
        remaining=told["remaining"],
        engineer=engineer.name,
    )


def _on_installation(plan: dict[str, Any], run: Run, went_well: bool) -> dict[str, Any]:
    return {
        "version_from": plan["version_from"], "version_to": plan["version"], "kinds": ["upgrade"],
        "done": _done(plan, run, went_well), "steps": [_step(run, step) for step in run.steps.order_by("ordinal")],
        "tests": _tests(plan, run), "remaining": "" if went_well else "升级未通过验收，已回退；原因查明后另行变更。",
    }  # fmt: skip


def _on_hosts(plan: dict[str, Any], run: Run) -> dict[str, Any]:
    earlier = acts_of(run.item).filter(id__lt=run.id).order_by("id")
    upgrades = any(step["kind"] == "package" for step in plan["orders"]["steps"])
    return {
        "version_from": "", "version_to": host_sheet.version_to(plan), "kinds": ["upgrade" if upgrades else "other"],
        "done": host_sheet.done_lines(plan, run, earlier), "steps": host_sheet.steps_of(run),
        "tests": host_sheet.tests_of(plan, run), "remaining": host_sheet.remaining(run),
    }  # fmt: skip


def _urgency(change: Change) -> Literal["urgent", "important", "normal"]:
    if change.item.kind == EMERGENCY.key:
        return "urgent"
    return "important" if change.item.system.importance == "important" else "normal"


def _cause(change: Change) -> str:
    need = change.needs.order_by("-number")[0].text
    if change.item.kind != EMERGENCY.key:
        return need
    return f"{need}\n不能等的原因：{change.emergency.reason}"[:4000]


def _approved(change: Change, plan: dict[str, str]) -> list[str]:
    """How a change of another kind than the normal one came to be approved."""
    if change.item.kind == EMERGENCY.key:
        said = Opinion.objects.filter(
            item=change.item, visit__step="confirm", visit__outcome="done", act=Opinion.Act.AGREE, withdrawal=None
        ).order_by("-id")
        by = said.select_related("person")[0].person.name
        return [f"紧急变更：经 {by} 批准先行实施，其余步骤在实施后补办完毕。"]
    if change.template is not None:
        return [f"标准变更：方案出自已批准的模板 {plan['template']}（SHA-256 {plan['template_digest'][:12]}）。"]
    return []


def _amended(change: Change) -> list[str]:
    """Each amendment, and the documents that followed it (CHG-2)."""
    lines = []
    for amendment in change.amendments.prefetch_related("documents").order_by("id"):
        lines.append(f"变更申请 {amendment.number}：{amendment.what[:300]}")
        lines += [
            f"受影响的文件 {one.number}《{one.title}》由 {one.version} 版更新为 {one.new_version} 版。"
            for one in amendment.documents.order_by("id")
        ]
    return lines


def _contract(engineer: Person, owner_id: int) -> str:
    source = (
        engineer.grants.filter(organisation_id=owner_id).order_by("-id").values_list("source", flat=True).first() or ""
    )
    return source.removeprefix("合同 ") if source.startswith("合同 ") else ""


def _times(change: Change, run: Run) -> list[TimeLine]:
    approved = StepVisit.objects.filter(item=change.item, step="confirm", outcome="done").order_by("-id").first()
    agreed_at = change.template.approved_at if change.template else approved.closed_at if approved else None
    rows: list[tuple[str, datetime | None]] = [
        ("申请", change.item.opened_at),
        ("批准", agreed_at),
        ("开始执行", run.started_at),
        ("完成", run.ended_at),
    ]
    return [TimeLine(label=label, at=iso(at) if at else "") for label, at in rows]


def _done(plan: dict[str, str], run: Run, went_well: bool) -> list[str]:
    lines = [
        f"按批准的方案（SHA-256 {run.subject[:12]}）执行，编号 {run.number}。",
        f"升级包 {plan['wheel']}：来源签名与 SHA-256 核对一致。",
        "升级前备份程序与数据，另处还原比对一致；在副本上演练通过。",
    ]
    if went_well:
        lines.append(f"窗口内由 {plan['version_from']} 升级到 {plan['version']}，验收检查全部通过，已通知用户。")
    else:
        lines.append(f"升级到 {plan['version']} 后验收未通过，系统自动回退到 {plan['version_from']}。")
        lines.append("回退后程序清单与数据摘要同备份逐项一致；备份到回退之间没有接受写入。")
    return lines


def _step(run: Run, step: RunStep) -> Step:
    return Step(
        title=step.title,
        host=run.place.host,
        started_at=iso(step.started_at) if step.started_at else "",
        seconds=seconds_between(step.started_at, step.ended_at),
        result=RESULTS.get(step.state, "未执行"),
        digest=step.digest,
    )


def _tests(plan: dict[str, list[dict[str, str]]], run: Run) -> list[Test]:
    """Each criterion with how it ended; one that was never reached is 未检查."""
    accepted = run.steps.filter(key="accept").order_by("-ordinal").first()
    ended = (accepted.result if accepted else {}).get("criteria", [])
    verdicts = ["通过" if row["met"] else "未通过" for row in ended] + ["未检查"] * len(plan["criteria"])
    return [
        Test(title=str(_("验收：%(title)s") % {"title": row["title"]}), result=verdict)
        for row, verdict in zip(plan["criteria"], verdicts, strict=False)
    ]
