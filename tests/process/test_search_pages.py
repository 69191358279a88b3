"""Searching on the page and in the API."""

import pytest
from django.test import Client

from tests.cast import Cast, make_change, make_installation


@pytest.fixture
def browser(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.wang)
    return client


def test_the_page_shows_what_is_found_and_keeps_the_words(cast: Cast, browser: Client):
    change = make_change(cast, make_installation(cast))

    page = browser.get("/search", {"q": "升级 平台"}).content.decode()

    assert change.item.number in page
    assert 'value="升级 平台"' in page
    assert browser.get("/search", {"q": change.item.number}).content.decode().count(change.item.title) == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "写单号、末尾的数字"),
        ("升", "至少写两个相邻的字"),
        ("公积金", "没有符合的工单"),
        ("<b>\0升级", "没有符合的工单"),
    ],
)
def test_a_page_without_rows_says_why(cast: Cast, browser: Client, query: str, said: str):
    answer = browser.get("/search", {"q": query})

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert "<b>" not in answer.content.decode().split("<main")[1].split("</main>")[0].replace("<b></b>", "")


def test_the_api_finds_the_same_in_pages(cast: Cast, browser: Client):
    installation = make_installation(cast)
    numbers = [make_change(cast, installation).item.number for _turn in range(51)]

    first = browser.get("/api/v1/search", {"q": "升级"}).json()
    second = browser.get("/api/v1/search", {"q": "升级", "after": first["next"]}).json()

    assert [row["number"] for row in first["items"] + second["items"]] == numbers[::-1]
    assert second["next"] == ""


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "１"])
def test_a_cursor_no_list_gave_is_refused(cast: Cast, browser: Client, after: str):
    for address in ("/search", "/api/v1/search"):
        assert browser.get(address, {"q": "升级", "after": after}).status_code == 400
