"""A job is there with its act and done once; failures are tried again later and given up in sight."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import transaction

from tests.cast import Cast
from tests.support.unchanged import Refusal, refusal_of
from weilu.jobs import worker
from weilu.jobs.actions import clear_away, enqueue, try_again
from weilu.jobs.kinds import Doing, Fenced, Kind, register
from weilu.jobs.models import Job
from weilu.jobs.rules import Daily, Minutes, delay
from weilu.kernel.models import Series
from weilu.kernel.times import now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]
NOON = datetime(2026, 9, 28, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai


def due_now() -> None:
    Job.objects.update(at=now() - timedelta(seconds=1))


def work(times: int) -> list[bool]:
    done = []
    for _turn in range(times):
        due_now()
        done.append(worker.work_once("test"))
    return done


def only() -> Job:
    return Job.objects.get()


def test_a_job_goes_with_the_act_that_asked_for_it():
    def undone() -> None:
        with transaction.atomic():
            enqueue("trial.row", {"n": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert Job.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_job_outside_of_an_action_is_a_defect():
    with pytest.raises(RuntimeError) as told:
        enqueue("trial.row", {"n": 1})
    assert (str(told.value), Job.objects.count()) == ("a job is enqueued only inside an action", 0)


def test_a_key_is_enqueued_once():
    for n in (1, 2):
        enqueue("trial.row", {"n": n}, key="one")
    enqueue("trial.line", {"n": 3}, key="one")
    enqueue("trial.row", {"n": 4})
    enqueue("trial.row", {"n": 5})

    assert [job.payload["n"] for job in Job.objects.order_by("id")] == [1, 3, 4, 5]


def test_a_done_job_of_the_same_key_is_begun_anew_only_when_asked_to():
    for again in (False, True, True, True):
        enqueue("trial.row", {"n": 1 + Series.objects.count()}, key="one", again=again)
        if again:
            enqueue("trial.row", {"n": 9}, key="one", again=True)  # it waits already
        work(1)
    assert (list(Series.objects.order_by("id").values_list("year", flat=True)), Job.objects.count()) == (
        [1, 2, 3, 4],
        1,
    )


def test_a_job_waits_for_its_time_then_is_done_once():
    enqueue("trial.row", {"n": 7}, at=now() + timedelta(minutes=5))
    assert worker.work_once("test") is False

    assert work(2) == [True, False]
    assert list(Series.objects.values_list("owner", "year")) == [("TRIAL", 7)]
    assert (only().state, only().tries, only().lease_until) == ("done", 1, None)


def test_a_failure_undoes_its_effect_waits_longer_each_time_and_is_given_up_with_its_reason():
    enqueue("trial.fails", {})
    waits = []
    for _try in range(2):
        assert work(1) == [True]
        waits.append(round((only().at - only().failed_at).total_seconds()))
    assert work(2) == [True, False]

    assert waits == [30, 60]
    assert (only().state, only().tries, only().reason) == ("given-up", 3, "邮件服务器没有回答")
    assert Series.objects.count() == 0


@pytest.mark.parametrize(
    ("kind", "tries", "reason"),
    [
        ("trial.hopeless", 1, "收件人没有邮箱"),
        ("trial.broken", 3, "程序出错（KeyError），详情在工作进程的日志里"),
    ],
)
def test_what_can_never_succeed_is_given_up_at_once_and_a_defect_names_no_detail(kind: str, tries: int, reason: str):
    enqueue(kind, {})
    work(4)
    assert (only().state, only().tries, only().reason) == ("given-up", tries, reason)


def test_a_job_that_killed_its_worker_each_time_is_given_up():
    enqueue("trial.row", {"n": 1})
    Job.objects.update(tries=3)  # three workers took it and were never heard of again

    assert work(2) == [True, False]
    assert (only().state, only().reason) == ("given-up", "办到一半时工作进程停了，已 3 次")
    assert Series.objects.count() == 0


def test_a_job_under_lease_is_left_alone_and_a_worker_that_lost_it_writes_nothing():
    enqueue("trial.row", {"n": 1})
    first = worker.claim("first")
    assert first is not None
    assert worker.claim("second") is None
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    second = worker.claim("second")
    assert second is not None

    with pytest.raises(Fenced):
        worker._carry_out(worker.KINDS["trial.row"], first)
    assert (Series.objects.count(), only().state, only().holder) == (0, "waiting", "second")
    worker._carry_out(worker.KINDS["trial.row"], second)
    assert (Series.objects.count(), only().state, only().fence) == (1, "done", 2)


def test_a_job_of_an_unknown_kind_waits_for_a_worker_that_knows_it():
    enqueue("trial.of_tomorrow", {})
    assert work(1) == [False]
    assert (only().state, only().tries) == ("waiting", 0)


@pytest.mark.parametrize(
    ("times", "instant", "expected"),
    [
        (Minutes(1), NOON, NOON + timedelta(minutes=1)),
        (Minutes(15), NOON + timedelta(minutes=14, seconds=59), NOON + timedelta(minutes=15)),
        (Daily(time(12)), NOON, NOON + timedelta(days=1)),
        (Daily(time(12)), NOON - timedelta(seconds=1), NOON),
        (Daily(time(3, 10)), NOON, datetime(2026, 9, 28, 19, 10, tzinfo=UTC)),
    ],
)
def test_the_table_of_times_says_when_next(times, instant: datetime, expected: datetime):
    assert times.after(instant) == expected


@pytest.mark.parametrize(("tries", "seconds"), [(0, 30), (1, 30), (2, 60), (5, 480), (9, 7200), (5000, 7200)])
def test_the_delay_doubles_up_to_two_hours(tries: int, seconds: int):
    assert delay(tries) == timedelta(seconds=seconds)


def test_what_comes_again_has_one_row_that_waits_for_its_next_time():
    done: list[int] = []
    register(Kind("trial.again", "试验", lambda doing: done.append(doing.job.id), times=Minutes(1)))
    for _worker in range(2):
        worker.plan_repeated()
    row = Job.objects.get(kind="trial.again")
    Job.objects.exclude(id=row.id).delete()
    assert (row.key, timedelta() < row.at - now() <= timedelta(minutes=1)) == ("repeated", True)

    assert work(3) == [True, True, True]
    row.refresh_from_db()
    assert (len(done), row.state, row.tries, row.at > now(), row.at.second) == (3, "waiting", 0, True, 0)


def test_what_comes_again_and_fails_keeps_its_reason_and_its_next_time():
    register(Kind("trial.again", "试验", worker.KINDS["trial.fails"].do, tries=1, times=Daily(time(3))))
    worker.plan_repeated()
    Job.objects.exclude(kind="trial.again").delete()

    assert work(1) == [True]
    assert (only().state, only().reason, only().at > now()) == ("waiting", "邮件服务器没有回答", True)


def test_a_kind_that_no_longer_comes_again_loses_its_row():
    Job.objects.create(kind="trial.of_yesterday", key=Job.REPEATED)
    worker.plan_repeated()
    assert list(Job.objects.values_list("kind", flat=True).filter(kind__startswith="trial")) == []


def test_only_what_was_done_long_ago_is_forgotten():
    enqueue("trial.row", {"n": 1})
    enqueue("trial.row", {"n": 2})
    enqueue("trial.hopeless", {"n": 3})
    for _job in range(3):
        worker.work_once("test")
    Job.objects.filter(payload__n__in=(1, 3)).update(ended_at=now() - timedelta(days=31))

    clear_away(Doing(Job(), 0))
    assert sorted(Job.objects.values_list("payload__n", flat=True)) == [2, 3]


def given_up(org: str) -> Job:
    enqueue("trial.hopeless", {}, org=org)
    worker.work_once("test")
    return only()


@pytest.mark.parametrize(("org", "who"), [("JZ", "zheng"), ("", "zheng"), ("", "he")])
def test_an_administrator_tries_again(cast: Cast, org: str, who: str):
    job = try_again(getattr(cast, who), given_up(org))
    assert (job.state, job.tries, work(1)) == ("waiting", 0, [True])


@pytest.mark.parametrize(("org", "who"), [("JZ", "he"), ("JZ", "wang"), ("", "wang"), ("", "sun")])
def test_nobody_else_tries_again(cast: Cast, org: str, who: str):
    job = given_up(org)
    assert refusal_of(lambda: try_again(getattr(cast, who), job)) == Refusal("再试后台任务要由系统管理员办")


def test_what_was_not_given_up_is_not_tried_again(cast: Cast):
    enqueue("trial.row", {"n": 1}, org="JZ")
    job = only()
    assert refusal_of(lambda: try_again(cast.zheng, job)) == Refusal("这件任务没有放弃，不用再试")
