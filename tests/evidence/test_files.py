"""Files by digest: whole or not at all."""

import dataclasses
import os
import resource
from hashlib import sha256
from pathlib import Path

import pytest

from weilu.evidence.bodies import Body
from weilu.evidence.files import HEAD, copy_checked, keep, path_of, read, seal_old
from weilu.kernel.canonical import sm3_hex
from weilu.kernel.refused import Refused

pytestmark = [pytest.mark.once, pytest.mark.django_db]


def stored(digest: str) -> Path:
    """Where the sealed bytes of a kept file lie."""
    return path_of(Body.objects.get(sha256=digest).stored)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings):
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")


def test_bytes_and_a_path_are_kept_alike(tmp_path):
    (tmp_path / "wheel").write_bytes(b"abc" * 500_000)
    first, second = keep(b"abc" * 500_000, "a"), keep(tmp_path / "wheel", "a")
    assert first == second
    assert (first.sha256, first.sm3, first.size) == (
        sha256(b"abc" * 500_000).hexdigest(), sm3_hex(b"abc" * 500_000), 1_500_000,
    )  # fmt: skip
    assert read(first.sha256) == b"abc" * 500_000
    assert stored(first.sha256).stat().st_mode & 0o777 == 0o600


def test_a_digest_is_never_a_path():
    with pytest.raises(ValueError, match="SHA-256 digest") as told:
        path_of("../../etc/passwd")
    assert str(told.value) == "not a SHA-256 digest"


def test_a_full_disk_leaves_nothing(tmp_path):
    """The kernel's own limit on a file's size stands for the full disk; /dev/full gives ENOSPC itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(Refused, match="没有保存"):
            keep(b"x" * 50_000, "备份.tar")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [found for found in (tmp_path / "data" / "files").rglob("*") if found.is_file()] == []


def test_a_full_disk_is_said_in_words():
    from weilu.evidence.files import full_disk_refused

    handle = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(Refused) as told, full_disk_refused("备份"):
            os.write(handle, b"x")
    finally:
        os.close(handle)

    assert told.value.reason == "磁盘已满，「备份」没有保存，什么都没有改变。请系统管理员清出空间后再办"


def test_a_kept_file_that_changed_is_not_handed_out(tmp_path):
    kept = keep(b"signed", "a")
    stored(kept.sha256).write_bytes(b"forged")
    with pytest.raises(Refused) as told:
        copy_checked(kept.sha256, tmp_path / "out")

    assert told.value.reason == f"文件 {kept.sha256[:12]} 的内容与登记的摘要不一致。从备份取回后再办"


def test_what_lies_on_disk_says_nothing_and_each_file_has_its_own_key(tmp_path):
    first, second = keep(b"a name and an address " * 9, "a"), keep(b"another " * 9, "b")
    everything = b"".join(file.read_bytes() for file in (tmp_path / "data" / "files").rglob("*") if file.is_file())
    assert (everything.count(HEAD), b"address" in everything) == (2, False)
    bodies = {body.sha256: body for body in Body.objects.all()}
    Body.objects.filter(sha256=first.sha256).update(wrapped=bodies[second.sha256].wrapped)
    with pytest.raises(Refused, match="与登记的摘要不一致"):
        read(first.sha256)
    assert read(second.sha256) == b"another " * 9


def test_files_from_before_are_read_and_sealed_in_the_night():
    content = b"kept by an older version"
    digest = sha256(content).hexdigest()
    path_of(digest).parent.mkdir(parents=True)
    path_of(digest).write_bytes(content)
    damaged = path_of("ab" * 32)
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(b"not what its name says")
    assert read(digest) == content
    assert [seal_old(), seal_old()] == [1, 0]
    assert (read(digest), path_of(digest).exists(), damaged.exists()) == (content, False, True)
    assert stored(digest).read_bytes().startswith(HEAD)
