"""Credentials in a worker's hands: on record first, in an agent of one attempt, ended by whoever ends it."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings

from tests.cast import Cast
from tests.hosts.site import RealHost, new_key
from tests.support.unchanged import Refusal, refusal_of
from tests.vault.conftest import Hosts, agents, lives, make_key, make_place, open_hosts, register, staged, until_gone
from weilu.demo import make_host
from weilu.systems.models import Host
from weilu.vault import agent, keys
from weilu.vault.actions import add_credential, grant_access, retire_credential
from weilu.vault.known import known_hosts
from weilu.vault.models import Credential
from weilu.vault.opening import Opened, end_agent, entry_of, open_for, opened

ON_RECORD = {"what": "JZ-R-2026-0001", "org": "JZ"}


def enter(held: Opened, host: Host, *words: str, user: str = "") -> "subprocess.CompletedProcess[str]":
    """What an attempt does with it: the host's own key, out of the agent, towards the pinned host."""
    command = [
        "ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5",
        "-o", f"UserKnownHostsFile={held.known_hosts}", "-o", "IdentitiesOnly=yes",
        "-o", f"IdentityFile={held.identities[str(host.uid)]}", f"{user or host.user}@{host.address}", *words,
    ]  # fmt: skip
    env = {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(held.socket)}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_an_attempt_enters_its_hosts_and_the_use_is_on_record(vault: Cast, real_hosts: Hosts, folder: Path):
    hosts = open_hosts(vault, real_hosts(2))
    held = opened(folder, [entry_of(one) for one in hosts], item="an item", **ON_RECORD)

    assert [enter(held, one, "hostname").stdout for one in hosts] == ["host-1\n", "host-2\n"]
    credential = Credential.objects.get()
    (said,) = staged("vault.credential_used")
    assert said["fingerprint"].startswith("SHA256:")
    del said["fingerprint"]
    assert said == {
        "credential": str(credential.uid), "name": "应用主机密钥", "kind": "ssh_key", "for": "JZ-R-2026-0001",
        "hosts": ["host-1", "host-2"],
    }  # fmt: skip
    assert (held.pid in agents(folder), held.passwords) == (True, {})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert held.known_hosts.read_text() == known_hosts(entry_of(one) for one in hosts)

    end_agent(folder)
    assert lives(held.pid) is False
    assert sorted(path.name for path in folder.iterdir()) == ["known_hosts"]
    end_agent(folder)  # again does no harm


def test_a_key_of_the_attempt_opens_only_the_hosts_it_was_opened_for(vault: Cast, real_hosts: Hosts, folder: Path):
    if agent.openssh() < agent.BOUND_SINCE:
        pytest.skip("这里的 OpenSSH 早于 8.9，密钥不能绑定主机")
    one, other = open_hosts(vault, real_hosts(2))
    held = opened(folder, [entry_of(one)], **ON_RECORD)
    held.identities[str(other.uid)] = held.identities[str(one.uid)]
    held.known_hosts.write_text(known_hosts([entry_of(one), entry_of(other)]))

    assert enter(held, one, "true").returncode == 0
    assert "Permission denied" in enter(held, other, "true").stderr
    assert "Permission denied" in enter(held, one, "true", user="ops").stderr


def test_the_hosts_own_credential_goes_before_its_groups(vault: Cast, real_hosts: Hosts, folder: Path):
    one, other = open_hosts(vault, real_hosts(2))
    private, public = new_key()
    own = make_key(vault, "host-2 自己的", private)
    grant_access(vault.zheng, own, host=other)
    entries = [entry_of(one), entry_of(other)]
    held = opened(folder, entries, **ON_RECORD)
    assert held.identities[str(other.uid)].read_text() == public + "\n"
    assert (enter(held, one, "true").returncode, enter(held, other, "true").returncode) == (0, 255)
    assert [said["hosts"] for said in staged("vault.credential_used")] == [["host-1"], ["host-2"]]


def test_a_password_for_sudo_stays_in_memory(vault: Cast, folder: Path):
    group = make_place(vault)
    host = make_host(group, become=True)
    grant_access(vault.zheng, make_key(vault), group=group)
    password = add_credential(vault.zheng, vault.jz, name="提权", kind="become_password", secret="sudo-的 密码")
    grant_access(vault.zheng, password, group=group)
    with open_for(folder, [entry_of(host)], **ON_RECORD) as held:
        assert held.passwords == {str(host.uid): "sudo-的 密码"}
        assert "sudo-的" not in repr(held)
        assert [said["kind"] for said in staged("vault.credential_used")] == ["ssh_key", "become_password"]
        assert found_in_files("sudo-的 密码", folder) == []
    assert lives(held.pid) is False


