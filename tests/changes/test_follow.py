"""What follows by itself: users are told (CHG-6), acceptance is filed (CHG-5), the sheet closes the item."""

import json

import pytest

from tests.changes.steps import bring, item_of, sign_as, tell_run, visits
from tests.records.builders import PASSWORD, sign
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.changes import follow
from weilu.changes.actions import order_upgrade
from weilu.evidence.models import Staged
from weilu.execution.models import Run
from weilu.kernel.events import announce
from weilu.kernel.refused import Stale
from weilu.notify.models import Notice
from weilu.process.actions import sign_step
from weilu.process.models import Fact
from weilu.records.actions import cancel_number, refuse_sheet
from weilu.records.models import RecordSheet


def notices(change, *people) -> list[tuple[str, str, str, str]]:
    """Who was told what, by name: title, body and link."""
    rows = Notice.objects.filter(item=str(change.item.uid), person__in=people).order_by("person_id", "id")
    return list(rows.values_list("person__name", "title", "body", "link"))


def staged(kind: str) -> list[dict[str, object]]:
    return [json.loads(bytes(row.record))["data"] for row in Staged.objects.filter(kind=kind).order_by("id")]


def test_every_user_of_the_system_gets_the_upgrade_notes_on_record(cast, change):
    bring(cast, change, "feedback")

    link = f"/changes/{change.item.uid}/"
    told = ("网上预约平台已升级到 1.1.0", "预约时可以写备注。", link)
    assert notices(change, cast.wang, cast.li) == [("王敏", *told), ("李建国", *told)]
    record = [said for said in staged("notify.told") if said["title"] == told[0]]
    assert record == [{"title": told[0], "body": told[1], "people": sorted([cast.wang.actor, cast.li.actor])}]
    assert staged("process.step_concluded")[0]["words"] == "已通知 2 名用户：网上预约平台已升级到 1.1.0"


def test_after_a_way_back_users_hear_that_nothing_has_changed(cast, change):
    bring(cast, change, "feedback", fails="accept")

    assert Run.objects.get(item=change.item).state == Run.State.WENT_BACK
    told = (
        "网上预约平台升级未成功，仍是 1.0.0", "升级没有通过验收，程序和数据已恢复到升级之前。您照常使用，不必做什么。",
        f"/changes/{change.item.uid}/",
    )  # fmt: skip
    assert notices(change, cast.wang, cast.li) == [("王敏", *told), ("李建国", *told)]


def test_who_has_left_is_not_told_and_does_not_hold_it_up(cast, change):
    bring(cast, change, "release")
    tell_run(order_upgrade(cast.chen, change, turn=item_of(change).turn))
    cast.li.is_active = False
    cast.li.save()
    sign_as(cast, change, "chen")

    assert [row[0] for row in notices(change, cast.wang, cast.li)] == ["王敏"]


def test_a_system_without_users_holds_the_release_until_they_are_named(cast, change):
    bring(cast, change, "release")
    tell_run(order_upgrade(cast.chen, change, turn=item_of(change).turn))
    change.installation.system.users.clear()

    item = item_of(change)
    assert refusal_of(lambda: sign_step(cast.chen, item, turn=item.turn, subject=item.subject)) == Refusal(
        "没有可以通知的人。先登记系统的用户", "CHG-6"
    )


@pytest.mark.parametrize(
    ("fails", "verdict"),
    [("", "验收全部通过"), ("accept", "验收未通过，已回退到 1.0.0"), ("backup", "执行没有完成")],
)
def test_criteria_and_result_are_filed_with_the_security_office(cast, change, fails, verdict):
    bring(cast, change, "release")
    item = item_of(change)
    run = tell_run(order_upgrade(cast.chen, change, turn=item.turn), fails)

    criterion = {"title": "版本正确", "path": "/healthz", "expect": "1.1.0"}
    assert staged("changes.acceptance_filed") == [
        {"number": item.number, "run": run.number, "criteria": [criterion], "verdict": verdict, "subject": run.subject}
    ]
    fact = Fact.objects.get(item=item, key="acceptance.filed")
    assert (fact.subject, fact.holds, fact.proof, fact.source) == (run.subject, True, verdict, run.number)
    title, body = f"{item.number} 验收备案：{verdict}", "验收：版本正确（GET /healthz 应含「1.1.0」）"
    assert notices(change, cast.wu) == [("吴静", title, body, f"/runs/{run.uid}/")]


def test_a_run_that_waits_for_a_person_files_nothing_yet(cast, change):
    bring(cast, change, "release")
    run = tell_run(order_upgrade(cast.chen, change, turn=item_of(change).turn), fails="open_writes")

    assert run.state == Run.State.ASKS
    assert staged("changes.acceptance_filed") == []


def test_rooms_below_may_announce_items_that_are_no_change(cast, change):
    item = item_of(change)
    item.kind = "trial"
    run = Run(item=item, state=Run.State.SUCCEEDED)
    before = every_row()

    announce("execution.run_finished", run=run)

    assert every_row() == before


