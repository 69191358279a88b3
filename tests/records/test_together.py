"""Several people at once: numbers without gaps, one signature a side."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.cast import cast_again
from tests.records.builders import content, make_item, sign
from weilu.kernel.refused import Refused
from weilu.records.actions import freeze_sheet
from weilu.records.models import RecordSheet, SheetSignature

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(jobs):
    """What each job answered or raised, all started together, each on its own connection."""

    def run(job):
        try:
            return job()
        except Refused as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_numbers_have_no_gaps_when_many_freeze_and_some_are_refused():
    people = cast_again()
    items = [make_item(people, f"JZ-BG-2026-{at:04d}") for at in range(1, 13)]

    def freeze(at):
        signers = [] if at % 4 == 3 else [people.wang]
        return freeze_sheet(people.chen, items[at], content(), customer_signers=signers)

    answers = at_once([lambda at=at: freeze(at) for at in range(12)])

    refused = [answer for answer in answers if isinstance(answer, Refused)]
    numbers = sorted(RecordSheet.objects.values_list("number", flat=True))
    assert len(refused) == 3
    assert [number[-4:] for number in numbers] == [f"{at:04d}" for at in range(1, 10)]


def test_two_sign_one_side_at_once_and_one_wins():
    people = cast_again()
    sheet = freeze_sheet(people.chen, make_item(people), content(), customer_signers=[people.wang, people.li])

    answers = at_once([lambda: sign(people.wang, sheet, "customer"), lambda: sign(people.li, sheet, "customer")])

    assert sorted(type(answer).__name__ for answer in answers) == ["SheetSignature", "Stale"]
    assert SheetSignature.objects.filter(side="customer").count() == 1


def test_both_sides_sign_at_once_and_the_sheet_is_complete():
    people = cast_again()
    sheet = freeze_sheet(people.chen, make_item(people), content(), customer_signers=[people.wang])

    at_once([lambda: sign(people.wang, sheet, "customer"), lambda: sign(people.chen, sheet, "vendor")])

    sheet.refresh_from_db()
    assert sheet.state == "signed"
    assert len(sheet.filed) == 64
