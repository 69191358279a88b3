"""What stands in the way of planned work among 10,000 planned changes and 500 windows, the calendar's page among as
many, and windows through a year.

The reference of the check reads every planned change with its hosts and people, expands every window for the night,
and compares one by one, as one would write it first. That of the calendar compares each planned change shown with
every other that the page has read. That of the windows is dateutil's `rrule.between` from the
window's first opening on. Both alternate with Weilu's in one process; the median counts.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.databases import on_both, write_rows

SYSTEMS, WINDOWS, PLANNED, HOSTS, DAYS = 100, 500, 10_000, 1_000, 90
CHECKS, YEARS, PAGES = 60, 20, 7
CHECK_GOAL, YEAR_GOAL, PAGE_GOAL = 50, 10, 1_000  # ms
# Windows of one system, each of another kind.
RULES = (
    ("FREQ=DAILY", 480), ("FREQ=WEEKLY;BYDAY=FR,SA", 600), ("FREQ=MONTHLY;BYDAY=2SA", 720),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", 240), ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", 180),
)  # fmt: skip
FIRST = datetime(2021, 1, 1, 14, tzinfo=UTC)  # five years ago: a reading from the start walks through all of them


def rows() -> list[dict[str, Any]]:
    """Both databases, one after the other, and the windows, which ask none."""
    return on_both("bench.planning_bench")


def measure(title: str) -> list[dict[str, Any]]:
    """The rows of the database the settings name."""
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", "--noinput", verbosity=0)
    return [*_checks(title), *_pages(title), *(_years() if title == "SQLite" else [])]


def _timed(act: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = act(*given)
    return (time.perf_counter() - begun) * 1000, answer


def _checks(title: str) -> list[dict[str, Any]]:
    from weilu.planning.queries import conflicts

    asked, mine, plain, met = _filled(), [], [], 0
    for number in range(CHECKS):
        item, system, starts, ends, hosts, people = asked(number)
        took, found = _timed(conflicts, item, system, starts, ends, hosts, people)
        mine.append(took)
        met += len(found)
        if number % 6 == 0:
            took, other = _timed(_one_by_one, item, system, starts, ends, hosts, people)
            plain.append(took)
            of_work = sorted(one.kind for one in found if one.kind not in ("outside", "freeze"))
            if len(of_work) != other[0] or any(one.kind == "outside" for one in found) == other[1]:
                raise AssertionError(f"the two answers differ: {found}, {other}")
    value, reference = statistics.median(mine[5:]), statistics.median(plain)
    return [
        {
            "name": f"conflict check among 10,000 planned changes and 500 windows, {title} ({met} met)",
            "value": f"{value:.1f} ms", "reference": f"one by one {reference:.0f} ms",
            "ratio": f"1/{reference / value:.0f}", "goal": f"≤ {CHECK_GOAL} ms", "reached": value <= CHECK_GOAL,
        }
    ]  # fmt: skip


def _pages(title: str) -> list[dict[str, Any]]:
    """The page of the calendar as the customer's engineer opens it: the first 40 systems, two weeks of planned work."""
    from django.test import Client

    from weilu.accounts.models import Person
    from weilu.kernel.times import SHANGHAI, now
    from weilu.planning import board
    from weilu.planning.drawing import open_calendar

    person, client = Person.objects.get(username="chenhang"), Client(SERVER_NAME="127.0.0.1")
    client.force_login(person)
    first = now().astimezone(SHANGHAI).date()
    pages, mine, plain = [], [], []
    for _turn in range(PAGES):
        took, answer = _timed(client.get, f"/calendar/?from={first}&days=14")
        if answer.status_code != 200:
            raise AssertionError(f"the calendar answered {answer.status_code}")
        pages.append(took)
    shown = board.board(person, open_calendar(first, 14))
    for _turn in range(PAGES):
        took, found = _timed(board._blocked, shown.bookings, shown.opens, [])
        mine.append(took)
        took, other = _timed(_each_with_every, shown)
        plain.append(took)
        if {number: sorted(kinds) for number, kinds in found.items()} != other:
            raise AssertionError("the two answers differ")
    page, value, reference = (statistics.median(took[1:]) for took in (pages, mine, plain))
    count = len(shown.bookings)
    return [
        {
            "name": f"page of the calendar among 10,000 planned changes, {count} of them on it, {title}",
            "value": f"{page:.0f} ms", "goal": f"≤ {PAGE_GOAL} ms", "reached": page <= PAGE_GOAL,
        },
        {
            "name": f"what blocks each of the {count}, all at once, {title}", "value": f"{value:.0f} ms",
            "reference": f"each with every {reference:.0f} ms", "ratio": f"{value / reference:.2f} ×",
        },
    ]  # fmt: skip


