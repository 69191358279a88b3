"""The pages of handing on, adding, taking back, urging, copying, and of absences."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.process.test_hand import absence, waiting
from weilu.kernel.times import SHANGHAI, now
from weilu.process.models import Copy, Delegation, Seat

pytestmark = pytest.mark.django_db


def page(person, path: str, **entries):
    client = Client()
    client.force_login(person)
    return client.post(path, entries) if entries else client.get(path)


def route(change) -> str:
    return f"/items/{change.item.uid}/hand"


def test_the_requester_takes_a_change_back_on_the_page(cast, change):
    answer = page(cast.wang, route(change), act="withdraw", turn=str(change.item.turn))

    assert (answer.status_code, answer["Location"]) == (302, f"/changes/{change.item.uid}/")
    assert waiting(change.item) == {"王敏"}


def test_a_place_is_handed_on_by_the_page_and_a_refusal_keeps_what_was_typed(cast, change):
    holder = Seat.objects.filter(item=change.item, open=True).order_by("id")[0].person
    entries = {"act": "transfer", "turn": str(change.item.turn), "words": "出差三天。"}

    refused = page(holder, route(change), to=cast.wang.username, **entries)
    assert (refused.status_code, "只能转给本单位的人" in refused.content.decode()) == (409, True)
    assert "出差三天。" in refused.content.decode()
    assert holder.name in waiting(change.item)

    other = cast.zhou if holder == cast.chen else cast.chen
    if other.name in waiting(change.item):
        pytest.fail("the other engineer is asked already")
    answer = page(holder, route(change), to=other.username, **entries)
    assert (answer.status_code, waiting(change.item)) == (302, {other.name})


def test_urging_and_copying_by_the_page(cast, change):
    assert page(cast.wang, route(change), act="urge").status_code == 302
    late = page(cast.wang, route(change), act="urge")
    assert (late.status_code, "两小时内已经催办过一次" in late.content.decode()) == (409, True)

    assert page(cast.wang, route(change), act="copy", people=[cast.wu.username], words="").status_code == 302
    assert [copy.person for copy in Copy.objects.filter(item=change.item)] == [cast.wu]


def offered(person, change) -> list[str]:
    """The acts that the page offers, in order."""
    shown = page(person, route(change)).content.decode()
    return re.findall(r'<a href="\?act=(\w+)"', shown)


def test_the_page_offers_what_makes_sense_for_the_reader(cast, change):
    holder = Seat.objects.filter(item=change.item, open=True).order_by("id")[0].person

    assert offered(holder, change) == ["transfer", "add", "copy"]
    assert offered(cast.wang, change) == ["copy", "urge", "withdraw"]
    assert offered(cast.zheng, change) == ["transfer", "copy", "urge"]
    assert page(cast.sun, route(change)).status_code == 404


def test_an_act_that_is_not_offered_opens_the_first_that_is(cast, change):
    shown = page(cast.wang, route(change) + "?act=transfer").content.decode()

    assert re.findall(r'<a href="\?act=(\w+)" aria-current="page"', shown) == ["copy"]


def test_an_unknown_act_and_rubbish_change_nothing(cast, change):
    before = waiting(change.item)

    answers = [
        page(cast.wang, route(change), act="explode").status_code,
        page(cast.wang, route(change), act="withdraw", turn="²").status_code,
        page(cast.wang, route(change), act="transfer", turn="1", to="\0", words="x").status_code,
    ]

    assert answers == [404, 409, 409]
    assert waiting(change.item) == before


def test_an_absence_is_arranged_shown_and_ended_on_the_page(cast):
    since, until = ((now() + timedelta(days=days)).astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M") for days in (1, 4))
    entries = {"delegate": cast.wu.username, "since": since, "until": until, "reason": "休假"}

    wrong = page(cast.zhao, "/absences/", **(entries | {"since": "明天"}))
    assert (wrong.status_code, "时间「明天」不完整" in wrong.content.decode()) == (422, True)
    assert "休假" in wrong.content.decode()
    assert page(cast.zhao, "/absences/", **entries).status_code == 302

    made = Delegation.objects.get()
    assert (made.person, made.delegate, made.reason) == (cast.zhao, cast.wu, "休假")
    assert "还没有开始" in page(cast.wu, "/absences/").content.decode()
    assert "休假" not in page(cast.li, "/absences/").content.decode()
    assert page(cast.sun, f"/absences/{made.uid}/end", act="end").status_code == 404
    assert page(cast.zhao, f"/absences/{made.uid}/end", act="end").status_code == 302
    assert Delegation.objects.get().ended_at is not None


@pytest.mark.parametrize("rows", [1, 3])
def test_absences_ask_as_often_for_three_rows_as_for_one(cast, rows, django_assert_max_num_queries):
    for number in range(rows):
        start = now() + timedelta(days=10 * number)
        absence(cast, since=start, until=start + timedelta(days=2))
    client = Client()
    client.force_login(cast.zhao)

    with django_assert_max_num_queries(16):
        assert client.get("/absences/").content.decode().count("吴静") >= rows
