"""Workers that can die, and what dies beside them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from weilu.execution.models import Run

HERE = Path(__file__).parent


def mortal(number: int, *before: str, **env: str) -> "subprocess.Popen[str]":
    """A worker of its own process, which dies at that boundary; 0: at none. `before`: what starts it."""
    usual = {**os.environ, "DJANGO_SETTINGS_MODULE": "weilu.settings", "PYTHONPATH": str(HERE.parents[1]), **env}
    return subprocess.Popen(
        [*before, sys.executable, str(HERE / "mortal.py"), str(number)], env=usual, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def end(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Kill it if it lives; what it said."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGKILL)
    return process.communicate(timeout=20)


def playing(run: Run) -> list[int]:
    """Processes of Ansible and of sandboxes that act for this run."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            words = (place / "cmdline").read_bytes().decode("utf-8", "replace")
            if str(run.uid) in words and ("ansible" in words or "guard.py" in words):
                found.append(int(place.name))
    return found


def send(pids: Iterable[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def wait_until(told: Callable[[], bool], seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < limit
        time.sleep(0.02)
