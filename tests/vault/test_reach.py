"""Going to hosts: only to the pinned one, whatever answers; what it is, what time it has, and who hears of it."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.cast import Cast
from tests.hosts.site import FAKETIME
from tests.vault.conftest import Hosts, make_place, open_hosts, staged
from tests.vault.going import gone_to, leftovers
from weilu.accounts.alarms import alarm_words, close_alarm, raise_alarms
from weilu.demo import make_host
from weilu.evidence.models import Staged
from weilu.systems.facts import drift, lines_of
from weilu.systems.host_actions import change_host, pin_key, repin_key
from weilu.systems.host_queries import hosts_of, read_asked
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host
from weilu.vault.actions import add_credential, grant_access
from weilu.vault.models import Reaching
from weilu.vault.reach import jobs, rules
from weilu.vault.reach.rules import Found, State, clock_of, drifts, meaning, read_facts
from weilu.vault.reach.visiting import keep

pytestmark = pytest.mark.served


def test_a_host_that_lets_us_in_tells_what_it_is_and_what_time_it_has(vault: Cast, real_hosts: Hosts):
    (real,) = real_hosts(1)
    (host,) = open_hosts(vault, [real])
    (row,) = gone_to(host)

    assert (row.state, row.words, row.ok, row.offered, row.asked_at) == ("ok", "", True, "", None)
    facts = row.host.facts
    assert facts["hostname"] == "host-1"
    assert facts["boot"] == real.read("/proc/sys/kernel/random/boot_id").strip()
    assert facts["machine"] == real.read("/etc/machine-id").strip()
    assert facts["kernel"] == os.uname().release
    assert facts["drift_ms"] == row.drift_ms
    assert sorted(facts) == sorted(
        ["os", "kernel", "arch", "hostname", "cpus", "memory_mb", "disk_mb", "disk_free_mb", "python", "boot",
         "machine", "drift_ms", "unsure_ms"]
    )  # fmt: skip
    assert (rules.drifts(row.drift_ms, row.unsure_ms), row.drifts_since) == (False, None)
    assert [said["for"] for said in staged("vault.credential_used")] == ["连接测试"]
    assert leftovers() == []


def test_another_key_than_the_pinned_one_is_refused_on_record_and_an_alarm(vault: Cast, real_hosts: Hosts):
    (real,) = real_hosts(1)
    (host,) = open_hosts(vault, [real])
    real.write("/root/visited", "")
    real.change_host_key()
    shown = " ".join(subprocess.run(
        ["ssh-keyscan", "-t", "ed25519", real.address], capture_output=True, text=True, check=True
    ).stdout.split()[1:])  # fmt: skip
    (row,) = gone_to(host)

    assert (row.state, row.offered) == ("refused", shown)
    assert row.words == "主机出示的密钥不是固定的那把，已拒绝连接。查明原因前不要改"
    assert (row.host.key, row.host.facts) == (host.key, {})  # nothing is trusted by itself
    said = {"host": str(host.uid), "name": "host-1", "address": real.address}
    assert staged("vault.host_key_refused") == [said | {"old": fingerprint(host.key), "new": fingerprint(shown)}]
    assert Staged.objects.get(kind="vault.host_key_refused").urgent is True
    (alarm,) = raise_alarms(vault.jz)
    assert (alarm.rule, alarm.about, alarm_words(alarm)) == (
        "host-key", "host-1", "主机 host-1 出示的密钥不是固定的那把，已拒绝连接",
    )  # fmt: skip
    assert raise_alarms(vault.hn) == []

    gone_to(host)
    assert raise_alarms(vault.jz) == []  # told once
    assert len(staged("vault.host_key_refused")) == 1
    real.change_host_key()
    gone_to(host)
    assert len(staged("vault.host_key_refused")) == 2  # yet another one

    close_alarm(vault.wu, alarm, verdict="harmless", words="重装了系统")
    repin_key(vault.zheng, host, key=Reaching.objects.get().offered, old=fingerprint(host.key), reason="重装了系统")
    host.refresh_from_db()
    (row,) = gone_to(host)
    assert (row.state, raise_alarms(vault.jz)) == ("ok", [])


def test_an_unpinned_host_has_its_key_proposed_and_is_not_entered(vault: Cast, real_hosts: Hosts):
    (real,) = real_hosts(1)
    (host,) = open_hosts(vault, [real])
    Host.objects.filter(id=host.id).update(key="")
    host.refresh_from_db()
    (row,) = gone_to(host)

    assert (row.state, row.offered) == ("unpinned", f"{real.key_type} {real.key}")
    assert row.words == "主机出示了密钥。在主机上核对指纹后固定"
    assert (row.host.key, staged("vault.credential_used")) == ("", [])
    pin_key(vault.zheng, host, key=row.offered)
    host.refresh_from_db()
    assert [one.state for one in gone_to(host)] == ["ok"]


def test_what_stands_in_the_way_is_said_with_what_to_do(vault: Cast, real_hosts: Hosts):
    reals = real_hosts(5)
    hosts = open_hosts(vault, reals)
    reals[0].write("/etc/ssh/authorized_keys", "")
    reals[1].cut()
    Host.objects.filter(id=hosts[2].id).update(port=23)
    Host.objects.filter(id=hosts[3].id).update(python="/usr/bin/python9")
    Host.objects.filter(id=hosts[4].id).update(address="nowhere.invalid")
    lonely = make_host(make_place_of(hosts[0], "没有钥匙的组"), address=reals[0].address)
    found = gone_to(*Host.objects.filter(id__in=[one.id for one in hosts]), lonely)

    assert [(one.state, one.words) for one in found[:1] + found[2:]] == [
        ("denied", "主机不接受这把密钥。把公钥放进 root 的 authorized_keys"),
        ("unreached", "端口没有开。检查 sshd 和端口"),
        ("half", "登录成功，但 /usr/bin/python9 不能运行。改登记的 Python 路径"),
        ("unreached", "域名解析不了。检查地址和工作机的 DNS"),
        ("no_key", "没有指定 SSH 密钥。在「凭据」里指定，再测试"),
    ]
    assert found[1].state == "unreached"
    assert found[1].words in ("网络不通。检查地址、路由和防火墙", "没有应答。检查主机是否开机、防火墙是否放行")
    assert [one.host.facts for one in found] == [{}] * 6


def make_place_of(host: Host, name: str):
    from weilu.demo import make_group

    return make_group(host.group.environment, name=name)


def test_a_stalled_host_holds_nobody_up(vault: Cast, real_hosts: Hosts):
    stalled, well = real_hosts(2)
    hosts = open_hosts(vault, [stalled, well])
    with stalled.stalled():
        found = gone_to(*hosts)
    assert [(one.state, one.words) for one in found] == [
        ("unreached", "没有应答。检查主机是否开机、防火墙是否放行"), ("ok", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        ("echo hello; exit 0", "half", "登录成功，但主机没有把话说完。检查它是否卡住、磁盘是否已满"),
        ('echo \'WEILU-FACTS {"facts": {"os": "x\'', "half", "主机的回答读不懂。检查登记的 Python 和登录脚本"),
        ("echo 'WEILU-FACTS [1]'", "half", "主机的回答读不懂。检查登记的 Python 和登录脚本"),
        ('echo \'WEILU-FACTS {"facts": 7, "sudo": ""}\'; echo nan', "ok", ""),
        ("yes", "half", "登录成功，但主机没有把话说完。检查它是否卡住、磁盘是否已满"),
        ("head -c 300000 /dev/zero", "half", "登录成功，但主机没有把话说完。检查它是否卡住、磁盘是否已满"),
        ("echo 坏了 >&2; exit 3", "half", "登录成功，但没有得到完整的回答：坏了"),
    ],
)
def test_half_and_hostile_answers_are_a_sentence_and_no_facts(
    vault: Cast, real_hosts: Hosts, script: str, state: str, words: str
):
    (real,) = real_hosts(1)
    (host,) = open_hosts(vault, [real])
    real.write("/root/python", f"#!/bin/sh\n{script}\n")
    real.run("chmod", "+x", "/root/python")
    Host.objects.filter(id=host.id).update(python="/root/python")
    host.refresh_from_db()
    (row,) = gone_to(host)
    assert (row.state, row.words, row.drift_ms, row.host.facts) == (state, words, None, {})


def test_what_a_shell_prints_of_its_own_accord_does_no_harm(vault: Cast, real_hosts: Hosts):
    (real,) = real_hosts(1)
    (host,) = open_hosts(vault, [real])
    real.write("/root/.bashrc", "echo 欢迎 WEILU-FACTS; echo again\n")
    assert [one.state for one in gone_to(host)] == ["ok"]


def test_sudo_is_tried_where_the_host_is_acted_on_by_it(vault: Cast, real_hosts: Hosts):
    (real,) = real_hosts(1)
    if real.run("sh", "-c", "command -v sudo || true") == "":
        pytest.skip("没有 sudo；apt-get install sudo（以 root）")
    (host,) = open_hosts(vault, [real])
    Host.objects.filter(id=host.id).update(user="ops", become=True)

    def tried() -> tuple[str, str]:
        host.refresh_from_db()
        (row,) = gone_to(host)
        return row.state, row.words

    assert tried() == ("ok", "")
    real.run("sh", "-c", "echo 'ops ALL=(ALL) ALL' > /etc/sudoers.d/ops; echo 'ops:sudo-的 密码' | chpasswd -c SHA512")
    assert tried() == ("no_sudo", "ops 用 sudo 要密码。指定提权密码，或在主机上允许免密")
    wrong = add_credential(vault.zheng, vault.jz, name="旧", kind="become_password", secret="不是它")
    grant_access(vault.zheng, wrong, host=host)
    assert tried() == ("no_sudo", "sudo 不接受提权密码，或 ops 不能用 sudo")
    right = add_credential(vault.zheng, vault.jz, name="新", kind="become_password", secret="sudo-的 密码")
    grant_access(vault.zheng, right, host=host)
    assert tried() == ("ok", "")
    real.run("rm", "/usr/bin/sudo")
    assert tried() == ("no_sudo", "主机上没有 sudo。安装它，或改用 root 登录")


def test_a_clock_that_is_off_is_told_and_a_slow_line_is_not_taken_for_one(vault: Cast, real_hosts: Hosts):
    """OPS-7: the drift of any host is reported."""
    if not list(Path("/usr/lib").glob(FAKETIME.removeprefix("/usr/lib/").format(machine="*"))):
        pytest.skip("没有 libfaketime；apt-get install -y faketime（以 root）")
    ahead, slow, third = real_hosts(3)
    hosts = open_hosts(vault, [ahead, slow, third])
    ahead.set_clock("+90s")
    slow.slow(400)
    found = gone_to(*hosts)

    assert [one.state for one in found] == ["ok", "ok", "ok"]
    assert [rules.drifts(one.drift_ms, one.unsure_ms) for one in found] == [True, False, False]
    assert abs(found[0].drift_ms - 90_000) < 1000 + found[0].unsure_ms
    assert [one.drifts_since is not None for one in found] == [True, False, False]
    (alarm,) = raise_alarms(vault.jz)
    assert (alarm.rule, alarm.about, alarm_words(alarm)) == ("clock", "host-1", "主机 host-1 的时钟偏差过大")
    since = found[0].drifts_since
    assert gone_to(hosts[0])[0].drifts_since == since
    assert raise_alarms(vault.jz) == []


def test_where_most_clocks_are_off_it_is_our_own_that_is_looked_at(vault: Cast):
    group = make_place(vault)
    hosts = [make_host(group) for _number in range(4)]
    jobs.ask(hosts)
    for row in Reaching.objects.select_related("host"):
        keep(row, Found(State.OK, drift_ms=-5000, unsure_ms=3))
    assert [alarm_words(one) for one in raise_alarms(vault.jz)] == ["4 台主机的时钟同时偏差，先检查工作机自己的时钟"]


@pytest.mark.parametrize(
    ("drift", "unsure", "off"),
    [(1000, 0, False), (1001, 0, True), (-1001, 0, True), (-1500, 499, True), (1500, 500, False), (None, 0, False)],
)
def test_a_clock_is_off_only_when_the_way_cannot_be_the_reason(drift: int | None, unsure: int, off: bool):
    assert drifts(drift, unsure) is off


def test_the_clock_is_taken_from_the_quickest_answer_with_half_its_way():
    assert clock_of([(0.0, 10.0, 2.0), (5.0, 10.06, 5.1), (6.0, 0.0, 9.0)]) == (5010, 50)
    assert clock_of([]) is None
    assert clock_of([(0.0, 1e11, 1.0)]) == ((1 << 31) - 1, 500)


def test_facts_are_believed_only_in_the_form_they_may_have():
    said = {"os": "Debian\x1b[0m 12\n" + "x" * 200, "cpus": True, "memory_mb": -1, "disk_mb": 1 << 50, "kernel": 7,
            "disk_free_mb": 10, "more": "x", "hostname": ""}  # fmt: skip
    assert read_facts(said) == {"os": ("Debian[0m 12" + "x" * 200)[:100], "disk_free_mb": 10}
    assert read_facts([1]) == {}


@pytest.mark.parametrize(
    ("complaint", "code", "state"),
    [
        ("Host key verification failed.", 255, "refused"),
        ("Unable to negotiate: no matching host key type found. Their offer: ssh-rsa", 255, "refused"),
        ("Unable to negotiate: no matching cipher found. Their offer: 3des-cbc", 255, "unreached"),
        ("root@10.0.0.1: Permission denied (publickey).", 255, "denied"),
        ("Received disconnect from 10.0.0.1: Too many authentication failures", 255, "denied"),
        ("ssh: connect to host 10.0.0.1 port 22: Network is unreachable", 255, "unreached"),
        ("Timeout, server 10.0.0.1 not responding.", 255, "unreached"),
        ("kex_exchange_identification: Connection closed by remote host", 255, "unreached"),
        ("something new", 255, "unreached"),
        ("sh: 1: python3: not found", 127, "half"),
        ("", -9, "half"),
    ],
)  # fmt: skip
def test_the_words_of_ssh_are_told_in_ours(complaint: str, code: int, state: str):
    assert meaning(complaint, code, "root", "/usr/bin/python3").state == state


def test_a_host_that_was_changed_meanwhile_keeps_nothing_of_what_was_found(vault: Cast):
    host = make_host(make_place(vault))
    jobs.ask([host])
    row = Reaching.objects.select_related("host").get()
    change_host(vault.zheng, host, address="192.0.2.99")
    keep(row, Found(State.REFUSED, "x", offered="ssh-ed25519 x"))
    row.refresh_from_db()
    assert (row.state, row.asked_at is not None, staged("vault.host_key_refused")) == ("", True, [])


def test_a_clock_that_may_be_right_is_told_nowhere_and_one_that_is_off_everywhere(vault: Cast):
    """OPS-7: the box, the list and the alarm say the same."""
    group = make_place(vault)
    doubtful, off = make_host(group, name="疑"), make_host(group, name="偏")
    jobs.ask([doubtful, off])
    for row, unsure in zip(Reaching.objects.select_related("host").order_by("host_id"), (800, 100), strict=True):
        keep(row, Found(State.OK, facts={"os": "Debian 12"}, drift_ms=1200, unsure_ms=unsure))
    assert [one.name for one in hosts_of(vault.zheng, read_asked({"state": "drift"}))] == ["偏"]
    rows = [Host.objects.get(id=one.id) for one in (doubtful, off)]
    assert [drift(one.facts) for one in rows] == ["", "快 1.2 秒"]
    assert lines_of(rows[0].facts)[1:] == [("时钟偏差", "快 1.2 秒"), ("时钟偏差的误差", "不超过 800 毫秒")]
    assert [alarm.about for alarm in raise_alarms(vault.jz)] == ["偏"]
