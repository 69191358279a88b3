"""A change through its eight steps (CHG-1, CHG-7), its versions, and every refusal on the way."""

import json

import pytest

from tests.cast import plan_fields
from tests.changes.steps import ANALYSIS, FEEDBACK, analyse, bring, item_of, plan, sign_as, tell_run, visits
from tests.support.unchanged import Refusal, refusal_of
from weilu.changes.actions import (
    amend_need,
    check_item_approved,
    give_feedback,
    order_upgrade,
    request_change,
    submit_analysis,
    submit_plan,
)
from weilu.changes.amendments import file_amendment
from weilu.changes.models import Feedback, NeedVersion, PlanVersion
from weilu.evidence.models import Staged
from weilu.execution.models import Run
from weilu.kernel.canonical import canonical, digest, sha256_hex, sm3_hex
from weilu.process.actions import refuse_step, return_item, sign_step
from weilu.process.models import Fact, Opinion, WorkItem
from weilu.process.queries import gates_of, item_view
from weilu.systems.models import System

STEPS = ["request", "analysis", "need", "design", "plan_check", "confirm", "security", "release", "notice", "feedback"]


def staged(kind: str) -> list[dict[str, object]]:
    """What evidence of this kind says, in order."""
    return [json.loads(bytes(row.record))["data"] for row in Staged.objects.filter(kind=kind).order_by("id")]


def test_all_eight_steps_and_the_security_office_of_a_running_system(cast, change):
    bring(cast, change, "")

    item = item_of(change)
    assert visits(change) == [(step, 1, "done") for step in [*STEPS, "sheet"]]
    assert (item.state, item.step, item.number) == ("closed", "", f"JZ-BG-{item.opened_at:%Y}-0001")
    said = Opinion.objects.filter(item=item).order_by("id").values_list("visit__step", "person__name", "act")
    assert list(said) == [
        ("request", "王敏", "agree"), ("analysis", "陈航", "agree"), ("need", "王敏", "agree"),
        ("need", "李建国", "agree"), ("design", "陈航", "agree"), ("plan_check", "周毅", "agree"),
        ("confirm", "赵立新", "agree"), ("confirm", "钱文远", "agree"), ("security", "吴静", "agree"),
        ("release", "陈航", "agree"), ("feedback", "王敏", "agree"), ("sheet", "陈航", "agree"),
        ("sheet", "王敏", "agree"),
    ]  # fmt: skip


def test_a_system_that_does_not_run_passes_the_security_office_by_and_says_why(cast, installation):
    System.objects.filter(id=installation.system_id).update(running=False)
    installation.refresh_from_db()
    change = request_change(cast.wang, installation, title="试验平台升级", need="试一试。")

    bring(cast, change, "release")

    visit = item_of(change).visits.get(step="security")
    assert (visit.outcome, visit.reason) == ("not-required", "不需要，因为 running == true 不成立")
    item = item_of(change)
    run = order_upgrade(cast.chen, change, turn=item.turn)
    assert (run.state, run.subject) == ("queued", item.subject)


def test_the_need_keeps_its_versions_with_author_and_digest(cast, change):
    analyse(cast, change)
    item = item_of(change)
    return_item(cast.li, item, turn=item.turn, to="analysis", words="没有写字数。")
    analyse(cast, change)  # the same words again are no new version
    item = item_of(change)
    return_item(cast.li, item, turn=item.turn, to="analysis", words="再写短一些。")
    analyse(cast, change, need="备注最多 100 字。")

    kept = NeedVersion.objects.filter(change=change).order_by("number")
    assert list(kept.values_list("number", "text", "author__name", "digest")) == [
        (1, "预约时要能写备注。", "王敏", sha256_hex("预约时要能写备注。".encode())),
        (2, ANALYSIS["need"], "陈航", sha256_hex(ANALYSIS["need"].encode())),
        (3, "备注最多 100 字。", "陈航", sha256_hex("备注最多 100 字。".encode())),
    ]
    assert [(said["version"], said["text"]) for said in staged("changes.need_written")] == [
        (1, "预约时要能写备注。"), (2, ANALYSIS["need"]), (3, "备注最多 100 字。"),
    ]  # fmt: skip
    assert visits(change) == [
        ("request", 1, "done"), ("analysis", 1, "done"), ("need", 1, "returned"), ("analysis", 2, "done"),
        ("need", 2, "returned"), ("analysis", 3, "done"), ("need", 3, "open"),
    ]  # fmt: skip


def test_the_requester_words_the_need_anew_only_in_the_step_that_asks_for_it(cast, change):
    item = item_of(change)
    assert refusal_of(lambda: submit_analysis(cast.wang, change, turn=item.turn, **ANALYSIS)) == Refusal(
        "「可行性分析」不由您办", "CHG-1"
    )
    assert refusal_of(lambda: amend_need(cast.chen, change, turn=item.turn, need="别的。")) == Refusal(
        "「可行性分析」要填写内容，不能只签名", "CHG-1"
    )

    return_item(cast.chen, item, turn=item.turn, to="request", words="写明字数。")
    amend_need(cast.wang, change, turn=item_of(change).turn, need="备注 200 字。")

    assert [need.text for need in change.needs.order_by("number")] == ["预约时要能写备注。", "备注 200 字。"]
    assert item_of(change).step == "analysis"


