"""The page a mail's link opens: one screen on a phone, kept from item to item."""

import pytest
from django.test import Client

from tests.cast import Cast, make_change, make_installation
from tests.changes.steps import analyse, item_of
from weilu.changes.models import Change

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(cast: Cast) -> list[Change]:
    """Two changes at their confirmation of the need, for 王 and 李."""
    where = make_installation(cast)
    return [analyse(cast, make_change(cast, where, f"第 {n} 项")) for n in (1, 2)]


@pytest.fixture
def wang(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.wang)
    return client


@pytest.mark.parametrize(("query", "marked"), [("?one=1", True), ("", False)])
def test_only_the_mails_link_opens_the_one_screen(wang: Client, two: list[Change], query: str, marked: bool):
    page = wang.get(f"/changes/{two[0].item.uid}/{query}").content.decode()
    assert ('class="item signing one"' in page, 'name="one" value="1"' in page) == (marked, marked)


def test_the_next_item_opens_on_one_screen_as_well(wang: Client, two: list[Change]):
    first, second = (item_of(change) for change in two)
    sent = {"turn": first.turn, "subject": first.subject, "words": "", "one": "1"}
    assert wang.post(f"/changes/{first.uid}/sign", sent)["Location"] == f"/changes/{second.uid}/?one=1"
    sent = {"turn": second.turn, "subject": second.subject, "words": "再写清楚", "to": "analysis", "one": "1"}
    assert wang.post(f"/changes/{second.uid}/return", sent)["Location"] == f"/changes/{second.uid}/"


def test_a_refused_signature_stays_on_one_screen(wang: Client, two: list[Change]):
    item = item_of(two[0])
    page = wang.post(f"/changes/{item.uid}/sign", {"turn": item.turn - 1, "words": "好", "one": "1"})
    shown = page.content.decode()
    assert (page.status_code, 'class="item signing one"' in shown, "好</textarea>" in shown) == (409, True, True)


def test_what_no_longer_waits_opens_as_the_whole_page(wang: Client, two: list[Change]):
    item = item_of(two[0])
    wang.post(f"/changes/{item.uid}/sign", {"turn": item.turn, "subject": item.subject, "words": ""})
    assert 'class="item"' in wang.get(f"/changes/{item.uid}/?one=1").content.decode()
