"""The frame of every page: its policy, and an answer instead of a traceback."""

import re
from typing import Any

import pytest
from django.db import OperationalError
from django.http import Http404
from django.test import Client, RequestFactory

from tests.cast import Cast, make_change, make_installation
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import NotVisible, Refused, Stale
from weilu.ui.answers import POLICY, answer
from weilu.ui.middleware import PageFrame


@pytest.fixture
def zhao(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.zhao)
    return client


def request_to(path: str, cast: Cast, **more: Any) -> Any:
    request = RequestFactory().get(path, **more)
    request.user = cast.zhao
    return request


def test_the_policy_is_on_pages_and_on_the_sign_in(zhao: Client):
    for client, path in (
        (zhao, "/"),
        (zhao, "/people/"),
        (Client(), "/login"),
        (Client(), "/healthz"),
        (zhao, "/nowhere"),
    ):
        assert client.get(path).headers["Content-Security-Policy"] == POLICY, path


def test_pages_hold_no_inline_style_or_script(zhao: Client, cast: Cast):
    change = make_change(cast, make_installation(cast))
    for path in ("/", "/people/", "/more", "/changes/", f"/changes/{change.item.uid}/", "/changes/nothing/", "/login"):
        page = zhao.get(path, follow=True).content.decode()
        assert "<html" in page, path
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page) == [], path


def test_whoever_opens_the_address_of_an_act_reads_a_page_and_a_program_is_told_what_is_allowed(zhao: Client):
    answered = zhao.get("/logout")

    assert (answered.status_code, answered["Allow"]) == (405, "POST")
    assert "这里只收提交，不能直接打开" in answered.content.decode()
    assert "打开我的工作" in answered.content.decode()
    assert zhao.get("/api/v1/accounts/revoke_token").status_code == 405


def test_a_refusal_says_why_what_is_unchanged_who_can_help_and_by_which_clause(cast: Cast):
    refused = Refused("这一步不能由您签：方案是您写的", Clause("ROL-1"), help="周毅可以签")
    response = answer(request_to("/changes/", cast, HTTP_REFERER="http://testserver/changes/x/"), refused)
    page = response.content.decode()

    assert response.status_code == 409
    for words in (
        refused.reason,
        "什么都没有改变",
        "周毅可以签",
        "ROL-1",
        Clause("ROL-1").text,
        'href="http://testserver/changes/x/"',
    ):
        assert words in page
    assert re.search(r"拒绝编号 [0-9a-f]{4}-[0-9a-f]{4}", page)


def test_a_refusal_never_leads_to_another_site(cast: Cast):
    page = answer(request_to("/changes/", cast, HTTP_REFERER="http://evil.example/"), Refused("不行")).content.decode()

    assert "evil.example" not in page


def test_a_stale_page_is_told_as_such(cast: Cast):
    assert "别人已经办了一步" in answer(request_to("/changes/", cast), Stale("已有变动")).content.decode()


def test_the_api_gets_a_problem_in_json(cast: Cast):
    import json

    response = answer(request_to("/api/v1/x", cast), Refused("不行", Clause("CHG-1"), help="找郑洁"))
    body = json.loads(response.content)

    assert (response.status_code, response["Content-Type"]) == (409, "application/problem+json")
    assert (body["reason"], body["clause"], body["help"]) == ("不行", "CHG-1", "找郑洁")


@pytest.mark.parametrize(
    ("problem", "status", "title"),
    [
        (NotVisible("x"), 404, "没有这一页"),
        (Http404(), 404, "没有这一页"),
        (OperationalError("database is locked"), 503, "数据库暂时没有应答"),
        (ValueError("secret detail"), 500, "出了故障，没有办成"),
    ],
)
def test_what_breaks_gets_a_page_with_a_number_and_no_detail(problem: Exception, status: int, title: str):
    request = RequestFactory().get("/")
    response = PageFrame(lambda _request: None).process_exception(request, problem)  # type: ignore[arg-type,return-value]
    page = response.content.decode()

    assert response.status_code == status
    assert title in page
    assert re.search(r"编号 [0-9a-f]{4}-[0-9a-f]{4}", page)
    assert "secret detail" not in page
    assert "Traceback" not in page


def test_the_number_on_the_page_stands_in_the_log(caplog: pytest.LogCaptureFixture):
    page = answer(RequestFactory().get("/"), RuntimeError("broken")).content.decode()
    number = re.search(r"[0-9a-f]{4}-[0-9a-f]{4}", page)

    assert number is not None
    assert number[0] in caplog.text


def test_an_expired_form_is_answered_in_words(cast: Cast):
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login", {"username": "wangmin"})

    assert response.status_code == 403
    assert "这一页已过期" in response.content.decode()


@pytest.mark.django_db
def test_health_is_told_to_anyone():
    response = Client().get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_language_and_theme_are_kept_in_cookies_and_lead_only_home():
    client = Client()
    response = client.post("/language", {"language": "en", "next": "https://evil.example/"})

    assert response["Location"] == "/"
    assert response.cookies["django_language"].value == "en"
    assert client.post("/language", {"language": "xx", "next": "/login"}).cookies.get("django_language") is None
    assert client.post("/theme", {"theme": "dark", "next": "/login"})["Location"] == "/login"
    assert 'data-theme="dark"' in client.get("/login").content.decode()


@pytest.mark.parametrize("path", ["/login", "/language", "/api/v1/accounts/end_visit", "/nowhere"])
def test_a_request_that_is_too_large_is_turned_away_before_any_of_it_is_read(path: str):
    """Files are written to disk before anybody asks who sends them."""
    answer: Any = Client().post(path, {"next": "/"}, CONTENT_LENGTH="25000001")
    assert answer.status_code == 413
    assert answer.wsgi_request.META["wsgi.input"].read(2) == b"--"


@pytest.mark.parametrize("length", ["9" * 5000, " 25000001 ", "٣٣٣٣٣٣٣٣٣٣", "25_000_001"])
def test_a_length_that_is_no_length_breaks_nothing(length: str):
    assert Client().post("/language", {"next": "/"}, CONTENT_LENGTH=length).status_code == 413
