"""What the kinds share: running a program with a limit, an artefact's bytes, the difference of two texts."""

import difflib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..place import Failed, say, sha256_of
from .order import Order

USUAL = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
LARGEST_DIFF = 200
LONGEST_LINE, MOST_LINES = 4_000, 20_000
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


def end_all(*_: object) -> None:
    """The whole call took too long: it ends, and so does what it has started."""
    for place in _child:
        if left_behind(place):
            with suppress(OSError, ValueError):
                os.killpg(int(place.read_text().split()[0]), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def run(command: list[str], seconds: float, env: dict[str, str] | None = None, *, loud: bool = True) -> tuple[int, str]:
    """Run a program in a session of its own and say its lines; its exit code and last line.

    Raises Failed where it does not start, or does not end in time: then whatever it started ends with it. A daemon
    that it leaves behind is not waited for.
    """
    out, given = os.pipe()
    try:
        process = subprocess.Popen(
            command, env={**USUAL, **(env or {})}, cwd="/", stdin=subprocess.DEVNULL, stdout=given,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_say_who,
        )  # fmt: skip
    except OSError as problem:
        os.close(out)
        raise Failed(f"{command[0]} 没有启动：{problem.strerror}", untouched=True) from None
    finally:
        os.close(given)
    over = _Saying(out, say if loud else None).until(process, time.monotonic() + seconds)
    if over is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise Failed(f"超过 {int(seconds)} 秒没有做完，已结束")
    return process.wait(), over


class _Saying:
    """Takes down what a program prints, line by line, and says so much of it as a record can hold."""

    def __init__(self, out: int, say: "Callable[[str], None] | None") -> None:
        self.out, self.say, self.count, self.rest, self.last = out, say, 0, b"", "没有输出"

    def until(self, process: "subprocess.Popen[bytes]", limit: float) -> str | None:
        """The last line once the program has ended; None when the time is over before."""
        with selectors.DefaultSelector() as ready, open(self.out, "rb", buffering=0) as source:
            ready.register(source, selectors.EVENT_READ)
            while True:
                ended = process.poll() is not None  # before reading: what it printed is there by then
                found = source.read(1 << 16) if ready.select(0 if ended else 0.1) else None
                if found:
                    self._take(found)
                elif ended or found == b"":
                    break
                if not ended and time.monotonic() > limit:
                    return None
        while process.poll() is None:  # it closed its output and goes on
            if time.monotonic() > limit:
                return None
            time.sleep(0.05)
        self._take(b"\n" * bool(self.rest))
        return self.last

    def _take(self, found: bytes) -> None:
        *lines, self.rest = (self.rest + found).split(b"\n")
        if len(self.rest) > LONGEST_LINE:  # no line at all: it is cut, so that it does not fill the memory
            lines, self.rest = [*lines, self.rest], b""
        for line in lines:
            text = line[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
            self.last = text.strip() or self.last
            self.count += 1
            if self.say and self.count <= MOST_LINES:
                self.say(text)
            elif self.say and self.count == MOST_LINES + 1:
                self.say(f"……输出超过 {MOST_LINES} 行，此后的没有记下")


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
