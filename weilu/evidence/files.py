"""Files kept by their digest: written whole or not at all, never changed, each sealed under a key of its own."""

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

from weilu.evidence.bodies import Body
from weilu.kernel.refused import Refused
from weilu.kernel.sealing import Unreadable, kept_key, new_key, seal_under, unseal_under

HEAD = b"weilu sealed file 1\n"  # how sealed bytes begin on disk
KEY = "bodies.key"  # wraps the key of each file
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
    """Store `data` (or the file at that path), to be asked for by its digest.

    Raises Refused when it cannot be stored whole, or was destroyed by law before.
    """
    content = data if isinstance(data, bytes) else data.read_bytes()
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(content)
    kept = FileRef(new_sha256(content).hexdigest(), sm3.finalize().hex(), len(content), name)
    body = Body.objects.filter(sha256=kept.sha256).first()
    if body is not None and body.shredded_at is not None:
        raise Refused(_("「%(name)s」已依法销毁，不能再存") % {"name": name})
    if body is None or not path_of(body.stored).is_file():
        key = new_key()
        stored = _store(HEAD + seal_under(key, content, kept.sha256), name)
        said = {"stored": stored, "wrapped": seal_under(kept_key(KEY), key, kept.sha256)}
        Body.objects.update_or_create(sha256=kept.sha256, defaults=said)
    return kept


def read(sha256: str) -> bytes:
    """A kept file, opened; raises Refused when it is gone, destroyed, or no longer what its digest says."""
    body, place = Body.objects.filter(sha256=sha256).first(), path_of(sha256)
    if body is not None and body.shredded_at is not None:
        raise Refused(_("文件 %(digest)s 已依法销毁，日志里只留摘要") % {"digest": sha256[:12]})
    try:
        content = place.read_bytes() if body is None else _opened(body)
    except FileNotFoundError:
        raise Refused(_("文件 %(digest)s 不在存证目录里。从备份取回后再办") % {"digest": sha256[:12]}) from None
    except Unreadable:
        content = b""
    if new_sha256(content).hexdigest() != sha256:
        words = _("文件 %(digest)s 的内容与登记的摘要不一致。从备份取回后再办")
        raise Refused(words % {"digest": sha256[:12]})
    return content


def _opened(body: Body) -> bytes:
    sealed = path_of(body.stored).read_bytes()
    key = unseal_under(kept_key(KEY), bytes(body.wrapped), body.sha256)
    return unseal_under(key, sealed.removeprefix(HEAD), body.sha256)


def seal_old() -> int:
    """Seal files that were kept before files were sealed; one that is damaged stays as it is. How many."""
    count = 0
    for place in sorted(_folder().glob("??/*")):
        if not DIGEST.fullmatch(place.name):
            continue
        with place.open("rb") as source:
            if source.read(len(HEAD)) == HEAD:
                continue
        if Body.objects.filter(sha256=place.name, shredded_at__isnull=False).exists():
            place.unlink()  # the machine stopped between destroying and deleting
        elif new_sha256(place.read_bytes()).hexdigest() == place.name:
            keep(place, place.name[:12])
            place.unlink()
            count += 1
    return count


def _store(sealed: bytes, name: str) -> str:
    """Write sealed bytes under their own digest, whole or not at all; answers that digest."""
    folder = _folder()
    draft = folder / f".{os.getpid()}.{os.urandom(8).hex()}"
    with full_disk_refused(name):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            stored = _write(sealed, draft)
            place = path_of(stored)
            place.parent.mkdir(exist_ok=True, mode=0o700)
            os.replace(draft, place)
            sync_folder(place.parent)
            sync_folder(folder)
        finally:
            draft.unlink(missing_ok=True)
    return stored


def path_of(sha256: str) -> Path:
    """Where the bytes with this digest lie, if they do; raises ValueError for anything but a digest."""
    if not DIGEST.fullmatch(sha256):
        raise ValueError("not a SHA-256 digest")
    return _folder() / sha256[:2] / sha256


def copy_checked(sha256: str, target: Path) -> None:
    """Copy a kept file, fsynced; raises Refused as `read` does."""
    write_synced(target, read(sha256))


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


def _write(data: bytes, target: Path) -> str:
    """Write `data` to the new file `target`, fsynced; returns its SHA-256."""
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return new_sha256(data).hexdigest()
