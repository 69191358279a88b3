"""Files kept by their digest: written whole or not at all, never changed."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256 as new_sha256
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from django.conf import settings
from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

CHUNK = 1 << 20
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRef:
    """A kept file as a record names it."""

    sha256: str
    sm3: str
    size: int
    name: str

    def facts(self) -> dict[str, str | int]:
        return {"sha256": self.sha256, "sm3": self.sm3, "size": self.size, "name": self.name}


def keep(data: bytes | Path, name: str) -> FileRef:
    """Store `data` (or the file at that path) under its digest; raises Refused when it cannot be stored whole."""
    folder = _folder()
    draft = folder / f".{os.getpid()}.{os.urandom(8).hex()}"
    with full_disk_refused(name):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            sha256, sm3, size = _write(data, draft)
            place = path_of(sha256)
            place.parent.mkdir(exist_ok=True, mode=0o700)
            os.replace(draft, place)
            sync_folder(place.parent)
            sync_folder(folder)
        finally:
            draft.unlink(missing_ok=True)
    return FileRef(sha256, sm3, size, name)


def path_of(sha256: str) -> Path:
    """Where the file with this digest lies, if it is kept; raises ValueError for anything but a digest."""
    if not DIGEST.fullmatch(sha256):
        raise ValueError("not a SHA-256 digest")
    return _folder() / sha256[:2] / sha256


def copy_checked(sha256: str, target: Path) -> None:
    """Copy a kept file, fsynced; raises Refused when it is gone or no longer what its digest says."""
    source = path_of(sha256)
    if not source.is_file():
        raise Refused(_("文件 %(digest)s 不在存证目录里。从备份取回后再导出") % {"digest": sha256[:12]})
    found, _sm3, _size = _write(source, target)
    if found != sha256:
        raise Refused(_("文件 %(digest)s 的内容与登记的摘要不一致。从备份取回后再导出") % {"digest": sha256[:12]})


@contextmanager
def full_disk_refused(name: str) -> Iterator[None]:
    """Turn a full disk or a folder that cannot be written into Refused."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            reason = _("磁盘已满，「%(name)s」没有保存，什么都没有改变。请系统管理员清出空间后再办")
            raise Refused(reason % {"name": name}) from None
        reason = _("「%(name)s」没有保存：%(why)s。请系统管理员检查数据目录")
        raise Refused(reason % {"name": name, "why": problem.strerror or problem}) from None


def write_synced(target: Path, data: bytes) -> None:
    """Write a new file and wait until it is on disk."""
    _write(data, target)


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _folder() -> Path:
    return Path(settings.CONFIG.data_dir) / "files"


def _write(data: bytes | Path, target: Path) -> tuple[str, str, int]:
    """Write `data` to the new file `target`, fsynced; returns SHA-256, SM3 and size."""
    sha, sm3, size = new_sha256(), hashes.Hash(hashes.SM3()), 0
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        for chunk in _chunks(data):
            sha.update(chunk)
            sm3.update(chunk)
            size += out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return sha.hexdigest(), sm3.finalize().hex(), size


def _chunks(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk
