"""REC-3: numbers without gaps, also when many take them at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from weilu.kernel.models import Series
from weilu.kernel.numbering import take_number

AT = datetime(2026, 9, 28, 6, tzinfo=UTC)


@pytest.mark.django_db
def test_a_number_says_whose_what_and_when():
    with transaction.atomic():
        assert [take_number("JZ", "WH", AT) for _ in range(2)] == ["JZ-WH-2026-0001", "JZ-WH-2026-0002"]
        assert take_number("HN", "WH", AT) == "HN-WH-2026-0001"
        assert take_number("JZ", "BG", AT) == "JZ-BG-2026-0001"


@pytest.mark.django_db
def test_the_year_is_that_of_shanghai():
    with transaction.atomic():
        assert take_number("JZ", "WH", datetime(2026, 12, 31, 15, 59, tzinfo=UTC)) == "JZ-WH-2026-0001"
        assert take_number("JZ", "WH", datetime(2026, 12, 31, 16, 0, tzinfo=UTC)) == "JZ-WH-2027-0001"


@pytest.mark.django_db(transaction=True)
def test_a_number_is_taken_only_inside_an_action():
    with pytest.raises(RuntimeError) as told:
        take_number("JZ", "WH", AT)
    assert str(told.value) == "a number is taken only inside an action"


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_gap():
    with transaction.atomic():
        take_number("JZ", "WH", AT)
        transaction.set_rollback(True)

    with transaction.atomic():
        assert take_number("JZ", "WH", AT) == "JZ-WH-2026-0001"


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_leave_no_gap_and_share_no_number():
    """Every third taker gives up after taking; its number goes to the next."""

    def taker(worker: int) -> list[str]:
        kept = []
        try:
            for turn in range(6):
                try:
                    with transaction.atomic():
                        number = take_number("JZ", "WH", AT)
                        if (worker + turn) % 3 == 0:
                            raise LookupError("given up")
                except LookupError:
                    continue
                kept.append(number)
        finally:
            connection.close()
        return kept

    with ThreadPoolExecutor(8) as pool:
        taken = [number for numbers in pool.map(taker, range(8)) for number in numbers]

    assert sorted(taken) == [f"JZ-WH-2026-{n:04d}" for n in range(1, 33)]
    assert Series.objects.get().last == 32