def test_the_sheet_is_frozen_when_its_step_is_reached_with_all_it_must_say(cast, change):
    bring(cast, change, "sheet")

    item = item_of(change)
    run = Run.objects.get(item=item)
    sheet = RecordSheet.objects.get(item=item)
    said = sheet.content
    assert (sheet.state, sheet.number, sheet.engineer) == ("frozen", f"JZ-WH-{item.opened_at:%Y}-0001", cast.chen)
    assert sorted(sheet.signers.values_list("side", "person__name")) == [("customer", "王敏"), ("vendor", "陈航")]
    expected = {
        "customer": "江州社会保险事业管理中心 养老待遇科", "vendor": "禾川软件有限公司", "contract": "JZ-HT-2026-003",
        "system": "网上预约平台（生产）", "version_from": "1.0.0", "version_to": "1.1.0", "kinds": ["upgrade"],
        "ways": ["remote"], "urgency": "important", "cause": "预约登记时可写 200 字以内的备注。", "remaining": "",
        "engineer": "陈航", "tests": [{"title": "验收：版本正确", "result": "通过", "report": "", "counts": ""}],
    }  # fmt: skip
    assert {key: said[key] for key in expected} == expected
    assert [line["label"] for line in said["times"]] == ["申请", "批准", "开始执行", "完成"]
    assert [line["at"] for line in said["times"] if not line["at"]] == []
    assert said["done"][0] == f"按批准的方案（SHA-256 {run.subject[:12]}）执行，编号 {run.number}。"
    assert [(step["title"], step["result"], step["digest"]) for step in said["steps"]] == [
        (step.title, "成功", step.digest) for step in run.steps.order_by("ordinal")
    ]
    assert sheet.said["item"] == item.number


def test_the_sheet_of_a_way_back_says_so(cast, change):
    bring(cast, change, "sheet", fails="accept")

    said = RecordSheet.objects.get(item=change.item).content
    assert said["tests"] == [{"title": "验收：版本正确", "result": "未通过", "report": "", "counts": ""}]
    assert said["remaining"] == "升级未通过验收，已回退；原因查明后另行变更。"
    assert said["done"][-2:] == [
        "升级到 1.1.0 后验收未通过，系统自动回退到 1.0.0。",
        "回退后程序清单与数据摘要同备份逐项一致；备份到回退之间没有接受写入。",
    ]
    assert [step["result"] for step in said["steps"]].count("失败") == 1
    assert [step["title"] for step in said["steps"] if step["result"] == "失败"] == ["验收"]


def test_the_work_is_closed_by_both_signatures_and_by_nothing_less(cast, change):
    """REC-1, REC-2."""
    bring(cast, change, "sheet")
    item, sheet = item_of(change), RecordSheet.objects.get(item=change.item)
    for person in (cast.wang, cast.chen):
        assert refusal_of(lambda who=person: sign_step(who, item, turn=item.turn, subject=item.subject)) == Refusal(
            "「报告单签署」要填写内容，不能只签名", "CHG-1"
        )

    sign(cast.chen, sheet, "vendor")
    assert (item_of(change).state, item_of(change).step) == ("open", "sheet")
    sign(cast.wang, sheet, "customer")

    assert (item_of(change).state, item_of(change).step) == ("closed", "")
    sheet.refresh_from_db()
    assert sheet.state == RecordSheet.State.SIGNED


def test_another_engineer_of_the_vendor_may_sign_and_the_item_closes_all_the_same(cast, change):
    bring(cast, change, "sheet")
    sheet = RecordSheet.objects.get(item=change.item)

    sign(cast.wang, sheet, "customer")
    assert item_of(change).step == "sheet"
    sign(cast.zhou, sheet, "vendor")

    assert item_of(change).state == "closed"
    assert visits(change)[-1] == ("sheet", 1, "done")


def test_a_refusal_to_sign_closes_the_work_with_its_reason(cast, change):
    """REC-2."""
    bring(cast, change, "sheet")
    sheet = RecordSheet.objects.get(item=change.item)
    given = {"password": PASSWORD, "address": "127.0.0.1", "digest": sheet.digest}
    assert refusal_of(lambda: refuse_sheet(cast.wang, sheet, reason=" ", **given)) == Refusal(
        "拒签原因没有填写。填好后再提交", "", "reason"
    )
    assert refusal_of(lambda: refuse_sheet(cast.qian, sheet, reason="不要。", **given)) == Refusal(
        "这份报告单的甲方不由您签", "REC-2"
    )

    refuse_sheet(cast.wang, sheet, reason="备注打印不出来。", **given)

    assert (item_of(change).state, item_of(change).step) == ("closed", "")
    assert item_of(change).visits.get(step="sheet").reason == "甲方拒签，原因：备注打印不出来。"
    assert staged("records.sheet_refused")[0]["reason"] == "备注打印不出来。"


def test_a_cancelled_number_keeps_its_place_and_a_new_sheet_waits_for_signatures(cast, change):
    """REC-2: without a signature or a refusal the item stays open; REC-3: the number keeps its place."""
    bring(cast, change, "sheet")
    sheet = RecordSheet.objects.get(item=change.item)

    cancel_number(cast.zheng, sheet, reason="抬头写错。")

    assert (item_of(change).state, item_of(change).step) == ("open", "sheet")
    year = f"{item_of(change).opened_at:%Y}"
    numbers = RecordSheet.objects.filter(item=change.item).order_by("id").values_list("number", "state")
    assert list(numbers) == [(f"JZ-WH-{year}-0001", "cancelled"), (f"JZ-WH-{year}-0002", "frozen")]
    anew = RecordSheet.objects.get(item=change.item, state="frozen")
    sign(cast.chen, anew, "vendor")
    sign(cast.wang, anew, "customer")
    assert item_of(change).state == "closed"


def test_the_automatic_step_is_done_once(cast, change):
    bring(cast, change, "feedback")
    before = every_row()
    with pytest.raises(Stale):
        follow.conclude_step(item_of(change), "notice", "又一次")
    assert every_row() == before
