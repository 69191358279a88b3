"""Overtime on site (REC-5): entered before freezing, outside working time only, answered apart from the sheet."""

import json
from datetime import datetime
from typing import Any

import pypdfium2
import pytest
from django.test import Client

from tests.cast import cast_again
from tests.records.builders import PASSWORD, STROKES, content, make_item, make_sheet, sign
from tests.records.printing import covered, proof_on
from tests.support.unchanged import Refusal, every_row, refusal_of, ruling
from weilu.demo import Cast
from weilu.evidence.actions import tick
from weilu.evidence.files import read
from weilu.evidence.models import Entry, Staged
from weilu.kernel.canonical import sha256_hex
from weilu.kernel.times import SHANGHAI
from weilu.kernel.worktime import Calendar
from weilu.process.models import WorkItem
from weilu.records.actions import cancel_number, freeze_sheet
from weilu.records.models import Overtime, OvertimeAnswer, RecordSheet
from weilu.records.overtime import drop_overtime, enter_overtime, refuse_overtime, sign_overtime
from weilu.records.overtime_lines import overtime_digest
from weilu.records.overtime_rules import check_apart, minutes_outside
from weilu.records.paper import sheet_form
from weilu.records.proof import check
from weilu.records.proving import trusted
from weilu.records.queries import paper_of

pytestmark = pytest.mark.django_db


def at(day: str, hour: str) -> datetime:
    """An instant of Asia/Shanghai."""
    return datetime.fromisoformat(f"2026-{day}T{hour}").replace(tzinfo=SHANGHAI)


@pytest.fixture
def people() -> Cast:
    return cast_again()


def enter(people: Cast, item: WorkItem, since: str = "17:00", until: str = "20:30", **over: Any) -> Overtime:
    """陈 stayed on a Wednesday from 17:00 to 20:30: two hours and a half of it after hours."""
    given = {"since": at("09-23", since), "until": at("09-23", until), "reason": "窗口内升级后留守观察。"} | over
    by = given.pop("by", people.chen)
    return enter_overtime(by, item, **given)


def frozen(people: Cast, item: WorkItem | None = None) -> RecordSheet:
    item = item or make_item(people)
    if not item.overtime.exists():
        enter(people, item)
    return freeze_sheet(people.chen, item, content(), customer_signers=[people.wang])


def answer(people: Cast, sheet: RecordSheet, *, refuse: bool = False, **over: Any) -> OvertimeAnswer:
    given = {"password": PASSWORD, "address": "127.0.0.1", "digest": overtime_digest(sheet)}
    given |= {"reason": "那晚没有安排加班。"} if refuse else {"strokes": STROKES}
    by = over.pop("by", people.wang)
    return (refuse_overtime if refuse else sign_overtime)(by, sheet, **(given | over))


def text_of(pdf: bytes) -> str:
    pages = (page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    return "".join("".join(pages).replace("\ufffe", "").split())


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        (at("09-23", "17:00"), at("09-23", "20:30"), 150),  # a Wednesday: office until 18:00
        (at("09-23", "12:00"), at("09-23", "13:00"), 60),  # the noon break
        (at("09-26", "10:00"), at("09-26", "12:00"), 120),  # a Saturday
        (at("10-01", "09:00"), at("10-01", "11:00"), 120),  # the National Day
        (at("09-23", "22:00"), at("09-24", "10:00"), 660),  # over night, one hour of the next morning worked anyway
    ],
)
def test_only_time_outside_working_hours_counts(since: datetime, until: datetime, minutes: int):
    assert minutes_outside(since, until, at("11-01", "00:00"), Calendar()) == minutes


@pytest.mark.parametrize(
    ("since", "until", "reason", "field"),
    [
        (at("09-23", "09:00"), at("09-23", "11:00"), "这段时间都在工作时间内，不算加班", "since"),
        (at("09-23", "20:00"), at("09-23", "20:00"), "结束时间不晚于开始时间。改正后再登记", "until"),
        (at("09-23", "20:00"), at("09-24", "20:01"), "一次加班最长 24 小时。分次登记", "until"),
        (at("10-31", "20:00"), at("11-01", "00:01"), "结束时间还没有到。做完再登记", "until"),
    ],
)
def test_what_is_no_overtime_is_refused(since: datetime, until: datetime, reason: str, field: str):
    told = ruling(lambda: minutes_outside(since, until, at("11-01", "00:00"), Calendar()))
    assert told == Refusal(reason, "REC-5", field)


