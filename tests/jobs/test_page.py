"""The administrator's page of background work."""

import pytest
from django.test import Client

from tests.cast import Cast
from weilu.accounts.models import Person
from weilu.jobs import worker
from weilu.jobs.actions import enqueue
from weilu.jobs.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def give_up(count: int, org: str = "JZ") -> None:
    for _job in range(count):
        enqueue("trial.hopeless", {}, org=org)
        worker.work_once("test")


def test_what_was_given_up_is_shown_with_its_reason_and_tried_again_by_a_button(cast: Cast):
    give_up(1)
    zheng, job = signed_in(cast.zheng), Job.objects.get()
    page = zheng.get("/jobs/").content.decode()
    assert ("收件人没有邮箱" in page, f"/jobs/{job.uid}/again" in page) == (True, True)

    answer = zheng.post(f"/jobs/{job.uid}/again")
    job.refresh_from_db()
    assert (answer.status_code, answer["Location"], job.state) == (302, "/jobs/", "waiting")


def test_the_page_is_the_administrators_and_shows_only_their_customers_jobs(cast: Cast):
    give_up(1)
    job = Job.objects.get()
    assert "收件人没有邮箱" not in signed_in(cast.he).get("/jobs/").content.decode()
    assert signed_in(cast.he).post(f"/jobs/{job.uid}/again").status_code == 404
    for person in (cast.wang, cast.chen, cast.sun):
        client = signed_in(person)
        assert (client.get("/jobs/").status_code, client.post(f"/jobs/{job.uid}/again").status_code) == (403, 403)
    job.refresh_from_db()
    assert job.state == "given-up"


def test_a_job_that_nobody_takes_is_noticed(cast: Cast):
    enqueue("trial.row", {"n": 1}, org="JZ")
    zheng = signed_in(cast.zheng)
    assert "工作进程可能没有运行" not in zheng.get("/jobs/").content.decode()
    Job.objects.update(at="2026-01-01T00:00:00Z")
    assert "1 件到时已过 5 分钟还没有人办" in zheng.get("/jobs/").content.decode()


def test_the_page_asks_as_often_for_three_jobs_as_for_one(cast: Cast, django_assert_max_num_queries):
    worker.plan_repeated()
    zheng = signed_in(cast.zheng)
    counts = []
    for more in (1, 2):
        give_up(more)
        with django_assert_max_num_queries(40) as asked:
            assert zheng.get("/jobs/").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]
