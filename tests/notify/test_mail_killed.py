"""The program `weilu worker` sends the mails; killed in the middle of one, it leaves no second mail behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.cast import Cast, cast_again
from tests.notify.conftest import configure, reads_mail
from tests.support.mailbox import Mailbox
from weilu.jobs.models import Job
from weilu.kernel.times import now
from weilu.notify.actions import put
from weilu.notify.models import Mail

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.django_db(transaction=True)]
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(box: Mailbox) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def worker() -> "subprocess.Popen[bytes]":
        env = {**os.environ, **box.environment(), "DJANGO_SETTINGS_MODULE": "weilu.settings"}
        started.append(subprocess.Popen([sys.executable, "-m", "weilu.cli.main", "worker"], env=env))
        return started[-1]

    yield worker
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.fixture
def people(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Cast:
    configure(monkeypatch, smtp=box.settings())
    cast = cast_again()
    reads_mail(cast.wang, system="now")
    return cast


def tell(cast: Cast, count: int = 1) -> None:
    for number in range(count):
        put([cast.wang], f"待您办理 {number}", kind="system", owner=cast.jz)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 40
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def sending() -> list[tuple[str, str]]:
    return list(Job.objects.filter(kind="notify.mail").values_list("state", "reason"))


def test_two_workers_send_every_mail_once(people: Cast, box: Mailbox, start: Start):
    tell(people, 20)
    start(), start()
    until(lambda: Mail.objects.filter(sent_at=None).count() == 0)
    assert sorted(one["Subject"] for one in box.mails) == sorted(f"待您办理 {number}" for number in range(20))
    until(lambda: set(sending()) == {("done", "")})


def test_a_worker_killed_while_the_server_has_the_mail_does_not_lead_to_a_second_one(
    people: Cast, box: Mailbox, start: Start
):
    tell(people)
    box.after_data = "silence"
    first = start()
    until(lambda: len(box.mails) == 1)
    first.kill()
    first.wait(10)
    assert sending() == [("waiting", "")]

    box.after_data = ""
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    start()
    until(lambda: sending()[0][0] != "waiting")
    unknown = "发送中断，不知道对方是否已收到，没有再发。「再试一次」会再发一封"
    assert (len(box.mails), sending()) == (1, [("given-up", unknown)])


def test_a_worker_killed_before_the_content_leads_to_one_mail(people: Cast, box: Mailbox, start: Start):
    tell(people)
    box.before_data = "silence"
    first = start()
    until(lambda: box.talks == 1)
    first.kill()
    first.wait(10)

    box.before_data = ""
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    start()
    until(lambda: sending() == [("done", "")])
    assert len(box.mails) == 1
