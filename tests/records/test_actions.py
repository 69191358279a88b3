"""Freezing, signing, refusing, cancelling: what each leaves on record, and that a refusal leaves nothing."""

import json

import pytest

from tests.cast import cast_again
from tests.records.builders import PASSWORD, STROKES, content, everything, kinds_staged, make_item, make_sheet, sign
from tests.support.unchanged import Refusal, refusal_of
from weilu.evidence.files import read
from weilu.evidence.models import Staged
from weilu.kernel import events
from weilu.kernel.canonical import sha256_hex, sm3_hex
from weilu.kernel.refused import Refused, Stale
from weilu.records.actions import cancel_number, draft_sheet, freeze_sheet, refuse_sheet
from weilu.records.models import RecordSheet

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return cast_again()


def refuse(by, sheet, **over):
    given = {"reason": "预约页面打不开", "password": PASSWORD, "address": "127.0.0.1", "digest": sheet.digest}
    return refuse_sheet(by, sheet, **(given | over))


def test_a_sheet_is_frozen_with_number_digests_and_evidence(people):
    sheet = make_sheet(people)

    record = bytes(RecordSheet.objects.get(id=sheet.id).record)
    assert sheet.number == f"JZ-WH-{sheet.frozen_at.year}-0001"
    assert sheet.state == "frozen"
    assert (sheet.digest, sheet.sm3) == (sha256_hex(record), sm3_hex(record))
    assert json.loads(record)["content"]["system"] == "网上预约平台"
    assert json.loads(record)["customer_signers"] == [people.wang.actor]
    assert len(bytes.fromhex(sheet.token)) == 20
    assert kinds_staged() == ["records.sheet_frozen"]


def test_a_draft_has_no_number_and_becomes_the_sheet(people):
    item = make_item(people)
    draft = draft_sheet(people.chen, item, content(cause="初稿"))
    frozen = freeze_sheet(people.chen, item, content(), customer_signers=[people.wang.id])

    assert draft.number is None
    assert frozen.id == draft.id
    assert frozen.said["content"]["cause"].startswith("预约时")


def test_one_piece_of_work_has_one_sheet(people):
    sheet = make_sheet(people)
    before = everything()

    with pytest.raises(Refused, match="REC-1"):
        make_sheet(people, sheet.item)
    assert everything() == before


@pytest.mark.parametrize(
    "over",
    [
        {"system": ""},
        {"system": "长" * 101},
        {"cause": ""},
        {"cause": "有\x07铃"},
        {"kinds": []},
        {"kinds": ["x"]},
        {"ways": "remote"},
        {"urgency": "soon"},
        {"done": "一行"},
        {"done": ["x"] * 101},
        {"times": [{"label": "申请", "at": "昨天"}]},
        {"steps": [{"title": "一", "seconds": 1.5}]},
        {"steps": [{"title": "", "seconds": 1}]},
        {"tests": [None]},
    ],
)
def test_content_that_does_not_fit_is_refused_and_takes_no_number(people, over):
    item = make_item(people)
    before = everything()

    with pytest.raises(Refused):
        make_sheet(people, item, **over)

    assert everything() == before
    assert make_sheet(people, item).number.endswith("-0001")


def test_the_sheet_is_written_by_the_vendor(people):
    told = Refusal("报告单由乙方的工程师或开发负责人编制", "REC-1")
    item, other = make_item(people), make_item(people, "JZ-BG-2026-0002")

    assert refusal_of(lambda: freeze_sheet(people.wang, item, content(), customer_signers=[people.wang])) == told
    assert refusal_of(lambda: freeze_sheet(people.sun, other, content(), customer_signers=[people.wang])) == told


@pytest.mark.parametrize("who", [[], ["chen"], ["wang", "he"]])
def test_the_customer_signs_by_its_own_people(people, who):
    item = make_item(people)
    before = everything()

    with pytest.raises(Refused, match="REC-2"):
        freeze_sheet(people.chen, item, content(), customer_signers=[getattr(people, name) for name in who])
    assert everything() == before


