"""Files by digest: whole or not at all."""

import dataclasses
import os
import resource
from hashlib import sha256

import pytest

from weilu.evidence.files import copy_checked, keep, path_of
from weilu.kernel.canonical import sm3_hex
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.once


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
    assert path_of(first.sha256).read_bytes() == b"abc" * 500_000
    assert path_of(first.sha256).stat().st_mode & 0o777 == 0o600


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
    path_of(kept.sha256).write_bytes(b"forged")
    with pytest.raises(Refused) as told:
        copy_checked(kept.sha256, tmp_path / "out")

    assert told.value.reason == f"文件 {kept.sha256[:12]} 的内容与登记的摘要不一致。从备份取回后再导出"
