"""Standard changes: a template approved beforehand, by digest, and nothing carried out that it does not say."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cast import plan_fields
from tests.changes.steps import approved, bring, item_of, propose, schedule, sign_as, template_plan, visits
from tests.support.unchanged import Refusal, refusal_of, ruling
from weilu.changes.actions import order_upgrade, submit_plan
from weilu.changes.approval import check_item_approved
from weilu.changes.emergency_actions import take_normal_way
from weilu.changes.models import Change, PlanTemplate, PlanVersion
from weilu.changes.standard_actions import (
    propose_template,
    request_standard,
    schedule_standard,
    submit_template,
    withdraw_template,
)
from weilu.changes.template import check_from_template, check_openings, checked_limits, covers
from weilu.demo import FLOWS
from weilu.evidence.models import Staged
from weilu.execution.models import Run
from weilu.kernel.canonical import digest
from weilu.kernel.times import SHANGHAI
from weilu.notify.models import Notice
from weilu.process.actions import return_item, sign_step
from weilu.process.flow_actions import install_flow
from weilu.process.models import WorkItem
from weilu.records.models import RecordSheet

ASKED = {"title": "预约平台升级到 1.1.0", "need": "例行小版本升级。"}


def standing(change: Change) -> tuple[bool, bool, str]:
    """Whether a template is approved, whether it is withdrawn, and why."""
    found = PlanTemplate.objects.get(change=change)
    return found.approved_at is not None, found.withdrawn_at is not None, found.reason


def staged(kind: str) -> list[dict[str, Any]]:
    return [json.loads(bytes(row.record))["data"] for row in Staged.objects.filter(kind=kind).order_by("id")]


def test_a_template_is_approved_by_whom_the_normal_change_asks_and_never_by_its_author(cast, kinds):
    template = propose(cast, kinds)
    assert visits(template) == [("request", 1, "done"), ("design", 1, "done"), ("plan_check", 1, "open")]
    item = item_of(template)
    assert item.number == f"JZ-MB-{item.opened_at:%Y}-0001"
    assert refusal_of(lambda: sign_step(cast.chen, item, turn=item.turn, subject=item.subject)) == Refusal(
        "这一步不能由您签：「提出」是您办的", "ROL-1"
    )
    assert standing(template) == (False, False, "")

    sign_as(cast, template, "zhou", "zhao", "qian")
    assert standing(template) == (False, False, "")
    sign_as(cast, template, "wu")

    assert standing(template) == (True, False, "")
    kept = PlanVersion.objects.get(change=template)
    assert PlanTemplate.objects.get(change=template).digest == kept.digest == digest(kept.content)
    assert staged("changes.template_approved") == [{"number": item.number, "digest": kept.digest}]
    assert item_of(template).state == "closed"


def test_only_an_engineer_proposes_and_one_who_also_heads_development_does_not_approve(cast, kinds):
    given = {"title": "小版本升级", "need": "每月一次。", "plan": template_plan()}
    assert refusal_of(lambda: propose_template(cast.wang, kinds, **given)) == Refusal("变更模板由维护工程师提出")
    assert refusal_of(lambda: propose_template(cast.zhou, kinds, **given)) == Refusal("变更模板由维护工程师提出")


def test_a_returned_template_is_written_anew_and_older_signatures_name_the_older_digest(cast, kinds):
    template = propose(cast, kinds)
    sign_as(cast, template, "zhou")
    first = item_of(template)
    return_item(cast.zhao, first, turn=first.turn, to="design", words="没有写明停多久。")

    submit_template(cast.chen, template, turn=item_of(template).turn, plan=template_plan(impact="停 1 分钟。"))

    assert item_of(template).step == "plan_check"
    assert item_of(template).subject != first.subject
    assert template.plans.count() == 2


def test_an_approved_template_is_not_written_anew_but_replaced(cast, kinds):
    old = approved(cast, kinds)
    item = item_of(old)
    assert refusal_of(
        lambda: submit_template(cast.chen, old, turn=item.turn, plan=template_plan(impact="别的。"))
    ).reason

    new = approved(cast, kinds, replaces=old, impact="停止预约约半分钟。")

    assert standing(old) == (True, True, f"由 {new.item.number} 取代")
    assert standing(new) == (True, False, "")


def test_a_standard_change_goes_its_short_way_to_the_sheet(cast, kinds):
    template = approved(cast, kinds)
    change = request_standard(cast.wang, template, **ASKED)

    bring(cast, change, "")

    assert visits(change) == [
        (step, 1, "done") for step in ("request", "design", "release", "notice", "feedback", "sheet")
    ]
    plan = change.plans.get().content
    assert (plan["template"], plan["template_digest"]) == (template.item.number, digest(template.plans.get().content))
    assert (plan["way_back"], plan["criteria"][0]["expect"]) == ("恢复备份的程序与数据，重新启动 1.0.0。", "1.1.0")
    sheet = RecordSheet.objects.get(item=change.item).content
    told = f"标准变更：方案出自已批准的模板 {template.item.number}（SHA-256 {plan['template_digest'][:12]}）。"
    assert sheet["done"][0] == told
    assert sheet["times"][1]["label"] == "批准"
    assert sheet["times"][1]["at"] < sheet["times"][0]["at"]  # the template was approved before the change was asked
    assert Run.objects.get(item=change.item).subject == digest(plan)


def test_the_security_office_hears_of_each_change_under_its_template(cast, kinds):
    change = request_standard(cast.wang, approved(cast, kinds), **ASKED)
    schedule(cast, change)

    told = Notice.objects.filter(person=cast.wu, item=str(change.item.uid)).values_list("title", flat=True)
    number = change.template.change.item.number
    assert list(told) == [f"标准变更 {change.item.number} 按模板 {number} 排期，升级到 1.1.0"]


def test_no_change_is_opened_by_a_template_that_is_not_approved_or_is_withdrawn(cast, kinds):
    template = propose(cast, kinds)
    number = template.item.number
    assert refusal_of(lambda: request_standard(cast.wang, template, **ASKED)) == Refusal(
        f"模板 {number} 还没有批准", "CHG-7"
    )
    sign_as(cast, template, "zhou", "zhao", "qian", "wu")
    withdraw_template(cast.wu, template, reason="上次没有成功。")

    assert refusal_of(lambda: request_standard(cast.wang, template, **ASKED)) == Refusal(
        f"模板 {number} 已停用，不能再按它执行", "CHG-7"
    )
    assert refusal_of(lambda: request_standard(cast.chen, template, **ASKED)) == Refusal("发起变更需要申请人的角色")
    assert refusal_of(lambda: withdraw_template(cast.wu, template, reason="再停一次。")) == Refusal(
        "这份模板没有在用", "CHG-7"
    )


def test_a_template_is_withdrawn_by_whoever_approved_it_not_by_its_author(cast, kinds):
    template = approved(cast, kinds)
    for who in (cast.chen, cast.wang, cast.zheng):
        assert refusal_of(lambda who=who: withdraw_template(who, template, reason="不要了。")) == Refusal(
            "停用模板由批准它的一方办：技术部门负责人、用户领导或信息安全办", "CHG-7"
        )
    assert refusal_of(lambda: withdraw_template(cast.wu, template, reason=" ")).field == "reason"
    withdraw_template(cast.qian, template, reason="要改回退。")
    assert standing(template) == (True, True, "要改回退。")


def test_once_the_template_is_withdrawn_its_changes_are_neither_planned_nor_carried_out(cast, kinds):
    template = approved(cast, kinds)
    planned, asked = request_standard(cast.wang, template, **ASKED), request_standard(cast.wang, template, **ASKED)
    schedule(cast, planned)
    withdraw_template(cast.wu, template, reason="上次没有成功。")

    told = Refusal(f"模板 {template.item.number} 已停用，不能再按它执行", "CHG-7")
    assert refusal_of(lambda: order_upgrade(cast.chen, planned, turn=item_of(planned).turn)) == told
    assert refusal_of(lambda: schedule(cast, asked)) == told
    assert refusal_of(lambda: schedule(cast, planned)) == told
    lines = item_of(planned).events.filter(kind="flow").values_list("words", flat=True)
    assert "所用模板已停用：不能再按标准变更执行" in list(lines)


def test_a_run_that_was_ordered_stops_when_the_template_is_withdrawn_before_it_acts(cast, kinds):
    template = approved(cast, kinds)
    change = bring(cast, request_standard(cast.wang, template, **ASKED), "release")
    run = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    check_item_approved(item_of(change), run.subject)

    withdraw_template(cast.wu, template, reason="上次没有成功。")

    assert refusal_of(lambda: check_item_approved(item_of(change), run.subject)) == Refusal(
        f"模板 {template.item.number} 已停用，不能再按它执行", "CHG-7"
    )


def test_the_page_s_digest_must_be_the_template_s(cast, kinds):
    change = request_standard(cast.wang, approved(cast, kinds), **ASKED)
    assert refusal_of(lambda: schedule(cast, change, digest="0" * 64)) == Refusal(
        "模板的摘要与批准的不一致。看过模板再提交", "CHG-7", "digest"
    )


def test_a_template_row_altered_in_the_database_lets_nothing_run(cast, kinds):
    template = approved(cast, kinds)
    change = bring(cast, request_standard(cast.wang, template, **ASKED), "release")
    kept = template.plans.get()
    PlanVersion.objects.filter(id=kept.id).update(content=kept.content | {"impact": "不停。"})

    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item_of(change).turn)) == Refusal(
        f"模板 {template.item.number} 在批准后被改动，不能按它执行", "CHG-7"
    )


@pytest.mark.parametrize(
    "over",
    [
        {"way_back": "恢复备份的程序与数据，重新启动 1.0.0"},  # one byte less
        {"criteria": []},
        {"upgrade_notes": "预约时可以写备注。 "},
        {"host": "app-02"},
        {"template_digest": "0" * 64},
        {"amendments": []},
    ],
)
def test_a_plan_that_differs_from_its_template_in_any_byte_is_not_carried_out(cast, kinds, over):
    """Also where plan, digest and subject were all moved in the database."""
    template = approved(cast, kinds)
    change = bring(cast, request_standard(cast.wang, template, **ASKED), "release")
    altered = change.plans.get().content | over
    PlanVersion.objects.filter(change=change).update(content=altered, digest=digest(altered))
    WorkItem.objects.filter(id=change.item_id).update(subject=digest(altered))

    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item_of(change).turn)) == Refusal(
        f"方案与模板 {template.item.number} 不一致，不能按标准变更执行", "CHG-7"
    )


@pytest.mark.parametrize(
    ("over", "sentence", "field"),
    [
        ({"version": "1.2.0"}, "模板只用于 1.1.*，不能升级到 1.2.0。换一个版本，或改走正常流程", "version"),
        ({"version": "1.0.0"}, "现在运行的就是 1.0.0。选另一个版本", "version"),
    ],
)
def test_a_version_the_template_does_not_leave_open_is_refused(cast, kinds, over, sentence, field):
    change = request_standard(cast.wang, approved(cast, kinds), **ASKED)
    found = refusal_of(lambda: schedule(cast, change, **over))
    assert (found.reason, found.field, found.changed) == (sentence, field, ())


def test_a_window_longer_than_the_template_s_is_refused(cast, kinds):
    change = request_standard(cast.wang, approved(cast, kinds, window_minutes=60), **ASKED)
    assert refusal_of(lambda: schedule(cast, change)) == Refusal(
        "窗口超过模板定的 60 分钟。缩短窗口", "CHG-7", "window_to"
    )


def test_a_plan_of_one_s_own_is_not_taken_in_a_standard_change(cast, kinds):
    change = request_standard(cast.wang, approved(cast, kinds), **ASKED)
    assert refusal_of(lambda: submit_plan(cast.chen, change, turn=item_of(change).turn, **plan_fields())) == Refusal(
        "标准变更的方案出自模板，不能另写", "CHG-7"
    )


def test_the_window_can_be_moved_until_a_run_has_begun(cast, kinds):
    change = bring(cast, request_standard(cast.wang, approved(cast, kinds), **ASKED), "release")
    second = schedule(cast, change)
    assert (item_of(change).step, item_of(change).subject, second.number) == ("release", second.digest, 2)

    order_upgrade(cast.chen, change, turn=item_of(change).turn)
    assert refusal_of(lambda: schedule(cast, change)) == Refusal(
        "这一版方案已开始执行，不能再改。要改就先退回", "CHG-1"
    )
    assert refusal_of(lambda: schedule_standard(
        cast.wang, change, turn=item_of(change).turn, digest=change.template.digest, version="1.1.0",
        window_from=plan_fields()["window_from"], window_to=plan_fields()["window_to"],
    )).changed == ()  # fmt: skip


def test_what_the_template_does_not_cover_takes_the_normal_way(cast, kinds):
    template = approved(cast, kinds)
    change = bring(cast, request_standard(cast.wang, template, **ASKED), "release")
    withdraw_template(cast.wu, template, reason="上次没有成功。")
    item = item_of(change)
    assert refusal_of(lambda: take_normal_way(cast.zhou, change, turn=item.turn, reason="模板停用。")) == Refusal(
        "改走正常流程由申请人、维护工程师或现在办理的人决定"
    )

    take_normal_way(cast.chen, change, turn=item.turn, reason="模板停用。")

    item = item_of(change)
    assert (item.kind, item.step, item.subject, item.flow.key) == ("change", "analysis", "", "changes.normal")
    change = bring(cast, change, "")
    assert [step for step, _n, outcome in visits(change) if outcome == "done"] == [
        "request", "design", "analysis", "need", "design", "plan_check", "confirm", "security", "release", "notice",
        "feedback", "sheet",
    ]  # fmt: skip
    assert staged("changes.taken_normal") == [{"number": item.number, "was": "standard_change", "reason": "模板停用。"}]
    assert "标准变更" not in RecordSheet.objects.get(item=item).content["done"][0]


def test_a_change_that_has_been_at_a_step_of_its_own_keeps_its_way(cast, kinds):
    more = "  - key: look\n    title: 复看\n    who: role(technical_head)\n    sign: any\n\n  - key: release\n"
    source = (FLOWS / "standard.yaml").read_text("utf-8").replace("  - key: release\n", more, 1)
    install_flow(cast.jz, source)
    change = bring(cast, request_standard(cast.wang, approved(cast, kinds), **ASKED), "look")

    refused = refusal_of(lambda: take_normal_way(cast.chen, change, turn=item_of(change).turn, reason="改。"))

    assert refused == Refusal("流程「正常变更」里没有走过的步骤：look", "CHG-1")
    assert (item_of(change).kind, item_of(change).step) == ("standard_change", "look")


def test_a_change_whose_run_has_begun_keeps_its_way(cast, kinds):
    change = bring(cast, request_standard(cast.wang, approved(cast, kinds), **ASKED), "release")
    run = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    assert refusal_of(lambda: take_normal_way(cast.chen, change, turn=item_of(change).turn, reason="改。")) == Refusal(
        f"执行 {run.number} 已经开始，要在这项变更里办完", "CHG-1"
    )


def test_a_template_of_another_installation_s_place_is_refused(cast, kinds):
    waiting = propose(cast, kinds)
    assert refusal_of(lambda: propose(cast, kinds, replaces=waiting)) == Refusal(
        "要替换的模板不在用，或不是这套安装的", "", "replaces"
    )


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        (("", 60, "", ""), ("版本范围没有填写。填好后再提交", "version")),
        (("*", 60, "", ""), ("版本范围应是一个版本，或以 * 结尾，例如 1.1.*", "version")),
        (("1.*.0", 60, "", ""), ("版本范围应是一个版本，或以 * 结尾，例如 1.1.*", "version")),
        (("1.1.*", 0, "", ""), ("窗口最长应是 1 到 1440 分钟", "window_minutes")),
        (("1.1.*", 60, "25:00", "06:00"), ("时段应写成 22:00 这样的钟点", "window_after")),
        (("1.1.*", 60, "22:00", ""), ("时段要写起止两个钟点，或都不写", "window_after")),
        (("1.1.*", 60, "２２：００", "06:00"), None),
    ],
)
def test_what_a_template_leaves_open_is_written_so_that_it_means_one_thing(given, refused):
    found = ruling(lambda: checked_limits(*given))
    assert (found and (found.reason, found.field)) == refused


def test_a_version_pattern_ends_with_a_star_or_names_one_version():
    assert [covers("1.1.*", one) for one in ("1.1.0", "1.1.12", "1.10.0", "1.2.0")] == [True, True, False, False]
    assert [covers("1.1.0", one) for one in ("1.1.0", "1.1.01")] == [True, False]


@pytest.mark.parametrize(
    ("start", "hours", "fits"),
    [
        ("2026-11-25T22:00", 2, True),
        ("2026-11-25T23:30", 2, True),
        ("2026-11-26T04:00", 2, True),
        ("2026-11-26T04:01", 2, False),
        ("2026-11-25T21:59", 1, False),
        ("2026-11-26T06:00", 1, False),
        ("2026-11-25T22:00", 9, False),
    ],
)
def test_a_window_lies_in_one_night_of_shanghai(start, hours, fits):
    template = {"version": "1.1.*", "window_minutes": 1440, "window_after": "22:00", "window_before": "06:00"}
    begins = datetime.fromisoformat(start).replace(tzinfo=SHANGHAI)

    found = ruling(lambda: check_openings(template, "1.1.0", begins, begins + timedelta(hours=hours)))

    assert found == (None if fits else Refusal("窗口不在模板定的时段 22:00–06:00 之内", "CHG-7", "window_from"))


def test_the_rule_of_the_template_names_every_field_of_the_plan(cast, kinds):
    """What is neither open nor filled in by the template cannot be in the plan at all."""
    template = approved(cast, kinds)
    change = bring(cast, request_standard(cast.wang, template, **ASKED), "release")
    kept, plan = template.plans.get(), change.plans.get().content
    content = {key: value for key, value in kept.content.items() if key != "number"}
    number = template.item.number

    assert ruling(lambda: check_from_template(content, number, kept.digest, plan)) is None
    open_fields = {"version", "wheel", "sha256", "signer", "window_from", "window_to", "need_number", "need_digest"}
    # `version_from` is where it started; criteria and texts follow both versions, so they are not free either.
    for key in set(plan) - open_fields - {"number", "version_from"}:
        altered = plan | {key: "x"}
        assert ruling(lambda altered=altered: check_from_template(content, number, kept.digest, altered)), key