def test_no_minute_is_entered_twice_but_one_may_follow_another():
    six, eight, ten = (at("09-23", hour) for hour in ("18:00", "20:00", "22:00"))
    told = Refusal("与这个人已登记的加班重叠。改正时间后再登记", "REC-5", "since")
    assert ruling(lambda: check_apart(six, ten, [(eight, ten)])) == told
    assert ruling(lambda: check_apart(six, eight, [(eight, ten)])) is None


def test_overtime_stands_in_the_frozen_record_and_makes_it_a_service_on_site(people: Cast):
    item = make_item(people)
    enter(people, item, "21:00", "22:00", person=people.zhou, reason="核对数据。")
    enter(people, item)
    sheet = frozen(people, item)

    said = json.loads(bytes(RecordSheet.objects.get(id=sheet.id).record))
    assert (said["v"], said["content"]["ways"]) == (1, ["remote", "onsite"])
    assert said["content"]["overtime"] == [
        {"name": "陈航", "since": "2026-09-23T09:00:00.000000Z", "until": "2026-09-23T12:30:00.000000Z",
         "minutes": 150, "reason": "窗口内升级后留守观察。"},
        {"name": "周毅", "since": "2026-09-23T13:00:00.000000Z", "until": "2026-09-23T14:00:00.000000Z",
         "minutes": 60, "reason": "核对数据。"},
    ]  # fmt: skip
    assert (
        list(Staged.objects.filter(kind="records.overtime_entered").values_list("item", flat=True))
        == [str(item.uid)] * 2
    )


def test_a_sheet_without_overtime_has_no_trace_of_it(people: Cast):
    sheet = freeze_sheet(people.chen, make_item(people), content(), customer_signers=[people.wang])
    assert "overtime" not in sheet.content
    assert "现场加班（" not in text_of(paper_of(sheet))
    told = Refusal("这份报告单没有登记加班", "REC-5")
    assert refusal_of(lambda: answer(people, sheet, digest="")) == told


@pytest.mark.parametrize("who", ["wang", "zheng", "sun"])
def test_only_the_vendor_enters_overtime(people: Cast, who: str):
    item, told = make_item(people), Refusal("加班由乙方的工程师或开发负责人登记", "REC-5")
    assert refusal_of(lambda: enter(people, item, by=getattr(people, who))) == told
    assert refusal_of(lambda: enter(people, item, person=getattr(people, who))) == told


def test_after_freezing_nothing_is_entered_or_dropped_and_after_a_cancelled_number_it_is_again(people: Cast):
    item = make_item(people)
    first = enter(people, item)
    sheet = frozen(people, item)
    told = Refusal("报告单已定稿，不能再登记或删去加班", "REC-5")
    assert refusal_of(lambda: enter(people, item, "21:00", "22:00")) == told
    assert refusal_of(lambda: drop_overtime(people.chen, first)) == told

    cancel_number(people.zheng, sheet, reason="系统名称写错")
    drop_overtime(people.chen, first)
    enter(people, item, "20:00", "21:00")
    again = frozen(people, item)
    assert [line["minutes"] for line in again.content["overtime"]] == [60]
    assert Staged.objects.filter(kind="records.overtime_dropped").count() == 1


def test_the_same_evening_is_not_entered_twice(people: Cast):
    item, other = make_item(people), make_item(people, "JZ-BG-2026-0002")
    enter(people, item)
    told = Refusal("与这个人已登记的加班重叠。改正时间后再登记", "REC-5", "since")
    assert refusal_of(lambda: enter(people, other, "20:00", "22:00")) == told
    assert enter(people, other, "20:00", "22:00", person=people.zhou).minutes == 120


def test_the_customer_signs_overtime_apart_from_the_sheet(people: Cast):
    sheet = frozen(people)
    sign(people.chen, sheet, "vendor")
    sign(people.wang, sheet, "customer")
    sheet.refresh_from_db()
    before = text_of(read(sheet.filed))
    assert (sheet.state, OvertimeAnswer.objects.count()) == ("signed", 0)
    assert "系统确认签名王敏" in before

    told = answer(people, sheet)
    assert (told.signed, told.person, told.strokes, told.digest) == (True, people.wang, STROKES, overtime_digest(sheet))
    kept = read(told.filed)
    assert (sha256_hex(kept), RecordSheet.objects.get().filed) == (told.filed, sheet.filed)
    assert text_of(kept).count("系统确认签名王敏") == before.count("系统确认签名王敏") + 1
    kinds = Staged.objects.filter(kind__startswith="records.overtime_").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["records.overtime_entered", "records.overtime_signed", "records.overtime_filed"]