def test_without_sudo_its_password_is_not_opened(vault: Cast, folder: Path):
    group = make_place(vault)
    grant_access(vault.zheng, make_key(vault), group=group)
    password = add_credential(vault.zheng, vault.jz, name="提权", kind="become_password", secret="sudo 的")
    grant_access(vault.zheng, password, group=group)
    with open_for(folder, [entry_of(make_host(group))], **ON_RECORD) as held:
        assert held.passwords == {}
    assert len(staged("vault.credential_used")) == 1


def test_nothing_is_opened_for_hosts_that_nobody_gave_a_key_or_pinned(vault: Cast, folder: Path):
    group = make_place(vault)
    host, unpinned = make_host(group), make_host(group, key="")
    before = agents(folder)

    def open_(*hosts: Host, **over: Any) -> Refusal:
        entries = [entry_of(one) | over for one in hosts]
        return refusal_of(lambda: opened(folder, entries, **ON_RECORD))

    assert open_(host) == Refusal("app-01没有可用的 SSH 密钥（共 1 台）", "CON-9")
    assert open_(host, unpinned) == Refusal("app-02还没有登记主机密钥（共 1 台）", "CON-9")
    assert open_(host, uid="0192fa8b-0000-7000-8000-000000000000") == Refusal("app-01不在主机档案里")
    credential = make_key(vault)
    grant_access(vault.zheng, credential, group=group)
    assert refusal_of(lambda: opened(folder, [entry_of(host)], what="x", org="HN")) == Refusal("app-01不在主机档案里")
    retire_credential(vault.zheng, credential)
    assert open_(host) == Refusal("app-01没有可用的 SSH 密钥（共 1 台）", "CON-9")
    assert (agents(folder), folder.exists()) == (before, False)


def test_a_row_with_another_rows_content_is_refused_and_the_attempt_is_on_record(vault: Cast, folder: Path):
    group = make_place(vault)
    mine, other = make_key(vault, "一"), make_key(vault, "二")
    grant_access(vault.zheng, mine, group=group)
    Credential.objects.filter(id=mine.id).update(sealed=bytes(other.sealed))
    before = agents(folder)
    told = refusal_of(lambda: opened(folder, [entry_of(make_host(group))], **ON_RECORD))
    assert (told.reason, told.clause) == ("凭据「一」的封存内容不是它自己的，或被改动过，没有打开", "CON-9")
    assert [said["name"] for said in staged("vault.credential_used")] == ["一"]
    assert agents(folder) == before


def test_a_deep_folder_has_its_socket_elsewhere_and_leaves_nothing_there(vault: Cast, tmp_path: Path):
    group = make_place(vault)
    grant_access(vault.zheng, make_key(vault), group=group)
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    held = opened(deep, [entry_of(make_host(group))], **ON_RECORD)
    assert (held.socket.parent != deep, stat.S_IMODE(held.socket.parent.stat().st_mode)) == (True, 0o700)
    end_agent(deep)
    assert (lives(held.pid), held.socket.parent.exists()) == (False, False)


def test_a_second_opening_in_the_same_folder_ends_the_first(vault: Cast, folder: Path):
    group = make_place(vault)
    grant_access(vault.zheng, make_key(vault), group=group)
    entries = [entry_of(make_host(group))]
    first, second = opened(folder, entries, **ON_RECORD), opened(folder, entries, **ON_RECORD)
    assert (lives(first.pid), lives(second.pid)) == (False, True)


def test_an_agent_that_nobody_can_find_any_more_ends_by_itself(vault: Cast, folder: Path):
    group = make_place(vault)
    grant_access(vault.zheng, make_key(vault), group=group)
    held = opened(folder, [entry_of(make_host(group))], seconds=1, **ON_RECORD)
    shutil.rmtree(folder)
    until_gone(held.pid)


