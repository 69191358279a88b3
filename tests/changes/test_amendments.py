"""CHG-2: what is approved is changed by a request of its own, and the documents it affects follow it."""

import json
from typing import Any

import pytest

from tests.changes.steps import analyse, bring, item_of, plan, sign_as, tell_run, visits
from tests.support.unchanged import Refusal, refusal_of, ruling
from weilu.changes.actions import amend_need, order_upgrade, request_change
from weilu.changes.amendments import documents_left, file_amendment, record_update
from weilu.changes.emergency_actions import request_emergency
from weilu.changes.models import AffectedDocument, Amendment, Change
from weilu.changes.plan import lines
from weilu.changes.rules import checked_documents
from weilu.evidence.models import Staged
from weilu.process.actions import return_item, sign_step
from weilu.records.models import RecordSheet

MANUAL = {"number": "YYPT-SC-01", "title": "维护手册", "version": "2.0"}
FORMS = {"number": "YYPT-SC-02", "title": "操作手册", "version": "1.4"}
ASKED: dict[str, Any] = {
    "of": "design", "what": "回退改为先停应用。", "reason": "演练时发现连接没有断。", "documents": [MANUAL, FORMS],
}  # fmt: skip


def staged(kind: str) -> list[dict[str, Any]]:
    return [json.loads(bytes(row.record))["data"] for row in Staged.objects.filter(kind=kind).order_by("id")]


def ask(cast: Any, change: Change, **over: Any) -> Amendment:
    return file_amendment(cast.chen, change, turn=item_of(change).turn, **(ASKED | over))


def update(cast: Any, change: Change, asked: Amendment, document: str = "YYPT-SC-01", **over: Any) -> AffectedDocument:
    given = {"new_version": "2.1", "record": "改了第 3 章「回退」。"} | over
    return record_update(cast.chen, change, amendment=asked.number, document=document, **given)


@pytest.mark.parametrize("step", ["security", "release"])
def test_an_approved_plan_is_not_written_anew_without_a_request(cast, change, step):
    bring(cast, change, step)
    assert refusal_of(lambda: plan(cast, change, way_back="恢复备份；先停应用。")) == Refusal(
        "方案已经批准，不能直接改。先提变更申请", "CHG-2"
    )


def test_before_the_approval_the_plan_is_written_anew_as_ever(cast, change):
    bring(cast, change, "confirm")
    plan(cast, change, way_back="恢复备份；先停应用。")
    assert item_of(change).step == "plan_check"


def test_a_review_that_returns_the_plan_before_every_approval_asks_for_no_request(cast, change):
    bring(cast, change, "security")
    item = item_of(change)
    return_item(cast.wu, item, turn=item.turn, to="design", words="没有写数据如何还原。")
    plan(cast, change, way_back="连数据一起恢复。")
    assert item_of(change).step == "plan_check"


def test_a_return_does_not_get_round_the_request(cast, change):
    bring(cast, change, "release")
    item = item_of(change)
    return_item(cast.chen, item, turn=item.turn, to="design", words="改一改。")
    told = Refusal("方案已经批准，不能直接改。先提变更申请", "CHG-2")
    assert refusal_of(lambda: plan(cast, change, way_back="恢复备份；先停应用。")) == told
    item = item_of(change)
    return_item(cast.chen, item, turn=item.turn, to="request", words="需求也改。")
    assert refusal_of(
        lambda: amend_need(cast.wang, change, turn=item_of(change).turn, need="备注 500 字。")
    ) == Refusal("需求已经批准，不能直接改。先提变更申请", "CHG-2")


