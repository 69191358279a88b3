"""Real hosts for tests: each an overlay of the machine's own root with an address, an sshd and a life of its own.

Only root can have them. `Site` stands up one bridge and as many hosts as are asked for; nothing of the machine is
changed but one interface `wlN`, which the kernel removes with the site. Whatever happens to the test's process,
the site ends with it (`keeper.py`).
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEEPER = Path(__file__).with_name("keeper.py")
PROGRAMS = {
    "ip": "iproute2",
    "ssh": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "pivot_root": "util-linux",
}
SSHD = Path("/usr/sbin/sshd")
NETWORK = "10.231"
FAKETIME = "/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1"


class CannotHost(Exception):
    """This machine lets nobody stand hosts up here; the words say why."""


@cache
def python() -> str:
    """The interpreter that hosts have: the system's, never this virtual environment's."""
    return shutil.which("python3", path="/usr/bin:/usr/local/bin") or "/usr/bin/python3"


def new_key() -> tuple[str, str]:
    """An Ed25519 key pair as OpenSSH writes it: private text, public line without a comment."""
    key = Ed25519PrivateKey.generate()
    form = serialization.PrivateFormat.OpenSSH
    private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return private.decode(), public.decode()


@dataclass
class RealHost:
    """One host: where it answers, its key, and what a test can do to it."""

    site: "Site"
    number: int
    name: str
    address: str
    key_type: str = ""
    key: str = ""  # base64, as in known_hosts
    pid: int = 0  # of its init, as this machine counts
    port: int = 22
    user: str = "root"
    python: str = field(default_factory=lambda: python())
    config: dict[str, Any] = field(default_factory=dict)

    def run(self, *words: str, text: str = "", check: bool = True) -> str:
        """What a command says on the host; straight into its namespaces, also while its network is cut."""
        command = ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--", *words]
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        done = subprocess.run(command, input=text, capture_output=True, text=True, env=env, timeout=120)
        if check and done.returncode:
            raise AssertionError(f"{self.name}: {' '.join(words)}: {done.returncode} {done.stdout}{done.stderr}")
        return done.stdout

    def shell(self, script: str, *, check: bool = True) -> str:
        return self.run("sh", "-c", script, check=check)

    def read(self, place: str) -> str:
        return self.run("cat", place)

    def write(self, place: str, text: str) -> None:
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "-", place, text=text)

    def put(self, folder: Path, place: str) -> None:
        """Copy a folder of this machine onto the host."""
        packed = subprocess.run(["tar", "-C", str(folder), "-c", "."], capture_output=True, check=True).stdout
        self.run("mkdir", "-p", place)
        command = ["nsenter", "-t", str(self.pid), "-m", "-r", "-w", "--", "tar", "-C", place, "-x", "--no-same-owner"]
        subprocess.run(command, input=packed, check=True, capture_output=True)

    def ssh(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Over the network as a worker would, with the pinned key."""
        known = self.site.folder / f"known-{self.number}"
        known.write_text(f"{self.address} {self.key_type} {self.key}\n")
        options = ["-F", "none", "-i", str(self.site.key_file), "-o", f"UserKnownHostsFile={known}"]
        options += ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=3"]
        command = ["ssh", *options, f"{self.user}@{self.address}", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)

    def cut(self) -> None:
        """No packet passes any more."""
        self.site.ask(do="link", number=self.number, state="down")

    def mend(self) -> None:
        self.site.ask(do="link", number=self.number, state="up")

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """It still answers pings, but no sshd says a word: what a hanging host looks like."""
        stopped = [pid for pid, name in self.processes().items() if name == "sshd"]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in stopped:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def slow(self, milliseconds: int) -> bool:
        """Delay each packet to and from it; False where the kernel has no netem."""
        words = ["tc", "qdisc", "replace", "dev", "eth0", "root", "netem", "delay", f"{milliseconds}ms"]
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", "--", *words], capture_output=True).returncode == 0

    def processes(self) -> dict[int, str]:
        """Every process of this host, by this machine's ids."""
        mine = os.readlink(f"/proc/{self.pid}/ns/pid")
        found: dict[int, str] = {}
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.readlink(place / "ns/pid") == mine:
                    found[int(place.name)] = (place / "comm").read_text().strip()
        return found

    def change_host_key(self) -> None:
        """Another key from now on, as after a new installation, or with somebody in between; ours stays pinned."""
        self.write("/etc/ssh/host_key", new_key()[0])
        self._renew_sshd()

    def set_clock(self, offset: str) -> None:
        """Its clock goes wrong by `+300s`, `-2h`; needs libfaketime."""
        library = FAKETIME.format(machine=os.uname().machine)
        if not Path(library).exists():
            raise CannotHost("no libfaketime (apt-get install faketime)")
        text = [line for line in self.read("/etc/ssh/sshd_config").splitlines() if not line.startswith("SetEnv")]
        text.append(f"SetEnv LD_PRELOAD={library} FAKETIME={offset} FAKETIME_DONT_FAKE_MONOTONIC=1")
        self.write("/etc/ssh/sshd_config", "\n".join(text) + "\n")
        self._renew_sshd()

    def _renew_sshd(self) -> None:
        for pid, name in self.processes().items():
            if name == "sshd":
                os.kill(pid, signal.SIGKILL)
        self.wait()

    def fill(self, folder: str = "/") -> None:
        """No byte is free any more on the disk that holds `folder`."""
        self.shell(f"dd if=/dev/zero of={folder}/.filler bs=64k 2>/dev/null; cat /dev/zero >> {folder}/.filler; true")

    def free(self, folder: str = "/") -> None:
        self.run("rm", "-f", f"{folder}/.filler")

    def power_off(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.site.ask(do="end", name=self.name, number=self.number)

    def power_on(self) -> None:
        self.pid = self.site.ask(do="start", name=self.name, **self.config)["pid"]
        self.wait()

    def reboot(self) -> None:
        """Everything that ran is gone, its disk stays, its boot id is another."""
        self.power_off()
        self.power_on()

    def wait(self, seconds: float = 10) -> None:
        """Until sshd greets."""
        until = time.monotonic() + seconds
        while True:
            with suppress(OSError), closing(socket.create_connection((self.address, self.port), 1)) as line:
                if line.recv(4) == b"SSH-":
                    return
            if time.monotonic() > until:
                log = self.run("cat", "/run/sshd.log", check=False)
                raise AssertionError(f"{self.name} does not answer at {self.address}: {log}")
            time.sleep(0.01)


class Site:
    """A bridge with hosts. Raises CannotHost where this machine does not allow it."""

    def __init__(self, folder: Path) -> None:
        check_possible()
        self.folder, self.hosts = folder, list[RealHost]()
        self.key_file = folder / "key"
        private, self.public = new_key()
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(private)
        (folder / "site").mkdir()
        self._keeper = self._start_keeper()
        try:
            self.pid = self._heard()["pid"]
            self.number = self._join()
        except BaseException:
            self.close()
            raise

    def _start_keeper(self) -> "subprocess.Popen[str]":
        apart = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        return subprocess.Popen(
            [*apart, sys.executable, "-I", "-S", str(KEEPER), str(self.folder / "site")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(self.folder / "keeper.log").open("wb"), text=True,
            start_new_session=True,
        )  # fmt: skip

    def _join(self) -> int:
        """Lay one cable from the machine to the bridge; its name is the claim on a network of addresses."""
        for number in range(1, 250):
            made = _ip(
                "link", "add", "name", f"wl{number}", "type", "veth", "peer", "name", "cable", "netns", str(self.pid)
            )
            if not made:
                break
            if "exists" not in made:
                raise CannotHost(made)
        for words in (
            ("link", "set", f"wl{number}", "alias", str(self.folder)),  # whose it is, where several sites stand
            ("addr", "add", f"{NETWORK}.{number}.1/24", "dev", f"wl{number}"),
            ("link", "set", f"wl{number}", "up"),
        ):
            if trouble := _ip(*words):
                raise CannotHost(trouble)
        self.ask(do="up")
        return number

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(json.dumps(order) + "\n")
        self._keeper.stdin.flush()
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"failed": self._last_words()}
        if "failed" in answer:
            raise CannotHost(answer["failed"])
        return answer

    def _last_words(self) -> str:
        return (self.folder / "keeper.log").read_text().strip() or "the keeper of the hosts ended"

    def add(self, count: int, disk: str = "400m") -> list[RealHost]:
        """Stand up so many more hosts, named host-1, host-2 …; answering when this returns."""
        fresh = []
        for number in range(len(self.hosts) + 1, len(self.hosts) + count + 1):
            private, public = new_key()
            address = f"{NETWORK}.{self.number}.{number + 10}"
            host = RealHost(self, number, f"host-{number}", address, *public.split())
            host.config = {
                "number": number, "address": f"{address}/24", "machine": secrets.token_hex(16), "disk": disk,
                "authorized": self.public, "host_key": private,
            }  # fmt: skip
            host.pid = self.ask(do="start", name=host.name, **host.config)["pid"]
            fresh.append(host)
        self.hosts += fresh
        for host in fresh:
            host.wait()
        return fresh

    def close(self) -> None:
        """End every host; returns when the kernel has taken mounts, processes and interfaces away."""
        if self._keeper.stdin:
            self._keeper.stdin.close()
        try:
            self._keeper.wait(10)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        if self._keeper.stdout:
            self._keeper.stdout.close()
        until = time.monotonic() + 10
        while hasattr(self, "number") and Path(f"/sys/class/net/wl{self.number}").exists():
            assert time.monotonic() < until, f"wl{self.number} is still there"
            time.sleep(0.01)


def _ip(*words: str) -> str:
    """What `ip` complains of; empty when it did it."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    return done.stderr.strip() or "ip failed" if done.returncode else ""


def check_possible() -> None:
    """Raises CannotHost without root, a program, or a file system that lies under overlays."""
    if os.geteuid():
        raise CannotHost("hosts of the tests need root")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program, path=path)]
    if not SSHD.exists():
        missing.append("openssh-server")
    if missing:
        raise CannotHost(f"apt-get install {' '.join(dict.fromkeys(missing))}")
