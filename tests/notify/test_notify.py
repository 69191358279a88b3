"""Telling people is on record; an inbox belongs to one person."""

import json

import pytest
from django.test import Client

from tests.cast import cast_again
from weilu.evidence.models import Staged
from weilu.kernel.refused import NotVisible, Refused
from weilu.notify.actions import mark_all_read, mark_read, tell
from weilu.notify.models import Notice
from weilu.notify.queries import unread_count

pytestmark = pytest.mark.django_db
ITEM = "0198c0de-0000-7000-8000-000000000001"


@pytest.fixture
def people():
    return cast_again()


def told():
    return list(Staged.objects.filter(kind="notify.told").order_by("id"))


def test_everybody_is_told_once_and_evidence_lists_them(people):
    count = tell([people.wang, people.li, people.wang], "已升级到 1.1.0", "可以写备注。", "/changes/", people.jz, ITEM)

    record = json.loads(bytes(told()[0].record))
    assert count == 2
    assert (unread_count(people.wang), unread_count(people.li), unread_count(people.qian)) == (1, 1, 0)
    assert record["data"]["people"] == sorted([people.wang.actor, people.li.actor])
    assert (record["item"], record["org"], record["data"]["body"]) == (ITEM, "JZ", "可以写备注。")


@pytest.mark.parametrize(
    ("names", "title"), [([], "有题"), (["wang"], ""), (["wang"], "长" * 201), (["wang"], "有\x00零")]
)
def test_a_refused_notice_tells_nobody(people, names, title):
    with pytest.raises(Refused):
        tell([getattr(people, name) for name in names], title, "", "", people.jz)

    assert Notice.objects.count() == 0
    assert told() == []


@pytest.mark.parametrize(
    "link", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", "changes/"]
)
def test_a_notice_links_only_into_the_product(people, link):
    with pytest.raises(ValueError, match="this site") as told:
        tell([people.wang], "题", "", link, people.jz)
    assert str(told.value) == "a notice links only to a page of this site"


def test_reading_marks_once_and_only_ones_own(people):
    tell([people.wang, people.li], "题", "", "", people.jz)
    mine = Notice.objects.get(person=people.wang)

    mark_read(people.wang, mine)
    mine.refresh_from_db()
    first = mine.read_at
    mark_read(people.wang, mine)
    mine.refresh_from_db()

    assert mine.read_at == first
    with pytest.raises(Refused):
        mark_read(people.li, mine)
    assert (unread_count(people.wang), unread_count(people.li)) == (0, 1)


def test_a_notice_of_somebody_else_is_not_found(people):
    tell([people.wang], "题", "", "", people.jz)
    notice = Notice.objects.get()

    with pytest.raises(NotVisible):
        Notice.objects.of(people.li).fetch(people.li, notice.uid)
    for person in (people.li, people.sun):
        client = Client()
        client.force_login(person)
        assert client.post(f"/notices/{notice.uid}/").status_code == 404
    notice.refresh_from_db()
    assert notice.read_at is None


def test_the_inbox_shows_and_opens_what_i_was_told(people):
    tell([people.wang], "已升级 <b>1.1.0</b>", "第一行\n第二行", "/notices/", people.jz)
    client = Client()
    client.force_login(people.wang)

    page = client.get("/notices/").content.decode()
    assert "已升级 &lt;b&gt;1.1.0&lt;/b&gt;" in page
    answer = client.post(f"/notices/{Notice.objects.get().uid}/")
    assert (answer.status_code, answer["Location"]) == (302, "/notices/")
    assert unread_count(people.wang) == 0


def test_marking_everything_read_touches_only_my_own(people):
    tell([people.wang, people.li], "题", "", "", people.jz)

    assert mark_all_read(people.wang) == 1
    assert (unread_count(people.wang), unread_count(people.li)) == (0, 1)
