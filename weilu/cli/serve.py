"""`weilu serve`: the web server and one worker as children that end together with this process."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import FrameType

import django

from weilu.cli.setup import need_tables
from weilu.cli.telling import tell
from weilu.cli.trouble import need_free_port

HOST = "127.0.0.1"  # plain HTTP never leaves the machine; a TLS proxy stands before it
PROCESSES, THREADS = 2, 4
PATIENCE = 20.0  # seconds for children to end by themselves
LOOK = 2.0  # seconds between two looks whether the installation is closed
LONGEST_PAUSE = 30.0  # seconds between restarts of a worker that keeps failing


def serve(*, with_worker: bool = True, pools: Sequence[str] = ()) -> int:
    """Check what can be checked, then keep web and worker running until asked to end."""
    django.setup()
    from weilu.settings import CONFIG

    need_free_port(HOST, CONFIG.port)
    need_tables()
    keeper = Keeper(CONFIG.port, with_worker=with_worker, pools=pools)
    keeper.listen()
    tell(f"维录已启动：http://{HOST}:{CONFIG.port}　（Ctrl-C 停止）")
    return keeper.keep()


def work(pools: Sequence[str] = ()) -> int:
    """Run the worker in this process until SIGTERM or Ctrl-C: runs, evidence; beside them jobs and the witnesses.

    `pools` are the labels of hosts that it reaches, beside those without a label.
    """
    django.setup()
    need_tables()
    from weilu.evidence import asking
    from weilu.execution.worker import work_forever
    from weilu.jobs import processes
    from weilu.jobs.worker import new_holder
    from weilu.jobs.worker import work_forever as work_on_jobs
    from weilu.kernel import upkeep
    from weilu.vault.reach import jobs

    _ready_vault()
    jobs.serve(pools)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # A thread of its own: a mail server that hangs must not keep a run waiting. If it ends, so does the process.
    beside = threading.Thread(target=work_on_jobs, args=(stop,), name="jobs", daemon=True)
    beside.start()
    asked, alive = asking.begin(stop), processes.begin(stop, new_holder())
    upkeep.watch(stop)
    work_forever(stop, pools)
    beside.join(PATIENCE / 2)
    asked.join(PATIENCE / 2)
    alive.join(PATIENCE / 2)
    return 0


def _ready_vault() -> None:
    """See that the vault has a key, and this machine none that was changed for another; the rest works without."""
    from weilu.kernel.refused import Refused
    from weilu.vault import keys, rotation

    try:
        keys.ensure()
        rotation.tidy()
    except (Refused, OSError) as trouble:
        tell(f"保险库打不开，不能在远程主机上执行：{trouble}", trouble=True)


class Keeper:
    """Starts the children, restarts the worker, and ends both."""

    def __init__(self, port: int, *, with_worker: bool, pools: Sequence[str] = ()) -> None:
        self.port, self.with_worker, self.pools = port, with_worker, pools
        self.ending = False
        self.pause = 1.0
        self.again_at = 0.0
        self.look_at = 0.0

    def listen(self) -> None:
        """End when asked to; the children are told by us, not by the terminal."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.ending = True

    def keep(self) -> int:
        """Watch the children; the web server's end is ours, the worker's is mended."""
        web, worker = start(web_command(self.port)), self._worker()
        try:
            while not self.ending and web.poll() is None:
                time.sleep(0.2)
                self._look()
                worker = self._mended(worker)
            code = web.poll()
        finally:
            end([child for child in (worker, web) if child is not None])
        return 0 if self.ending else code or 1

    def _look(self) -> None:
        """End by ourselves once the installation is closed for an upgrade or a move."""
        if time.monotonic() < self.look_at:
            return
        self.look_at = time.monotonic() + LOOK
        from django.db import DatabaseError, connection

        from weilu.kernel import upkeep

        try:
            if upkeep.ended():
                tell(f"维录{upkeep.standing()[1]}，网页和工作进程停下", trouble=True)
                self.ending = True
        except DatabaseError:
            return  # away or busy for a moment; web and worker say so themselves
        finally:
            connection.close()

    def _worker(self) -> "subprocess.Popen[bytes] | None":
        self.started = time.monotonic()
        labels = [word for label in self.pools for word in ("--pool", label)]
        return start([sys.executable, "-m", "weilu.cli.main", "worker", *labels]) if self.with_worker else None

    def _mended(self, worker: "subprocess.Popen[bytes] | None") -> "subprocess.Popen[bytes] | None":
        """The worker as it is, or a new one in its place, sooner if the old one lived long."""
        if worker is None or worker.poll() is None:
            return worker
        now = time.monotonic()
        if not self.again_at:
            lived = now - self.started
            self.pause = 1.0 if lived > LONGEST_PAUSE else min(self.pause * 2, LONGEST_PAUSE)
            self.again_at = now + self.pause
            tell(f"工作进程已退出（{worker.returncode}），{self.pause:.0f} 秒后重新启动", trouble=True)
        if now < self.again_at:
            return worker
        self.again_at = 0.0
        return self._worker()


def web_command(port: int) -> list[str]:
    """The web server, with threads enough for pages that wait on the database."""
    return [
        sys.executable, "-m", "granian", "weilu.wsgi:application", "--interface", "wsgi",
        "--host", HOST, "--port", str(port), "--workers", str(PROCESSES),
        "--blocking-threads", str(THREADS), "--backlog", "256", "--no-ws", "--log-level", "warning",
        "--respawn-failed-workers", "--workers-kill-timeout", "10",
    ]  # fmt: skip


def start(command: list[str], log: Path | None = None) -> "subprocess.Popen[bytes]":
    """A child in its own session that is told to end when we are gone, however we went; it speaks into `log`."""
    with nullcontext() if log is None else log.open("ab") as out:
        return subprocess.Popen(command, start_new_session=True, preexec_fn=_end_with_parent, stdout=out, stderr=out)


def _end_with_parent() -> None:
    """Runs in the child: Linux sends SIGTERM when the parent dies, even by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def end(children: list["subprocess.Popen[bytes]"]) -> None:
    """Ask all, wait for all, then make sure of each and its descendants."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + PATIENCE
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