def test_a_sheet_is_signed_while_its_overtime_is_refused(people: Cast):
    sheet = frozen(people)
    told = answer(people, sheet, refuse=True)
    assert (told.signed, told.reason, told.filed) == (False, "那晚没有安排加班。", "")
    sign(people.chen, sheet, "vendor")
    sign(people.wang, sheet, "customer")

    sheet.refresh_from_db()
    assert sheet.state == "signed"
    assert "不认可。原因：那晚没有安排加班。（王敏" in text_of(read(sheet.filed))


def test_overtime_is_answered_once(people: Cast):
    sheet = frozen(people)
    answer(people, sheet)
    told = Refusal("加班已由甲方签认或拒签，不能再改", "REC-5")
    assert refusal_of(lambda: answer(people, sheet)) == told
    assert refusal_of(lambda: answer(people, sheet, refuse=True)) == told


def test_refused_answers_change_nothing(people: Cast):
    sheet = frozen(people)
    stale = Refusal("页面上的加班已不是现在这一份，没有签认。重新打开再签", "REC-5")
    assert refusal_of(lambda: answer(people, sheet, digest=sheet.digest)) == stale
    other = Refusal("这份报告单的甲方不由您签", "REC-2")
    assert refusal_of(lambda: answer(people, sheet, by=people.chen)) == other
    assert refusal_of(lambda: answer(people, sheet, by=people.qian)) == other
    undrawn = Refusal("没有手写签名，或签得太小。在框内签上姓名", "", "strokes")
    assert refusal_of(lambda: answer(people, sheet, strokes=[])) == undrawn
    silent = Refusal("不认可的原因没有填写。填好后再提交", "", "overtime_reason")
    assert refusal_of(lambda: answer(people, sheet, refuse=True, reason=" ")) == silent
    cancel_number(people.zheng, sheet, reason="写错")
    gone = Refusal("报告单还没有定稿或编号已作废，加班不能签认", "REC-5")
    assert refusal_of(lambda: answer(people, sheet)) == gone
    wrong = refusal_of(lambda: answer(people, sheet, password="not-my-password"))
    assert (wrong.reason[:8], set(wrong.changed) <= {"accounts.Guesses"}) == ("工号或密码不对，", True)


def test_the_printed_form_has_the_overtime_with_room_for_the_pen(people: Cast):
    item = make_item(people)
    enter(people, item, reason='留守 {{ x }} #read("/etc") <b>')
    sheet = frozen(people, item)
    text = text_of(paper_of(sheet))
    assert "附现场加班（由甲方另行签认）" in text
    assert '陈航留守{{x}}#read("/etc")<b>2026-09-2317:002026-09-2320:302小时30分' in text
    assert "合计：2小时30分甲方签认：" in text.replace("年月日", "")
    assert sheet_form(sheet)["overtime"]["words"] == ""


def test_the_proof_of_a_sheet_with_overtime_holds(people: Cast):
    sheet = frozen(people)
    answer(people, sheet)
    sign(people.chen, sheet, "vendor")
    sign(people.wang, sheet, "customer")
    proved = check(proof_on(covered(sheet)), trusted())
    assert proved.record["data"]["sha256"] == sheet.digest
    assert Entry.objects.filter(kind="records.overtime_signed").count() == 1


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_overtime_by_the_page(people: Cast):
    item = make_item(people)
    client, form = (
        signed_in(people.chen),
        {"since": "2026-09-23T17:00", "until": "2026-09-23 ２０：３０", "reason": "留守"},
    )
    address = f"/overtime/{item.uid}/"
    assert client.post(address, form | {"person": ""}).status_code == 302
    page = client.get(address).content.decode()
    assert "2 小时 30 分" in page
    again = client.post(address, form | {"reason": "写得很长的原因"})
    assert (again.status_code, "重叠" in again.content.decode(), "写得很长的原因" in again.content.decode()) == (
        409, True, True,
    )  # fmt: skip
    row = Overtime.objects.get()
    assert client.post(f"/overtime/{item.uid}/drop", {"overtime": str(row.uid)}).status_code == 302
    assert Overtime.objects.count() == 0