def test_what_is_not_feasible_is_returned_and_not_analysed(cast, change):
    assert refusal_of(lambda: analyse(cast, change, feasible=False)) == Refusal(
        "分析为不可行时，用「退回」并写明原因，由申请人改需求", "CHG-1", "feasible"
    )


def test_the_plan_is_frozen_under_the_digest_of_its_canonical_content(cast, change, channel):
    bring(cast, change, "design")
    kept = plan(cast, change)

    need = change.needs.get(number=2)
    wheel = channel.folder / kept.content["wheel"]
    assert kept.digest == digest(kept.content) == item_of(change).subject
    assert kept.sm3 == sm3_hex(canonical(kept.content))
    expected = {
        "number": 1, "need_number": 2, "need_digest": need.digest, "host": "app-01", "version_from": "1.0.0",
        "installation": str(change.installation.uid), "version": "1.1.0", "wheel": "jzdesk-1.1.0-py3-none-any.whl",
        "sha256": sha256_hex(wheel.read_bytes()), "impact": "停止预约约 1 分钟。", "risk": "表结构增加一列，可回退。",
        "way_back": "恢复备份的程序与数据，重新启动 1.0.0。", "upgrade_notes": "预约时可以写备注。",
        "criteria": [{"title": "版本正确", "path": "/healthz", "expect": "1.1.0"}],
    }  # fmt: skip
    assert {key: kept.content[key] for key in expected} == expected
    assert staged("changes.plan_written") == [
        {"number": item_of(change).number, "version": 1, "digest": kept.digest, "plan": kept.content}
    ]
    fact = Fact.objects.get(item=change.item, key="integrity.verified")
    assert (fact.subject, fact.holds, fact.source) == (kept.digest, True, cast.chen.actor)


def test_editing_after_approval_voids_signatures_and_facts(cast, change):
    bring(cast, change, "release")
    first = item_of(change).subject
    asked = {"of": "design", "what": "先停应用。", "reason": "连接没有断。", "none_affected": "只改步骤。"}
    file_amendment(cast.chen, change, turn=item_of(change).turn, documents=[], **asked)

    second = plan(cast, change, way_back="恢复备份；先停应用。")

    item = item_of(change)
    assert (item.step, item.subject, second.number) == ("plan_check", second.digest, 2)
    assert first != second.digest
    assert visits(change)[-4:] == [
        ("security", 1, "done"), ("release", 1, "voided"), ("design", 2, "done"), ("plan_check", 2, "open"),
    ]  # fmt: skip
    gate = gates_of(item, item_view(item, cast.zhou).step)[0]
    assert (gate.key, gate.open) == ("integrity.verified", True)  # of the new plan
    old = Fact.objects.filter(item=item, subject=first)
    assert list(old.values_list("key", flat=True)) == ["integrity.verified"]
    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item.turn)) == Refusal(
        "「实施与发布」不由您办", "CHG-1"
    )
    sign_as(cast, change, "zhou", "zhao", "qian")
    assert refusal_of(lambda: check_item_approved(item_of(change), second.digest)) == Refusal(
        "工单不在「实施与发布」，不能执行", "CHG-1"
    )
    sign_as(cast, change, "wu")
    check_item_approved(item_of(change), second.digest)
    assert refusal_of(lambda: check_item_approved(item_of(change), first)) == Refusal(
        "方案在批准后被改动，不能执行。重新送审后再开始", "CHG-1"
    )


def test_only_an_engineer_edits_an_approved_plan(cast, change):
    bring(cast, change, "confirm")
    assert refusal_of(
        lambda: submit_plan(cast.zhou, change, turn=item_of(change).turn, **plan_fields(risk="别的。"))
    ) == Refusal("改方案要由维护工程师办", "CHG-1")


def test_a_plan_whose_run_has_begun_is_not_edited(cast, change):
    bring(cast, change, "release")
    order_upgrade(cast.chen, change, turn=item_of(change).turn)
    assert refusal_of(lambda: plan(cast, change, risk="别的。")) == Refusal(
        "这一版方案已开始执行，不能再改。要改就先退回", "CHG-1"
    )


@pytest.mark.parametrize("step", ["analysis", "need", "feedback", "sheet", ""])
def test_no_plan_is_written_before_its_step_or_after_the_release(cast, change, step):
    bring(cast, change, step)
    assert refusal_of(lambda: plan(cast, change, version="1.2.0")) == Refusal("现在不是写方案的时候", "CHG-1")


