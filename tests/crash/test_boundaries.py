"""A worker dies at boundaries of the journal: before and after each of its writes, each opening of keys, each call."""

import signal
from collections.abc import Callable

import pytest

from tests.crash.after import check_after
from tests.crash.conftest import MANY, Field, Tell, Trial, stand_up
from tests.crash.deaths import end, mortal
from tests.crash.people import attend, go_on
from tests.crash.plans import PLANS
from tests.fleet.conftest import Fleet
from tests.hosts.packages import Repository
from weilu.execution.bundles import sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.served,
    pytest.mark.crash,
    pytest.mark.timeout(20000),
    pytest.mark.django_db(transaction=True),
]
LEAST = 20  # boundaries in the shortest of the plans
# The short form: in which plan a worker dies, and at which boundary.
SHORT = {"faulty": 50, "bundle": 34, "asking": 18, "rehearsal": 26}


@pytest.mark.parametrize("names", [[name] for name in PLANS] if MANY else [list(SHORT)], ids="-".join)
def test_wherever_a_worker_dies_no_step_takes_effect_twice(
    names: list[str], fleet: Callable[..., Fleet], repository: Repository, tell: Tell
) -> None:
    if any(name.startswith("bundle") for name in names) and sandbox.trouble():
        pytest.skip(f"bubblewrap：{sandbox.trouble()}")
    field = stand_up(fleet, repository)
    for name in names:
        numbers = chosen(field, name) if MANY else [SHORT[name]]
        died = 0
        for number in numbers:
            died += crashed_at(field, name, number)
            tell(f"{name}: boundary {number} of {numbers[-1]}, {died} died")
        assert died >= len(numbers) * 0.9, "a boundary near the end may come sooner than it did when they were counted"


def chosen(field: Field, name: str) -> list[int]:
    """The boundaries of the plan, counted while nobody dies; as many as are asked for."""
    trial = field.order(name)
    whole = mortal(0)
    attend(field, trial, [whole], 280)
    said, errors = end(whole)
    trial.run.refresh_from_db()
    assert (trial.run.state, whole.returncode) == (trial.drawn.ends, 0), errors
    check_after(field, trial)
    boundaries = int(said.split()[-1])
    assert boundaries >= LEAST
    return sorted(field.random.sample(range(1, boundaries + 1), min(MANY, boundaries)))


def crashed_at(field: Field, name: str, number: int) -> bool:
    """Whether the worker died at that boundary of the plan; then another goes on to the end."""
    trial: Trial = field.order(name)
    dying = mortal(number)
    attend(field, trial, [dying], 280)
    end(dying)
    go_on(field, trial)
    check_after(field, trial)
    return dying.returncode == -signal.SIGKILL
