"""Becomes ansible-runner for one attempt, once and only once. A program of its own: standard library only.

`launched.json` is put in place by a hard link, which fails when it exists. A worker that takes
over and finds no such file puts a void one there instead: then this program ends without having
done anything, and the worker knows for certain that the attempt never began.
"""

import json
import os
import sys
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


def main(folder: Path, program: str) -> None:
    if mark(folder, {"pid": os.getpid(), "since": start_time(os.getpid())}):
        os.execv(program, [program, "run", str(folder), "-p", "step.yml", "--ident", "a", "--quiet"])  # noqa: S606


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