def test_the_agent_forgets_its_keys_after_its_time(vault: Cast, folder: Path):
    group = make_place(vault)
    grant_access(vault.zheng, make_key(vault), group=group)
    held = opened(folder, [entry_of(make_host(group))], seconds=1, **ON_RECORD)
    limit, env = time.monotonic() + 10, {"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(held.socket)}
    while subprocess.run(["ssh-add", "-l"], env=env, capture_output=True).returncode == 0:  # 1: none, 2: it has ended
        assert time.monotonic() < limit
        time.sleep(0.1)


WORKER = """
import sys, time, django; django.setup()
from pathlib import Path
from weilu.systems.models import Host
from weilu.vault.opening import entry_of, opened
held = opened(Path(sys.argv[1]), [entry_of(one) for one in Host.objects.all()], what="JZ-R-2026-0001", org="JZ")
print(held.pid, flush=True); time.sleep(1000)
"""


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_the_agent_outlives_a_killed_worker_and_another_one_ends_it(vault: Cast, real_hosts: Hosts, folder: Path):
    (host,) = open_hosts(vault, real_hosts(1))
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "weilu.settings"}
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder)], env=env, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()

    assert lives(pid) is True
    left = Opened(folder, folder / "agent", pid, folder / "known_hosts", {}, {})
    left.identities[str(host.uid)] = next((folder / "identities").glob("*.pub"))
    assert enter(left, host, "hostname").stdout == "host-1\n"
    end_agent(folder)
    until_gone(pid)
    assert sorted(path.name for path in folder.iterdir()) == ["known_hosts"]


def found_in_files(secret: str, *folders: Path) -> list[str]:
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
                found.append(str(path.relative_to(folder)))
    return found


def found_in_rows(secret: str) -> list[str]:
    rows = ((model, row) for model in apps.get_models() for row in model._default_manager.values())
    return [
        model._meta.label
        for model, row in rows
        if any(
            secret.encode() in (bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode())
            for v in row.values()
        )
    ]


def found_in_processes(secret: str) -> list[str]:
    """Command lines and environments of every process of this machine."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                if secret.encode() in (place / name).read_bytes():
                    found.append(f"{name} of {(place / 'comm').read_text().strip()}")
            except OSError:
                continue
    return found


@pytest.mark.django_db(transaction=True)
def test_a_planted_key_and_password_are_found_nowhere_while_they_are_used(
    vault: Cast, real_hosts: Hosts, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], client
):
    real: RealHost = real_hosts(1)[0]
    private = real.site.key_file.read_text()
    middle, password = private.splitlines()[4], "planted-sudo-password-7788"
    client.force_login(vault.zheng)
    for said in (
        {"name": "密钥", "kind": "ssh_key", "secret": private},
        {"name": "提权", "kind": "become_password", "secret": password},
    ):
        body = json.dumps(said | {"owner": "JZ"})
        assert client.post("/api/v1/vault/add_credential", body, content_type="application/json").status_code == 200
    group = make_place(vault)
    host = register(group, real, become=True)
    for credential in Credential.objects.all():
        grant_access(vault.zheng, credential, group=group)

    with open_for(folder, [entry_of(host)], **ON_RECORD) as held:
        going = subprocess.Popen(
            ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={held.known_hosts}",
             "-o", "IdentitiesOnly=yes", "-o", f"IdentityFile={held.identities[str(host.uid)]}",
             f"root@{host.address}", "echo in; exec sleep 1000"],
            env={"PATH": os.environ["PATH"], "SSH_AUTH_SOCK": str(held.socket)}, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert going.stdout is not None
        assert going.stdout.readline() == "in\n"
        for secret in (middle, password):
            said = "".join(capfd.readouterr())
            assert found_in_processes(secret) == []
            assert found_in_files(secret, Path(settings.CONFIG.data_dir), folder) == []
            assert found_in_rows(secret) == []
            assert secret not in said
        going.kill()
        going.wait()
        going.stdout.close()

    leak = tmp_path / "leak"  # a leak would be found
    leak.mkdir()
    (leak / "key").write_text(private)
    assert found_in_files(middle, leak) == ["key"]
    assert found_in_rows(vault.zheng.username) != []
    sleeper = subprocess.Popen(["sleep", "1000"], env={"PLANTED": middle})
    assert found_in_processes(middle) == ["environ of sleep"]
    sleeper.kill()
    sleeper.wait()


def test_the_private_key_of_the_vault_is_in_no_row(vault: Cast):
    text = keys.key_file().read_text().split()[1]
    assert (found_in_rows(text), stat.S_IMODE(keys.key_file().stat().st_mode)) == ([], 0o600)
