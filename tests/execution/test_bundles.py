"""Uploaded bundles run apart: honest ones do their work on their hosts, hostile ones get nowhere."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.hosts.site import RealHost, python
from weilu.execution.bundles import sandbox
from weilu.execution.bundles.sandbox import Limits, Place, begin, outcome, state, stop, told
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.once
Begin = Callable[..., Path]
FOR_ALL = "- hosts: all\n  gather_facts: false\n  tasks:\n"


def place_of(host: RealHost, name: str = "") -> Place:
    return Place(name or host.name, host.address, host.port, host.user, f"{host.key_type} {host.key}", host.python)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """An ssh-agent as an attempt has one; keys are added by `called`."""
    place = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    until = time.monotonic() + 5
    while not place.exists():
        assert time.monotonic() < until
        time.sleep(0.01)
    yield place
    process.terminate()
    process.wait()


@pytest.fixture
def called(tmp_path: Path, agent: Path) -> Begin:
    """Begin a bundle of one playbook on hosts and wait for its end; answers the attempt's folder."""
    try:
        sandbox.check_possible()
    except Refused as why:
        pytest.skip(why.reason)

    def call(
        tasks: str, hosts: list[RealHost], *, wait: bool = True, places: list[Place] | None = None, **over: Any
    ) -> Path:
        for site in {host.site for host in hosts}:
            added = {"SSH_AUTH_SOCK": str(agent), "PATH": os.environ["PATH"]}
            subprocess.run(["ssh-add", "-q", str(site.key_file)], env=added, check=True)
        number = len(list(tmp_path.glob("content-*")))
        content = tmp_path / f"content-{number}"
        content.mkdir()
        (content / "site.yml").write_text(tasks if tasks.startswith("- hosts") else FOR_ALL + tasks)
        folder = tmp_path / f"attempt-{number}"
        process = begin(folder, content, "site.yml", places or [place_of(host) for host in hosts], agent, **over)
        if wait:
            process.wait(120)
        return folder

    return call


def states(folder: Path) -> list[tuple[str, str]]:
    rows = [(row["host"], row["state"]) for row in told(folder) if row["state"] != "sum"]
    assert rows, (folder / "sandbox.log").read_text() + (folder / "guard.log").read_text()
    return sorted(rows)


def words(folder: Path) -> str:
    return "\n".join(row.get("words", "") for row in told(folder))


def test_an_honest_bundle_works_on_each_of_its_hosts(real_hosts: Any, called: Begin) -> None:
    hosts = real_hosts(3)
    places = [place_of(host, f"应用 {host.number}") for host in hosts]

    folder = called('  - copy: {content: "{{ inventory_hostname }}", dest: /etc/made}\n', hosts, places=places)

    assert states(folder) == [("应用 1", "changed"), ("应用 2", "changed"), ("应用 3", "changed")]
    assert [host.read("/etc/made") for host in hosts] == ["应用 1", "应用 2", "应用 3"]
    assert outcome(folder) == {"rc": 0, "why": ""}


def test_a_rehearsal_says_what_would_change_on_each_host_and_changes_nothing(real_hosts: Any, called: Begin) -> None:
    one, other = real_hosts(2)
    one.write("/etc/made", "old\n")
    other.write("/etc/made", "new\n")

    folder = called('  - copy: {content: "new\\n", dest: /etc/made}\n', [one, other], check=True)

    rows = {row["host"]: row for row in told(folder) if row["state"] != "sum"}
    assert [rows[name]["state"] for name in ("host-1", "host-2")] == ["changed", "ok"]
    assert "-old\n+new\n" in rows["host-1"]["diff"]
    assert one.read("/etc/made") == "old\n"


def test_a_host_with_another_key_is_not_acted_on(real_hosts: Any, called: Begin) -> None:
    (host,) = real_hosts(1)
    host.change_host_key()
    folder = called("  - copy: {content: x, dest: /etc/made}\n", [host])
    assert states(folder) == [("host-1", "unreachable")]
    assert host.shell("ls /etc/made 2>/dev/null || echo none") == "none\n"


def test_each_command_passes_the_fence_on_the_target(real_hosts: Any, called: Begin) -> None:
    (host,) = real_hosts(1)
    fence = (
        '#!/bin/sh\n[ "$1" -ge "$(cat /var/lib/fence)" ] || { echo "older fence" >&2; exit 90; }\nshift\nexec "$@"\n'
    )
    host.write("/usr/local/sbin/enter", fence)
    host.run("chmod", "755", "/usr/local/sbin/enter")
    host.write("/var/lib/fence", "7\n")
    task = '  - copy: {content: "it\'s", dest: /etc/made}\n'

    older = called(task, [host], fence="/usr/local/sbin/enter 6")
    assert [state for _, state in states(older)] in (["failed"], ["unreachable"])
    assert host.shell("ls /etc/made 2>/dev/null || echo none") == "none\n"

    assert states(called(task, [host], fence="/usr/local/sbin/enter 7")) == [("host-1", "changed")]
    assert host.read("/etc/made") == "it's"


