"""A web site under measurement: its server process, somebody signed in, and how long answers take through a socket."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

SAFE = "/?&=%"
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Site:
    """A server on a free port with a keep-alive connection; ends with the `with` block."""

    def __init__(self, command: Callable[[int], Sequence[str]], env: dict[str, str], cwd: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._log = (cwd / f"server-{self.port}.log").open("w")
        self.process = subprocess.Popen(
            command(self.port), env=env | {"PORT": str(self.port)}, cwd=cwd, stdout=self._log, stderr=self._log,
            start_new_session=True,
        )  # fmt: skip
        self._cookies: dict[str, str] = {}
        self._link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def __enter__(self) -> Site:
        for _turn in range(300):
            try:
                self.ask("GET", "/healthz")
            except OSError:
                time.sleep(0.1)
                self._link.close()
            else:
                return self
        raise RuntimeError(f"no answer on port {self.port}")

    def __exit__(self, *_problem: object) -> None:
        self._link.close()
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(15)
        self._log.close()

    def ask(self, method: str, path: str, form: dict[str, Any] | None = None) -> tuple[int, str, str]:
        """Status, body and where it leads."""
        head = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        body = None
        if form is not None:
            head["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form)
        self._link.request(method, quote(path, safe=SAFE), body, head)
        answer = self._link.getresponse()
        text = answer.read().decode("utf-8", "replace")
        for line in answer.headers.get_all("Set-Cookie") or ():
            name, _, rest = line.partition("=")
            self._cookies[name] = rest.partition(";")[0]
        return answer.status, text, answer.getheader("Location") or ""

    def post(self, path: str, page: str, form: dict[str, Any]) -> tuple[int, str, str]:
        """Send a form with the token of the page it stands on."""
        token = TOKEN.search(self.ask("GET", page)[1])
        return self.ask("POST", path, form | {"csrfmiddlewaretoken": token[1] if token else ""})

    def took(self, path: str) -> float:
        """Milliseconds until the whole answer is there; raises RuntimeError when it is not a page."""
        start = time.perf_counter()
        status, _text, _to = self.ask("GET", path)
        spent = (time.perf_counter() - start) * 1000
        if status != 200:
            raise RuntimeError(f"{status} {path}")
        return spent

    def memory(self) -> float:
        """MB of the server's worker processes: what is theirs alone and their share of what they share (PSS)."""
        return sum(_pss(pid) for pid in self._workers()) / 1024

    def _workers(self) -> list[int]:
        """The web server is whoever was started with our port; its workers are those of the same words below it."""
        mark = f"--port {self.port} "
        named = {pid: parent for pid, parent, words in _processes() if "granian" in words and mark in f"{words} "}
        found = [pid for pid, parent in named.items() if parent in named]
        if not found:
            raise RuntimeError("no worker process of the web server was found")
        return found


def _processes() -> Iterator[tuple[int, int, str]]:
    """Number, parent and words of every process one can read."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        yield int(place.name), parent, words


def _pss(pid: int) -> int:
    rolled = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+)", rolled, re.MULTILINE)[1])  # type: ignore[index]


def beside(ours: Callable[[int], float], theirs: Callable[[int], float], times: int) -> tuple[float, float]:
    """Medians of both, asked in turn, after three turns that do not count."""
    found: tuple[list[float], list[float]] = ([], [])
    for turn in range(times + 3):
        for place, one in enumerate((ours, theirs)):
            spent = one(turn)
            if turn >= 3:
                found[place].append(spent)
    return statistics.median(found[0]), statistics.median(found[1])


def median(one: Callable[[int], float], times: int) -> float:
    """The median of `times`, after three turns that do not count."""
    return statistics.median([one(turn) for turn in range(times + 3)][3:])
