"""Items are found by number and by words: every pair of neighbouring characters counts, nobody else's items do."""

import unicodedata
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.cast import Cast, cast_again, make_change, make_installation
from weilu.accounts.models import Grant
from weilu.kernel.times import now
from weilu.process import search
from weilu.process.bigrams import fold, pairs
from weilu.process.kept import Words
from weilu.process.models import FlowVersion, WorkItem
from weilu.process.search import find, keep_words
from weilu.systems.models import System

SIGNS = "养老待遇升级５5.3vＶVab-_%\\ 　：，(é"
TITLES = st.lists(st.text(alphabet=SIGNS, min_size=1, max_size=14), min_size=1, max_size=8)
QUERY = st.text(alphabet=SIGNS, min_size=1, max_size=6)


def make_item(cast: Cast, title: str, owner: str = "JZ") -> WorkItem:
    """An item with its words, at the customer `owner`, whose system has no name of its own."""
    home, requester = (cast.jz, cast.wang) if owner == "JZ" else (cast.hn, cast.he)
    system = System.objects.get_or_create(owner=home, code="X", defaults={"name": ""})[0]
    flow = FlowVersion.objects.get_or_create(
        owner=home, key="changes.normal", number=99, defaults={"digest": "", "source": "", "published_by": ""}
    )[0]
    count = WorkItem.objects.count() + 1
    item = WorkItem.objects.create(
        owner=home, number=f"{owner}-BG-2026-{count:04d}", kind="change", title=title, system=system,
        requester=requester, flow=flow, step="",
    )  # fmt: skip
    keep_words(item)
    return item


def oracle(items: list[WorkItem], query: str) -> list[int]:
    """Naively: whichever items contain every pair of the query's words, newest first."""
    wanted = [unicodedata.normalize("NFKC", pair) for pair in pairs(fold(query))]
    found = [
        item.id
        for item in items
        if wanted and all(pair in fold(f"{item.title} X {item.requester.name}") for pair in wanted)
    ]
    return sorted(found, reverse=True)


class SearchAgreesWithTheOracle(TestCase):
    """Whatever is asked of whatever titles, in pages of two as in one."""

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(titles=TITLES, query=QUERY, probe=st.sampled_from([1, 2000]))
    def test_search_finds_exactly_what_contains_every_pair(self, titles: list[str], query: str, probe: int) -> None:
        cast = cast_again()
        items = [make_item(cast, title) for title in titles]
        make_item(cast, query, owner="HN")
        search.PROBE, before = probe, search.PROBE
        try:
            expected = oracle(items, query)
            assert find(cast.wang, query).ids == expected or query.strip().isdigit()
            paged: list[int] = []
            page = find(cast.wang, query, limit=2)
            paged += page.ids
            while page.next:
                page = find(cast.wang, query, page.next, limit=2)
                paged += page.ids
            assert paged == expected or fold(query).isdigit()
        finally:
            search.PROBE = before


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("升级", True),
        ("预约 升级", True),
        ("平台升级 1.1.0", True),
        ("ＡＰＰ－０１", True),  # the host, typed full-width
        ("王敏", True),
        ("JZDESK", True),
        ("升 级", False),
        ("级升", False),
        ("升", False),
        ("", False),
    ],
)
def test_words_of_title_system_requester_and_host_are_found(cast: Cast, query: str, found: bool):
    change = make_change(cast, make_installation(cast))

    assert find(cast.wang, query).ids == ([change.item_id] if found else [])


def test_numbers_are_found_whole_without_the_organisation_and_by_their_digits(cast: Cast):
    installation = make_installation(cast)
    first, second = make_change(cast, installation).item, make_change(cast, installation).item
    year = first.opened_at.year

    assert first.number == f"JZ-BG-{year}-0001"
    for query in (first.number, first.number.lower(), f"BG-{year}-0001", f"ＢＧ－{year}－1", "0001", "1"):
        assert find(cast.wang, query).ids == [first.id], query
    assert find(cast.wang, "2").ids == [second.id]
    assert find(cast.wang, "3").ids == []
    assert find(cast.wang, f"HN-BG-{year}-0001").ids == []


def test_nobody_finds_what_they_may_not_see(cast: Cast):
    ours, theirs = make_item(cast, "社保升级"), make_item(cast, "公积金升级", owner="HN")

    assert find(cast.wang, "升级").ids == [ours.id]
    assert find(cast.sun, "升级").ids == [theirs.id]
    assert find(cast.sun, ours.number).ids == []
    Grant.objects.create(person=cast.zhou, organisation=cast.hn, source="合同")
    cast.zhou.__dict__.pop("owner_ids", None)
    assert find(cast.zhou, "升级").ids == [theirs.id, ours.id]
    Grant.objects.filter(person=cast.zhou).update(until=now() - timedelta(days=1))
    cast.zhou.__dict__.pop("owner_ids", None)
    assert find(cast.zhou, "升级").ids == []


def test_words_changed_or_removed_are_no_longer_found(cast: Cast):
    item = make_item(cast, "社保升级")
    Words.objects.filter(item=item).update(text=fold("医保改造"))
    assert (find(cast.wang, "升级").ids, find(cast.wang, "改造").ids) == ([], [item.id])

    Words.objects.filter(item=item).delete()

    assert find(cast.wang, "改造").ids == []


def test_an_act_undone_leaves_no_words(cast: Cast):
    with transaction.atomic():
        make_item(cast, "社保升级")
        transaction.set_rollback(True)

    assert find(cast.wang, "升级").ids == []


def test_a_page_asks_as_much_for_three_items_as_for_one(cast: Cast, django_assert_num_queries):
    make_item(cast, "社保升级")
    assert cast.wang.owner_ids
    most = 1 if connection.vendor == "sqlite" else 2
    with django_assert_num_queries(most):
        find(cast.wang, "升级")
    make_item(cast, "社保升级")
    make_item(cast, "社保升级")
    with django_assert_num_queries(most):
        assert len(find(cast.wang, "升级").ids) == 3
