"""Two do something with one item at the same moment: one after the other, and the second sees what the first did."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection

from tests.cast import cast_again
from tests.process.test_actions import CHECK, LAST, opened, steps_of
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process.absence import delegate
from weilu.process.actions import sign_step
from weilu.process.hand import add_signer, copy_to, transfer, withdraw
from weilu.process.models import Copy, Delegation, Opinion, Seat

pytestmark = pytest.mark.django_db(transaction=True)
ANY = CHECK.replace("sign: all", "sign: any")


def at_once(*jobs: Callable[[], object]) -> list[str]:
    """ "" for each that was done, else why it was refused; all begin together, each on its own connection."""
    gate = Barrier(len(jobs))

    def run(job: Callable[[], object]) -> str:
        connection.ensure_connection()
        gate.wait()
        try:
            job()
            return ""
        except Refused as refused:
            return refused.reason
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_a_signature_and_a_withdrawal_of_the_one_before():
    cast = cast_again()
    item = opened(cast, ANY + LAST)
    turn = item.turn

    said = at_once(lambda: sign_step(cast.qian, item, turn=turn), lambda: withdraw(cast.wang, item, turn=turn))

    assert sum(not one for one in said) == 1
    item.refresh_from_db()
    assert item.step == ("last" if said[0] == "" else "ask")
    assert [step for step, _ordinal, outcome in steps_of(item) if outcome == "open"] == [item.step]


def test_a_place_is_signed_from_and_handed_on_and_one_of_both_counts():
    cast = cast_again()
    item = opened(cast, CHECK + LAST)

    said = at_once(
        lambda: sign_step(cast.zhao, item, turn=item.turn),
        lambda: transfer(cast.zhao, item, turn=item.turn, to=cast.wu, words="出差。"),
    )

    assert sum(not one for one in said) == 1
    waits = set(Seat.objects.filter(item=item, open=True).values_list("person__name", flat=True))
    assert waits == {"钱文远", *(["吴静"] if said[1] == "" else [])}


def test_a_signer_is_added_while_the_step_ends():
    cast = cast_again()
    item = opened(cast, ANY + LAST)

    said = at_once(
        lambda: sign_step(cast.zhao, item, turn=item.turn),
        lambda: add_signer(cast.qian, item, turn=item.turn, person=cast.wu, before=False, words="请会签。"),
    )

    item.refresh_from_db()
    assert said[0] == ""
    assert (item.step, "吴静" in _waiting(item)) == (("check", True) if said[1] == "" else ("last", False))


def test_the_absent_one_and_who_stands_in_sign_together():
    cast = cast_again()
    item = opened(cast, CHECK + LAST)
    _absence(cast, cast.wu)

    said = at_once(lambda: sign_step(cast.zhao, item, turn=item.turn), lambda: sign_step(cast.wu, item, turn=item.turn))

    assert sum(not one for one in said) == 1
    assert Opinion.objects.filter(item=item, visit__step="check").count() == 1


def test_the_same_person_is_sent_one_copy_by_two():
    cast = cast_again()
    item = opened(cast, CHECK + LAST)

    said = at_once(*(lambda by=by: copy_to(by, item, people=[cast.wu], words="") for by in (cast.wang, cast.zhao)))

    assert sorted(said) == ["", "这些人都已经抄送过"]
    assert Copy.objects.count() == 1


def test_two_absences_of_one_person_do_not_overlap():
    cast = cast_again()

    said = at_once(lambda: _absence(cast, cast.wu), lambda: _absence(cast, cast.li))

    assert sum(not one for one in said) == 1
    assert Delegation.objects.count() == 1


def _absence(cast, other) -> None:
    since = now() - timedelta(hours=1)
    delegate(
        cast.zhao, owner=cast.jz, person=cast.zhao, delegate=other, since=since, until=since + timedelta(days=2),
        reason="出差",
    )  # fmt: skip


def _waiting(item) -> set[str]:
    return set(Seat.objects.filter(item=item, open=True).values_list("person__name", flat=True))
