"""The lock of a host: which call of which run may act, and the journal of what was begun and how it ended.

A call holds the file lock for as long as it acts. Its token (turn, fence, place, attempt) only grows: whoever
enters with an older one than was seen here is refused, so that a worker, an Ansible or a bundle that was
left behind can begin nothing more. The journal is what a probe reads and what a way back starts from.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..place import Failed, append_durably, rows_of, write_durably
from .acting import left_behind, name_child_in
from .order import Order

WAIT_SECONDS = 240
Token = list[int]


def home() -> Path:
    """Where Weilu keeps its own on this host: root's place, or the acting user's."""
    return Path("/var/lib/weilu") if os.geteuid() == 0 else Path.home() / ".weilu"


class Noted(Failed):
    """A failure that stands in the host's journal: whoever asks later is told the same."""


class Fence:
    """The lock and journal of one host as one customer knows it, entered by one call of one run."""

    def __init__(self, host: str, run: str, token: Token) -> None:
        self.folder, self.run, self.token = home() / host, run, token
        self.journal = self.folder / "journal.jsonl"
        self.begun = False  # whether this call has begun an effect

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Hold the host while acting; raises Failed for an older token, and when another call does not end."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        child = self.folder.parent / "child"
        with (self.folder.parent / "lock").open("a+") as handle:
            _wait(handle.fileno(), child)
            self._raise_to(self.token)
            name_child_in(child)
            yield

    def _raise_to(self, token: Token) -> None:
        told = read_object(self.folder / "holder.json")
        check_token(told, token)
        if told.get("token") != token:
            row = {"run": self.run, "token": token, "at": time.time_ns()}
            write_durably(self.folder / "holder.json", json.dumps(row).encode())

    def note(self, key: str, state: str, **more: Any) -> None:
        """One durable line: `began` before the effect, `done` or `failed` after."""
        row = {"run": self.run, "key": key, "state": state, "token": self.token, "at": time.time_ns(), **more}
        append_durably(self.journal, json.dumps(row, ensure_ascii=False).encode())
        self.begun = self.begun or state == "began"

    def rows(self, key: str) -> list[dict[str, Any]]:
        """What this run noted of the step, oldest first."""
        return [row for row in rows_of(self.journal) if (row.get("run"), row.get("key")) == (self.run, key)]

    def last(self, key: str) -> dict[str, Any]:
        """The newest line of the step; empty when it never began here."""
        rows = self.rows(key)
        return rows[-1] if rows else {}


def kept(fence: Fence, order: Order) -> Path:
    """Where the step keeps what it will need to bring back what was there before."""
    return fence.folder / "kept" / fence.run / (order.of or order.key).replace("/", "-")


def _wait(handle: int, child: Path) -> None:
    """Until no call holds the lock, and no program of a call that died goes on."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not left_behind(child):
                return
            fcntl.flock(handle, fcntl.LOCK_UN)
        if time.monotonic() > until:
            raise Failed("主机上前一次调用还没有结束，等了 4 分钟", untouched=True)
        time.sleep(0.05)


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is none."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def check_token(told: dict[str, Any], token: Token) -> None:
    """Raises Failed when a newer call has been here: whoever sent this one was replaced."""
    seen = told.get("token")
    if isinstance(seen, list) and seen > token:
        raise Failed(f"主机已由更新的调用接手（见过 {seen}，本次 {token}），不再动作", untouched=True)
