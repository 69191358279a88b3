"""When hosts are gone to, by whom, and what follows when a worker dies on its way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from tests.cast import Cast
from tests.support.unchanged import Refusal, refusal_of
from tests.vault.conftest import Hosts, lives, make_key, make_place, open_hosts, staged
from tests.vault.going import gone_to, leftovers, reach_jobs, work
from weilu.accounts.alarms import raise_alarms
from weilu.accounts.watched import Alarm
from weilu.demo import made_up_key, make_host
from weilu.jobs.kinds import KINDS
from weilu.jobs.models import Job
from weilu.jobs.worker import claim, new_holder
from weilu.kernel.times import now
from weilu.systems.host_actions import change_host, pin_key, register_host, retire_host
from weilu.systems.models import Host, HostEvent
from weilu.vault.actions import grant_access
from weilu.vault.models import Access, Credential, Reaching
from weilu.vault.reach import jobs
from weilu.vault.reach.actions import test_connection as ask_for_test
from weilu.vault.reach.rules import Found, State
from weilu.vault.reach.visiting import keep

FIELDS = {"name": "新机", "address": "10.231.250.250"}


def test_administrators_and_engineers_ask_for_a_test(vault: Cast):
    host = make_host(make_place(vault))
    for who in ("wang", "li", "zhao", "qian", "wu", "zhou", "sun", "he"):
        by = getattr(vault, who)
        assert refusal_of(lambda by=by: ask_for_test(by, host)) == Refusal("连接测试由系统管理员或维护工程师办")
    assert reach_jobs() == []
    ask_for_test(vault.chen, host)
    ask_for_test(vault.zheng, host)
    assert reach_jobs() == [("vault.reach", "waiting")]
    retire_host(vault.zheng, host, reason="下线")
    assert refusal_of(lambda: ask_for_test(vault.zheng, host)) == Refusal(f"主机 {host.name} 已停用")


def test_a_stranger_cannot_ask_by_the_api(vault: Cast, client):
    host = make_host(make_place(vault))
    said = json.dumps({"host": str(host.uid)})
    for who, status in ((vault.he, 404), (vault.sun, 404), (vault.wang, 409), (vault.chen, 200)):
        client.force_login(who)
        answer = client.post("/api/v1/vault/test_connection", said, content_type="application/json")
        assert answer.status_code == status


def test_the_answer_comes_by_a_worker_and_what_is_asked_meanwhile_is_answered_too(vault: Cast, real_hosts: Hosts):
    one, other = open_hosts(vault, real_hosts(2))
    ask_for_test(vault.chen, one)
    assert (work(), Reaching.objects.get(host=one).state) == (2, "ok")  # gone to, then nobody waits any more
    assert reach_jobs() == [("vault.reach", "done")]
    ask_for_test(vault.chen, other)
    assert (work(), Reaching.objects.get(host=other).state) == (2, "ok")


def test_work_that_was_given_up_does_not_stand_in_the_way(vault: Cast):
    host = make_host(make_place(vault))
    ask_for_test(vault.chen, host)
    Job.objects.filter(kind="vault.reach").update(state=Job.State.GIVEN_UP)
    ask_for_test(vault.chen, host)
    assert reach_jobs() == [("vault.reach", "waiting")]


@pytest.fixture
def pools():
    kept = dict(KINDS)
    yield
    KINDS.clear()
    KINDS.update(kept)


def test_a_host_of_a_pool_waits_for_a_worker_of_that_pool(vault: Cast, real_hosts: Hosts, pools: None):
    (host,) = open_hosts(vault, real_hosts(1))
    change_host(vault.zheng, host, pool="dmz")
    assert reach_jobs() == [("vault.reach@dmz", "waiting")]
    assert (claim(new_holder()), Reaching.objects.get().state) == (None, "")
    jobs.serve(["dmz"])
    work()
    assert Reaching.objects.get().state == "ok"


def test_every_host_is_gone_to_each_hour(vault: Cast):
    group = make_place(vault)
    hosts = [make_host(group), make_host(group), make_host(group, pool="dmz")]
    retired = make_host(group)
    retire_host(vault.zheng, retired, reason="下线")
    round_ = Job(kind="vault.round")
    jobs.LOOK.do(type("Doing", (), {"job": round_})())
    assert {one.host_id for one in Reaching.objects.exclude(asked_at=None)} == {one.id for one in hosts}
    assert reach_jobs() == [("vault.reach", "waiting"), ("vault.reach@dmz", "waiting")]
    Reaching.objects.update(asked_at=None, at=now() - timedelta(minutes=50))
    Reaching.objects.filter(host=hosts[1]).update(at=now() - timedelta(minutes=56))
    jobs.LOOK.do(type("Doing", (), {"job": round_})())
    assert [one.host for one in Reaching.objects.exclude(asked_at=None)] == [hosts[1]]


def test_news_of_a_host_have_it_gone_to(vault: Cast):
    group = make_place(vault)

    def asked() -> bool:
        waits = Reaching.objects.get().asked_at is not None
        Reaching.objects.update(asked_at=None, state="refused", offered="x")
        return waits

    host = register_host(vault.zheng, group, **FIELDS)
    assert asked() is True
    change_host(vault.zheng, host, site="东机房")
    assert (asked(), Reaching.objects.get().state) == (False, "refused")
    change_host(vault.zheng, host, address="10.231.250.251")
    assert Reaching.objects.get().state == ""
    assert asked() is True
    pin_key(vault.zheng, host, key=make_host(group).key)
    assert Reaching.objects.get(host=host).state == ""
    assert asked() is True
    grant_access(vault.zheng, make_key(vault), group=group)
    assert Reaching.objects.filter(asked_at=None).count() == 0
    own = make_key(vault, "自己的")
    grant_access(vault.zheng, own, host=host)
    retire_host(vault.zheng, host, reason="下线")
    assert list(Access.objects.values_list("credential__name", flat=True)) == ["应用主机密钥"]
    assert [(said["name"], said["opened"]) for said in staged("vault.access_taken")] == [("自己的", "新机")]
    assert HostEvent.objects.filter(host=host).order_by("id").last().kind == "vault.access_taken"
    assert Reaching.objects.get(host=host).asked_at is None


def test_with_another_address_or_key_nobody_has_got_in_yet(vault: Cast):
    """What a key proves between customers begins anew; what the machine told of itself stays to be read till then."""
    host = register_host(vault.zheng, make_place(vault), **FIELDS)

    def facts_after(act: Callable[[], object]) -> tuple[dict[str, object], bool]:
        Host.objects.update(facts={"os": "Debian"}, facts_at=now())
        act()
        found = Host.objects.get(id=host.id)
        return found.facts, found.facts_at is not None

    assert facts_after(lambda: change_host(vault.zheng, host, site="东机房")) == ({"os": "Debian"}, True)
    assert facts_after(lambda: change_host(vault.zheng, host, address="10.231.250.251")) == ({"os": "Debian"}, False)
    assert facts_after(lambda: pin_key(vault.zheng, host, key=made_up_key("新机"))) == ({"os": "Debian"}, False)


def test_one_credential_that_does_not_open_keeps_only_its_own_host_shut(vault: Cast, real_hosts: Hosts):
    one, other = open_hosts(vault, real_hosts(2))
    broken = make_key(vault, "坏的")
    grant_access(vault.zheng, broken, host=other)
    Credential.objects.filter(id=broken.id).update(sealed=b"x" * 50)
    assert [(row.state, row.words) for row in gone_to(one, other)] == [
        ("ok", ""), ("no_key", "凭据「坏的」的封存内容不是它自己的，或被改动过，没有打开"),
    ]  # fmt: skip
    assert [said["hosts"] for said in staged("vault.credential_used")] == [["host-2"], ["host-1"]]


WORKER = """
import sys, time, django; django.setup()
from weilu.jobs import worker
from datetime import timedelta
worker.LEASE = timedelta(seconds=1)
from weilu.vault.reach import ssh, visiting
def stay(held, entry): print("in", held.pid, flush=True); time.sleep(1000)
visiting.visit = stay
worker.work_once(worker.new_holder())
"""


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_on_its_way_leaves_no_agent_and_its_host_is_gone_to(vault: Cast, real_hosts: Hosts):
    (host,) = open_hosts(vault, real_hosts(1))
    ask_for_test(vault.chen, host)
    Job.objects.exclude(kind="vault.reach").delete()
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER], env=os.environ | {"DJANGO_SETTINGS_MODULE": "weilu.settings"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert worker.stdout is not None
    pid = int(worker.stdout.readline().split()[1])
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert len(leftovers()) == 1

    until = time.monotonic() + 30
    while not work():
        assert time.monotonic() < until
        time.sleep(0.1)
    assert (Reaching.objects.get(host=host).state, leftovers()) == ("ok", [])
    assert lives(pid) is False


def test_what_nobody_came_back_for_is_ended_by_whoever_comes_next(vault: Cast, real_hosts: Hosts):
    (host,) = open_hosts(vault, real_hosts(1))
    left = Path(settings.CONFIG.data_dir) / "attempts" / "reach-gone"
    left.mkdir(parents=True)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(left / "agent")], stdout=subprocess.DEVNULL)
    while not (left / "agent").exists():
        time.sleep(0.01)
    os.utime(left, (0, 0))
    gone_to(host)
    assert (agent.wait(10), left.exists()) == (2, False)
    shutil.rmtree(left, ignore_errors=True)


def test_ten_hosts_are_gone_to_by_one_opening(vault: Cast, real_hosts: Hosts):
    hosts = open_hosts(vault, real_hosts(10))
    assert [one.state for one in gone_to(*hosts)] == ["ok"] * 10
    assert [len(said["hosts"]) for said in staged("vault.credential_used")] == [10]


def test_an_alarm_about_a_host_ends_with_the_host(vault: Cast):
    host = make_host(make_place(vault))
    jobs.ask([host])
    keep(Reaching.objects.select_related("host").get(), Found(State.REFUSED, "x", offered="ssh-ed25519 AAAA"))
    retire_host(vault.zheng, host, reason="下线")
    assert (raise_alarms(vault.jz), Alarm.objects.count()) == ([], 0)
