"""Init of one site of hosts: holds their bridge and their disks, starts their lives, ends with whoever reads it.

A program of its own, standard library only, process 1 of a PID, mount and network namespace. Orders come as
lines of JSON on standard input; when that closes, also because a test was killed, it ends, and with it the
kernel ends every process, mount and interface of the site. It keeps the machine's /proc, so that the process
ids it tells are the machine's.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

INSIDE = Path(__file__).with_name("inside.py")
APART = ("unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private")


class Keeper:
    """The bridge `hub`, a disk for each host, and the running life of each."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lives: dict[str, subprocess.Popen[str]] = {}
        run("mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "site", str(home))
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "name", "hub", "type", "bridge")
        run("ip", "link", "set", "hub", "up")

    def up(self) -> dict[str, Any]:
        """Join the interface `cable`, which the machine has put here, to the bridge."""
        run("ip", "link", "set", "dev", "cable", "master", "hub")
        run("ip", "link", "set", "dev", "cable", "up")
        return {}

    def start(self, name: str, **config: Any) -> dict[str, Any]:
        """One life of a host: as long as its disk stays, what was written on it stays."""
        disk = self.home / name
        if not disk.exists():
            disk.mkdir()
            run("mount", "-t", "tmpfs", "-o", f"size={config['disk']},mode=755", name, str(disk))
            for folder in ("upper", "work", "root", "home"):
                (disk / folder).mkdir()
        life = self.lives[name] = subprocess.Popen(
            [*APART, sys.executable, "-I", "-S", str(INSIDE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        pid = self._heard(name)["pid"]
        inner, outer = f"p{config['number']}", f"h{config['number']}"
        run("ip", "link", "add", "name", outer, "type", "veth", "peer", "name", inner)
        run("ip", "link", "set", inner, "netns", as_here(pid), "name", "eth0")
        run("ip", "link", "set", outer, "master", "hub")
        run("ip", "link", "set", outer, "up")
        assert life.stdin is not None
        life.stdin.write(json.dumps({"name": name, "place": str(disk), **config}) + "\n")
        life.stdin.flush()
        return {"pid": pid, **self._heard(name)}

    def _heard(self, name: str) -> dict[str, Any]:
        out = self.lives[name].stdout
        assert out is not None
        answer: dict[str, Any] = json.loads(out.readline() or '{"failed": "the host ended while it was set up"}')
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer

    def end(self, name: str, number: int) -> dict[str, Any]:
        """The power is gone: the machine has killed the host's init, and everything of this life with it."""
        self.lives.pop(name).wait()
        # The kernel takes the cable away with the host's network, sooner or later than we do.
        subprocess.run(["ip", "link", "delete", f"h{number}"], capture_output=True)
        return {}

    def link(self, number: int, state: str) -> dict[str, Any]:
        run("ip", "link", "set", f"h{number}", state)
        return {}


def as_here(pid: int) -> str:
    """A process id of the machine as this namespace counts: what the kernel takes for a network's owner."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(line.split()[-2] for line in status.splitlines() if line.startswith("NSpid:"))


def run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")


def main() -> None:
    try:
        keeper = Keeper(Path(sys.argv[1]))
        print(json.dumps({"pid": int(os.readlink("/proc/self"))}), flush=True)
    except RuntimeError as problem:
        print(json.dumps({"failed": str(problem)}), flush=True)
        return
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = getattr(keeper, order.pop("do"))(**order)
        except RuntimeError as problem:
            answer = {"failed": str(problem)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