def test_the_request_takes_the_item_back_and_the_next_plan_names_it(cast, change):
    bring(cast, change, "release")
    before = item_of(change).subject

    asked = ask(cast, change)

    item = item_of(change)
    assert asked.number == f"JZ-SQ-{item.opened_at:%Y}-0001"
    assert (item.step, asked.subject, asked.by) == ("design", before, cast.chen)
    assert visits(change)[-3:] == [("security", 1, "done"), ("release", 1, "voided"), ("design", 2, "open")]
    assert staged("changes.amendment_filed") == [
        {
            "number": item.number, "amendment": asked.number, "of": "design", "what": ASKED["what"],
            "reason": ASKED["reason"], "subject": before, "documents": [MANUAL, FORMS], "none_affected": "",
        }
    ]  # fmt: skip
    second = plan(cast, change, way_back="恢复备份；先停应用。")
    assert second.content["amendments"] == [asked.number]
    assert f"依据变更申请 {asked.number}" in lines(second.content)
    plan(cast, change, way_back="恢复备份；先停应用；再启动。")  # on the way to its approval it is reviewed as ever
    bring(cast, change, "release")
    assert refusal_of(lambda: plan(cast, change, way_back="再改。")) == Refusal(
        "方案已经批准，不能直接改。先提变更申请", "CHG-2"
    )


def test_a_changed_need_goes_back_to_its_analysis(cast, change):
    bring(cast, change, "release")
    ask(cast, change, of="need", what="备注 500 字。")
    assert item_of(change).step == "analysis"
    analyse(cast, change, need="备注最多 500 字。")
    bring(cast, change, "release")
    assert change.needs.count() == 3
    assert refusal_of(lambda: file_amendment(cast.chen, change, turn=0, **ASKED)).changed == ()


def test_the_need_is_asked_for_before_its_words_change_even_where_the_design_was(cast, change):
    bring(cast, change, "release")
    ask(cast, change)
    item = item_of(change)
    return_item(cast.chen, item, turn=item.turn, to="analysis", words="需求也要改。")
    assert refusal_of(lambda: analyse(cast, change, need="备注最多 500 字。")) == Refusal(
        "需求已经批准，不能直接改。先提变更申请", "CHG-2"
    )
    ask(cast, change, of="need", documents=[], none_affected="文件只讲操作，没有字数。")
    analyse(cast, change, need="备注最多 500 字。")
    assert item_of(change).step == "need"


def test_the_release_is_signed_only_when_every_affected_document_is_updated(cast, change):
    bring(cast, change, "release")
    asked = ask(cast, change)
    bring(cast, change, "release")
    tell_run(order_upgrade(cast.chen, change, turn=item_of(change).turn))
    item = item_of(change)

    def sign() -> object:
        return sign_step(cast.chen, item, turn=item.turn, subject=item.subject)

    assert refusal_of(sign) == Refusal("还有 2 份受影响的文件没有更新：YYPT-SC-01、YYPT-SC-02", "CHG-2")
    update(cast, change, asked)
    assert refusal_of(sign) == Refusal("还有 1 份受影响的文件没有更新：YYPT-SC-02", "CHG-2")
    update(cast, change, asked, "YYPT-SC-02", new_version="1.5")
    sign()

    bring(cast, change, "")
    assert documents_left(change) == []
    kept = AffectedDocument.objects.get(number="YYPT-SC-01")
    assert (kept.version, kept.new_version, kept.updated_by) == ("2.0", "2.1", cast.chen)
    assert (kept.record, kept.updated_at is None) == ("改了第 3 章「回退」。", False)
    assert RecordSheet.objects.get(item=change.item).content["done"][-3:] == [
        f"变更申请 {asked.number}：回退改为先停应用。",
        "受影响的文件 YYPT-SC-01《维护手册》由 2.0 版更新为 2.1 版。",
        "受影响的文件 YYPT-SC-02《操作手册》由 1.4 版更新为 1.5 版。",
    ]
    assert staged("changes.document_updated")[0] == {
        "number": item.number, "amendment": asked.number, "document": "YYPT-SC-01", "title": "维护手册",
        "from": "2.0", "to": "2.1", "record": "改了第 3 章「回退」。",
    }  # fmt: skip


def test_a_run_that_failed_is_tried_with_another_plan_only_by_request(cast, change):
    bring(cast, change, "release")
    tell_run(order_upgrade(cast.chen, change, turn=item_of(change).turn), fails="accept")
    ask(cast, change, documents=[], none_affected="只改窗口。")
    plan(cast, change, risk="已查明。")
    bring(cast, change, "release")
    assert item_of(change).subject == change.plans.get(number=2).digest


