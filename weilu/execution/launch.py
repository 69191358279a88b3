"""Becomes the program of one attempt, once and only once; tells of an attempt whether it goes on.

A program of its own: standard library only.

`launched.json` is put in place by a hard link, which fails when it exists. A worker that takes
over and finds no such file puts a void one there instead: then this program ends without having
done anything, and the worker knows for certain that the attempt never began.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def start_time(pid: int) -> str:
    """The kernel's start time of a live process; empty when it is gone or only waits to be buried."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if parts[0] in ("Z", "X") else parts[19]


def mark(folder: Path, content: dict[str, object]) -> bool:
    """Write launched.json if nobody has; whether it was us."""
    scratch = folder / f".launched-{os.getpid()}"
    with scratch.open("w") as out:
        json.dump(content, out)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(scratch, folder / "launched.json")
    except FileExistsError:
        return False
    finally:
        scratch.unlink()
    return True


def state(folder: Path, starter_lives: bool, end: Path) -> str:
    """`running`, `finished`, `lost` in its middle, or `never` begun, and then it never will.

    `starter_lives`: the process that was to begin it is a child of ours and lives; `end` is there once it is over.
    Only asked on the machine and in the life of it where the attempt was started.
    """
    if not (folder / "launched.json").exists():
        if starter_lives:
            return "running"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if mark(folder, {"void": True}):
            return "never"
    launched = json.loads((folder / "launched.json").read_text())
    if launched.get("void"):
        return "never"
    alive = start_time(int(launched["pid"])) == launched["since"]  # before its end is looked for
    if end.exists():
        return "finished"
    return "running" if alive else "lost"


def living(folder: Path) -> int:
    """The process of an attempt; 0 when it is over or never was."""
    launched = json.loads((folder / "launched.json").read_text())
    pid = int(launched.get("pid", 0))
    return pid if pid and start_time(pid) == launched["since"] else 0


def end(pid: int) -> None:
    """Kill a process with all it started."""
    for each in (*descendants(pid), pid):
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Every process below `pid`: the runner gives Ansible a session of its own, so a group would not hold them."""
    parents: dict[int, list[int]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(place.name))
    found, wanted = [], [pid]
    while wanted:
        below = parents.get(wanted.pop(), [])
        found += below
        wanted += below
    return found


def scrub(folder: Path, names: Iterable[str]) -> None:
    """Remove these files and folders of an attempt, and leave what tells how it went."""
    for name in names:
        place = folder / name
        if place.is_dir():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)


def main(folder: Path, command: list[str]) -> None:
    if mark(folder, {"pid": os.getpid(), "since": start_time(os.getpid())}):
        os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
