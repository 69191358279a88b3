"""A sheet in the customer's own Word template (DOC-1): the same frozen record, filed by digest, the template named."""

import json
from typing import Any

import pytest
from django.test import Client

from tests.cast import cast_again
from tests.documents.builders import approve, make_template, next_version, tomorrow
from tests.documents.word import made, texts
from tests.records.builders import content, make_item, make_sheet, sign
from tests.records.test_overtime import answer, frozen
from tests.support.unchanged import Refusal, refusal_of
from weilu.demo import Cast
from weilu.documents.models import Document, Version
from weilu.evidence.actions import tick
from weilu.evidence.files import read
from weilu.evidence.models import Entry
from weilu.kernel.canonical import sha256_hex
from weilu.kernel.refused import NotVisible
from weilu.records.actions import cancel_number, draft_sheet
from weilu.records.filling import fill_sheet
from weilu.records.models import RecordSheet, SheetDocx
from weilu.records.template import FIELDS, LISTS, name_of, sheet_values

pytestmark = pytest.mark.django_db
STEP = {"title": "升级", "host": "app-01", "started_at": "", "seconds": 0, "result": "成功", "digest": ""}


@pytest.fixture
def people() -> Cast:
    return cast_again()


def fill(people: Cast, sheet: RecordSheet, template: Version) -> list[str]:
    return texts(read(fill_sheet(people.chen, sheet, template=str(template.uid)).sha256))


def test_every_word_of_the_vocabulary_has_its_text(people: Cast):
    template, sheet = make_template(people), frozen(people)
    answer(people, sheet)
    sign(people.chen, sheet, "vendor")
    sign(people.wang, sheet, "customer")
    sheet.refresh_from_db()
    values = sheet_values(sheet, template)
    assert set(values) == {one.name for one in FIELDS} | set(LISTS)
    assert {name: {*row} for name, rows in values.items() if isinstance(rows, list) for row in rows} == {
        name: {one.name for one in LISTS[name][1]} for name in ("times", "done", "steps", "tests", "overtime")
    }
    assert all(
        isinstance(one, str)
        for rows in values.values()
        if isinstance(rows, list)
        for row in rows
        for one in row.values()
    )
    assert (values["state"], values["kinds"], values["ways"], values["acceptance"]) == (
        "已签署", "版本升级", "远程维护、现场服务", "同意验收",
    )  # fmt: skip
    assert values["customer_signature"].startswith("王敏　")
    assert (values["overtime_total"], values["overtime_answer"][:2]) == ("2 小时 30 分", "王敏")
    assert [name for name, value in values.items() if not value] == ["remaining", "levels"]


@pytest.mark.parametrize("steps", [0, 1, 40])
def test_a_sheet_is_filled_in_with_as_many_steps_as_it_has(people: Cast, steps: int):
    rows = ["{%tr for step in steps %}", "{{ step.number }}．{{ step.title }}（{{ step.result }}）", "{%tr endfor %}"]
    template = make_template(people, data=made("甲方 {{ customer }}", rows=rows))
    sheet = make_sheet(people, steps=[STEP | {"title": f"第 {at} 步"} for at in range(1, steps + 1)])
    found = fill(people, sheet, template)
    assert found[0] == "甲方 江州社会保险事业管理中心养老待遇科"
    assert found[1] == f"编号 {sheet.number} 摘要 {sheet.digest} 模板 JZ-MB-01 V1.0 {template.sha256[:12]}"
    assert found[2:-2] == [f"{at}．第 {at} 步（成功）" for at in range(1, steps + 1)]


@pytest.mark.parametrize("words", ["{{ number }} {% for x in y %} {_{", "<w:p/> & ' \" ]]>", "长" * 3900, "一\n二"])
def test_what_people_wrote_is_printed_as_written(people: Cast, words: str):
    template = make_template(people, "{{ cause }}")
    assert fill(people, make_sheet(people, cause=words), template)[0] == words


