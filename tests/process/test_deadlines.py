"""Reminders before a deadline, escalation after it: each once, on working days, never for a seat that is closed."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import transaction

from tests.cast import Cast, system_of
from weilu.evidence.models import Staged
from weilu.jobs import worker
from weilu.jobs.models import Job
from weilu.kernel import worktime
from weilu.kernel.times import SHANGHAI, now
from weilu.notify.models import Notice
from weilu.process import deadlines
from weilu.process.actions import open_item, sign_step
from weilu.process.deadlines import OFFICE, SWEEP, Level, levels, reached
from weilu.process.flow_actions import install_flow
from weilu.process.models import Event, Seat, WorkItem

FLOW = """flow: test.flow
title: 试验
steps:
  - {key: ask, title: 申请, who: requester}
  - {key: check, title: 审核, who: %s, hours: 16}
  - {key: last, title: 确认, who: requester}
"""


def at(day: int, clock: str, month: int = 9) -> datetime:
    hour, minute = clock.split(":")
    return datetime.combine(date(2026, month, day), time(int(hour), int(minute)), SHANGHAI)


@pytest.mark.once
@pytest.mark.parametrize(
    ("since", "due", "expected"),
    [
        # Monday 28 September 2026; 1 to 7 October are off, 10 October is worked.
        (at(21, "09:00"), at(22, "18:00"), [at(21, "18:00"), at(22, "17:00"), at(22, "18:00"), at(23, "18:00")]),
        (at(11, "16:00"), at(14, "10:00"), [at(11, "17:30"), at(11, "18:00"), at(14, "10:00"), at(15, "10:00")]),
        (at(30, "09:00"), at(8, "18:00", 10), [at(30, "18:00"), at(8, "17:00", 10), at(8, "18:00", 10), None]),
        (at(21, "09:00"), at(21, "11:00"), [at(21, "10:00"), at(21, "11:00"), at(22, "11:00")]),
        (at(21, "09:00"), at(21, "09:00"), [at(21, "09:00"), at(21, "09:00"), at(21, "18:00")]),
    ],
)
def test_levels_follow_the_working_calendar(since: datetime, due: datetime, expected: list[datetime | None]):
    found = [level.at for level in levels(since, due, OFFICE)]
    assert [one for one, wanted in zip(found, expected, strict=True) if wanted] == [one for one in expected if one]


NINE = datetime(2026, 9, 21, 1, 0, tzinfo=UTC)
ALL = [Level(key, NINE + timedelta(hours=n)) for n, key in enumerate(("half", "hour", "late", "later"), 1)]


@pytest.mark.once
@pytest.mark.parametrize(
    ("hours", "say", "again"),
    [
        (0, [], 1), (1, ["half"], 2), (2, ["hour"], 3), (3, ["late"], 4), (4, ["late", "later"], None),
        (9, ["late", "later"], None),
    ],
)  # fmt: skip
def test_only_what_is_still_of_use_is_said(hours: int, say: list[str], again: int | None):
    expected = None if again is None else NINE + timedelta(hours=again)
    assert reached(ALL, NINE + timedelta(hours=hours)) == (say, expected)


class Waiting:
    """An item at its check; its seat's times can be moved as if time had gone by."""

    def __init__(self, cast: Cast, who: str = "role(technical_head)", code: str = "CS") -> None:
        install_flow(cast.jz, FLOW % who)
        with transaction.atomic():
            self.item: WorkItem = open_item(
                cast.wang, system=system_of(cast, code), kind="test", series="CS", title="试一试", flow="test.flow",
                facets={"running": True}, words="",
            )  # fmt: skip
        self.work()
        Notice.objects.all().delete()

    def work(self) -> None:
        """Everything that is due, after a look at each deadline; one that asks to be done later waits."""
        Job.objects.filter(kind="process.deadline", state="waiting").update(at=now() - timedelta(seconds=1))
        for _turn in range(10):
            if not worker.work_once("test"):
                return

    def gone_by(self, *, used: float) -> None:
        """`used` of the working time is over; 1 is the due time, more is a share of a working day late."""
        instant, whole = now(), 16 * 60
        if used <= 1:
            since = back(instant, int(whole * used))
            due = worktime.add(since, whole, OFFICE)
        else:
            due = back(instant, int((used - 1) * OFFICE.day_minutes))
            since = back(due, whole)
        Seat.objects.filter(item=self.item, visit__step="check").update(since=since, due_at=due)
        self.work()

    def told(self) -> list[tuple[str, str, str]]:
        return [
            (one.person.name, one.kind, one.title.replace(self.item.number, "N"))
            for one in Notice.objects.exclude(kind="waits").select_related("person").order_by("id")
        ]


