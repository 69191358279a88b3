"""Controlled documents (DOC-1): level, number, version, distribution; a second person approves; who got it confirms."""

import base64
import json
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.cast import cast_again
from tests.documents.builders import PDF, approve, make_document, make_template, next_version, register, tomorrow
from tests.documents.word import made, texts
from tests.support.unchanged import Refusal, every_row, refusal_of, ruling
from weilu.demo import Cast
from weilu.documents import rules
from weilu.documents.actions import approve_version, confirm_receipt, decline_version
from weilu.documents.models import Document, Receipt, Version, today
from weilu.documents.queries import template_in_force, waiting_count
from weilu.evidence.actions import tick
from weilu.evidence.files import read
from weilu.evidence.looks import Look
from weilu.evidence.models import Entry, Staged
from weilu.kernel.canonical import sha256_hex
from weilu.notify.models import Notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return cast_again()


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def seen_by(*people: Any) -> list[str]:
    """Who of these finds any document."""
    return [one.username for one in people if Document.objects.visible_to(one).exists()]


def told_of(title: str) -> list[str]:
    return sorted(Notice.objects.filter(title=title).values_list("person__username", flat=True))


def version(ordinal: int, state: str, effective: str) -> Any:
    return SimpleNamespace(ordinal=ordinal, state=state, effective=date.fromisoformat(effective))


def test_the_version_in_force_is_the_last_approved_whose_day_has_come():
    day = date(2026, 9, 28)
    old, new = version(1, "approved", "2026-01-01"), version(2, "approved", "2026-09-28")
    coming, open_, declined = (
        version(3, "approved", "2026-09-29"),
        version(4, "proposed", "2026-01-01"),
        version(5, "declined", "2026-01-01"),
    )
    all_ = [old, new, coming, open_, declined]
    assert [rules.standing(one, all_, day) for one in all_] == [
        "superseded", "in_force", "coming", "proposed", "declined",
    ]  # fmt: skip
    assert rules.in_force([open_, declined, coming], day) is None


def test_a_document_is_registered_proposed_and_on_record(people: Cast):
    found = register(people)
    assert (found.state, found.sha256, found.document.current, found.document.number) == (
        "proposed", sha256_hex(PDF), None, "JZ-ZD-01",
    )  # fmt: skip
    assert read(found.sha256) == PDF
    tick()
    data = Entry.objects.get(kind="documents.proposed").said["data"]
    assert (data["document"], data["version"], data["level"], data["recipients"]) == (
        "JZ-ZD-01", "V1.0", "internal", ["department:养老待遇科", "person:chenhang"],
    )  # fmt: skip
    assert told_of("受控文件 JZ-ZD-01 V1.0 等批准") == ["qianwenyuan", "wujing", "zhaolixin"]