def local(script: str) -> str:
    """A play that runs on the sandbox itself, as `delegate_to: localhost` would on the worker."""
    here = f"    delegate_to: localhost\n    vars: {{ansible_python_interpreter: {python()}}}\n"
    return f"  - shell: {json.dumps(script)}\n{here}"


@pytest.fixture
def secret(tmp_path: Path) -> Iterator[str]:
    """What a worker's machine holds of the worker's: each with a mark that is looked for."""
    mark = "never-seen-4711"
    for place in owned(tmp_path).values():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(mark)
    yield mark
    for place in owned(tmp_path).values():
        place.unlink()


def owned(folder: Path) -> dict[str, Path]:
    """Where these lie: the vault's private key, a database, another attempt's orders and keys."""
    data = Path(settings.CONFIG.data_dir)
    return {
        "key": folder / "vault.key", "data": data / "weilu-trial.key", "database": data / "trial.sqlite3",
        "attempt": data / "attempts" / "other" / "101-1" / "vars.json",
        "agent": data / "attempts" / "other" / "101-1" / "keys" / "known_hosts",
    }  # fmt: skip


def test_delegated_to_the_worker_it_sees_no_key_database_or_other_attempt(
    real_hosts: Any, called: Begin, secret: str, tmp_path: Path
) -> None:
    hosts = real_hosts(1)
    os.environ["WEILU_PLANTED"] = secret
    try:
        pattern = "never-see[n]-4711"  # not found in the script itself
        each = "".join(f"cat {place} > /dev/null && echo SEEN-{name};" for name, place in owned(tmp_path).items())
        looks = (
            f"{each} cat {settings.CONFIG.data_dir}/* /etc/shadow;"
            f" cat /proc/1/environ; env; ls -a / /root /home /tmp /etc {tmp_path};"
            f" grep -rs '{pattern}' / --exclude-dir=proc --exclude-dir=sys --exclude-dir=usr --exclude=all;"
            " for p in /proc/[0-9]*; do cat $p/environ; done"
        )
        script = f"{{ {looks}; }} > /tmp/all 2>&1; grep -ac '{pattern}' /tmp/all; head -c 3000 /tmp/all; true"
        folder = called(local(script), hosts)
    finally:
        del os.environ["WEILU_PLANTED"]

    assert states(folder) == [("host-1", "changed")]
    said = words(folder)
    assert said.splitlines()[0] == "0"
    assert {name: f"cat: {place}: No such file or directory" in said for name, place in owned(tmp_path).items()} == {
        "key": True, "data": True, "database": True, "attempt": True, "agent": True,
    }  # fmt: skip
    assert "SEEN-" not in said
    assert "root:*" not in said
    assert "order.json" not in said


def test_it_reaches_no_other_host_no_service_of_the_worker_and_no_network(real_hosts: Any, called: Begin) -> None:
    mine, other = real_hosts(2)
    with socket.create_server(("127.0.0.1", 0)) as service:
        service.setblocking(False)
        probes = [(mine.address, 22), (other.address, 22), ("127.0.0.1", service.getsockname()[1]), ("192.0.2.1", 80)]
        tries = "; ".join(
            f"timeout 3 bash -c 'echo x > /dev/tcp/{address}/{port}' && echo reached" for address, port in probes
        )
        folder = called(local(f"{tries}; ls /hosts; true"), [mine])
        with pytest.raises(BlockingIOError):
            service.accept()

    assert "reached" not in words(folder)
    assert words(folder).count("/dev/tcp/") >= 4  # each was tried
    assert [row["words"].splitlines()[-1] for row in told(folder) if row["state"] == "changed"] == ["0"]


def test_the_agent_opens_no_other_host(real_hosts: Any, called: Begin) -> None:
    mine, other = real_hosts(2)
    folder = called(local(f"/weilu/ssh -F /weilu/ssh_config -o HostName={other.address} h0 hostname; true"), [mine])
    assert words(folder).splitlines()[-1] == "host-1"  # whatever name it gives, its one line leads to its one host


