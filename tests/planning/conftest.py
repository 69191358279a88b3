"""What tests of planning stand on: two systems of 江州, their hosts, and a way to plan a change."""

from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from django.db import transaction

from tests.cast import Cast, make_change, make_environment, make_group, make_host, make_installation, system_of
from tests.planning.builders import at
from weilu.accounts.models import Person
from weilu.planning import moving
from weilu.planning.bookings import book
from weilu.planning.models import Booking
from weilu.process.models import WorkItem
from weilu.systems.models import Host, Installation, System


@pytest.fixture
def installation(cast: Cast) -> Installation:
    """网上预约平台 without the demo's window: it has the night."""
    made = make_installation(cast)
    made.system.windows.all().delete()
    return made


@pytest.fixture
def system(installation: Installation) -> System:
    return installation.system


@pytest.fixture
def other(cast: Cast) -> System:
    return system_of(cast)


@pytest.fixture
def host(other: System) -> Host:
    return make_host(make_group(make_environment(other)), name="db-02")


@pytest.fixture
def movable(cast: Cast) -> Iterator[None]:
    """Changes move without a plan: what a plan makes of it is tried with changes (tests/changes/test_planned.py)."""

    def move(by: Person, item: WorkItem, starts: datetime, ends: datetime) -> None:
        kept = Booking.objects.kept().get(item=item)
        book(by, item, kept.system, starts, ends, list(kept.hosts.all()), list(kept.people.all()))

    before = moving._plans["change"]
    moving.register_plans("change", moving.Plans(lambda by, item: None, move))
    yield
    moving.register_plans("change", before)


@pytest.fixture
def plan(cast: Cast, installation: Installation) -> Callable[..., Booking]:
    """`plan("10-09T22:00", "10-10T01:00")` opens a change and keeps this time for it; 陈 plans."""

    def keep(
        starts: str,
        ends: str,
        *,
        on: System | None = None,
        hosts: tuple[Host, ...] = (),
        people: tuple[object, ...] = (),
        title: str = "预约平台升级到 1.1.0",
        item: WorkItem | None = None,
    ) -> Booking:
        item = item or make_change(cast, installation, title).item
        starts_at, ends_at = (moment if isinstance(moment, datetime) else at(moment) for moment in (starts, ends))
        with transaction.atomic():
            return book(cast.chen, item, on or installation.system, starts_at, ends_at, hosts, people)

    return keep
