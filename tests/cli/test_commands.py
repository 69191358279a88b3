"""The command line, run as people run it: real processes, real ports, real locks."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
WEILU = [sys.executable, "-m", "weilu.cli.main"]


def env(home: Path, **over: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEILU_", "DJANGO_", "PORT"))}
    return kept | {"WEILU_DATA_DIR": str(home / "data")} | over


def run(home: Path, *args: str, **over: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WEILU, *args], env=env(home, **over), capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation that `weilu init` has set up."""
    place = tmp_path_factory.mktemp("installation")
    done = run(place, "init")
    assert (done.returncode, done.stderr) == (0, "")
    return place


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def test_init_can_be_run_again(home: Path):
    done = run(home, "init")

    assert (done.returncode, done.stderr) == (0, "")
    assert (home / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("command", [["init"], ["serve"], ["worker"], ["story", "--out", "x"], ["demo"]])
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, command: list[str]):
    done = run(tmp_path, *command, PORT="eight")

    assert done.returncode == 2
    assert done.stderr.splitlines() == ["PORT 现在是「eight」，应是 1 到 65535 的整数。改正后重新启动。"]


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_in_use_is_one_sentence_before_anything_starts(home: Path, taken_port: int, command: str):
    done = run(home, command, PORT=str(taken_port))

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"端口 {taken_port} 已被另一个程序占用。换一个端口：PORT={taken_port + 1}；"
        "或停掉占用它的程序（ss -ltnp 可查）。"
    ]
    assert done.stdout == ""


def test_a_database_that_was_never_made(tmp_path: Path, port: int):
    (tmp_path / "data").mkdir()

    done = run(tmp_path, "serve", PORT=str(port))

    assert (done.returncode, done.stderr) == (2, "数据库还没有建好，或属于旧版本。先运行 weilu init。\n")


def test_a_database_that_is_away(tmp_path: Path, port: int):
    done = run(tmp_path, "serve", PORT=str(port), WEILU_DATABASE_URL="postgresql://weilu@127.0.0.1:1/weilu")

    assert done.returncode == 2
    assert done.stderr.startswith("数据库连不上（")
    assert len(done.stderr.splitlines()) == 1


def test_a_locked_database_is_a_finding(home: Path):
    holder = sqlite3.connect(home / "data" / "weilu.sqlite3", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        done = run(home, "check")
    finally:
        holder.close()

    assert done.returncode == 1
    assert "数据库正被另一个程序占用" in done.stdout


def test_check_finds_a_key_that_others_can_read(home: Path):
    key = home / "data" / "keys" / "session.key"
    key.chmod(0o644)
    try:
        loose = run(home, "check")
    finally:
        key.chmod(0o600)

    assert loose.returncode == 1
    assert "✗ 证据密钥　别人能读：session.key" in loose.stdout


def test_check_of_a_sound_installation_has_no_problem(home: Path):
    done = run(home, "check")

    assert done.stderr == ""
    assert [line for line in done.stdout.splitlines() if line.startswith("✗")] == []
    assert done.returncode == 0


def test_check_names_a_wrong_setting(tmp_path: Path):
    done = run(tmp_path, "check", WEILU_CHECKPOINT_SECONDS="0")

    assert done.returncode == 1
    assert "WEILU_CHECKPOINT_SECONDS 现在是「0」" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_serve_answers_and_leaves_no_orphan(home: Path, port: int, how: signal.Signals):
    server = subprocess.Popen([*WEILU, "serve"], env=env(home, PORT=str(port)), stdout=subprocess.PIPE)
    try:
        until(lambda: health(port) == 200)
        family = descendants(server.pid)
        assert len(family) >= 4  # granian, its two workers, our worker
        server.send_signal(how)
        code = server.wait(30)
        until(lambda: not [pid for pid in family if alive(pid)])
    finally:
        server.kill()
        server.wait()
        assert server.stdout
        server.stdout.close()

    assert code == (0 if how != signal.SIGKILL else -signal.SIGKILL)


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(home: Path, port: int):
    before = len(lives(home))
    server = subprocess.Popen([*WEILU, "serve"], env=env(home, PORT=str(port)), stdout=subprocess.DEVNULL)
    try:
        until(lambda: health(port) == 200 and len(workers(server.pid)) == 1 and len(lives(home)) == before + 1)
        (first,) = workers(server.pid)
        time.sleep(1)
        os.kill(first, signal.SIGKILL)
        until(lambda: workers(server.pid) not in ([], [first]) and len(lives(home)) == before + 2)
        assert [ended for _holder, ended in lives(home)[before:]] == [False, False]
    finally:
        server.terminate()
        server.wait(30)
    assert [(holder.split(":")[1] == str(first), ended) for holder, ended in lives(home)[before:]] == [
        (True, False), (False, True),
    ]  # fmt: skip


def lives(home: Path) -> list[tuple[str, bool]]:
    """Each worker process that told it lives, and whether it said that it ended."""
    with sqlite3.connect(home / "data" / "weilu.sqlite3") as link:
        rows = link.execute("SELECT holder, ended_at IS NOT NULL FROM jobs_process ORDER BY id").fetchall()
    return [(str(holder), bool(ended)) for holder, ended in rows]


def until(true: "object", seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def health(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return int(answer.status)
    except OSError:
        return 0


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def workers(pid: int) -> list[int]:
    return [p for p in descendants(pid) if Path(f"/proc/{p}/cmdline").read_bytes().endswith(b"\0worker\0")]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
