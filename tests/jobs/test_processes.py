"""Worker processes say that they live, and that they end; one that does not say so fell silent (OPS-9)."""

import threading
from datetime import timedelta

import pytest

from weilu.jobs import processes
from weilu.jobs.actions import clear_away
from weilu.jobs.kinds import Doing
from weilu.jobs.models import Job, Process
from weilu.kernel.times import now


@pytest.mark.django_db(transaction=True)
def test_a_process_lives_until_it_says_that_it_ended():
    stop = threading.Event()
    telling = processes.begin(stop, "app-01:7:ab")
    for _turn in range(200):
        if processes.living(now()):
            break
        stop.wait(0.02)
    assert [one.holder for one in processes.living(now())] == ["app-01:7:ab"]

    stop.set()
    telling.join(20)

    assert processes.living(now()) == []
    assert processes.fell_silent(now() + timedelta(minutes=5), within=timedelta(days=1)) == []


@pytest.mark.django_db
def test_one_without_a_sign_of_life_for_two_minutes_fell_silent():
    Process.objects.create(holder="a", seen=now() - timedelta(seconds=119))
    Process.objects.create(holder="b", seen=now() - timedelta(seconds=121))
    Process.objects.create(holder="c", seen=now() - timedelta(hours=25))

    assert [one.holder for one in processes.living(now())] == ["a"]
    assert [one.holder for one in processes.fell_silent(now(), within=timedelta(days=1))] == ["b"]


@pytest.mark.django_db
def test_processes_of_long_ago_are_forgotten():
    Process.objects.create(holder="a", seen=now() - timedelta(days=29))
    Process.objects.create(holder="b", seen=now() - timedelta(days=31))

    clear_away(Doing(Job(), 0))

    assert list(Process.objects.values_list("holder", flat=True)) == ["a"]
