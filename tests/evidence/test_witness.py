"""The witness: a process of its own that signs only what continues what it has seen, and never forgets it."""

import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.evidence.witnesses import (
    NAME,
    SmallLog,
    ask,
    bare_environment,
    listening,
    new_witness,
    serving,
    weilu_witness,
)
from weilu.evidence.checkpoint import COSIGNATURE, Head, parse_vkey
from weilu.evidence.cosignature import check_cosignature, split_note
from weilu.evidence.witness.asked import Answer, add_checkpoint
from weilu.evidence.witness.store import Home, Lost, make, open_home, retire

pytestmark = pytest.mark.once
STOPPED_BEFORE_COMMIT = """
import sys, time
sys.modules['django'] = None
from pathlib import Path
from weilu.evidence.witness import asked, store
def keep(*facts):
    store.keep(*facts)
    print("written", flush=True)
    time.sleep(60)
asked.keep = keep
asked.add_checkpoint(store.open_home(Path(sys.argv[1])), sys.stdin.read())
"""
STOPPED_BEFORE_ANSWER = """
import sys, time
sys.modules['django'] = None
from pathlib import Path
from weilu.evidence.witness import asked, store
def cosign(*facts):
    print("kept", flush=True)
    time.sleep(60)
asked.cosign = cosign
asked.add_checkpoint(store.open_home(Path(sys.argv[1])), sys.stdin.read())
"""


@pytest.fixture
def log() -> SmallLog:
    return SmallLog()


@pytest.fixture
def home(tmp_path, log) -> Home:
    return new_witness(tmp_path / "witness", log.vkey)


def size_in(home: Home) -> int:
    with home.store() as kept:
        return int(kept.execute("SELECT size FROM log").fetchone()[0])


def seen_in(home: Home) -> list[int]:
    with home.store() as kept:
        return [row[0] for row in kept.execute("SELECT size FROM cosigned ORDER BY size").fetchall()]


def refused_in(home: Home) -> list[tuple[int, int, int]]:
    with home.store() as kept:
        return kept.execute("SELECT status, size, times FROM refused ORDER BY status, size").fetchall()


def test_the_answer_is_a_cosignature_over_the_checkpoint_and_the_time(home, log):
    before = int(time.time())
    answer = add_checkpoint(home, log.request(0, 7))
    head, _lines = split_note(log.note(7))
    found = check_cosignature(head, answer.body.removesuffix("\n"), home.vkey)
    assert (answer.status, before <= found.at <= time.time()) == (200, True)
    for other in (Head(head.origin, 8, head.root), Head("x", 7, head.root), Head(head.origin, 7, b"\0" * 32)):
        with pytest.raises(ValueError, match="the cosignature is not over this checkpoint"):
            check_cosignature(other, found.line, home.vkey)


def test_a_log_that_grows_is_cosigned_from_size_to_size(home, log):
    sizes = [(0, 1), (1, 7), (7, 8), (8, 8), (8, 200)]
    assert [add_checkpoint(home, log.request(old, new)).status for old, new in sizes] == [200] * 5
    assert (size_in(home), seen_in(home)) == (200, [1, 7, 8, 200])


def test_a_wrong_old_size_is_answered_with_the_right_one(home, log):
    add_checkpoint(home, log.request(0, 7))
    assert add_checkpoint(home, log.request(0, 9)) == Answer(409, "7\n")
    assert add_checkpoint(home, log.request(5, 9)) == Answer(409, "7\n")
    assert add_checkpoint(home, log.request(3, 3)) == Answer(409, "7\n")
    assert (size_in(home), refused_in(home)) == (7, [(409, 3, 1), (409, 9, 1), (409, 9, 1)])


def test_a_log_that_was_rewritten_has_no_proof(home, log):
    add_checkpoint(home, log.request(0, 7))
    other = SmallLog(words="false")
    other.private, other.vkey = log.private, log.vkey
    refused = Answer(422, "the proof does not lead from the old size to the checkpoint\n")
    assert add_checkpoint(home, other.request(7, 9)) == refused
    assert add_checkpoint(home, other.request(7, 9)) == refused
    assert add_checkpoint(home, other.request(7, 7)) == Answer(409, "7\n")
    assert (size_in(home), refused_in(home)) == (7, [(409, 7, 1), (422, 9, 2)])


