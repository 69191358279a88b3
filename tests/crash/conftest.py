"""Crashes on purpose: a plan with every kind of step, deaths, and what must hold after each of them.

The short form runs with the other tests. WEILU_CRASHES=200 asks for so many random moments instead of a few, and
for every boundary instead of some: `make crash`.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.fleet.conftest import Fleet, carry_out, cells, fleet, host_states, log  # noqa: F401  (fixtures)
from tests.hosts.packages import Repository
from weilu.evidence.actions import tick
from weilu.evidence.soundness import check_log
from weilu.execution.fleet.actions import answer_hosts, end_run
from weilu.execution.models import Cell, Run, RunHost
from weilu.execution.worker import Worker

MANY = int(os.environ.get("WEILU_CRASHES", "0"))
HERE = Path(__file__).parent
COUNTS = "/var/lib/counts"
COUNTING = f'sleep 0.2; echo "$1 $WEILU_RUN" >> {COUNTS}; echo counted; sleep 0.2\n'
SHOWING = f'grep -qx "$1 $WEILU_RUN" {COUNTS} 2>/dev/null && exit 0; exit 1\n'
ENDED = ("succeeded", "went_back", "partly", "failed")


@dataclass
class Field:
    """Hosts, and the plan that is carried out on them again and again; each run counts by its own number."""

    fleet: Fleet
    random: random.Random

    def orders(self) -> dict[str, object]:
        """A file, a package where there is one, a script that shows, a script that does not, a service, a check."""
        counting, showing = self.fleet.keep(COUNTING), self.fleet.keep(SHOWING, "检查.sh")
        setting = self.fleet.keep(f"level={self.random.randrange(10**9)}\n", "jz.conf")
        probe = {"sha256": showing["sha256"], "arguments": ["shown"]}
        return self.fleet.orders(
            {"kind": "file", "with": {"path": "/etc/jz.conf", "sha256": setting["sha256"]}, "back": "auto"},
            {"kind": "script", "with": {"sha256": counting["sha256"], "arguments": ["shown"], "probe": probe}},
            {"kind": "script", "crash": "ask", "with": {"sha256": counting["sha256"], "arguments": ["unshown"]}},
            {"kind": "service", "with": {"name": "jzhello", "state": "restarted"}, "crash": "idempotent"},
            {"kind": "http", "with": {"port": 8080, "path": "/"}, "crash": "idempotent"},
            artefacts=[counting, showing, setting],
        )  # fmt: skip

    def counts(self, run: Run) -> list[tuple[int, int]]:
        """How often each script took effect in this run, by each host's own word."""
        found = []
        for host in self.fleet.real:
            lines = host.run("sh", "-c", f"cat {COUNTS} 2>/dev/null || true").splitlines()
            found.append((lines.count(f"shown {run.number}"), lines.count(f"unshown {run.number}")))
        return found


def stand_up(fleet: Callable[..., Fleet], repository: Repository, count: int = 2) -> Field:  # noqa: F811
    found = fleet(count)
    for one in found.real:
        repository.give(one)
        one.run("apt-get", "-qq", "update")
        one.run("apt-get", "-y", "-qq", "install", "jzhello=1.0.0")
    return Field(found, random.Random(20261129))


def mortal(number: int) -> "subprocess.Popen[str]":
    """A worker of its own process, which dies at that boundary; 0: at none of its own will."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "weilu.settings", "PYTHONPATH": str(HERE.parents[1])}
    return subprocess.Popen(
        [sys.executable, str(HERE / "mortal.py"), str(number)], env=env, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def go_on(field: Field, run: Run) -> Run:
    """The lease ends, other workers go on; a person answers what is asked by looking at the host, and ends the rest."""
    Run.objects.filter(id=run.id).update(lease_until=None)
    for _round in range(6):
        run = carry_out(run, Worker(), seconds=200)
        if run.state == "asks":
            answer_hosts(field.fleet.cast.chen, run, answers=judged(field, run))
        elif run.state == "paused":
            end_run(field.fleet.cast.chen, run, why="试验到此为止")
        else:
            return run
    raise AssertionError(f"{run.number} asks again and again: {run.cause}")


def judged(field: Field, run: Run) -> dict[int, str]:
    """What a person says who looked: done where the host's own counter says so, else do it."""
    asking = Cell.objects.filter(step__run=run, state="asks").select_related("host", "step")
    counts = field.counts(run)
    place = {"s2": 0, "s3": 1}
    return {
        cell.host.ordinal: "done" if counts[cell.host.ordinal - 1][place.get(cell.step.key, 0)] else "retry"
        for cell in asking
    }  # fmt: skip


def check_after(field: Field, run: Run) -> None:
    """Nothing took effect twice, nothing is lost, nothing stays behind, and the log verifies."""
    said = f"{run.number} {run.state} {run.cause}\n" + "\n".join(log(run)[-25:])
    assert run.state in ENDED, said
    for ordinal, counted in enumerate(field.counts(run), start=1):
        wanted = tuple(
            int(Cell.objects.filter(step__run=run, step__key=key, host__ordinal=ordinal, state="done").exists())
            for key in ("s2", "s3")
        )  # fmt: skip
        if host_states(run)[f"host-{ordinal}"] == "done":
            assert wanted == (1, 1), said
        assert counted == wanted or max(counted) <= 1, (counted, wanted, said)
        assert max(counted) <= 1, said
    assert not RunHost.objects.exclude(holds=None).exists(), said
    assert (run.lease_until, run.holder) == (None, ""), said
    assert agents_of(run) == [], said
    tick()
    check_log()


def agents_of(run: Run) -> list[str]:
    """ssh-agents that still hold a key for an attempt of this run."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().decode("utf-8", "replace")
            if words.startswith("ssh-agent") and str(run.uid) in words:
                found.append(words)
    return found


def end(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)


def playing(run: Run) -> list[int]:
    """Processes of Ansible that act for this run."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            words = (place / "cmdline").read_bytes().decode("utf-8", "replace")
            if "ansible-playbook" in words and str(run.uid) in words:
                found.append(int(place.name))
    return found


def wait_until(told: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < limit
        time.sleep(0.02)


def order(field: Field) -> Run:
    """The plan is carried out once more; whatever waits for a worker waits for the next one."""
    return field.fleet.order(field.orders())
