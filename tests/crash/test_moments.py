"""Deaths at random moments: worker, Ansible, host, network, disk, machine, database, each under each of the plans."""

from collections.abc import Callable

import pytest

from tests.crash.after import check_after
from tests.crash.conftest import MANY, Tell, stand_up
from tests.crash.deaths import end, mortal
from tests.crash.people import attend, go_on
from tests.crash.plans import PLANS
from tests.crash.strikes import KINDS, POSTGRES, strike
from tests.fleet.conftest import Fleet
from tests.hosts.packages import Repository

pytestmark = [
    pytest.mark.slow,
    pytest.mark.served,
    pytest.mark.crash,
    pytest.mark.timeout(40000),
    pytest.mark.django_db(transaction=True),
]
# The short form leaves the database alone: the tests after it use the same server.
FEW = [("both", "back"), ("reboot", "people")]
WORKERS = 3 if POSTGRES else 1
SECONDS_A_STEP = 2.0  # a moment after the run's end harms nobody


def dealt(number: int) -> tuple[str, str]:
    """What dies under which plan: each round deals the plans one further, so that every pair comes."""
    plans = list(PLANS)
    return KINDS[number % len(KINDS)], plans[(number % len(KINDS) + number // len(KINDS)) % len(plans)]


def test_every_death_meets_every_plan() -> None:
    pairs = {dealt(number) for number in range(len(KINDS) * len(PLANS))}
    assert pairs == {(kind, plan) for kind in KINDS for plan in PLANS}


def test_at_random_moments_no_step_takes_effect_twice(
    fleet: Callable[..., Fleet], repository: Repository, tell: Tell
) -> None:
    field = stand_up(fleet, repository)
    moments = [dealt(number) for number in range(MANY)] or FEW
    for number, (kind, plan) in enumerate(moments, start=1):
        trial = field.order(plan)
        workers = [mortal(0) for _ in range(WORKERS)]
        moment = 1.0 + field.random.random() * SECONDS_A_STEP * len(trial.drawn.orders["steps"])
        attend(field, trial, workers, moment)
        strike(field, trial, kind, workers)
        attend(field, trial, workers, 280)
        said = [end(worker) for worker in workers]
        assert {worker.returncode for worker in workers} <= {0, -9}, said
        go_on(field, trial)
        check_after(field, trial)
        tell(f"moment {number} of {len(moments)}: {kind} in {plan} after {moment:.1f} s: {trial.run.state}")