def back(instant: datetime, minutes: int) -> datetime:
    """The latest instant from which `minutes` of working time, and no less, lead to `instant`."""
    low, high = instant - timedelta(days=60), instant
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if worktime.between(middle, instant, OFFICE) >= minutes else (low, middle)
    return low


HALF, HOUR = ("赵立新", "reminder", "时限已过半：N 审核"), ("赵立新", "reminder", "快到期：N 审核")
LATE = "逾期未办：N 审核，在等 赵立新"


@pytest.fixture
def headed(cast: Cast) -> Cast:
    """吴 heads the department of 赵 and 郑."""
    cast.zhao.department.head = cast.wu
    cast.zhao.department.save()
    return cast


@pytest.mark.django_db
def test_each_level_is_said_once_to_the_right_person(headed: Cast):
    waiting = Waiting(headed)
    expected: list[tuple[str, str, str]] = []
    for used, said in (
        (0.3, []),
        (0.55, [HALF]),
        (0.97, [HOUR]),
        (1.3, [("吴静", "escalation", LATE)]),
        (2.2, [("郑洁", "escalation", LATE)]),
        (3.5, []),
    ):
        for _again in range(2):
            waiting.gone_by(used=used)
        expected += said
        assert waiting.told() == expected

    notes = [one.words for one in Event.objects.filter(item=waiting.item, kind="notice").order_by("id")]
    assert notes == ["「审核」赵立新 逾期未办，已报 吴静", "「审核」赵立新 逾期未办，已报 郑洁"]
    assert Staged.objects.filter(kind="notify.told").count() == 4


@pytest.mark.django_db
def test_without_a_head_the_administrator_hears_it_at_once_and_not_again(cast: Cast):
    waiting = Waiting(cast)
    for used in (1.2, 2.5):
        waiting.gone_by(used=used)
    assert waiting.told() == [("郑洁", "escalation", LATE)]


@pytest.mark.django_db
def test_a_head_who_is_late_is_not_told_on_to_themself(headed: Cast):
    headed.zhao.department.head = headed.zhao
    headed.zhao.department.save()
    waiting = Waiting(headed)
    waiting.gone_by(used=1.2)
    assert waiting.told() == [("郑洁", "escalation", LATE)]


@pytest.mark.django_db
def test_a_worker_that_was_away_says_only_what_counts_now(headed: Cast):
    waiting = Waiting(headed)
    waiting.gone_by(used=2.5)
    assert waiting.told() == [("吴静", "escalation", LATE), ("郑洁", "escalation", LATE)]


@pytest.mark.django_db
def test_a_seat_closed_in_the_meantime_gets_nothing(headed: Cast):
    waiting = Waiting(headed)
    item = WorkItem.objects.get(id=waiting.item.id)
    sign_step(headed.zhao, item, turn=item.turn)
    waiting.gone_by(used=2.5)
    assert waiting.told() == []
    assert Job.objects.filter(kind="process.deadline", state="waiting").count() == 0


@pytest.mark.django_db
def test_a_seat_without_a_watch_is_found_by_the_sweep_and_watched_once(headed: Cast):
    waiting = Waiting(headed)
    Job.objects.filter(kind="process.deadline").delete()
    for _sweep in range(2):
        SWEEP.do(worker.Doing(Job(), 0))
    watched = Job.objects.filter(kind="process.deadline")
    assert [job.payload["seat"] for job in watched] == [Seat.objects.get(item=waiting.item, open=True).id]
    waiting.gone_by(used=0.55)
    assert waiting.told() == [HALF]


@pytest.mark.django_db
def test_a_seat_that_is_opened_again_is_watched_again(headed: Cast):
    waiting = Waiting(headed)
    Seat.objects.filter(item=waiting.item).update(open=False)
    waiting.work()
    assert [job.state for job in Job.objects.filter(kind="process.deadline")] == ["done"]

    Seat.objects.filter(item=waiting.item).update(open=True)
    SWEEP.do(worker.Doing(Job(), 0))
    waiting.gone_by(used=0.55)
    assert waiting.told() == [HALF]


@pytest.mark.django_db
def test_when_everything_is_said_the_watch_rests(headed: Cast):
    waiting = Waiting(headed)
    waiting.gone_by(used=3.5)
    job = Job.objects.get(kind="process.deadline")
    assert (job.state, timedelta(days=6) < job.at - now()) == ("waiting", True)


@pytest.mark.django_db
def test_the_sweep_asks_as_often_for_three_watched_seats_as_for_one(cast: Cast, django_assert_num_queries):
    Waiting(cast)
    for people in (1, 3):
        if people == 3:
            Waiting(cast, "[role(technical_head), role(leader)]", "CT")
        with django_assert_num_queries(1):
            deadlines.sweep(worker.Doing(Job(), 0))
