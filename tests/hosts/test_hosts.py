"""The hosts that other tests act on are hosts: own root, own network, own lives; and nothing of them stays behind."""

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.hosts.packages import PORT, Repository, configured, installed
from tests.hosts.site import NETWORK, RealHost

pytestmark = pytest.mark.once
Hosts = Callable[..., list[RealHost]]
GREETING = f"curl -s -m 5 -w ' %{{http_code}}' http://127.0.0.1:{PORT}/ 2>/dev/null"


MARK = "WEILU_TESTS_OWN_SITE"  # in the environment of all that a test begins; the machine has others' sites too
INNER = re.compile(r"hub|cable|[hp][0-9]+")  # interfaces that belong inside a site, and never on the machine


def traces(mark: str, folder: Path) -> dict[str, object]:
    """What a site of this test could leave on the machine: interfaces, mounts, programs."""
    programs = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (place / "environ").read_bytes().split(b"\0"):
                programs.append((place / "cmdline").read_bytes())
    links = []
    for place in Path("/sys/class/net").iterdir():
        with suppress(OSError):
            whose = (place / "ifalias").read_text().strip()
            if INNER.fullmatch(place.name) or (whose and Path(whose).is_relative_to(folder)):
                links.append(place.name)
    mounts = [Path(line.split()[4]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    below = sorted(str(place) for place in mounts if place.is_relative_to(folder))
    return {"links": sorted(links), "mounts": below, "programs": programs, "host": os.uname().nodename}


@pytest.fixture
def untouched(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    mark, folder = secrets.token_hex(8), tmp_path_factory.getbasetemp()
    monkeypatch.setenv(MARK, mark)
    before = traces(mark, folder)
    yield
    assert traces(mark, folder) == before


def answer(host: RealHost) -> tuple[int, str]:
    """Status and text of the package's service, asked from this machine; 0 when nobody answers."""
    import urllib.error
    import urllib.request

    for _ in range(40):
        try:
            with urllib.request.urlopen(f"http://{host.address}:{PORT}/", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError:
            time.sleep(0.05)
    return 0, ""


def test_ten_hosts_stand_up_and_each_is_one_of_its_own(untouched: None, real_hosts: Hosts) -> None:
    hosts = real_hosts(10)

    said = [
        host.ssh("hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id; ls -A /root /tmp") for host in hosts
    ]
    assert [each.returncode for each in said] == [0] * 10
    told = [each.stdout.split("\n") for each in said]
    assert [words[0] for words in told] == [f"host-{number}" for number in range(1, 11)]
    assert len({words[1] for words in told} | {words[2] for words in told}) == 20
    assert len({host.key for host in hosts}) == 10


def test_what_is_written_on_one_host_is_on_no_other_and_not_on_the_machine(real_hosts: Hosts) -> None:
    one, other = real_hosts(2)
    one.ssh("echo here > /var/lib/only-here; echo here > /etc/only-here")

    assert one.read("/var/lib/only-here") == "here\n"
    assert other.run("cat", "/var/lib/only-here", check=False) == ""
    assert not Path("/var/lib/only-here").exists()
    assert not Path("/etc/only-here").exists()


def test_hosts_reach_one_another_and_nothing_else(real_hosts: Hosts) -> None:
    one, other = real_hosts(2)

    assert one.shell(f"timeout 5 bash -c 'head -c 4 < /dev/tcp/{other.address}/22'") == "SSH-"
    assert one.shell("ip route show default") == ""


def test_a_reboot_ends_what_ran_and_keeps_what_was_written(real_hosts: Hosts) -> None:
    (host,) = real_hosts(1)
    boot = "/proc/sys/kernel/random/boot_id"
    before = host.read(boot)
    assert host.read(boot) == before
    host.ssh("echo stays > /root/stays; echo goes > /tmp/goes; setsid sleep 1000 > /dev/null 2>&1 &")
    until = time.monotonic() + 20
    while "sleep" not in host.processes().values():  # setsid becomes it
        assert time.monotonic() < until

    host.reboot()

    assert host.ssh("cat /root/stays; ls /tmp").stdout == "stays\n"
    assert host.read(boot) != before
    assert "sleep" not in host.processes().values()


def test_its_network_is_cut_and_mended(real_hosts: Hosts) -> None:
    (host,) = real_hosts(1)
    host.cut()
    assert host.ssh("true").returncode == 255
    assert host.run("hostname") == "host-1\n"
    host.mend()
    assert host.ssh("true").returncode == 0


def test_a_stalled_host_says_nothing_until_it_goes_on(real_hosts: Hosts) -> None:
    (host,) = real_hosts(1)
    with host.stalled():
        said = host.ssh("true")
        assert (said.returncode, "timed out" in said.stderr) == (255, True)
    assert host.ssh("true").returncode == 0


def test_a_changed_host_key_is_refused_by_the_pin(real_hosts: Hosts) -> None:
    (host,) = real_hosts(1)
    host.change_host_key()
    said = host.ssh("true")
    assert (said.returncode, "Host key verification failed" in said.stderr) == (255, True)


def test_its_disk_fills_and_is_freed(real_hosts: Hosts) -> None:
    (host,) = real_hosts(1)
    host.fill()
    assert host.ssh("echo more > /var/more").returncode == 1
    host.free()
    assert host.ssh("echo more > /var/more").returncode == 0


def test_its_clock_goes_wrong(real_hosts: Hosts) -> None:
    (host,) = real_hosts(1)
    if not list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")):
        pytest.skip("没有 libfaketime；apt-get install -y faketime（以 root）")
    host.set_clock("+300s")
    assert 295 < int(host.ssh("date +%s").stdout) - time.time() < 310


def test_a_plain_user_signs_in_with_the_same_key(real_hosts: Hosts) -> None:
    (host,) = real_hosts(1)
    host.user = "ops"
    assert host.ssh("id -un; cat /etc/shadow > /dev/null || echo no").stdout == "ops\nno\n"


def test_packages_come_from_the_signed_repository(real_hosts: Hosts, repository: Repository) -> None:
    (host,) = real_hosts(1)
    repository.give(host)
    seen = []
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.0.0"):
        host.shell(f"apt-get install -y -qq --allow-downgrades jzhello={version}", check=False)
        seen.append((installed(host), *answer(host)))

    assert seen == [
        ("1.0.0", 200, "1.0.0"),
        ("1.1.0", 200, "1.1.0"),
        ("1.2.0", 500, "1.2.0"),
        ("", 0, ""),
        ("1.0.0", 200, "1.0.0"),
    ]
    assert configured(host) == ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.0.0"]
    assert host.run("service", "jzhello", "status") == "running\n"


def test_a_repository_changed_after_signing_gives_nothing(real_hosts: Hosts, repository: Repository) -> None:
    (host,) = real_hosts(1)
    repository.give(host)
    host.shell("sed -i 's/^MD5Sum.*/MD5Sum: 0/; s/Suite: tests/Suite: other/' /srv/packages/InRelease")
    host.run("apt-get", "update", "-qq", check=False)
    said = host.run("sh", "-c", "apt-get update 2>&1 || true")
    assert "jzhello" not in said
    assert "invalid" in said or "BADSIG" in said


def test_a_killed_test_leaves_nothing(untouched: None, real_hosts: Hosts, tmp_path: Path) -> None:
    real_hosts(0)  # or be skipped
    script = (
        "import sys, time; from pathlib import Path; from tests.hosts.site import Site\n"
        f"site = Site(Path({str(tmp_path)!r})); hosts = site.add(2)\n"
        "hosts[0].run('sh', '-c', 'setsid sleep 1000 >/dev/null 2>&1 &')\n"
        "print(site.number, *(host.pid for host in hosts), flush=True); time.sleep(1000)\n"
    )
    test = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert test.stdout is not None
    number, *pids = map(int, test.stdout.readline().split())
    assert Path(f"/sys/class/net/wl{number}").exists()
    assert [Path(f"/proc/{pid}").exists() for pid in pids] == [True, True]

    test.send_signal(signal.SIGKILL)
    test.wait()
    test.stdout.close()

    until = time.monotonic() + 10
    while Path(f"/sys/class/net/wl{number}").exists() or any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert f"{NETWORK}.{number}." not in subprocess.run(["ip", "addr"], capture_output=True, text=True).stdout


def test_without_root_it_says_so() -> None:
    if os.geteuid():
        pytest.skip("already not root")
    script = (
        "import os; from tests.hosts.site import CannotHost, check_possible\n"
        "os.setuid(65534)\ntry: check_possible()\nexcept CannotHost as why: print(why)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "hosts of the tests need root\n"
