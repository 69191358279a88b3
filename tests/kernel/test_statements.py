"""Statements composed once say what the ORM says, in every thread and on both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from weilu.accounts.models import Organisation, Person, RoleHolding
from weilu.kernel.statements import Prepared, PreparedFor, change, insert, slot
from weilu.kernel.times import now
from weilu.notify.models import Notice

pytestmark = pytest.mark.django_db

BY_NAME = Prepared(lambda: Organisation.objects.filter(kind=slot("kind"), name=slot("name")).order_by("id"))


def test_a_prepared_query_reads_the_rows_of_its_queryset_for_each_value(cast):
    assert BY_NAME(kind="customer", name=cast.jz.name) == [cast.jz]
    assert BY_NAME(kind="vendor", name=cast.jz.name) == []
    assert BY_NAME(kind="customer", name=cast.jz.name)[0].uid == cast.jz.uid


def test_it_reads_related_rows_and_named_columns_as_well(cast, django_assert_num_queries):
    people = Prepared(lambda: Person.objects.select_related("organisation").filter(id=slot("id")))
    names = Prepared(lambda: Person.objects.filter(organisation=slot("org")).order_by("id").values_list("id", "uid"))
    expected = list(Person.objects.filter(organisation=cast.jz).order_by("id").values_list("id", "uid"))

    with django_assert_num_queries(2):
        assert [person.organisation.code for person in people(id=cast.wang.id)] == ["JZ"]
        assert names(org=cast.jz.id) == expected


def test_a_list_of_values_and_an_uid_are_given_like_one_value(cast):
    those = PreparedFor(lambda ids: Organisation.objects.filter(id__in=ids).order_by("id"))
    one = Prepared(lambda: Organisation.objects.filter(uid=slot("uid")))
    held = PreparedFor(lambda owners: RoleHolding.objects.filter(owner__id__in=owners, role=slot("role")))

    assert those([cast.jz.id, cast.hc.id]) == sorted([cast.jz, cast.hc], key=lambda row: row.id)
    assert those([cast.bl.id]) == [cast.bl]
    assert those({cast.jz.id, cast.hc.id, cast.bl.id}) == list(
        Organisation.objects.filter(id__in=[cast.jz.id, cast.hc.id, cast.bl.id]).order_by("id")
    )
    assert one(uid=cast.bl.uid) == [cast.bl]
    assert (
        held.count([cast.jz.id, cast.hn.id], role="engineer")
        == RoleHolding.objects.filter(owner__in=[cast.jz, cast.hn], role="engineer").count()
        > 0
    )


def test_an_empty_list_finds_nothing_and_asks_nothing(cast, django_assert_num_queries):
    those = PreparedFor(lambda ids: Organisation.objects.filter(id__in=ids))

    with django_assert_num_queries(0):
        assert those([]) == []
        assert those.count([]) == 0


def test_it_counts_as_its_queryset_does(cast):
    three = Prepared(lambda: RoleHolding.objects.filter(owner=slot("owner")).order_by("-id")[:3])
    every = Prepared(lambda: RoleHolding.objects.filter(owner=slot("owner")))

    assert three.count(owner=cast.jz.id) == 3
    assert every.count(owner=cast.jz.id) == RoleHolding.objects.filter(owner=cast.jz).count()
    assert every.count(owner=0) == 0


def test_an_instant_is_compared_as_an_instant(cast):
    since = Prepared(lambda: RoleHolding.objects.filter(since__gt=slot("at")).values_list("id"))
    first = RoleHolding.objects.order_by("since", "id")[0].since

    assert len(since(at=first - timedelta(seconds=1))) == RoleHolding.objects.count()
    assert since(at=now() + timedelta(days=1)) == []


@pytest.mark.django_db(transaction=True)
def test_each_thread_reads_over_its_own_connection(cast):
    found: list[tuple[object, ...]] = []

    def read() -> None:
        found.append(tuple(BY_NAME(kind="customer", name=cast.jz.name)))
        connection.close()

    assert BY_NAME(kind="customer", name=cast.jz.name) == [cast.jz]
    other = threading.Thread(target=read)
    other.start()
    other.join()

    assert found == [(cast.jz,)]
    assert BY_NAME(kind="customer", name=cast.jz.name) == [cast.jz]


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_closed_is_opened_again(cast):
    assert BY_NAME(kind="customer", name=cast.jz.name) == [cast.jz]
    connection.close()

    assert BY_NAME(kind="customer", name=cast.jz.name) == [cast.jz]


def test_rows_are_inserted_in_one_statement_with_their_defaults_and_get_their_keys(cast, django_assert_num_queries):
    rows = [Notice(owner=cast.jz, person=cast.wang, title=title, body="", link="", item="") for title in ("甲", "乙%s")]

    with django_assert_num_queries(1):
        insert(*rows)

    assert [Notice.objects.get(id=row.id).title for row in rows] == ["甲", "乙%s"]
    assert [Notice.objects.get(id=row.id).at for row in rows] == [row.at for row in rows]
    assert [row._state.adding for row in rows] == [False, False]


def test_inserting_nothing_asks_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert()


def test_a_change_reaches_the_rows_that_match_and_counts_them(cast):
    until = datetime(2030, 1, 1, tzinfo=UTC)
    others = list(RoleHolding.objects.exclude(person=cast.wang).order_by("id").values_list("id", "until"))
    own = RoleHolding.objects.filter(person=cast.wang).count()

    assert change(RoleHolding, {"person": cast.wang.id}, until=until) == own
    assert change(RoleHolding, {"person": -1}, until=None) == 0

    assert set(RoleHolding.objects.filter(person=cast.wang).values_list("until", flat=True)) == {until}
    assert list(RoleHolding.objects.exclude(person=cast.wang).order_by("id").values_list("id", "until")) == others
