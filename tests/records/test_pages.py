"""The pages of sheets: who finds what, and what a refused signature leaves on the page."""

import json

import pytest
from django.test import Client

from tests.cast import cast_again
from tests.records.builders import PASSWORD, STROKES, everything, make_sheet, sign
from weilu.records.models import RecordSheet

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return cast_again()


def client_of(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def signing(sheet, side="customer", **over):
    given = {
        "side": side,
        "digest": sheet.digest,
        "password": PASSWORD,
        "strokes": json.dumps(STROKES),
        "opinion": "同意。",
        "satisfaction": "satisfied",
        "acceptance": "accepted",
    }
    return given | over


def test_the_page_shows_the_sheet_and_the_place_to_sign(people):
    sheet = make_sheet(people)

    page = client_of(people.wang).get(f"/sheets/{sheet.uid}/").content.decode()
    assert sheet.number in page
    assert "代表甲方签署" in page
    assert "data-pad" in page


def test_somebody_who_is_not_asked_sees_the_sheet_without_the_place_to_sign(people):
    page = client_of(people.qian).get(f"/sheets/{make_sheet(people).uid}/").content.decode()

    assert "data-pad" not in page


def test_another_customers_vendor_finds_nothing(people):
    sheet = make_sheet(people)
    client = client_of(people.sun)
    before = everything()

    for path in ("/", ".pdf", "/filed.pdf"):
        assert client.get(f"/sheets/{sheet.uid}{path}").status_code == 404
    for verb in ("sign", "refuse", "cancel"):
        assert client.post(f"/sheets/{sheet.uid}/{verb}", signing(sheet, "vendor")).status_code in (403, 404)
    assert sheet.number not in client.get("/sheets/").content.decode()
    assert everything() == before


def test_signing_by_the_page(people):
    sheet = make_sheet(people)

    assert client_of(people.wang).post(f"/sheets/{sheet.uid}/sign", signing(sheet)).status_code == 302
    assert client_of(people.chen).post(f"/sheets/{sheet.uid}/sign", signing(sheet, "vendor")).status_code == 302
    sheet.refresh_from_db()
    assert sheet.state == "signed"
    assert client_of(people.wang).get(f"/sheets/{sheet.uid}/filed.pdf").content.startswith(b"%PDF-")


def test_a_refused_signature_keeps_what_was_typed_but_never_the_password(people):
    sheet = make_sheet(people)
    given = signing(sheet, password="wrong-password-1", opinion="写得很长的意见")
    answer = client_of(people.wang).post(f"/sheets/{sheet.uid}/sign", given)
    page = answer.content.decode()

    assert answer.status_code == 409
    assert "写得很长的意见" in page
    assert "wrong-password-1" not in page


@pytest.mark.parametrize("strokes", ["", "{", "[" * 5000, '"x"', "[[[1e9,2]]]", "null"])
def test_strokes_that_cannot_be_read_are_refused_on_the_page(people, strokes):
    sheet = make_sheet(people)
    before = everything()

    answer = client_of(people.wang).post(f"/sheets/{sheet.uid}/sign", signing(sheet, strokes=strokes))
    assert answer.status_code == 409
    assert everything() == before


def test_a_stale_page_signs_nothing(people):
    sheet = make_sheet(people)
    answer = client_of(people.wang).post(f"/sheets/{sheet.uid}/sign", signing(sheet, digest="0" * 64))

    assert answer.status_code == 409
    assert "重新打开再签" in answer.content.decode()


def test_the_public_page_shows_number_date_state_and_digest_only(people):
    sheet = make_sheet(people, cause="不该外传的原因")
    sign(people.chen, sheet, "vendor")
    page = Client().get(f"/s/{sheet.token}").content.decode()

    assert all(said in page for said in (sheet.number, sheet.digest, sheet.sm3, "待签署"))
    assert not any(said in page for said in ("不该外传", "陈航", "王敏", "江州", "网上预约平台", "禾川", "JZ-BG"))


@pytest.mark.parametrize("token", ["x", "0" * 40, "a" * 400])
def test_an_unknown_token_finds_nothing(people, token):
    make_sheet(people)

    assert Client().get(f"/s/{token}").status_code == 404


def test_waiting_sheets_are_those_that_ask_for_my_signature(people):
    sheet = make_sheet(people)
    waiting = RecordSheet.objects.awaiting

    assert list(waiting(people.wang)) == [sheet]
    assert list(waiting(people.chen)) == [sheet]
    assert list(waiting(people.li)) == []
    sign(people.wang, sheet, "customer")
    assert list(waiting(people.wang)) == []
    assert list(waiting(people.chen)) == [sheet]
    assert sheet.number in client_of(people.chen).get("/sheets/?waiting=1").content.decode()


def test_pdf_by_the_page(people):
    answer = client_of(people.wang).get(f"/sheets/{make_sheet(people).uid}.pdf")

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")


def test_the_list_asks_as_many_queries_for_three_rows_as_for_one(people, django_assert_max_num_queries):
    from tests.records.builders import make_item

    for at in range(3):
        make_sheet(people, make_item(people, f"JZ-BG-2026-010{at}"))
    client = client_of(people.wang)

    with django_assert_max_num_queries(16):
        assert client.get("/sheets/").status_code == 200
