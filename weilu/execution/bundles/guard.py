"""Outside a sandbox: joins its sockets to the pinned hosts, bounds it, and writes down what it tells.

A program of its own, standard library only. It begins an attempt once (`launch.mark`), and bubblewrap dies with it,
whatever kills it; a worker's death leaves it working. Sockets are joined to one address each, given by the worker.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

WATCH_SECONDS, CHUNK = 0.2, 65536
MOST_LINES = 64  # connections of one host at a time


def main(folder: Path) -> None:
    launch = _launch()
    if not launch.mark(folder, {"pid": os.getpid(), "since": launch.start_time(os.getpid())}):
        return
    order = json.loads((folder / "order.json").read_text())
    for number, place in enumerate(order["places"]):
        _listen(folder / "hosts", str(number), (place["address"], place["port"]))
    with (folder / "sandbox.log").open("wb") as errors:
        child = subprocess.Popen(
            order["command"],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        why: list[str] = []
        threading.Thread(target=_watch, args=(child, order["limits"], errors.name, why), daemon=True).start()
        _write_down(child, folder / "events", order["limits"]["output"], why)
        rc = child.wait()
    scratch = folder / "outcome.part"
    scratch.write_text(json.dumps({"rc": rc, "why": why[0] if why else ""}))
    scratch.replace(folder / "outcome.json")


def _launch() -> Any:
    """Weilu's own launch.py, beside this program's folder: no package is imported here."""
    spec = importlib.util.spec_from_file_location("launch", Path(__file__).parent.with_name("launch.py"))
    if spec is None or spec.loader is None:
        raise SystemExit("launch.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _listen(folder: Path, name: str, address: tuple[str, int]) -> None:
    door = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(folder)  # a socket's whole path may be too long
    door.bind(name)
    os.chdir(here)
    door.listen(MOST_LINES)
    threading.Thread(target=_serve, args=(door, address), daemon=True).start()


def _serve(door: socket.socket, address: tuple[str, int]) -> None:
    places = threading.BoundedSemaphore(MOST_LINES)
    while True:
        line, _ = door.accept()
        if not places.acquire(blocking=False):
            line.close()
            continue
        threading.Thread(target=_join, args=(line, address, places), daemon=True).start()


def _join(line: socket.socket, address: tuple[str, int], places: threading.BoundedSemaphore) -> None:
    try:
        with line, socket.create_connection(address, 20) as host:
            host.settimeout(None)
            back = threading.Thread(target=_copy, args=(host, line), daemon=True)
            back.start()
            _copy(line, host)
            back.join()
    except OSError:
        return  # the sandbox sees its line closed, as ssh sees any host that does not answer
    finally:
        places.release()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _write_down(child: "subprocess.Popen[bytes]", place: Path, most: int, why: list[str]) -> None:
    assert child.stdout is not None  # noqa: S101 - asked for above
    with place.open("wb", buffering=0) as out:
        while data := os.read(child.stdout.fileno(), CHUNK):
            most -= len(data)
            if most < 0:
                _end(child, why, "output")
                return
            out.write(data)


def _end(child: "subprocess.Popen[bytes]", why: list[str], reason: str) -> None:
    why.append(reason)
    child.kill()


def _watch(child: "subprocess.Popen[bytes]", limits: dict[str, int], log: str, why: list[str]) -> None:
    """End it for `time`, `memory`, `processes` or `output` beyond its limits."""
    until = time.monotonic() + limits["seconds"]
    while child.poll() is None:
        count, memory = _weight(child.pid)
        beyond = {
            "time": time.monotonic() > until, "memory": memory > limits["memory"],
            "processes": count > limits["processes"], "output": os.path.getsize(log) > limits["output"],
        }  # fmt: skip
        for reason, over in beyond.items():
            if over:
                _end(child, why, reason)
                return
        time.sleep(WATCH_SECONDS)


def _weight(pid: int) -> tuple[int, int]:
    """How many processes live below `pid`, and the bytes of memory they hold."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError, IndexError):
                stat = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(stat[1]), []).append(int(name))
    below, wanted = 0, [pid]
    pages = 0
    while wanted:
        for each in parents.get(wanted.pop(), []):
            below += 1
            wanted.append(each)
            with suppress(OSError, IndexError):
                words = Path(f"/proc/{each}/statm").read_text().split()
                pages += int(words[1]) - int(words[2])  # what it shares with others counts for nobody
    return below, pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
