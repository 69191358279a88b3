"""A step that outlives the call which began it: it writes into a file, and other calls read that as it grows.

A broken connection therefore neither ends a step in its middle nor hides how it ended.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

LONGEST_SECONDS = 14 * 60
FIRST_SECONDS, NEXT_SECONDS = 1.0, 5.0  # how long a call waits for something to tell
LOOK_SECONDS = 0.05
TOGETHER_SECONDS = 0.3  # lines that follow one another closely are told together


def main(arguments: list[str]) -> int:
    """`begin OUT VERB …` lets a step go on alone, `read OUT AT` follows it.

    `do|probe STEP ORDER` acts on an installation, `host-do|… FOLDER ORDER` on a host; for a host `start VERB ORDER`
    and `follow FOLDER AT` are begin and read in the program's own folder, which goes with the last word.
    """
    if arguments[0] == "begin":
        out = Path(arguments[1])
        begin(out, arguments[2:])
        print(json.dumps(read(out, 0, FIRST_SECONDS)))
        return 0
    if arguments[0] == "read":
        print(json.dumps(read(Path(arguments[1]), int(arguments[2]), NEXT_SECONDS)))
        return 0
    if arguments[0] == "start":
        folder = Path(sys.argv[0]).parent
        begin_here(folder / "output", [arguments[1], str(folder), *arguments[2:]])
        print(json.dumps({"folder": str(folder), **followed(folder, 0, FIRST_SECONDS)}))
        return 0
    if arguments[0] == "follow":
        print(json.dumps(followed(Path(arguments[1]), int(arguments[2]), NEXT_SECONDS)))
        return 0
    if arguments[0] != "host-fence":  # its limit is the sandbox's
        bound()
    # Read only where they are needed: following a step is asked for again and again.
    if arguments[0].startswith("host-"):
        from .on_host.main import main as act_on_host

        return act_on_host(arguments)
    from .main import main as act

    return act(arguments)


def begin(out: Path, arguments: list[str]) -> None:
    """Run this program with `arguments` in a session of its own; `out` is locked as long as that works."""
    with out.open("ab") as lines, errors_of(out).open("ab") as errors:
        fcntl.flock(lines, fcntl.LOCK_EX)  # the lock goes on in the child, whose output this is
        subprocess.Popen(
            [sys.executable, sys.argv[0], *arguments], env={**os.environ, "PYTHONUTF8": "1"}, cwd="/",
            stdin=subprocess.DEVNULL, stdout=lines, stderr=errors, start_new_session=True,
        )  # fmt: skip


def begin_here(out: Path, arguments: list[str]) -> None:
    """As `begin`, without starting Python anew: on many hosts of few cores that is what a short step takes."""
    with out.open("ab") as lines, errors_of(out).open("ab") as errors:
        fcntl.flock(lines, fcntl.LOCK_EX)
        if os.fork():
            return
        os.setsid()
        os.chdir("/")
        with open(os.devnull, "rb") as nothing:
            for ours, standard in ((nothing, 0), (lines, 1), (errors, 2)):
                os.dup2(ours.fileno(), standard)
    code = 1
    try:
        code = main(arguments)
    except BaseException:  # this is the whole of a program: its last word goes where errors are read
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def bound() -> None:
    """Let a step that hangs end with all it started, so that whoever asks next finds the lock free."""
    if os.getsid(0) == os.getpid():
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(0, signal.SIGKILL))
        signal.alarm(LONGEST_SECONDS)


def read(out: Path, at: int, seconds: float) -> dict[str, Any]:
    """Whole lines from byte `at` on, waiting up to `seconds` for one; `works` until there will be no more."""
    until = time.monotonic() + seconds
    while True:
        works = _locked(out)
        found = out.read_bytes()[at:]
        if works:
            found = found[: found.rfind(b"\n") + 1]
        if found or not works or time.monotonic() > until:
            break
        time.sleep(LOOK_SECONDS)
    errors = "" if works else errors_of(out).read_text("utf-8", "replace")
    return {"text": found.decode("utf-8", "replace"), "at": at + len(found), "works": works, "errors": errors[-4000:]}


def followed(folder: Path, at: int, seconds: float) -> dict[str, Any]:
    """As `read`, some lines together; the folder is removed once there is nothing more to say."""
    told = read(folder / "output", at, seconds)
    if told["works"] and told["text"]:
        time.sleep(TOGETHER_SECONDS)
        more = read(folder / "output", told["at"], 0)
        told = more | {"text": told["text"] + more["text"]}
    if not told["works"]:
        shutil.rmtree(folder, ignore_errors=True)
    return told


def errors_of(out: Path) -> Path:
    return out.with_name(out.name + ".errors")


def _locked(out: Path) -> bool:
    with out.open("rb") as lines:
        try:
            fcntl.flock(lines, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
