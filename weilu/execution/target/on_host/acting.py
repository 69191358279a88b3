"""What the kinds share: running a program with a limit, an artefact's bytes, the difference of two texts."""

import difflib
import os
import signal
import subprocess
import threading
from pathlib import Path

from ..place import Failed, last_line, say, sha256_of
from .order import Order

USUAL = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
LARGEST_DIFF = 200
_child: list[Path] = []  # where the process that acts is named, as long as this call lasts


def name_child_in(place: Path) -> None:
    """From here on a started program writes there who it is, so that a later call can wait for it if we die."""
    _child[:] = [place]


def since(pid: int) -> str:
    """The kernel's start time of a live process; empty when it is gone."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if parts[0] in ("Z", "X") else parts[19]


def left_behind(place: Path) -> bool:
    """Whether a program of an earlier call, whose caller died, still acts on this host."""
    try:
        pid, began = place.read_text().split()
    except (OSError, ValueError):
        return False
    return since(int(pid)) == began


def _say_who() -> None:
    for place in _child:
        place.write_text(f"{os.getpid()} {since(os.getpid())}")


def run(command: list[str], seconds: float, env: dict[str, str] | None = None, *, loud: bool = True) -> tuple[int, str]:
    """Run a program in a session of its own and say its lines; its exit code and last line. Raises Failed in the end.

    Whatever it started ends with it when the time is over.
    """
    with subprocess.Popen(
        command, env={**USUAL, **(env or {})}, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace", start_new_session=True,
        preexec_fn=_say_who,
    ) as process:  # fmt: skip
        over: list[bool] = []

        def end() -> None:
            over.append(True)
            os.killpg(process.pid, signal.SIGKILL)

        limit = threading.Timer(seconds, end)
        limit.start()
        lines: list[str] = []
        for line in process.stdout or ():
            text = line.rstrip("\n")
            lines = [*lines[-50:], text]
            if loud:
                say(text)
        code = process.wait()
        limit.cancel()
    if over:
        raise Failed(f"超过 {int(seconds)} 秒没有做完，已结束")
    return code, last_line("\n".join(lines))


def told_by(command: list[str], seconds: float = 60) -> tuple[int, str]:
    """What a program answers, unsaid: its exit code and its whole output."""
    try:
        done = subprocess.run(
            command, env=USUAL, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=seconds, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return 127, f"没有 {command[0]}"
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} 在 {int(seconds)} 秒内没有回答", untouched=True) from None
    return done.returncode, done.stdout if done.returncode == 0 else done.stdout + done.stderr


def artefact(order: Order, sha256: str) -> Path:
    """The file the plan names by digest; raises Failed unless it came over whole."""
    found = order.folder / sha256
    if not found.is_file() or sha256_of(found) != sha256:
        raise Failed(f"文件 {sha256[:12]} 没有完整传到主机", untouched=True)
    return found


def difference(old: bytes, new: bytes, name: str) -> list[str]:
    """Unified, bounded; one sentence where either is no text."""
    try:
        before, after = old.decode("utf-8").splitlines(), new.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        return [f"{name}：二进制内容不同，{len(old)} 字节改为 {len(new)} 字节"]
    lines = list(difflib.unified_diff(before, after, f"现值 {name}", f"改后 {name}", lineterm=""))
    return lines[:LARGEST_DIFF] + ["……"] * (len(lines) > LARGEST_DIFF)
