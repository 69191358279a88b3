"""Rows written again are the rows that were made."""

import pytest
from django.db import connection, transaction

from tests.cast import make_cast
from tests.support.replayed import Replayed
from tests.support.unchanged import every_row
from weilu.accounts.models import Person

pytestmark = pytest.mark.django_db


def test_what_is_written_again_is_what_was_made_and_goes_on_from_there():
    again, rows = Replayed(make_cast), []
    for _turn in range(2):
        with transaction.atomic():
            cast = again()
            rows.append(every_row())
            assert Person.objects.get(id=cast.wang.id) == cast.wang
            assert Person.objects.create(username="neu", organisation=cast.jz).id > max(cast.zhou.id, cast.he.id)
            transaction.set_rollback(True)
    assert rows[0] == rows[1]
    assert len(rows[1]["accounts.Person"]) == 10


def test_each_test_may_spoil_what_it_was_given():
    again = Replayed(make_cast)
    with transaction.atomic():
        again().wang.name = "别人"
        transaction.set_rollback(True)
    assert again().wang.name == "王敏"
    assert connection.in_atomic_block