def test_another_log_and_another_signature_are_unknown(home, log):
    assert add_checkpoint(home, SmallLog("other.test/log").request(0, 7)) == Answer(404, "unknown log\n")
    assert add_checkpoint(home, SmallLog().request(0, 7)) == Answer(403, "unknown signature\n")
    assert (size_in(home), seen_in(home), refused_in(home)) == (0, [], [])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text.replace("old 0", "old 00"),
        lambda text: text.replace("old 0", "old -1"),
        lambda text: text.replace("old 0\n", "old 0\n!!\n"),
        lambda text: text.replace("old 0\n", "old 0\nAAAA\n"),
        lambda text: text.replace("\n7\n", "\n07\n"),
        lambda text: text.removesuffix("\n"),
        lambda text: text + "more",
        lambda text: text.replace("\n7\n", "\n7\nextension\n"),
        lambda text: text.replace("old 0", "old 8"),
    ],
)
def test_what_is_no_request_is_turned_away(home, log, spoil):
    assert add_checkpoint(home, spoil(log.request(0, 7))).status == 400
    assert (size_in(home), seen_in(home)) == (0, [])


def test_a_first_request_needs_no_proof_and_takes_none(home, log):
    padded = log.request(0, 7).replace("old 0\n", f"old 0\n{'A' * 43}=\n", 1)
    assert add_checkpoint(home, padded).status == 422


def forked(log: SmallLog, count: int) -> list[str]:
    """Requests from size 7 to 9, each with another ninth leaf: only one may ever be cosigned."""
    found = []
    for number in range(count):
        other = SmallLog()
        other.private, other.vkey = log.private, log.vkey
        other.tiles = dict(log.tiles)
        leaves = bytearray(other.tiles[0, 0])
        leaves[8 * 32 : 9 * 32] = number.to_bytes(32, "big")
        other.tiles[0, 0] = bytes(leaves)
        found.append(other.request(7, 9))
    return found


def test_of_many_threads_only_one_passes_from_the_same_size(home, log):
    add_checkpoint(home, log.request(0, 7))
    together = threading.Barrier(8)

    def one(text: str) -> int:
        together.wait()
        return add_checkpoint(home, text).status

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(one, forked(log, 8)))
    assert answers == [200] + [409] * 7
    assert seen_in(home) == [7, 9]


@pytest.mark.slow
def test_of_two_processes_on_one_store_only_one_passes_from_the_same_size(home, log):
    add_checkpoint(home, log.request(0, 7))
    with serving(home.folder) as (first, _), serving(home.folder) as (second, _), ThreadPoolExecutor(12) as pool:
        texts = forked(log, 12)
        answers = list(pool.map(lambda job: ask(*job), zip([first, second] * 6, texts, strict=True)))
    assert sorted(status for status, _body in answers) == [200] + [409] * 11
    assert {body for status, body in answers if status == 409} <= {"9\n"}
    assert seen_in(home) == [7, 9]