def _each_with_every(shown: Any) -> dict[int, list[Any]]:
    """What blocks each planned change shown, without any order among the others."""
    from weilu.planning import board, rules
    from weilu.planning.queries import taken_by

    ahead = [one for one in shown.bookings if one.id in shown.blocked]
    near, taken = board._near({one.system_id for one in ahead}), {one.id: one for one in taken_by(ahead)}
    others = {one.id: one for one in board._around(ahead, taken.values(), near)}
    known, found = taken_by(list(others.values())), {}
    for one in ahead:
        met = rules.clashes(taken[one.id], known, near[one.system_id], shown.opens[one.system_id], [])
        mine = (one.since, one.id)
        found[one.id] = sorted(
            clash.kind for clash in met if clash.kind == "outside" or others[clash.of].precedes(mine)
        )
    return found


def _filled() -> Callable[[int], tuple[Any, ...]]:
    """Systems with five windows each, hosts, people, and planned changes on the nights of 90 days, in bulk."""
    from tests.cast import make_cast, make_change, make_environment, make_group, make_installation
    from weilu.accounts.models import Person
    from weilu.demo import made_up_key
    from weilu.planning.models import Freeze, Window
    from weilu.process.models import WorkItem
    from weilu.systems.models import Dependency, Host, System

    cast = make_cast()
    System.objects.bulk_create(System(owner=cast.jz, code=f"S{n}", name=f"系统 {n}") for n in range(SYSTEMS))
    systems = list(System.objects.order_by("id"))
    Dependency.objects.bulk_create(Dependency(system=systems[n], on=systems[n // 2]) for n in range(2, SYSTEMS))
    Window.objects.bulk_create(
        Window(
            owner=cast.jz, system=systems[n // 5], name=f"窗口 {n}", rule=RULES[n % 5][0], starts=FIRST,
            minutes=RULES[n % 5][1],
        )
        for n in range(WINDOWS)
    )  # fmt: skip
    group = make_group(make_environment(systems[0]))
    Host.objects.bulk_create(
        Host(owner=cast.jz, group=group, name=f"h{n}", address=f"10.0.{n // 250}.{n % 250}", key=made_up_key(f"h{n}"))
        for n in range(HOSTS)
    )
    hosts, people = list(Host.objects.order_by("id")), list(Person.objects.order_by("id"))
    first = make_change(cast, make_installation(cast)).item
    WorkItem.objects.bulk_create(
        WorkItem(
            owner=cast.jz, number=f"JZ-BG-2031-{n:05d}", kind="change", title=f"变更 {n}", system=systems[n % SYSTEMS],
            requester=cast.wang, flow=first.flow, step=first.step,
        )
        for n in range(PLANNED)
    )  # fmt: skip
    tonight = datetime.now(UTC).replace(hour=14, minute=0, second=0, microsecond=0) + timedelta(days=1)
    _book(cast, first, tonight, hosts, people)
    Freeze.objects.create(
        owner=cast.jz,
        name="封网",
        starts=tonight + timedelta(days=40),
        ends=tonight + timedelta(days=47),
        reason="结算",
    )

    def asked(number: int) -> tuple[Any, ...]:
        start = tonight + timedelta(days=number * 11 % DAYS, minutes=number * 17 % 300)
        some = [hosts[(number * 37 + k) % HOSTS] for k in range(5)]
        system = System.objects.select_related("owner").get(id=systems[number * 7 % SYSTEMS].id)
        return None, system, start, start + timedelta(hours=3), some, [people[number % len(people)]]

    return asked


def _book(cast: Any, first: Any, tonight: datetime, hosts: list[Any], people: list[Any]) -> None:
    """A planned time for every change but the first, with three hosts and a person each."""
    from weilu.planning.models import Booking
    from weilu.process.models import WorkItem

    items = list(WorkItem.objects.exclude(id=first.id).order_by("id"))
    Booking.objects.bulk_create(
        Booking(owner=cast.jz, item=item, system=item.system, by=cast.chen, starts=at, ends=at + timedelta(hours=2))
        for n, item in enumerate(items)
        for at in [tonight + timedelta(days=n * 7 % DAYS, minutes=n * 13 % 360)]
    )
    bookings = list(Booking.objects.order_by("id"))
    on, by = Booking.hosts.through, Booking.people.through
    on.objects.bulk_create(
        on(booking=one, host=hosts[(n * 3 + k) % HOSTS]) for n, one in enumerate(bookings) for k in range(3)
    )
    by.objects.bulk_create(by(booking=one, person=people[n % len(people)]) for n, one in enumerate(bookings))


def _one_by_one(
    item: Any, system: Any, starts: datetime, ends: datetime, hosts: list[Any], people: list[Any]
) -> tuple[int, bool]:
    """How many planned changes are in the way, and whether a window holds the time: everything read and compared."""
    from weilu.planning import rules
    from weilu.planning.models import Booking, Window
    from weilu.planning.rules import Span
    from weilu.systems.models import Dependency

    near = {system.id}
    for one, other in Dependency.objects.values_list("system_id", "on_id"):
        near |= {other} if one == system.id else {one} if other == system.id else set()
    of_hosts, of_people = defaultdict(set), defaultdict(set)
    for booking, key in Booking.hosts.through.objects.values_list("booking_id", "host__key"):
        of_hosts[booking].add(key)
    for booking, person in Booking.people.through.objects.values_list("booking_id", "person_id"):
        of_people[booking].add(person)
    keys, persons = {host.key for host in hosts}, {person.id for person in people}
    met = sum(
        one.starts < ends and starts < one.ends
        and (one.system_id in near or bool(of_hosts[one.id] & keys) or bool(of_people[one.id] & persons))
        for one in Booking.objects.filter(released_at=None)
    )  # fmt: skip
    opens = defaultdict(list)
    for window in Window.objects.filter(ended_at=None):
        opens[window.system_id] += rules.expand(window.recurring, starts, ends)
    spans = rules.merge(opens[system.id])
    return met, rules.inside(Span(starts, ends), spans) is not None


def _years() -> list[dict[str, Any]]:
    """The windows of one system through 2026, all five; then as many as the installation has."""
    from dateutil.rrule import rrulestr

    from weilu.kernel.times import SHANGHAI
    from weilu.planning import rules
    from weilu.planning.recurrence import read_rule
    from weilu.planning.rules import Recurring

    since, until = datetime(2026, 1, 1, tzinfo=SHANGHAI), datetime(2027, 1, 1, tzinfo=SHANGHAI)
    local = FIRST.astimezone(SHANGHAI).replace(tzinfo=None)

    def ours(count: int) -> list[list[Any]]:
        kept = [Recurring(read_rule(RULES[n % 5][0]), FIRST, RULES[n % 5][1]) for n in range(count)]
        return [rules.expand(one, since, until) for one in kept]

    def theirs(count: int) -> list[list[Any]]:
        edges = [at.replace(tzinfo=None) - timedelta(hours=12) for at in (since, until)]
        return [rrulestr(RULES[n % 5][0], dtstart=local).between(*edges) for n in range(count)]

    found = []
    for name, count, goal in (("5 windows of a system", 5, YEAR_GOAL), ("500 windows", WINDOWS, None)):
        mine, plain = [], []
        for _turn in range(YEARS if goal else 5):
            mine.append(_timed(ours, count)[0])
            plain.append(_timed(theirs, count)[0])
        value, reference = statistics.median(mine), statistics.median(plain)
        openings = sum(map(len, ours(count)))
        row = {
            "name": f"{name} through a year, {openings:,} openings", "value": f"{value:.1f} ms",
            "reference": f"dateutil {reference:.1f} ms", "ratio": f"{value / reference:.2f} ×",
        }  # fmt: skip
        found.append(row | ({"goal": f"≤ {goal} ms", "reached": value <= goal} if goal else {}))
    return found


if __name__ == "__main__":
    write_rows(measure)
