"""The lock of an installation: which run may act on it, and from which fence number on.

Each call takes the file lock for as long as it acts, so that two calls never act at once, also
when one was left behind by a worker that died. The lock file says who holds the installation
(from hold_writes to open_writes) and the newest fence seen. The journal beside it tells of each
step when it began and with which result it ended: what a probe reads.
"""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .place import Failed, append_durably, rows_of, write_durably

WAIT_SECONDS = 240


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


class Fence:
    """The lock and journal of one installation, entered by one call of one run."""

    def __init__(self, root: Path, run: str, fence: int) -> None:
        self.folder, self.run, self.fence = root / ".weilu", run, fence
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.journal = self.folder / "journal.jsonl"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold the installation while acting; raises Failed for an older fence or another run's hold."""
        with (self.folder / "lock").open("a+") as handle:
            self._wait(handle.fileno())
            told = self._told()
            check_fence(told, self.run, self.fence)
            holds = bool(told.get("holds")) and told.get("run") == self.run
            self._tell(holds)
            yield

    def _wait(self, handle: int) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Failed("目标机上前一次调用还没有结束，等了 4 分钟", untouched=True) from None
                time.sleep(0.05)

    def _told(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "holder.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _tell(self, holds: bool) -> None:
        row = {"run": self.run, "fence": self.fence, "boot": boot_id(), "holds": holds}
        write_durably(self.folder / "holder.json", json.dumps(row).encode())

    def hold(self) -> None:
        """From here on no other run may act on this installation."""
        self._tell(True)

    def release(self) -> None:
        self._tell(False)

    def note(self, step: str, state: str, **more: Any) -> None:
        """One durable line of the journal: `began` before the effect, `done` or `failed` after."""
        row = {"run": self.run, "step": step, "state": state, "fence": self.fence, "at": time.time_ns(), **more}
        append_durably(self.journal, json.dumps(row, ensure_ascii=False).encode())

    def last(self, step: str) -> dict[str, Any]:
        """The newest line of this run's `step`; empty when it never began here."""
        mine = [row for row in rows_of(self.journal) if (row.get("run"), row.get("step")) == (self.run, step)]
        return mine[-1] if mine else {}


def check_fence(told: dict[str, Any], run: str, fence: int) -> None:
    """Raises Failed when another run holds the installation, or this call's worker was replaced."""
    if told.get("run") == run:
        if int(told.get("fence", 0)) > fence:
            raise Failed(f"另一台工作机已接手这次执行（栅栏 {told['fence']}，本次 {fence}），不再动作", untouched=True)
    elif told.get("holds"):
        raise Failed(f"执行 {told.get('run')} 正占用这套安装，等它结束后再执行", untouched=True)
