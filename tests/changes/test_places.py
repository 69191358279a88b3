"""Who was added to a step is heard there; its work is done by whom the flow asks, or by who stands in for them."""

from datetime import timedelta

import pytest
from django.test import Client

from tests.changes.steps import ANALYSIS, bring, item_of
from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.actions import add_person, give_role
from weilu.accounts.models import Person
from weilu.changes.actions import order_upgrade, submit_analysis
from weilu.kernel.times import now
from weilu.process.absence import delegate
from weilu.process.actions import sign_step
from weilu.process.hand import add_signer
from weilu.process.models import Opinion

pytestmark = pytest.mark.django_db


def colleague(cast) -> Person:
    """Somebody of 禾川 who may see 江州's items, and is no engineer there."""
    person = add_person(None, cast.hc, username="xujing", name="许静", password="long-enough-1")
    give_role(None, person, cast.jz, "development_head")
    return person


def added(cast, change) -> Person:
    person, item = colleague(cast), item_of(change)
    add_signer(cast.chen, item, turn=item.turn, person=person, before=True, words="看看。")
    return person


def test_who_was_added_gives_an_opinion_and_does_not_write_the_analysis(cast, change):
    xu = added(cast, change)

    assert refusal_of(lambda: submit_analysis(xu, change, turn=item_of(change).turn, **ANALYSIS)) == Refusal(
        "「可行性分析」不由您办：您是加签，只签意见", "CHG-1"
    )
    item = item_of(change)
    assert sign_step(xu, item, turn=item.turn, words="可行。").step == "analysis"
    submit_analysis(cast.chen, change, turn=item_of(change).turn, **ANALYSIS)
    assert item_of(change).step == "need"


def test_the_page_offers_each_what_they_may_do(cast, change):
    bring(cast, change, "confirm")
    item, route = item_of(change), f"/changes/{change.item.uid}/"
    add_signer(cast.zhao, item, turn=item.turn, person=cast.wu, before=True, words="看看。")

    assert "吴静 还没有写意见，写了您才能签。" in shown(cast.zhao, route)
    page = shown(cast.wu, route)
    assert ("赵立新请您先写意见" in page, 'value="refuse"' in page, "同意并签名" in page) == (True, True, True)
    assert 'value="refuse"' not in shown(cast.qian, route)
    client = signed_in(cast.wu)
    entries = {"turn": item.turn, "subject": item.subject, "step": "confirm", "act": "refuse"}
    assert "意见没有填" in client.post(f"{route}sign", entries).content.decode()
    assert client.post(f"{route}sign", entries | {"words": "我不赞成。"}).status_code == 302

    said = Opinion.objects.filter(item=item).order_by("id").last()
    assert (said.person, said.act, said.words) == (cast.wu, "refuse", "我不赞成。")
    assert "同意并签名" in shown(cast.zhao, route)


def test_the_page_says_in_whose_name_one_signs(cast, change):
    bring(cast, change, "confirm")
    since = now() - timedelta(hours=1)
    delegate(
        cast.zhao, owner=cast.jz, person=cast.zhao, delegate=cast.li, since=since, until=now() + timedelta(days=1),
        reason="出差",
    )  # fmt: skip

    assert "您代赵立新签，记为「李建国 代 赵立新」。" in shown(cast.li, f"/changes/{change.item.uid}/")


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def shown(person: Person, route: str) -> str:
    return " ".join(signed_in(person).get(route).content.decode().split())


def test_who_was_added_at_the_release_starts_nothing(cast, change):
    bring(cast, change, "release")
    xu = added(cast, change)

    assert refusal_of(lambda: order_upgrade(xu, change, turn=item_of(change).turn)) == Refusal(
        "「实施与发布」不由您办：您是加签，只签意见", "CHG-1"
    )


def test_who_stands_in_for_the_engineer_starts_the_run(cast, change):
    bring(cast, change, "release")
    xu, since = colleague(cast), now() - timedelta(hours=1)
    assert refusal_of(lambda: order_upgrade(xu, change, turn=item_of(change).turn)).reason == "「实施与发布」不由您办"
    delegate(
        cast.chen, owner=cast.jz, person=cast.chen, delegate=xu, since=since, until=now() + timedelta(days=1),
        reason="出差",
    )  # fmt: skip

    assert order_upgrade(xu, change, turn=item_of(change).turn).live
