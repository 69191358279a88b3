"""Real worker processes, killed: another takes the job again, and none is completed by two."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from weilu.jobs.actions import enqueue
from weilu.jobs.models import Job
from weilu.kernel.models import Series
from weilu.kernel.times import now

pytestmark = [pytest.mark.slow, pytest.mark.crash, pytest.mark.django_db(transaction=True)]
PROGRAM = Path(__file__).with_name("worker_process.py")


def start(seconds: float = 1.0, lease: float = 30, beat: float = 5) -> "subprocess.Popen[str]":
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "weilu.settings", "PYTHONPATH": str(PROGRAM.parents[2])}
    command = [sys.executable, str(PROGRAM), str(seconds), str(lease), str(beat)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> int:
    _out, errors = process.communicate(timeout=120)
    assert process.returncode in (0, -9), errors
    return process.returncode


def lease_ends() -> None:
    Job.objects.exclude(lease_until=None).update(lease_until=now() - timedelta(seconds=1))


@transaction.atomic
def ask(kind: str, **payload: object) -> None:
    enqueue(kind, payload)


def test_a_worker_killed_before_its_commit_leaves_no_effect_and_the_next_one_does_it_once(tmp_path: Path):
    ask("trial.row", n=1, dies=str(tmp_path / "died"))

    assert ended(start()) == -9
    assert (Series.objects.count(), Job.objects.get().state) == (0, "waiting")
    lease_ends()
    assert ended(start()) == 0

    job = Job.objects.get()
    assert (Series.objects.count(), job.state, job.fence, job.tries) == (1, "done", 2, 2)


def test_the_job_of_a_killed_worker_is_taken_when_its_lease_ends_by_itself(tmp_path: Path):
    ask("trial.line", n=1, file=str(tmp_path / "lines"), dies=str(tmp_path / "died"))

    assert ended(start(lease=2, beat=0.2)) == -9
    assert ended(start(seconds=4, lease=2, beat=0.2)) == 0

    assert ((tmp_path / "lines").read_text(), Job.objects.get().fence) == ("1\n", 2)


def test_a_heartbeat_keeps_a_long_job_from_other_workers(tmp_path: Path):
    ask("trial.line", n=1, file=str(tmp_path / "lines"), seconds=3)
    workers = [start(seconds=2.5, lease=1, beat=0.2) for _worker in range(2)]

    assert [ended(one) for one in workers] == [0, 0]
    assert ((tmp_path / "lines.begun").read_text(), Job.objects.get().fence) == ("1\n", 1)


def test_three_workers_of_which_one_is_killed_complete_every_job_once(tmp_path: Path):
    with transaction.atomic():
        for n in range(60):
            enqueue("trial.row", {"n": n})
            enqueue("trial.line", {"n": n, "file": str(tmp_path / "lines"), "seconds": 0.01})
    workers = [start(seconds=3, lease=2, beat=0.2) for _worker in range(3)]
    until = time.monotonic() + 60
    while Job.objects.filter(state="done").count() < 20 and time.monotonic() < until:
        time.sleep(0.02)
    workers[0].kill()

    assert [ended(one) for one in workers] == [-9, 0, 0]
    assert Counter(Job.objects.values_list("state", flat=True)) == {"done": 120}
    assert sorted(Series.objects.values_list("year", flat=True)) == list(range(60))
    written = Counter((tmp_path / "lines").read_text().split())
    assert set(written) == {str(n) for n in range(60)}
    assert sum(written.values()) <= 61  # the killed one may have written its line without being able to say so


def test_a_worker_that_was_only_paused_cannot_complete_what_another_has_done(tmp_path: Path):
    ask("trial.line", n=1, file=str(tmp_path / "lines"), seconds=2)
    paused = start(seconds=1, lease=1, beat=0.2)
    until = time.monotonic() + 30
    while not (tmp_path / "lines.begun").exists() and time.monotonic() < until:
        time.sleep(0.02)
    paused.send_signal(signal.SIGSTOP)
    time.sleep(1.3)
    assert ended(start(seconds=1, lease=5)) == 0
    done = Job.objects.get()
    assert (done.state, done.fence) == ("done", 2)

    paused.send_signal(signal.SIGCONT)
    assert ended(paused) == 0
    again = Job.objects.get()
    assert (again.holder, again.fence, again.ended_at) == (done.holder, 2, done.ended_at)