def test_both_sides_sign_and_the_printed_sheet_is_filed(people):
    told = []
    events.subscribe("records.sheet_signed", lambda sheet: told.append("signed"))
    events.subscribe("records.sheet_complete", lambda sheet: told.append("complete"))
    sheet = make_sheet(people)

    vendor = sign(people.chen, sheet, "vendor")
    customer = sign(people.wang, sheet, "customer")
    sheet.refresh_from_db()

    assert (vendor.digest, customer.digest) == (sheet.digest, sheet.digest)
    assert (vendor.strokes, customer.strokes) == (STROKES, STROKES)
    assert (customer.opinion, customer.satisfaction, customer.acceptance) == ("同意验收。", "satisfied", "accepted")
    assert sheet.state == "signed"
    assert sha256_hex(read(sheet.filed)) == sheet.filed
    assert kinds_staged() == [
        "records.sheet_frozen",
        "records.sheet_signed",
        "records.sheet_signed",
        "records.sheet_filed",
        "records.sheet_sealed",
    ]
    assert set(Staged.objects.filter(kind__startswith="records.sheet_signed").values_list("urgent", flat=True)) == {
        True
    }
    assert told == ["signed", "signed", "complete"]


def test_a_name_stands_in_for_a_drawing_only_when_asked(people):
    sheet = make_sheet(people)
    with pytest.raises(Refused, match="没有手写签名"):
        sign(people.chen, sheet, "vendor", strokes=[])

    assert sign(people.chen, sheet, "vendor", strokes=[], name_instead=True).strokes == []


@pytest.mark.parametrize(
    ("who", "side", "over"),
    [
        ("qian", "customer", {}),
        ("sun", "vendor", {}),
        ("chen", "customer", {}),
        ("wang", "vendor", {}),
        ("wang", "elsewhere", {}),
        ("wang", "customer", {"digest": "0" * 64}),
        ("wang", "customer", {"digest": ""}),
        ("wang", "customer", {"strokes": [[[9999, 1]] * 20]}),
        ("wang", "customer", {"opinion": ""}),
        ("wang", "customer", {"opinion": "长" * 601}),
        ("wang", "customer", {"satisfaction": "great"}),
        ("wang", "customer", {"acceptance": ""}),
        ("wang", "customer", {"password": "wrong-password"}),
    ],
)
def test_a_refused_signature_changes_nothing(people, who, side, over):
    sheet = make_sheet(people)
    before = everything()

    with pytest.raises(Refused):
        sign(getattr(people, who), sheet, side, **over)
    assert everything() == before


def test_the_second_of_two_signers_of_one_side_gets_a_sentence(people):
    sheet = freeze_sheet(people.chen, make_item(people), content(), customer_signers=[people.wang, people.li])
    sign(people.wang, sheet, "customer")
    before = everything()

    with pytest.raises(Stale, match="刚刚已由别人签署"):
        sign(people.li, sheet, "customer")
    assert everything() == before


def test_another_engineer_of_the_vendor_may_sign(people):
    assert sign(people.zhou, make_sheet(people), "vendor").person == people.zhou


def test_the_customer_refuses_with_a_reason_on_record(people):
    sheet = refuse(people.wang, make_sheet(people))

    assert (sheet.state, sheet.reason, sheet.ended_by) == ("refused", "预约页面打不开", people.wang)
    assert kinds_staged()[-2:] == ["records.sheet_refused", "records.sheet_sealed"]
    with pytest.raises(Stale):
        sign(people.chen, sheet, "vendor")


@pytest.mark.parametrize(
    ("who", "over"), [("wang", {"reason": ""}), ("chen", {}), ("wang", {"password": "no"}), ("wang", {"digest": "x"})]
)
def test_a_refusal_that_is_refused_changes_nothing(people, who, over):
    sheet = make_sheet(people)
    before = everything()

    with pytest.raises(Refused):
        refuse(getattr(people, who), sheet, **over)
    assert everything() == before


def test_a_cancelled_number_keeps_its_place_and_says_why(people):
    item = make_item(people)
    first = cancel_number(people.zheng, make_sheet(people, item), reason="系统名称写错")
    second = make_sheet(people, item)

    assert (first.state, first.reason, first.number[-4:]) == ("cancelled", "系统名称写错", "0001")
    assert second.number[-4:] == "0002"
    assert "records.number_cancelled" in kinds_staged()


@pytest.mark.parametrize(("who", "reason"), [("chen", "写错"), ("wang", "写错"), ("he", "写错"), ("zheng", "")])
def test_a_refused_cancellation_changes_nothing(people, who, reason):
    sheet = make_sheet(people)
    before = everything()

    with pytest.raises(Refused):
        cancel_number(getattr(people, who), sheet, reason=reason)
    assert everything() == before