def killed(program: str, home: Home, text: str) -> str:
    """What the process said before it was killed in its middle."""
    running = subprocess.Popen(
        [sys.executable, "-c", program, str(home.folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=bare_environment(),
    )  # fmt: skip
    running.stdin.write(text)
    running.stdin.close()
    said = running.stdout.readline()
    running.send_signal(signal.SIGKILL)
    running.wait(10)
    running.stdout.close()
    return said


@pytest.mark.crash
def test_killed_before_the_commit_nothing_was_seen(home, log):
    add_checkpoint(home, log.request(0, 7))
    assert killed(STOPPED_BEFORE_COMMIT, home, log.request(7, 9)) == "written\n"
    again = open_home(home.folder)
    assert (size_in(again), seen_in(again)) == (7, [7])
    assert add_checkpoint(again, log.request(7, 9)).status == 200


@pytest.mark.crash
def test_killed_before_the_answer_it_still_remembers(home, log):
    add_checkpoint(home, log.request(0, 7))
    assert killed(STOPPED_BEFORE_ANSWER, home, log.request(7, 9)) == "kept\n"
    again = open_home(home.folder)
    assert seen_in(again) == [7, 9]
    assert [add_checkpoint(again, text) for text in forked(log, 2)] == [Answer(409, "9\n")] * 2
    assert add_checkpoint(again, log.request(9, 9)).status == 200


@pytest.mark.crash
def test_killed_at_any_moment_it_signs_one_history_only(home, log):
    """Eight requests from one size for eight histories; the witness is killed meanwhile, a little later each time."""
    add_checkpoint(home, log.request(0, 7))
    texts, answered = forked(log, 8), []
    for place, text in enumerate(texts):
        with serving(home.folder) as (address, running):
            timer = threading.Timer(0.003 * place, running.kill)
            timer.start()
            with suppress(OSError, HTTPException):
                answered += [text for status, _body in [ask(address, text)] if status == 200]
            timer.join()
    again = open_home(home.folder)
    with again.store() as kept:
        signed = [row[0] for row in kept.execute("SELECT note FROM cosigned WHERE size = 9").fetchall()]
    assert signed in ([], *([text.partition("\n\n")[2]] for text in texts))
    assert [text.partition("\n\n")[2] for text in answered] in ([], signed)


def test_without_its_store_it_is_not_started_again(home, log):
    (home.folder / "witness.sqlite3").unlink()
    lost = "见证的存储不见了，它不再知道见过什么。在维录停用它，用新目录、新名称另建一个。"
    with pytest.raises(Lost, match=lost):
        open_home(home.folder)
    with pytest.raises(Lost, match="已经有一个见证"):
        make(home.folder, NAME, log.vkey, "测试")
    said = weilu_witness("serve", "--home", str(home.folder), "--port", "0")
    assert (said.returncode, said.stderr) == (2, f"{lost}\n")


def test_another_witness_s_store_is_not_its_own(tmp_path, home, log):
    other = new_witness(tmp_path / "other", log.vkey)
    shutil.copy(other.folder / "witness.sqlite3", home.folder / "witness.sqlite3")
    with pytest.raises(Lost, match="存储不是这个密钥的那一份"):
        open_home(home.folder)


def test_a_damaged_store_is_not_used(home, log):
    place = home.folder / "witness.sqlite3"
    place.write_bytes(b"x" * place.stat().st_size)
    with pytest.raises(Lost, match="存储已损坏|打不开"):
        open_home(home.folder)
    place.write_bytes(b"")
    with pytest.raises(Lost, match="存储已损坏"):
        open_home(home.folder)


def test_a_store_that_goes_while_it_serves_signs_nothing(home, log):
    with serving(home.folder) as (address, _):
        assert ask(address, log.request(0, 7))[0] == 200
        (home.folder / "witness.sqlite3").unlink()
        assert ask(address, log.request(7, 9)) == (500, "the store cannot be written\n")
        assert ask(address, log.request(0, 9)) == (500, "the store cannot be written\n")


def test_once_retired_it_answers_nobody(home, log):
    retire(home, "换了机器")
    with pytest.raises(Lost, match="这个见证已停用：换了机器"):
        open_home(home.folder)


def test_it_does_not_live_in_weilu_s_data(tmp_path, log):
    (tmp_path / "weilu.sqlite3").write_bytes(b"")
    with pytest.raises(Lost, match="是维录的数据目录"):
        make(tmp_path / "inside" / "witness", NAME, log.vkey, "测试")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "weilu.sqlite3"]


def test_its_key_is_its_own(home):
    assert (home.folder / "witness.key").stat().st_mode & 0o777 == 0o600
    assert (home.folder / "witness.sqlite3").stat().st_mode & 0o777 == 0o600
    assert parse_vkey(str(home.vkey), COSIGNATURE) == home.vkey
    with pytest.raises(ValueError, match="not a vkey"):
        parse_vkey(str(home.vkey))


@pytest.mark.slow
def test_the_command_works_without_django_by_http_and_by_file(tmp_path, log):
    folder = tmp_path / "w"
    made = weilu_witness("init", "--home", str(folder), "--name", NAME, "--log", str(log.vkey))
    home = open_home(folder)
    assert (made.returncode, made.stderr) == (0, "")
    assert f"见证公钥　{home.vkey}\n见证公钥的指纹　{home.vkey.fingerprint}\n" in made.stdout
    assert f"日志公钥的指纹　{log.vkey.fingerprint}\n" in made.stdout
    with serving(folder) as (address, _):
        status, line = ask(address, log.request(0, 7))
        assert (status, line.startswith(f"— {NAME} ")) == (200, True)
        assert ask(address, b"\xff") == (400, "not UTF-8\n")
        assert ask(address, b"x" * 70000) == (413, "too long\n")
        assert ask(f"{address}/x", "") == (404, "not found\n")
    request, answer = tmp_path / "request", tmp_path / "answer"
    request.write_text(log.request(7, 9))
    done = weilu_witness("cosign", str(request), "-o", str(answer), "--home", str(folder))
    assert (done.returncode, answer.read_text().startswith(log.note(9))) == (0, True)
    head, lines = split_note(answer.read_text())
    assert check_cosignature(head, lines[1], home.vkey).line == lines[1]
    done = weilu_witness("cosign", str(request), "-o", str(answer), "--home", str(folder))
    assert (done.returncode, answer.read_text()) == (1, "409\n9\n")
    assert done.stderr == "这份日志没有从见证记得的地方接着写：见证已签到 9 条。没有签名。\n"
    shown = weilu_witness("show", "--home", str(folder), WEILU_LANGUAGE="en").stdout
    assert re.search(r"^Log　weilu.test/log1　signed up to 9 entries　20", shown, re.M)
    assert re.search(r"^Refused　weilu.test/log1　409　9 entries　×1　20", shown, re.M)


def test_other_machines_are_served_by_tls_only(home, tmp_path):
    said = weilu_witness("serve", "--home", str(home.folder), "--host", "0.0.0.0", "--port", "0")
    assert (said.returncode, said.stderr) == (
        2, "对别的机器开放要用 TLS：加上 --cert 和 --key，或在本机前面放一个 TLS 代理。\n",
    )  # fmt: skip


def test_whoever_only_holds_connections_keeps_no_log_from_being_signed(home, log, monkeypatch):
    """As many slow requests as it answers at once, a byte now and then: they take no place, and not for long."""
    from weilu.evidence.witness import server

    monkeypatch.setattr(server, "PATIENCE", 2)
    with listening(home) as address, ExitStack() as held:
        place = ("127.0.0.1", int(address.rpartition(":")[2]))
        slow = [held.enter_context(socket.create_connection(place)) for _ in range(server.AT_ONCE + 1)]
        for line in slow:
            line.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 60000\r\n\r\n")
        time.sleep(0.3)
        assert ask(address, log.request(0, 7))[0] == 200
        began = time.monotonic()
        with suppress(OSError):
            while time.monotonic() - began < 6:
                slow[0].sendall(b"x")
                time.sleep(0.1)
        assert time.monotonic() - began < 4


def test_a_store_put_back_to_an_older_state_signs_a_second_history(home, log):
    """What it cannot find by itself; the log finds it, which holds the later cosignature."""
    add_checkpoint(home, log.request(0, 7))
    kept = (home.folder / "witness.sqlite3").read_bytes()
    add_checkpoint(home, log.request(7, 9))
    (home.folder / "witness.sqlite3").write_bytes(kept)
    assert [add_checkpoint(open_home(home.folder), text).status for text in forked(log, 1)] == [200]


def test_the_store_is_a_plain_file_that_others_can_read(home, log):
    add_checkpoint(home, log.request(0, 7))
    with sqlite3.connect(Path(home.folder) / "witness.sqlite3") as other:
        assert other.execute("SELECT size, note FROM cosigned").fetchall() == [(7, log.note(7))]