def test_only_whoever_may_registers_documents(people: Cast):
    told = Refusal("受控文件由甲方系统管理员登记", "DOC-1")
    for who in ("wang", "wu", "chen", "he", "sun"):
        assert refusal_of(lambda who=who: register(people, by=getattr(people, who))) == told


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"label": ""}, "版本没有填写。填好后再提交", "label"),
        ({"title": "长" * 101}, "名称有 101 字，最多 100 字。删短后再提交", "title"),
        ({"level": "top"}, "没有选密级", "level"),
        ({"recipients": []}, "没有选发放范围。公开以外的文件要写明发给谁", "recipients"),
        ({"recipients": ["person:sunli"]}, "发放范围里没有「person:sunli」", "recipients"),
        ({"recipients": ["organisation:HN"]}, "发放范围里没有「organisation:HN」", "recipients"),
        ({"recipients": ["department:没有"]}, "发放范围里没有「department:没有」", "recipients"),
        ({"recipients": ["x"]}, "发放范围里没有「x」", "recipients"),
        ({"keeper": "chenhang"}, "责任人应是甲方在职的人", "keeper"),
        ({"data": b""}, "没有选文件", "file"),
        ({"name": "x.docm"}, "只收 DOCX、XLSX、PDF、PNG、JPEG 或 TXT", "file"),
        ({"name": "x.docx"}, "文件内容与后缀 .docx 不符", "file"),
        ({"name": "x.txt", "data": b"a\0b"}, "文件内容与后缀 .txt 不符", "file"),
        ({"data": b"%PDF-" + b"0" * 20_000_000}, "文件超过 20 MB", "file"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_kept(people: Cast, over: dict[str, Any], reason: str, field: str):
    told = refusal_of(lambda: register(people, **over))
    assert (told.reason, told.field, told.changed) == (reason, field, ())


def test_a_number_and_a_label_are_given_once(people: Cast):
    document = make_document(people)
    taken = Refusal("编号 JZ-ZD-01 已有文件", "DOC-1", "number")
    assert refusal_of(lambda: register(people)) == taken
    again = Refusal("版本 V1.0 已经有了", "DOC-1", "label")
    assert refusal_of(lambda: next_version(people, document, label="V1.0")) == again
    next_version(people, document)
    waits = Refusal("已有一版待批准。批准或退回后再提新版", "DOC-1")
    assert refusal_of(lambda: next_version(people, document, label="V3.0")) == waits


def test_a_second_person_approves_what_was_shown(people: Cast):
    found = register(people)
    own = Refusal("提出的人不能自己批准，由另一人批准", "DOC-1")
    assert refusal_of(lambda: approve(people, found, people.zheng)) == own
    stale = Refusal("页面上的文件已不是现在这一份，没有批准。重新打开再看", "DOC-1")
    assert refusal_of(lambda: approve_version(people.wu, found, sha256="0" * 64)) == stale
    for who in ("wang", "chen", "he", "sun"):
        told = refusal_of(lambda who=who: approve(people, found, getattr(people, who)))
        assert told == Refusal("受控文件由技术部门负责人、用户领导、安全办或系统管理员批准", "DOC-1")

    approved = approve(people, found)
    assert (approved.state, approved.decided_by, Document.objects.get().current) == ("approved", people.wu, approved)
    gone = Refusal("这一版已经批准或退回，没有改变", "DOC-1")
    assert refusal_of(lambda: approve(people, found, people.zhao)) == gone
    assert refusal_of(lambda: decline_version(people.zhao, found, reason="x")) == gone


def test_a_proposal_is_declined_or_taken_back_with_its_reason(people: Cast):
    document = make_document(people)
    second = next_version(people, document)
    assert refusal_of(lambda: decline_version(people.wu, second, reason="")).field == "reason"
    assert refusal_of(lambda: decline_version(people.wang, second, reason="不")).clause == "DOC-1"
    assert decline_version(people.wu, second, reason="发放范围太大").state == "declined"
    third = next_version(people, document, label="V2.1")
    assert decline_version(people.zheng, third, reason="写错").reason == "写错"
    document.refresh_from_db()
    assert document.current.label == "V1.0"
    assert list(Staged.objects.filter(kind="documents.declined").values_list("actor", flat=True)) == [
        people.wu.actor, people.zheng.actor,
    ]  # fmt: skip


def test_only_those_it_was_given_to_see_it(people: Cast):
    everybody = [
        getattr(people, name) for name in ("wang", "li", "zhao", "qian", "wu", "zheng", "chen", "zhou", "sun", "he")
    ]
    register(people)
    overseers = ["zhaolixin", "qianwenyuan", "wujing", "zhengjie"]
    assert seen_by(*everybody) == overseers
    approve(people, Version.objects.get())
    assert seen_by(*everybody) == ["wangmin", "lijianguo", *overseers, "chenhang"]
    next_version(people, Document.objects.get(), recipients=["organisation:HC"])
    assert seen_by(people.wang, people.zhou) == ["wangmin"]
    approve(people, Version.objects.get(ordinal=2))
    assert seen_by(*everybody) == [*overseers, "chenhang", "zhouyi"]


def test_a_public_document_is_for_whoever_sees_the_customer(people: Cast):
    make_document(people, level="public", recipients=[])
    assert seen_by(people.wang, people.chen, people.zhou, people.sun, people.he) == ["wangmin", "chenhang", "zhouyi"]


def test_superseded_versions_are_kept_and_still_open(people: Cast):
    document = make_document(people)
    approve(people, next_version(people, document, data=b"%PDF-2", effective=tomorrow()))
    page = signed_in(people.wang).get(f"/documents/{document.uid}/").content.decode()
    assert ("待生效" in page, "现行" in page) == (True, True)
    first, second = Version.objects.order_by("ordinal")
    for one, data in ((first, PDF), (second, b"%PDF-2")):
        answer = signed_in(people.wang).get(f"/documents/{document.uid}/versions/{one.uid}/file")
        assert (answer.content, answer["X-Content-Type-Options"]) == (data, "nosniff")
        assert answer["Content-Disposition"].startswith("attachment;")


def test_who_received_it_is_told_and_confirms_once(people: Cast):
    document = make_document(people)
    given = Receipt.objects.order_by("person__username").values_list("person__username", flat=True)
    assert list(given) == ["chenhang", "lijianguo", "wangmin"]
    title = "受控文件 JZ-ZD-01 V1.0 发给您，请签收"
    assert told_of(title) == list(given)
    assert (waiting_count(people.wang), waiting_count(people.zhao)) == (1, 0)

    receipt = confirm_receipt(people.wang, document.current)
    assert (receipt.person, receipt.confirmed_at is not None, waiting_count(people.wang)) == (people.wang, True, 0)
    again = Refusal("您已签收这一版", "DOC-1")
    assert refusal_of(lambda: confirm_receipt(people.wang, document.current)) == again
    other = Refusal("这一版没有发给您，不用签收", "DOC-1")
    assert refusal_of(lambda: confirm_receipt(people.zhao, document.current)) == other
    second = next_version(people, document)
    early = Refusal("这一版没有批准，不用签收", "DOC-1")
    assert refusal_of(lambda: confirm_receipt(people.wang, second)) == early


def form(**over: Any) -> dict[str, Any]:
    given = {"owner": "JZ", "number": "JZ-ZD-09", "form": "", "title": "制度", "label": "V1.0", "level": "secret",
             "effective": today().isoformat(), "keeper": "zhengjie", "recipients": ["person:wangmin"],
             "file": SimpleUploadedFile("制度.pdf", PDF)}  # fmt: skip
    return given | over


def test_registering_approving_and_confirming_by_the_pages(people: Cast):
    client = signed_in(people.zheng)
    assert "登记文件" in client.get("/documents/new").content.decode()
    assert client.post("/documents/new", form()).status_code == 302
    found = Version.objects.get()
    place = f"/documents/{found.document.uid}"
    assert "批准并发放" not in client.get(f"{place}/").content.decode()
    page = signed_in(people.wu).get(f"{place}/").content.decode()
    assert ("批准并发放" in page, "机密" in page, "王敏" in page) == (True, True, True)
    assert (
        signed_in(people.wu).post(f"{place}/versions/{found.uid}/approve", {"sha256": found.sha256}).status_code == 302
    )
    assert "JZ-ZD-09" in signed_in(people.wang).get("/documents/?waiting=1").content.decode()
    assert signed_in(people.wang).post(f"{place}/versions/{found.uid}/confirm").status_code == 302
    assert "JZ-ZD-09" not in signed_in(people.wang).get("/documents/?waiting=1").content.decode()
    again = signed_in(people.wang).post(f"{place}/versions/{found.uid}/confirm")
    assert (again.status_code, "您已签收这一版" in again.content.decode()) == (409, True)
    assert client.get(f"{place}/propose").status_code == 200
    second = form(label="V1.1", file=SimpleUploadedFile("b.pdf", PDF))
    assert client.post(f"{place}/propose", second).status_code == 302
    latest = Version.objects.order_by("-ordinal")[0]
    assert client.post(f"{place}/versions/{latest.uid}/decline", {"reason": "写错"}).status_code == 302


def test_a_refused_page_keeps_what_was_typed(people: Cast):
    wrong = form(title="写得很长的名称", effective="昨天")
    answer = signed_in(people.zheng).post("/documents/new", wrong)
    page = answer.content.decode()
    assert (answer.status_code, "写得很长的名称" in page, "不是日期" in page) == (409, True, True)
    assert 'value="person:wangmin" checked' in page
    broken = form(form="record-sheet", file=SimpleUploadedFile("m.docx", made("系统 {{ sytem }}")))
    answer = signed_in(people.zheng).post("/documents/new", broken)
    assert "正文第 1 段「系统 {{ sytem }}」：没有「{{ sytem }}」这个字段" in answer.content.decode()
    assert Document.objects.count() == 0


def test_a_template_is_a_controlled_document_with_a_sample_to_look_at(people: Cast):
    template = make_template(people, "系统 {{ system }}")
    answer = signed_in(people.wang).get(f"/documents/{template.document.uid}/versions/{template.uid}/sample")
    assert texts(answer.content)[0] == "系统 某某业务系统"
    page = signed_in(people.wang).get("/documents/fields/").content.decode()
    assert all(word in page for word in ("overtime_total", "加班合计", "steps", "证据摘要", "template"))
    assert template_in_force(people.jz.id, "record-sheet") == [template]
    assert template_in_force(people.hn.id, "record-sheet") == []


def test_a_template_that_is_wrong_or_no_docx_is_refused_and_nothing_kept(people: Cast):
    wrong = refusal_of(lambda: register(people, form="record-sheet", name="m.docx", data=made("{{ x }}")))
    assert (wrong.reason, wrong.clause, wrong.changed) == (
        "正文第 1 段「{{ x }}」：没有「{{ x }}」这个字段", "DOC-1", (),
    )  # fmt: skip
    assert refusal_of(lambda: register(people, form="record-sheet")).reason == "模板要用 DOCX"
    assert refusal_of(lambda: register(people, form="nothing")).reason == "没有这种表单"


def test_strangers_find_no_document(people: Cast):
    document = make_document(people)
    version, before = document.current, every_row()
    for who in (people.sun, people.he, people.zhou):
        client = signed_in(who)
        for path in ("", "propose", f"versions/{version.uid}/file", f"versions/{version.uid}/sample"):
            assert client.get(f"/documents/{document.uid}/{path}").status_code in (403, 404), path
        for act in ("approve", "decline", "confirm"):
            path = f"/documents/{document.uid}/versions/{version.uid}/{act}"
            assert client.post(path, {"sha256": version.sha256, "reason": "x"}).status_code in (403, 404)
        assert "JZ-ZD-01" not in client.get("/documents/").content.decode()
        assert client.get("/api/v1/documents").json() == {"documents": [], "next": ""}
        assert client.get(f"/api/v1/documents/{document.uid}").status_code == 404
    assert every_row() == before


def test_a_proposal_is_hidden_from_those_it_would_be_given_to(people: Cast):
    document = make_document(people)
    second = next_version(people, document)
    client = signed_in(people.wang)
    assert "V2.0" not in client.get(f"/documents/{document.uid}/").content.decode()
    assert client.get(f"/documents/{document.uid}/versions/{second.uid}/file").status_code == 404


def test_documents_by_the_api(people: Cast):
    def post(who: Any, path: str, body: dict[str, Any]) -> Any:
        return signed_in(who).post(f"/api/v1/documents/{path}", json.dumps(body), content_type="application/json")

    given = {"owner": "JZ", "number": "JZ-ZD-02", "label": "V1", "title": "制度", "level": "internal",
             "effective": today().isoformat(), "keeper": "zhengjie", "recipients": ["person:wangmin"], "name": "a.pdf",
             "data": base64.b64encode(PDF).decode()}  # fmt: skip
    made_ = post(people.zheng, "register_document", given).json()
    assert made_["number"] == "JZ-ZD-02"
    sha256 = sha256_hex(PDF)
    assert post(people.wu, "approve_version", {"version": made_["uid"], "sha256": sha256}).status_code == 200
    assert post(people.wang, "confirm_receipt", {"version": made_["uid"]}).status_code == 200
    listed = signed_in(people.wang).get("/api/v1/documents").json()["documents"]
    assert [(one["number"], one["label"], one["sha256"]) for one in listed] == [("JZ-ZD-02", "V1", sha256)]
    second = given | {"document": listed[0]["uid"], "label": "V2"}
    again = post(people.zheng, "propose_version", second).json()
    assert post(people.zheng, "decline_version", {"version": again["uid"], "reason": "写错"}).status_code == 200
    shown = signed_in(people.zheng).get(f"/api/v1/documents/{listed[0]['uid']}").json()["versions"]
    assert [(one["label"], one["standing"]) for one in shown] == [("V2", "declined"), ("V1", "in_force")]
    assert post(people.zheng, "register_document", given | {"data": "%%"}).status_code == 409


@pytest.mark.parametrize("count", [1, 3])
def test_lists_ask_as_many_queries_for_three_as_for_one(people: Cast, count: int, django_assert_max_num_queries: Any):
    for at in range(count):
        make_document(people, f"JZ-ZD-1{at}")
    client = signed_in(people.wang)
    client.get("/documents/")
    with django_assert_max_num_queries(18):
        assert client.get("/documents/").status_code == 200
    document = Document.objects.order_by("id")[0]
    for at in range(count - 1):
        approve(people, next_version(people, document, label=f"V{at + 2}"))
    client = signed_in(people.zheng)
    client.get("/documents/")
    with django_assert_max_num_queries(21):
        assert client.get(f"/documents/{document.uid}/").status_code == 200


def test_the_rule_of_distribution():
    assert ruling(lambda: rules.check_distribution("public", 0)) is None
    assert ruling(lambda: rules.check_distribution("secret", 0)) == Refusal(
        "没有选发放范围。公开以外的文件要写明发给谁", "DOC-1", "recipients"
    )


def test_every_look_is_registered_and_a_classified_file_is_fetched_for_a_purpose(people: Cast):
    secret, plain = make_document(people, level="secret"), make_document(people, "JZ-ZD-02")
    client = signed_in(people.chen)
    for one in (secret, plain):
        client.get(f"/documents/{one.uid}/")
    places = {one.number: f"/documents/{one.uid}/versions/{one.current.uid}/file" for one in (secret, plain)}
    assert client.get(places["JZ-ZD-02"]).content == PDF
    assert "用途" in client.get(places["JZ-ZD-01"]).content.decode()
    looks = Look.objects.order_by("id").values_list("actor", "kind", "words", "times")
    assert list(looks) == [
        (people.chen.actor, "document", "JZ-ZD-01 V1.0 软件和补丁升级管理制度", 1),
        (people.chen.actor, "document", "JZ-ZD-02 V1.0 软件和补丁升级管理制度", 2),
    ]
