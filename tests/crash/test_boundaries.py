"""A worker dies at boundaries of the journal: before and after each of its writes, each opening of keys, each call."""

from collections.abc import Callable

import pytest

from tests.crash.conftest import MANY, check_after, end, go_on, mortal, order, stand_up
from tests.fleet.conftest import Fleet
from tests.hosts.packages import Repository

pytestmark = [
    pytest.mark.slow,
    pytest.mark.served,
    pytest.mark.crash,
    pytest.mark.timeout(7200),
    pytest.mark.django_db(transaction=True),
]


def test_wherever_a_worker_dies_no_step_takes_effect_twice(fleet: Callable[..., Fleet], repository: Repository) -> None:
    field = stand_up(fleet, repository)
    run = order(field)
    whole = mortal(0)
    said, errors = whole.communicate(timeout=200)
    run.refresh_from_db()
    assert (run.state, whole.returncode) == ("succeeded", 0), errors
    check_after(field, run)
    boundaries = int(said.split()[-1])
    assert boundaries > 60

    chosen = range(1, boundaries + 1) if MANY else sorted(field.random.sample(range(1, boundaries + 1), 3))
    for number in chosen:
        run = order(field)
        dying = mortal(number)
        dying.wait(timeout=200)
        end(dying)
        check_after(field, go_on(field, run))