def test_a_plan_row_altered_in_the_database_is_not_carried_out(cast, change):
    bring(cast, change, "release")
    kept = PlanVersion.objects.get(change=change)
    PlanVersion.objects.filter(id=kept.id).update(content=kept.content | {"sha256": "0" * 64})

    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item_of(change).turn)) == Refusal(
        "方案在批准后被改动，不能执行。重新送审后再开始", "CHG-1"
    )
    altered = kept.content | {"sha256": "0" * 64}
    PlanVersion.objects.filter(id=kept.id).update(digest=digest(altered))  # and its digest with it
    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item_of(change).turn)) == Refusal(
        "方案在批准后被改动，不能执行。重新送审后再开始", "CHG-1"
    )
    WorkItem.objects.filter(id=change.item_id).update(subject=digest(altered))  # and the item's subject
    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item_of(change).turn)) == Refusal(
        "这一版方案还没有全部批准，不能执行", "CHG-1"
    )


def test_without_the_security_office_nothing_runs(cast, change):
    """CHG-7, also where somebody moved the item on in the database."""
    bring(cast, change, "security")
    item = item_of(change)
    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item.turn)) == Refusal(
        "「实施与发布」不由您办", "CHG-1"
    )

    WorkItem.objects.filter(id=item.id).update(step="release")
    assert refusal_of(lambda: check_item_approved(item_of(change), item.subject)) == Refusal(
        "这一版方案还没有全部批准，不能执行", "CHG-7"
    )


def test_the_security_office_is_not_asked_what_it_asked_for_itself(cast, change):
    bring(cast, change, "security")
    item = item_of(change)
    assert refusal_of(lambda: sign_step(cast.zhou, item, turn=item.turn, subject=item.subject)) == Refusal(
        "这一步不能由您签：「方案确认」是您办的", "ROL-1"
    )
    assert refusal_of(lambda: refuse_step(cast.wu, item, turn=item.turn, words="不同意。")) == Refusal(
        "这一步不同意就是退回。用「退回」并写明退到哪一步", "CHG-1"
    )
    return_item(cast.wu, item, turn=item.turn, to="design", words="没有写数据如何还原。")
    assert item_of(change).step == "design"


def test_an_upgrade_is_ordered_once_from_a_fresh_page_by_whom_it_waits_for(cast, change):
    bring(cast, change, "release")
    item = item_of(change)
    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item.turn - 1)) == Refusal(
        "工单在您打开页面之后已有变动。看过新内容再开始", "CHG-1"
    )
    assert refusal_of(lambda: order_upgrade(cast.wang, change, turn=item.turn)) == Refusal(
        "「实施与发布」不由您办", "CHG-1"
    )

    run = order_upgrade(cast.chen, change, turn=item.turn)
    kept = PlanVersion.objects.get(change=change)
    taken = ("version", "wheel", "sha256", "window_from", "window_to", "criteria", "way_back")
    assert run.plan == {key: kept.content[key] for key in taken}
    assert refusal_of(lambda: order_upgrade(cast.chen, change, turn=item.turn)) == Refusal(
        f"这套安装正由 {run.number} 占用，等它结束再开始"
    )


def test_the_release_is_signed_only_when_its_run_is_over(cast, change):
    bring(cast, change, "release")
    item = item_of(change)
    assert refusal_of(lambda: sign_step(cast.chen, item, turn=item.turn, subject=item.subject)) == Refusal(
        "还差 1 项关口：执行已有结论还没有记录", "CHG-1"
    )
    run = tell_run(order_upgrade(cast.chen, change, turn=item.turn), fails="backup")

    assert run.state == Run.State.FAILED
    item = item_of(change)
    assert refusal_of(lambda: sign_step(cast.chen, item, turn=item.turn, subject=item.subject)) == Refusal(
        "还差 1 项关口：执行已有结论未通过：没有升级：备份：不好", "CHG-1"
    )


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"satisfaction": "great"}, "满意度没有选。选一项再提交", "satisfaction"),
        ({"opinion": " "}, "使用反馈没有填写。填好后再提交", "opinion"),
        ({"opinion": "好" * 501}, "使用反馈有 501 字，最多 500 字。删短后再提交", "opinion"),
    ],
)
def test_feedback_says_something(cast, change, over, reason, field):
    bring(cast, change, "feedback")
    assert refusal_of(
        lambda: give_feedback(cast.wang, change, turn=item_of(change).turn, **(FEEDBACK | over))
    ) == Refusal(reason, "", field)


def test_feedback_is_given_by_the_requester_in_its_step(cast, change):
    assert refusal_of(lambda: give_feedback(cast.wang, change, turn=item_of(change).turn, **FEEDBACK)) == Refusal(
        "「可行性分析」不由您办", "CHG-1"
    )
    bring(cast, change, "feedback")
    assert refusal_of(lambda: give_feedback(cast.li, change, turn=item_of(change).turn, **FEEDBACK)) == Refusal(
        "「使用反馈」不由您办", "CHG-1"
    )
    give_feedback(cast.wang, change, turn=item_of(change).turn, **FEEDBACK)
    assert list(Feedback.objects.values_list("works", "opinion", "satisfaction", "by__name")) == [
        (True, "备注能写了。", "satisfied", "王敏")
    ]
