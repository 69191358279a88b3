"""The pages of standard and emergency changes, templates and amendments, as a browser meets them."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import make_change
from tests.changes.steps import approved, bring, item_of, propose, sign_as, template_plan
from tests.changes.test_amendments import ask, update
from tests.support.unchanged import every_row
from weilu.changes.emergency_actions import request_emergency
from weilu.changes.models import Amendment, Change, Emergency, PlanTemplate, Policy
from weilu.changes.standard_actions import request_standard, withdraw_template
from weilu.process.models import WorkItem

EMERGENCY = {"title": "修复登录漏洞", "need": "升级到 1.1.0。", "reason": "漏洞正在被利用。"}


def client_of(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(answer: Any) -> str:
    return str(answer.content.decode())


def newest() -> Change:
    return Change.objects.select_related("item").order_by("-id")[0]


@pytest.mark.parametrize("kind", ["normal", "standard", "emergency"])
def test_the_page_of_asking_offers_three_kinds(cast, kinds, kind):
    approved(cast, kinds)
    page = client_of(cast.wang).get(f"/changes/new?kind={kind}")
    said = text(page)
    assert (page.status_code, said.count('aria-current="page"')) == (200, 2)  # the place in the rail, and the tab
    assert ("不能等的原因" in said, 'name="template"' in said) == (kind == "emergency", kind == "standard")


def test_an_unknown_kind_is_a_bad_request_and_without_a_template_the_page_says_where_they_come_from(cast, kinds):
    client = client_of(cast.wang)
    assert client.get("/changes/new?kind=fast").status_code == 400
    assert "还没有在用的变更模板" in text(client.get("/changes/new?kind=standard"))


def test_an_emergency_is_asked_for_on_the_page_and_keeps_what_was_typed_when_refused(cast, kinds):
    client = client_of(cast.wang)
    given = EMERGENCY | {"kind": "emergency", "installation": str(kinds.uid)}
    before = every_row()
    refused = client.post("/changes/new", given | {"reason": ""})
    assert (refused.status_code, "不能等的原因没有填写" in text(refused), "升级到 1.1.0。" in text(refused)) == (
        422,
        True,
        True,
    )
    assert every_row() == before

    answer = client.post("/changes/new", given)

    made = newest()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/changes/{made.item.uid}/")
    page = text(client.get(f"/changes/{made.item.uid}/"))
    assert ("漏洞正在被利用。" in page, "补齐全部步骤的期限" in page, "改走正常流程" in page) == (True, True, True)


def test_a_standard_change_is_asked_for_by_its_template_and_scheduled_by_the_engineer(cast, kinds):
    template = approved(cast, kinds)
    client_of(cast.wang).post(
        "/changes/new",
        {"kind": "standard", "template": str(template.item.uid), "title": "例行升级", "need": "每月一次。"},
    )
    made = newest()
    assert (made.item.kind, made.template) == ("standard_change", PlanTemplate.objects.get())
    engineer, address = client_of(cast.chen), f"/changes/{made.item.uid}/plan"
    form = text(engineer.get(address))
    digest = PlanTemplate.objects.get().digest
    assert (f'name="digest" value="{digest}"' in form, "{version_from}" in form, 'name="impact"' in form) == (
        True,
        True,
        False,
    )
    given = {
        "turn": made.item.turn, "digest": digest, "version": "1.2.0", "window_from": "2031-01-05T22:00",
        "window_to": "2031-01-05T23:00",
    }  # fmt: skip
    refused = engineer.post(address, given)
    assert (refused.status_code, "模板只用于 1.1.*" in text(refused)) == (422, True)

    assert engineer.post(address, given | {"version": "1.1.0"}).status_code == 302
    assert item_of(made).step == "release"
    page = text(engineer.get(f"/changes/{made.item.uid}/"))
    assert (template.item.number in page, "开始执行" in page) == (True, True)
    withdraw_template(cast.wu, template, reason="停。")
    assert "所用模板已停用" in text(engineer.get(f"/changes/{made.item.uid}/"))
    engineer.post(f"/changes/{made.item.uid}/normal", {"turn": item_of(made).turn, "reason": "模板停用。"})
    assert item_of(made).kind == "change"


def test_a_template_is_proposed_signed_listed_and_withdrawn_on_the_pages(cast, kinds):
    plan = template_plan()
    criteria = {f"criteria_{key}": value for key, value in plan["criteria"][0].items()}
    given = {key: value for key, value in plan.items() if key != "criteria"} | criteria
    given |= {"installation": str(kinds.uid), "title": "每月小版本升级", "need": "步骤固定。"}
    engineer = client_of(cast.chen)
    assert engineer.post("/changes/templates/new", given | {"window_minutes": "很长"}).status_code == 422
    assert engineer.post("/changes/templates/new", given).status_code == 302
    made = newest()
    for who in ("zhou", "zhao", "qian", "wu"):
        item = item_of(made)
        shown = {"turn": item.turn, "subject": item.subject}
        assert client_of(getattr(cast, who)).post(f"/changes/{item.uid}/sign", shown).status_code == 302
    listed = text(client_of(cast.wang).get("/changes/templates"))
    assert ("每月小版本升级" in listed, "在用" in listed, "提出模板" in listed) == (True, True, False)
    page = text(client_of(cast.wu).get(f"/changes/{made.item.uid}/"))
    assert ("停用模板" in page, "提新模板来替换" in page) == (True, False)
    assert "每月小版本升级" in text(engineer.get(f"/changes/templates/new?replaces={made.item.uid}"))

    client_of(cast.wu).post(f"/changes/{made.item.uid}/withdraw", {"reason": "上次回退。"})

    assert "上次回退。" in text(client_of(cast.wang).get("/changes/templates"))


def test_a_returned_template_is_written_again_in_its_own_form(cast, kinds):
    template = propose(cast, kinds)
    engineer = client_of(cast.chen)
    form = text(engineer.get(f"/changes/{template.item.uid}/plan"))
    assert ('name="window_minutes"' in form, "模板已经送审" in form, 'name="window_from"' in form) == (
        True,
        True,
        False,
    )
    assert "window_minutes" not in text(client_of(cast.wang).get(f"/changes/{template.item.uid}/plan"))


def test_an_amendment_and_its_documents_go_by_the_pages(cast, change):
    bring(cast, change, "release")
    engineer, address = client_of(cast.chen), f"/changes/{change.item.uid}"
    assert "变更申请" in text(engineer.get(f"{address}/"))
    assert 'name="way_back"' not in text(engineer.get(f"{address}/plan"))
    given = {
        "turn": item_of(change).turn, "of": "design", "what": "先停应用。", "reason": "连接没有断。",
        "document_number": ["YYPT-SC-01", ""], "document_title": ["维护手册", ""], "document_version": ["2.0", ""],
    }  # fmt: skip
    refused = engineer.post(f"{address}/amend", given | {"what": ""})
    assert (refused.status_code, "维护手册" in text(refused)) == (422, True)
    assert engineer.post(f"{address}/amend", given).status_code == 302
    asked = Amendment.objects.get()
    assert (item_of(change).step, asked.documents.get().title) == ("design", "维护手册")

    bring(cast, change, "release")
    page = text(engineer.get(f"{address}/"))
    assert ("还有 1 份没有登记新版本：YYPT-SC-01" in page, "同意并签名：还差 2 项关口" in page) == (True, True)
    kept = {"amendment": asked.number, "document": "YYPT-SC-01", "new_version": "2.1", "record": "改了第 3 章。"}
    assert engineer.post(f"{address}/documents", kept | {"new_version": "2.0"}).status_code == 422
    assert engineer.post(f"{address}/documents", kept).status_code == 302
    assert "1 份都已更新" in text(engineer.get(f"{address}/"))
    assert "现在没有已批准而未实施的需求或方案" in text(client_of(cast.li).get(f"{address}/amend"))


def test_a_change_that_was_carried_out_is_followed_by_another(cast, change):
    bring(cast, change, "")
    client = client_of(cast.wang)
    assert f"/changes/new?follows={change.item.uid}" in text(client.get(f"/changes/{change.item.uid}/"))
    client.post(
        "/changes/new",
        {
            "follows": str(change.item.uid), "installation": str(change.installation.uid), "title": "再改一次",
            "need": "备注 500 字。",
        },
    )  # fmt: skip
    made = newest()
    assert made.follows == change
    assert change.item.number in text(client.get(f"/changes/{made.item.uid}/"))


def test_the_list_has_a_chip_for_each_kind_and_counts_what_is_not_complete(cast, kinds):
    make_change(cast, kinds, "正常的")
    request_standard(cast.wang, approved(cast, kinds), title="标准的", need="每月一次。")
    request_emergency(cast.wang, kinds, **(EMERGENCY | {"title": "紧急的"}))
    client = client_of(cast.wang)

    def shown(query: str) -> list[bool]:
        page = text(client.get(f"/changes/{query}"))
        return [title in page for title in ("正常的", "标准的", "紧急的", "小版本升级")]

    assert shown("") == [True, True, True, False]
    assert shown("?kind=standard_change") == [False, True, False, False]
    assert shown("?kind=emergency_change&state=open") == [False, False, True, False]
    assert '没有补齐的紧急变更 <span class="n">1</span>' in text(client.get("/changes/"))
    assert client.get("/changes/?kind=x").status_code == 400
    assert [title in text(client.get("/items/?kind=change_template")) for title in ("正常的", "小版本升级")] == [
        False,
        True,
    ]


def test_the_overview_has_a_strip_for_emergencies(cast, kinds):
    client = client_of(cast.zheng)
    assert "没有补齐" not in text(client.get("/overview"))
    request_emergency(cast.wang, kinds, **EMERGENCY)
    page = text(client.get("/overview"))
    assert ("紧急变更" in page, "没有补齐" in page, "100%" in page) == (True, True, True)
    assert client.get("/api/v1/overview").json()["strips"][0]["figures"][0] == {"title": "没有补齐", "value": "1"}


def test_the_administrator_sets_the_time_to_complete(cast, kinds):
    client = client_of(cast.zheng)
    assert 'value="5"' in text(client.get("/changes/policy"))
    refused = client.post("/changes/policy", {"owner": "JZ", "follow_up_days": "很久", "remind_hours": "8"})
    assert (refused.status_code, "很久" in text(refused)) == (422, True)
    assert (
        client.post("/changes/policy", {"owner": "JZ", "follow_up_days": "３", "remind_hours": "4"}).status_code == 302
    )
    assert Policy.objects.get().follow_up_days == 3
    assert client_of(cast.wang).get("/changes/policy").status_code == 403


def test_a_change_s_page_asks_the_same_whatever_it_carries(cast, change, kinds):
    bring(cast, change, "release")
    asked = ask(cast, change)
    bring(cast, change, "release")
    client = client_of(cast.chen)

    def queries() -> int:
        with CaptureQueriesContext(connection) as said:
            client.get(f"/changes/{change.item.uid}/")
        return len(said)

    queries()
    one = queries()
    update(cast, change, asked)
    ask(cast, change, documents=[{"number": f"D-{n}", "title": "文件", "version": "1"} for n in range(3)])
    bring(cast, change, "release")
    assert queries() == one


def test_lists_of_templates_and_changes_ask_the_same_for_one_and_three(cast, kinds):
    def asked(path: str) -> int:
        with CaptureQueriesContext(connection) as said:
            client.get(path)
        return len(said)

    client = client_of(cast.chen)
    approved(cast, kinds)
    request_emergency(cast.wang, kinds, **EMERGENCY)
    for path in ("/changes/templates", "/changes/", "/overview"):
        asked(path)
    once = [asked(path) for path in ("/changes/templates", "/changes/", "/overview")]
    for _turn in range(2):
        approved(cast, kinds)
        request_emergency(cast.wang, kinds, **EMERGENCY)
    assert [asked(path) for path in ("/changes/templates", "/changes/", "/overview")] == once


def test_the_reason_of_an_emergency_stands_on_the_one_screen_of_its_approver(cast, kinds):
    change = bring(cast, request_emergency(cast.wang, kinds, **EMERGENCY), "confirm")
    page = text(client_of(cast.qian).get(f"/changes/{change.item.uid}/?one=1"))
    assert page.count("漏洞正在被利用。") >= 2
    sign_as(cast, change, "qian")
    assert Emergency.objects.get().done_at is None
    assert WorkItem.objects.get(id=change.item_id).step == "release"