def test_the_file_is_on_record_with_template_version_and_digest(people: Cast):
    template, sheet = make_template(people, "{{ system }}"), make_sheet(people)
    made_ = fill_sheet(people.chen, sheet, template=str(template.uid))
    assert sha256_hex(read(made_.sha256)) == made_.sha256
    tick()
    said = Entry.objects.get(kind="records.template_filled").said
    assert said["data"] == {
        "number": sheet.number, "sha256": sheet.digest, "template": name_of(template),
        "template_sha256": template.sha256,
    }  # fmt: skip
    assert [one["sha256"] for one in said["files"]] == [made_.sha256]


def test_the_same_state_gives_the_same_file_and_a_signature_another(people: Cast):
    template, sheet = make_template(people, "签署：{{ vendor_signature }}"), make_sheet(people)
    first = fill_sheet(people.chen, sheet, template=str(template.uid))
    assert fill_sheet(people.wang, sheet, template=str(template.uid)) == first
    sign(people.chen, sheet, "vendor")
    second = fill_sheet(people.wang, sheet, template=str(template.uid))
    assert (SheetDocx.objects.count(), second.sha256 == first.sha256) == (2, False)
    assert texts(read(second.sha256))[0].startswith("签署：陈航　")


def test_only_a_template_in_force_of_this_customer_is_used(people: Cast):
    template, sheet = make_template(people), make_sheet(people)
    document = Document.objects.get()
    data = made("新 {{ system }}")
    coming = approve(people, next_version(people, document, name="m.docx", data=data, effective=tomorrow()))
    assert fill(people, sheet, template)
    with pytest.raises(NotVisible):
        fill_sheet(people.chen, sheet, template=str(coming.uid))
    now_ = approve(people, next_version(people, document, label="V3", name="m.docx", data=data))
    assert fill(people, sheet, now_)[0] == "新 网上预约平台"
    for uid in (str(template.uid), "", "x", str(document.uid)):
        with pytest.raises(NotVisible):
            fill_sheet(people.chen, sheet, template=uid)


def test_a_draft_has_no_docx_and_a_cancelled_sheet_says_so(people: Cast):
    template = make_template(people, "{{ state }}")
    draft = draft_sheet(people.chen, make_item(people), content())
    told = Refusal("报告单还没有定稿，不能按单位模板生成", "DOC-1")
    assert refusal_of(lambda: fill_sheet(people.chen, draft, template=str(template.uid))) == told
    other = make_sheet(people, make_item(people, "JZ-BG-2026-0002"))
    cancelled = cancel_number(people.zheng, other, reason="写错")
    assert fill(people, cancelled, template)[0] == "编号已作废"


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_filling_by_page_and_api(people: Cast):
    template, sheet = make_template(people, "{{ system }}"), make_sheet(people)
    client, place = signed_in(people.wang), f"/sheets/{sheet.uid}"
    assert "按 JZ-MB-01 V1.0 生成 DOCX" in client.get(f"{place}/").content.decode()
    assert client.post(f"{place}/docx", {"template": str(template.uid)}).status_code == 302
    found = SheetDocx.objects.get()
    assert found.sha256[:4] in client.get(f"{place}/").content.decode()
    answer_ = client.get(f"{place}/docx/{found.uid}")
    assert (sha256_hex(answer_.content), answer_["X-Content-Type-Options"]) == (found.sha256, "nosniff")
    assert client.post(f"{place}/docx", {"template": "x"}).status_code == 404
    body = {"sheet": str(sheet.uid), "template": str(template.uid)}
    by_api = client.post("/api/v1/records/fill_sheet", json.dumps(body), content_type="application/json")
    assert by_api.json()["uid"] == str(found.uid)


def test_strangers_fill_and_find_nothing(people: Cast):
    template, sheet = make_template(people), make_sheet(people)
    found, client = fill_sheet(people.chen, sheet, template=str(template.uid)), signed_in(people.sun)
    assert client.post(f"/sheets/{sheet.uid}/docx", {"template": str(template.uid)}).status_code == 404
    assert client.get(f"/sheets/{sheet.uid}/docx/{found.uid}").status_code == 404
    other = make_sheet(people, make_item(people, "JZ-BG-2026-0002"))
    assert signed_in(people.wang).get(f"/sheets/{other.uid}/docx/{found.uid}").status_code == 404
