"""`weilu backup` and `restore`, as people run them: whole or not at all, beside whatever runs, on both databases."""

import json
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.installation import VENDOR, Installation, content, manifest, new_database

pytestmark = pytest.mark.slow
PASSPHRASE = "江州-restore-2026"
SEARCH = """
from weilu.accounts.models import Person
from weilu.process.search import find
print(len(find(Person.objects.get(username="chenhang"), "预约").ids))
"""
WRITER = """
from weilu.evidence.actions import stage
from django.db import transaction
at = 0
print("ready", flush=True)
while True:
    with transaction.atomic():
        for _ in range(3):
            stage("accounts.signed_in", {"at": at}, actor="writer-beside", org="JZ", urgent=True)
    at += 1
"""
WRITES_AS = b'"writer-beside"'


def lines_by(actor: bytes, archive: Path) -> int:
    """How many rows of the log, sealed or not yet, this actor wrote; a worker writes of its own there."""
    with zipfile.ZipFile(archive) as found:
        kept = [found.read(f"tables/evidence_{table}.jsonl") for table in ("entry", "staged")]
    return sum(actor in line for text in kept for line in text.splitlines())


def elsewhere(site: Installation, place: Path) -> Installation:
    """An empty place of the same kind."""
    return Installation(place, new_database() if VENDOR == "postgresql" else "")


def empty(site: Installation) -> bool:
    """Whether nothing was restored there."""
    if VENDOR == "postgresql":
        return site.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == [(0,)]
    place = site.home / "weilu.sqlite3"
    return not place.exists() or site.sql("SELECT count(*) FROM sqlite_master") == [(0,)]


