"""The demo's application, its channel and its target."""

import json
import shutil
import socket
import sqlite3
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from demo.channel import VERSIONS, build_channel, build_wheel, sums_of
from demo.target import PortTaken, ctl, free_port, install_release, lay_out

pytestmark = [pytest.mark.once]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An installation laid out and not started."""
    build_wheel("1.0.0", tmp_path)
    lay_out(tmp_path / "app", tmp_path, free_port())
    return tmp_path / "app"


def book(url: str) -> tuple[int, str]:
    body = json.dumps({"name": "试", "phone": "1", "matter": "试", "day": "2026-10-01"}).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url + "/api/appointments", body, {"Content-Type": "application/json"})
        ) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers.get("Retry-After", "")


def count(root: Path) -> int:
    with closing(sqlite3.connect(root / "shared" / "desk.sqlite3")) as db:
        return int(db.execute("SELECT count(*) FROM appointment").fetchone()[0])


def test_the_same_source_is_the_same_wheel(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for place in (first, second):
        place.mkdir()
        for version in VERSIONS:
            build_wheel(version, place)
    assert sums_of(first) == sums_of(second)


def test_gpgv_accepts_the_channel_and_no_other_key(tmp_path: Path) -> None:
    channel, other = build_channel(tmp_path / "a", ("1.0.0",)), build_channel(tmp_path / "b", ("1.0.0",))
    sums = [str(channel.folder / name) for name in ("SHA256SUMS.sig", "SHA256SUMS")]
    answers = [
        subprocess.run(["gpgv", "--keyring", str(keyring), *sums], capture_output=True, check=False).returncode
        for keyring in (channel.keyring, other.keyring)
    ]
    assert answers == [0, 2]
    assert b"PRIVATE" not in channel.keyring.read_bytes()


def test_it_outlives_its_caller_and_stops(root: Path) -> None:
    ctl(root, "start")
    assert json.loads(ctl(root, "status"))["health"]["version"] == "1.0.0"
    ctl(root, "stop")
    assert json.loads(ctl(root, "status"))["pid"] == 0


def test_a_port_in_use_is_said(root: Path) -> None:
    port = json.loads((root / "shared" / "config.json").read_text())["port"]
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken, match=f"端口 {port} 已被别的程序占用"):
        ctl(root, "start")
    assert not (root / "run" / "desk.pid").exists()


def test_no_write_slips_in_once_writes_are_held(root: Path) -> None:
    ctl(root, "start")
    url = f"http://127.0.0.1:{json.loads((root / 'shared' / 'config.json').read_text())['port']}"
    answers: Counter[int] = Counter()
    ended = threading.Event()

    def insist() -> None:
        while not ended.is_set():
            answers[book(url)[0]] += 1

    people = [threading.Thread(target=insist) for _ in range(4)]
    for person in people:
        person.start()
    while answers[201] < 8:
        pass
    (root / "shared" / "READONLY").touch()
    with closing(sqlite3.connect(root / "shared" / "desk.sqlite3", timeout=20, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")  # whoever was writing has finished
        held = db.execute("SELECT count(*) FROM appointment").fetchone()[0]
        db.execute("ROLLBACK")
    while answers[503] < 8:
        pass
    ended.set()
    for person in people:
        person.join()

    assert count(root) == held == 3 + answers[201]
    assert book(url) == (503, "30")
    (root / "shared" / "READONLY").unlink()
    assert book(url) == (201, "")
    ctl(root, "stop")


def test_migrations_go_from_version_to_version(root: Path, tmp_path: Path) -> None:
    schemas = []
    for version in ("1.1.0", "1.2.0"):
        release = install_release(root, build_wheel(version, tmp_path))
        python = json.loads((root / "shared" / "config.json").read_text())["python"]
        subprocess.run(
            [python, "-m", "jzdesk", "migrate", "--shared", str(root / "shared")],
            env={"PYTHONPATH": str(release / "lib")}, check=True, capture_output=True,
        )  # fmt: skip
        with closing(sqlite3.connect(root / "shared" / "desk.sqlite3")) as db:
            schemas.append(
                (db.execute("PRAGMA user_version").fetchone()[0], db.execute("SELECT * FROM appointment").fetchone())
            )
    assert schemas == [
        (2, (1, "孙桂兰", "138 0000 0001", "养老待遇资格认证", "2026-09-28", "网上")),
        (3, (1, "孙桂兰", "13800000001", "养老待遇资格认证", "2026-09-28", "网上", "V000001")),
    ]


def test_an_interrupted_layout_is_not_taken_for_a_channel(tmp_path: Path) -> None:
    channel = build_channel(tmp_path, ("1.0.0",))
    before = (channel.folder / "SHA256SUMS.sig").read_bytes()
    assert (build_channel(tmp_path).folder / "SHA256SUMS.sig").read_bytes() == before
    shutil.rmtree(channel.folder)
    assert sorted(path.name for path in build_channel(tmp_path, ("1.0.0",)).folder.glob("SHA*")) == [
        "SHA256SUMS",
        "SHA256SUMS.sig",
    ]