def test_lines_of_a_hostile_sandbox_are_passed_over_where_they_are_none(tmp_path: Path) -> None:
    good = {"host": "应用 1", "task": "写", "state": "ok"}
    lines = ["[" * 100_000, '{"host": ' * 5_000, "nan", "7", "", '"\\ud800"', json.dumps(good), '{"host": "half']
    (tmp_path / "events").write_text("\n".join(lines))
    assert told(tmp_path) == [good]


def test_it_leaves_no_process_behind(real_hosts: Any, called: Begin) -> None:
    hosts = real_hosts(1)
    folder = called(local("setsid nohup sleep 98765 > /dev/null 2>&1 & echo begun"), hosts)
    assert "begun" in words(folder)
    assert "98765" not in subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("script", "limits", "why"),
    [
        ("sleep 60", Limits(seconds=3), "time"),
        (f"{python()} -c 'x = bytearray(600 << 20); import time; time.sleep(60)'", Limits(memory=500 << 20), "memory"),
        ("for i in $(seq 300); do sleep 60 & done; wait", Limits(processes=100), "processes"),
    ],
)
def test_what_takes_too_much_is_ended_with_all_it_started(
    real_hosts: Any, called: Begin, script: str, limits: Limits, why: str
) -> None:
    hosts = real_hosts(1)
    began = time.monotonic()
    folder = called(local(script), hosts, limits=limits)
    assert outcome(folder)["why"] == why
    assert time.monotonic() - began < 30


def test_it_ends_with_its_guard_whoever_kills_it(real_hosts: Any, called: Begin) -> None:
    hosts = real_hosts(1)
    folder = called(local("sleep 98764"), hosts, wait=False)
    until = time.monotonic() + 30
    while "sleep 98764" not in running():
        assert time.monotonic() < until
        time.sleep(0.05)

    os.kill(json.loads((folder / "launched.json").read_text())["pid"], signal.SIGKILL)

    while "98764" in running():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert outcome(folder) == {}


def test_a_call_says_whether_it_runs_has_ended_was_lost_or_never_began(
    real_hosts: Any, called: Begin, tmp_path: Path
) -> None:
    (host,) = real_hosts(1)
    assert state(called(local("true"), [host])) == "finished"

    folder = called(local("sleep 98763"), [host], wait=False)
    assert state(folder) == "running"
    until = time.monotonic() + 30
    while "98763" not in running():
        assert time.monotonic() < until
        time.sleep(0.05)
    stop(folder)
    while "98763" in running() or state(folder) == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert state(folder) == "lost"

    never = tmp_path / "never"
    assert state(never) == "never"
    done = subprocess.run(["python3", "-I", "-S", sandbox.guard.__file__, str(never)], capture_output=True)
    assert (done.returncode, sorted(each.name for each in never.iterdir())) == (0, ["launched.json"])


def running() -> str:
    return subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True).stdout


def test_an_attempt_begins_once(real_hosts: Any, called: Begin, tmp_path: Path, agent: Path) -> None:
    (host,) = real_hosts(1)
    folder = called("  - shell: echo once >> /var/lib/counted\n", [host])
    again = subprocess.run(["python3", "-I", "-S", sandbox.guard.__file__, str(folder)], capture_output=True)
    assert again.returncode == 0
    assert host.read("/var/lib/counted") == "once\n"


def test_it_fills_no_disk(real_hosts: Any, called: Begin) -> None:
    places = "/ /hosts /weilu /bundle /dev /etc /usr /tmp /dev/shm"
    script = (
        f"for p in {places}; do dd if=/dev/zero of=$p/x bs=1M count=400 2>/dev/null; stat -c '%n %s' $p/x; done; true"
    )
    folder = called(local(script), real_hosts(1))
    kept = dict(line.split() for line in words(folder).splitlines() if line.startswith("/"))
    assert {place: int(size) >> 20 for place, size in kept.items()} == {"/dev/shm/x": 15, "/tmp/x": 255}


def test_a_data_folder_inside_what_the_sandbox_reads_is_refused(settings: Any, tmp_path: Path) -> None:
    settings.CONFIG = replace(settings.CONFIG, data_dir=Path("/usr/share/weilu"))
    with pytest.raises(Refused, match="把数据目录移到别处"):
        begin(tmp_path / "attempt", tmp_path, "site.yml", [], tmp_path / "agent")
    assert not (tmp_path / "attempt").exists()


def test_a_plain_user_can_keep_a_bundle_apart_too() -> None:
    if os.geteuid() or sandbox.trouble():
        pytest.skip("只有 root 能换成普通用户，而且要有 bubblewrap")
    command = ["bwrap", *sandbox.APART, "--tmpfs", "/", "--ro-bind", "/usr", "/usr"]
    command += ["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "/usr/bin/id", "-u"]
    done = subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1000\n", "")