@pytest.fixture(scope="module")
def kept(played: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the played story, with keys."""
    place = tmp_path_factory.mktemp("kept") / "story.backup"
    done = played.run("backup", "--to", place, "--with-keys", stdin=PASSPHRASE + "\n")
    assert (done.returncode, done.stderr) == (0, "")
    return place


def test_a_backup_restored_elsewhere_holds_the_same_rows_files_and_log(
    played: Installation, kept: Path, tmp_path: Path
):
    there = elsewhere(played, tmp_path / "there")
    phrase = tmp_path / "phrase"
    phrase.write_text(PASSPHRASE)

    said = there.done("restore", kept, "--with-keys", "--passphrase-file", phrase)

    assert content(kept) == there.content(tmp_path)
    assert (there.home / "keys" / "log.key").read_bytes() == (played.home / "keys" / "log.key").read_bytes()
    assert there.done("verify") == played.done("verify")
    assert "先 weilu evidence reopen，再启动" in said
    assert (there.home / "files").stat().st_mode & 0o777 == 0o700
    # what triggers and indexes keep was made anew, and the log goes on
    assert there.python(SEARCH) == played.python(SEARCH) != "0\n"
    there.done("evidence", "export", "JZ-BG-2026-0001", "--out", tmp_path / "export")
    assert there.done("verify") != played.done("verify")


def test_a_backup_is_one_moment_while_a_worker_and_others_write(site: Installation, tmp_path: Path):
    writer = subprocess.Popen(
        [os.sys.executable, "-c", "import django; django.setup()\n" + WRITER],  # type: ignore[attr-defined]
        env=site.env(DJANGO_SETTINGS_MODULE="weilu.settings"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = site.start("worker")
    written = []
    try:
        assert writer.stdout
        writer.stdout.readline()
        for at in range(3):
            site.done("backup", "--to", tmp_path / f"{at}.backup")
            written.append(lines_by(WRITES_AS, tmp_path / f"{at}.backup"))
    finally:
        writer.kill()
        writer.wait()
        worker.terminate()
        worker.communicate(timeout=40)

    assert written == sorted(set(written))  # they did write meanwhile
    assert [count % 3 for count in written] == [0] * 3  # and never a part of one transaction
    there = elsewhere(site, tmp_path / "there")
    there.done("restore", tmp_path / "2.backup")
    assert content(tmp_path / "2.backup") == there.content(tmp_path)


def test_keys_are_in_a_backup_only_sealed_and_on_demand(played: Installation, kept: Path, tmp_path: Path):
    played.done("backup", "--to", tmp_path / "plain.backup")
    there = elsewhere(played, tmp_path / "there")
    secret = (played.home / "keys" / "log.key").read_text().split("+")[-1].strip().encode()

    wrong = there.run("restore", kept, "--with-keys", stdin="another phrase\n")
    without = there.run("restore", tmp_path / "plain.backup", "--with-keys", stdin=PASSPHRASE + "\n")
    short = played.run("backup", "--to", tmp_path / "short", "--with-keys", stdin="short\n")

    with zipfile.ZipFile(kept) as found:
        assert not any(secret in found.read(name) for name in found.namelist())
        assert "keys.sealed" in found.namelist()
    assert "keys.sealed" not in manifest(tmp_path / "plain.backup")["members"]
    assert (wrong.returncode, wrong.stderr) == (2, "口令不对，密钥打不开。什么都没有改变。\n")
    assert without.stderr == "这份备份里没有密钥。不带 --with-keys 恢复，再把另行保管的 keys/ 放回去。\n"
    assert (short.returncode, short.stderr) == (2, "口令至少 12 个字符。换一个长的。\n")
    assert empty(there)
    assert not there.home.exists()
    assert not (tmp_path / "short").exists()


def changed(source: Path, target: Path, **over: object) -> Path:
    """A whole archive whose manifest says something else."""
    with zipfile.ZipFile(source) as found, zipfile.ZipFile(target, "w") as out:
        text = json.dumps(json.loads(found.read("manifest.json")) | over).encode()
        for name in found.namelist():
            out.writestr(name, text if name == "manifest.json" else found.read(name))
        out.comment = sha256(text).hexdigest().encode()
    return target


def test_rubbish_is_refused_before_anything_is_restored(played: Installation, kept: Path, tmp_path: Path):
    there, whole = elsewhere(played, tmp_path / "there"), kept.read_bytes()
    names = sorted(manifest(kept)["migrations"])
    (tmp_path / "rubbish").write_bytes(os.urandom(5000))
    (tmp_path / "empty").write_bytes(b"")
    for share in (1, 3, 9):
        (tmp_path / f"cut{share}").write_bytes(whole[: len(whole) * share // 10])
        bent = bytearray(whole)
        bent[len(whole) * share // 10] ^= 1
        (tmp_path / f"bent{share}").write_bytes(bent)
    changed(kept, tmp_path / "format", format=2)
    changed(kept, tmp_path / "newer", migrations=[*names, ["process", "9999_later"]], weilu="9.0")
    changed(kept, tmp_path / "members", members={})
    changed(kept, tmp_path / "log", log=manifest(kept)["log"] | {"root": "0" * 64})
    changed(kept, tmp_path / "tables", tables={})

    wrong = ["rubbish", "empty", "missing", "format", "newer", "members", "log", "tables"]
    wrong += [f"{how}{share}" for how in ("cut", "bent") for share in (1, 3, 9)]
    found = {name: there.run("restore", tmp_path / name) for name in wrong}

    answers = {name: (done.returncode, len(done.stderr.splitlines()), done.stdout) for name, done in found.items()}
    assert answers == dict.fromkeys(wrong, (2, 1, ""))
    assert found["format"].stderr == "备份的格式（2）比这个程序认得的（1）新。先升级程序，再恢复。\n"
    assert found["newer"].stderr.startswith("备份来自更新的版本（9.0），这个程序是 0.2.0")
    assert found["missing"].stderr == f"没有这个备份：{tmp_path / 'missing'}。核对文件名。\n"
    assert found["log"].stderr == "恢复后的存证日志与备份时不符，数据库没有改变。换一份备份。\n"
    assert empty(there)


def test_what_is_there_is_not_overwritten_unless_told(site: Installation, kept: Path, tmp_path: Path):
    site.done("evidence", "export", "JZ-BG-2026-0001", "--out", tmp_path / "export")
    before = site.content(tmp_path)

    refused = site.run("restore", kept)
    same = site.content(tmp_path)
    site.done("restore", kept, "--replace")

    assert (refused.returncode, same) == (2, before)
    assert "里已有数据，没有恢复" in refused.stderr
    assert site.content(tmp_path) == content(kept) != before


def test_nothing_is_restored_over_an_installation_at_work(site: Installation, kept: Path, tmp_path: Path):
    worker = site.start("worker")
    try:
        until_it_works(site, worker.pid)
        refused = site.run("restore", kept, "--replace")
    finally:
        worker.terminate()
        worker.communicate(timeout=40)

    assert (refused.returncode, refused.stderr) == (
        2, f"维录还在运行（{site.home}）。先停掉 weilu serve 和 weilu worker，再试一次。\n"
    )  # fmt: skip
    assert site.content(tmp_path)["log"]["size"] >= content(kept)["log"]["size"]


def until_it_works(site: Installation, pid: int) -> None:
    deadline = time.monotonic() + 60
    while site.sql(f"SELECT 1 FROM jobs_process WHERE holder LIKE '%:{pid}:%'") == []:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.crash
def test_a_restore_that_is_killed_leaves_nothing_or_everything(played: Installation, kept: Path, tmp_path: Path):
    there, ends = elsewhere(played, tmp_path / "there"), []
    for at in range(8):
        running = there.start("restore", kept, "--replace")
        with suppress(subprocess.TimeoutExpired):
            running.wait(0.6 + at * 0.5)
        os.killpg(running.pid, signal.SIGKILL) if running.poll() is None else None
        running.communicate()
        ends.append(running.returncode)
        assert empty(there) or there.content(tmp_path) == content(kept)

    there.done("restore", kept, "--replace")
    assert -signal.SIGKILL in ends
    assert there.content(tmp_path) == content(kept)


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small disk; run the tests as root")
def test_a_full_disk_leaves_no_backup_and_no_half_restored_place(played: Installation, kept: Path, tmp_path: Path):
    before = played.content(tmp_path)
    with small_disk(tmp_path / "disk", 150) as disk:
        written = played.run("backup", "--to", disk / "story.backup")
        left = list(disk.iterdir())
    with small_disk(tmp_path / "smaller", 30) as disk:
        there = Installation(disk / "there", new_database() if VENDOR == "postgresql" else "")
        restored = there.run("restore", kept)
        bare = empty(there)

    assert (written.returncode, left) == (2, [])
    assert written.stderr == (
        f"磁盘已满，备份没有写成，{tmp_path / 'disk' / 'story.backup'} 没有留下。清出空间，或用 --to 写到别的磁盘。\n"
    )
    assert (restored.returncode, len(restored.stderr.splitlines()), bare) == (2, 1, True)
    assert played.content(tmp_path) == before


def test_checking_the_log_makes_no_key(played: Installation, kept: Path, tmp_path: Path):
    there = elsewhere(played, tmp_path / "there")
    there.done("restore", kept)

    verified = there.run("verify")

    assert (verified.returncode, verified.stderr) == (
        2, f"没有日志的密钥 {there.home / 'keys' / 'log.key'}。把另行保管的 keys/ 放回去，再核验。\n"
    )  # fmt: skip
    assert not (there.home / "keys" / "log.key").exists()


def test_a_damaged_file_is_named_and_a_backup_never_overwrites(site: Installation, tmp_path: Path):
    victim = sorted((site.home / "files").glob("??/*"))[0]
    victim.write_bytes(b"changed")

    done = site.run("backup", "--to", tmp_path / "story.backup")
    again = site.run("backup", "--to", tmp_path / "story.backup")
    nowhere = site.run("backup", "--to", tmp_path / "missing" / "story.backup")

    assert (done.returncode, done.stderr) == (
        1, f"文件 {victim.name[:12]} 的内容与登记的摘要不一致，照原样放进了备份。从更早的备份取回。\n"
    )  # fmt: skip
    assert (again.returncode, again.stderr) == (
        2, f"{tmp_path / 'story.backup'} 已经在。换一个文件名，备份不覆盖别的文件。\n"
    )  # fmt: skip
    assert (nowhere.returncode, nowhere.stderr) == (2, f"没有目录 {tmp_path / 'missing'}。先建好它，或换一个地方。\n")


def test_a_log_that_does_not_hold_is_not_backed_up_as_if_it_did(site: Installation, tmp_path: Path):
    record = "X'7b7d'" if VENDOR == "sqlite" else "'\\x7b7d'"
    site.sql(f'UPDATE evidence_entry SET record = {record} WHERE "index" = 5')

    done, verified = site.run("backup", "--to", tmp_path / "story.backup"), site.run("verify")

    assert (done.returncode, done.stderr) == (
        2, "存证日志不完整（entry 5 is not what its digests say），没有备份。用更早的备份核对，不要覆盖它。\n"
    )  # fmt: skip
    assert (verified.returncode, verified.stderr) == (
        1, "存证日志核验不通过：entry 5 is not what its digests say。停止写入，从备份核对。\n"
    )  # fmt: skip
    assert not (tmp_path / "story.backup").exists()