def test_the_customer_answers_on_the_page_of_the_sheet(people: Cast):
    sheet = frozen(people)
    client = signed_in(people.wang)
    page = client.get(f"/sheets/{sheet.uid}/").content.decode()
    assert ("签认加班" in page, overtime_digest(sheet) in page) == (True, True)
    given = {"digest": overtime_digest(sheet), "password": PASSWORD, "strokes": json.dumps(STROKES)}
    wrong = client.post(f"/sheets/{sheet.uid}/overtime/refuse", given | {"reason": "没有安排", "password": "x"})
    assert (wrong.status_code, "没有安排" in wrong.content.decode()) == (409, True)
    assert client.post(f"/sheets/{sheet.uid}/overtime/sign", given).status_code == 302
    after = client.get(f"/sheets/{sheet.uid}/").content.decode()
    assert ("签认加班</button>" in after, "已签认" in after) == (False, True)


def test_who_is_not_asked_sees_the_overtime_without_the_place_to_answer(people: Cast):
    sheet = frozen(people)
    page = signed_in(people.qian).get(f"/sheets/{sheet.uid}/").content.decode()
    assert ("窗口内升级后留守观察。" in page, "overtime/sign" in page) == (True, False)


def test_strangers_find_no_overtime(people: Cast):
    sheet = frozen(people)
    client, before, row = signed_in(people.sun), every_row(), Overtime.objects.get()
    for path in (f"/overtime/{sheet.item.uid}/",):
        assert client.get(path).status_code == 404
        assert client.post(path, {"reason": "x"}).status_code == 404
    for path, given in (
        (f"/overtime/{sheet.item.uid}/drop", {"overtime": str(row.uid)}),
        (f"/sheets/{sheet.uid}/overtime/sign", {}),
        (f"/sheets/{sheet.uid}/overtime/refuse", {}),
    ):
        assert client.post(path, given).status_code == 404
    assert every_row() == before


def test_overtime_by_the_api(people: Cast):
    item = make_item(people)

    def post(who: Any, path: str, body: dict[str, Any]) -> Any:
        return signed_in(who).post(f"/api/v1/records/{path}", json.dumps(body), content_type="application/json")

    given = {"item": str(item.uid), "since": "2026-09-23T17:00:00+08:00", "until": "2026-09-23T20:30:00+08:00"}
    made = post(people.chen, "enter_overtime", given | {"reason": "留守"})
    assert (made.status_code, Overtime.objects.get().minutes) == (200, 150)
    assert post(people.chen, "drop_overtime", {"overtime": made.json()["uid"]}).status_code == 200
    sheet = frozen(people, item)
    body = {"sheet": str(sheet.uid), "password": PASSWORD, "digest": overtime_digest(sheet)}
    refused = post(people.wang, "refuse_overtime", body | {"reason": "没有安排", "digest": "0" * 64})
    assert refused.status_code == 409
    assert post(people.wang, "sign_overtime", body | {"strokes": STROKES}).status_code == 200
    assert OvertimeAnswer.objects.get().signed is True


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_of_overtime_asks_as_many_queries_for_three_as_for_one(
    people: Cast, count: int, django_assert_max_num_queries: Any
):
    item = make_item(people)
    for at_ in range(count):
        enter(people, item, f"{18 + at_}:00", f"{18 + at_}:30")
    client = signed_in(people.chen)
    with django_assert_max_num_queries(16):
        assert client.get(f"/overtime/{item.uid}/").status_code == 200


def test_evidence_names_who_worked_and_for_how_long(people: Cast):
    enter(people, make_item(people))
    tick()
    said = Entry.objects.get(kind="records.overtime_entered").said
    assert said["data"] | {"number": ""} == {
        "number": "", "person": people.chen.actor, "minutes": 150, "reason": "窗口内升级后留守观察。",
        "since": "2026-09-23T09:00:00.000000Z", "until": "2026-09-23T12:30:00.000000Z",
    }  # fmt: skip


def test_a_sheet_waits_for_the_customer_until_its_overtime_is_answered(people: Cast):
    sheet, plain = frozen(people), make_sheet(people, make_item(people, "JZ-BG-2026-0002"))
    for one in (sheet, plain):
        sign(people.chen, one, "vendor")
        sign(people.wang, one, "customer")
    waiting = RecordSheet.objects.awaiting
    assert (list(waiting(people.wang)), list(waiting(people.chen))) == ([sheet], [])
    answer(people, sheet, refuse=True)
    assert list(waiting(people.wang)) == []