def test_what_is_under_way_or_has_succeeded_is_not_amended_but_followed(cast, change, installation):
    bring(cast, change, "release")
    run = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    assert refusal_of(lambda: ask(cast, change)) == Refusal(
        f"执行 {run.number} 正在进行，等它结束再提变更申请", "CHG-2"
    )
    tell_run(run)
    assert refusal_of(lambda: ask(cast, change)) == Refusal("这一版已经实施成功，不能再改。另发起一项变更", "CHG-2")

    after = request_change(cast.wang, installation, title="再改一次", need="备注 500 字。", follows=change)
    assert (after.follows, after.item.number == change.item.number) == (change, False)


@pytest.mark.parametrize("step", ["analysis", "confirm", "feedback"])
def test_there_is_nothing_to_amend_before_the_approval_or_after_the_release(cast, change, step):
    bring(cast, change, step)
    found = refusal_of(lambda: ask(cast, change))
    assert (found.clause, found.changed) == ("CHG-2", ())


def test_a_request_is_filed_by_whoever_asked_or_engineers(cast, change):
    bring(cast, change, "release")
    for who in (cast.zhou, cast.li, cast.sun):
        assert refusal_of(lambda who=who: file_amendment(who, change, turn=item_of(change).turn, **ASKED)) == Refusal(
            "变更申请由申请人或维护工程师提出", "CHG-2"
        )
    file_amendment(cast.wang, change, turn=item_of(change).turn, **ASKED)
    assert item_of(change).step == "design"


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"of": "x"}, "of"), ({"what": " "}, "what"), ({"reason": ""}, "reason"),
        ({"documents": []}, "documents"), ({"none_affected": "没有。"}, "documents"),
        ({"documents": [MANUAL, MANUAL]}, "documents"), ({"documents": [MANUAL | {"version": ""}]}, "documents"),
    ],
)  # fmt: skip
def test_a_request_says_what_why_and_which_documents_and_changes_nothing_else(cast, change, over, field):
    bring(cast, change, "release")
    found = refusal_of(lambda: ask(cast, change, **over))
    assert (found.field, found.changed) == (field, ())


def test_a_document_is_one_of_the_request_and_its_version_a_new_one(cast, change):
    bring(cast, change, "release")
    asked = ask(cast, change)
    assert refusal_of(lambda: update(cast, change, asked, "X-1")) == Refusal(
        "这份变更申请没有写到这份文件", "", "document"
    )
    assert refusal_of(lambda: update(cast, change, asked, new_version="２.０")) == Refusal(
        "新版本与原版本相同。写更新后的版本", "CHG-2", "new_version"
    )
    assert refusal_of(
        lambda: record_update(
            cast.zhou, change, amendment=asked.number, document="YYPT-SC-01", new_version="3", record="改。"
        )
    ) == Refusal("变更申请由申请人或维护工程师提出", "CHG-2")


def test_the_plan_of_an_emergency_is_amended_between_its_approval_and_the_act(cast, kinds):
    change = request_emergency(cast.wang, kinds, title="修复", need="升级。", reason="等不得。")
    bring(cast, change, "release")
    assert refusal_of(lambda: plan(cast, change, risk="别的。")) == Refusal(
        "方案已经批准，不能直接改。先提变更申请", "CHG-2"
    )
    assert refusal_of(lambda: ask(cast, change, of="need")).field == "of"
    ask(cast, change, documents=[], none_affected="只改窗口。")
    plan(cast, change, risk="别的。")
    assert item_of(change).step == "confirm"
    sign_as(cast, change, "qian")
    bring(cast, change, "")
    assert item_of(change).state == "closed"


def test_documents_or_the_reason_why_there_are_none_never_both():
    assert checked_documents([{"number": "", "title": " ", "version": ""}], "只改窗口。") == ([], "只改窗口。")
    assert ruling(lambda: checked_documents([MANUAL], "没有。")) == Refusal(
        "写出受影响的文件；没有的，写明为什么没有。两样只写一样", "CHG-2", "documents"
    )
    assert ruling(lambda: checked_documents([MANUAL] * 31, "")) is not None


def test_a_plan_of_a_change_never_names_a_request_it_does_not_answer(cast, change):
    bring(cast, change, "plan_check")
    assert "amendments" not in change.plans.get().content
