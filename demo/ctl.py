"""bin/ctl start|stop|status of an installation of jzdesk; copied to the target, standard library only.

start returns once /healthz answers; the web process is detached and outlives the caller.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = json.loads((ROOT / "shared" / "config.json").read_text("utf-8"))
PORT = int(CONFIG["port"])
PID = ROOT / "run" / "desk.pid"
LOG = ROOT / "run" / "desk.log"
START_SECONDS = 15
STOP_SECONDS = 10


def started_at(pid: int) -> str:
    """The kernel's start time of a process: a pid that comes back is not mistaken for ours."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if parts[0] == "Z" else parts[19]


def running() -> int:
    """The pid of our process, or 0."""
    try:
        pid, since = PID.read_text().split()
    except (OSError, ValueError):
        return 0
    return int(pid) if started_at(int(pid)) == since else 0


def healthy() -> dict[str, object]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{PORT}/healthz", timeout=2) as answer:
            found = json.load(answer)
            return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def port_taken() -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", PORT))
        except OSError:
            return True
        return False


def start() -> int:
    if running():
        print("已在运行")
        return 0
    if port_taken():
        print(f"端口 {PORT} 已被别的程序占用。停下那个程序，或在 shared/config.json 换一个端口后再启动")
        return 98
    release = (ROOT / "current").resolve()
    env = {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(release / "lib"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with LOG.open("ab") as log:
        process = subprocess.Popen(
            [CONFIG["python"], "-m", "jzdesk", "serve", "--shared", str(ROOT / "shared"), "--port", str(PORT)],
            cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    PID.write_text(f"{process.pid} {started_at(process.pid)}")
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if healthy():
            print(f"已启动，进程 {process.pid}，端口 {PORT}")
            return 0
        time.sleep(0.05)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    PID.unlink(missing_ok=True)
    lines = LOG.read_text("utf-8", "replace").splitlines()[-5:]
    print("没有启动成功：" + (" / ".join(lines) or "没有输出"))
    return 1


def stop() -> int:
    pid = running()
    if pid:
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while running() and time.monotonic() < until:
            time.sleep(0.02)
        if running():
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
    PID.unlink(missing_ok=True)
    print("已停止" if pid else "本来就没有运行")
    return 0


def status() -> int:
    print(json.dumps({"pid": running(), "port": PORT, "health": healthy() if running() else {}}, ensure_ascii=False))
    return 0 if running() else 3


if __name__ == "__main__":
    (ROOT / "run").mkdir(exist_ok=True)
    with (ROOT / "run" / "ctl.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), False)
        acts = {"start": start, "stop": stop, "status": status}
        if len(sys.argv) != 2 or sys.argv[1] not in acts:
            sys.exit("ctl start|stop|status")
        sys.exit(acts[sys.argv[1]]())
