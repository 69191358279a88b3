"""The vault's key pair: the public half is a row, the private half a file that only workers read.

The file holds one key a line; while keys are being changed it holds the old one and the new one.
"""

import base64
import binascii
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.evidence.files import sync_folder
from weilu.kernel.refused import Refused
from weilu.vault.models import VaultKey
from weilu.vault.sealing import public_of

HEAD = "WEILU-VAULT-KEY"
_doors: list[bool] = []  # not empty: this process may not read the file


class Lost(Refused):
    """This machine has no private key, or not the one that was sealed to."""


def shut() -> None:
    """From now on this process never reads the private key; a process that serves pages says so at its start."""
    _doors.append(True)


def key_file() -> Path:
    """Where the private key lies (WEILU_VAULT_KEY)."""
    return Path(settings.CONFIG.vault_key)


def ensure() -> VaultKey:
    """The key that is sealed to; where there is none at all, the first pair is made. Raises Refused."""
    return _present() or _make_first()


def present() -> VaultKey:
    """The key that is sealed to, locked until the transaction ends, so that it is not changed meanwhile."""
    for _attempt in range(2):  # PostgreSQL: who waited for a change of keys sees the new one only when asking again
        found = VaultKey.objects.select_for_update().filter(retired_at=None).order_by("number").last()
        if found is not None:
            return found
    raise Refused(_("保险库还没有密钥"), help=_("请运维人员启动一次工作进程，或运行 weilu vault init"))


def private(key: VaultKey) -> X25519PrivateKey:
    """The private half of `key`; raises Lost, or Refused when the file cannot be used."""
    for kept in read_file():
        if public_of(kept) == key.public:
            return kept
    words = _("这台机器的 %(place)s 里没有编号 %(number)d 的保险库密钥（%(fingerprint)s）")
    said = {"place": key_file(), "number": key.number, "fingerprint": key.fingerprint}
    raise Lost(words % said, help=_("从有它的工作机或备份取来，不要新建"))


def read_file() -> list[X25519PrivateKey]:
    """Every private key of this machine, the oldest first; raises Lost, or Refused when the file cannot be used."""
    if _doors:
        raise RuntimeError("a process that serves pages never reads the vault's private key")
    place = key_file()
    try:
        if stat.S_IMODE(place.stat().st_mode) & 0o077:
            raise Refused(_("别人能读保险库密钥 %(place)s") % {"place": place}, help=f"chmod 600 {place}")
        text = place.read_text("ascii")
    except FileNotFoundError:
        raise Lost(
            _("这台机器没有保险库密钥 %(place)s") % {"place": place}, help=_("从有它的工作机或备份取来，不要新建")
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        said = {"place": place, "why": getattr(problem, "strerror", "") or problem}
        raise Refused(_("保险库密钥 %(place)s 不能读取：%(why)s。检查该文件和目录的权限") % said) from None
    return [_parsed(line, place) for line in text.splitlines() if line]


def write_file(keys: list[X25519PrivateKey], *, first: bool = False) -> None:
    """Put these keys in place of what is there, whole or not at all; `first`: FileExistsError where a file is."""
    place = key_file()
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = place.with_name(f".{place.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.writelines(f"{HEAD} {base64.b64encode(key.private_bytes_raw()).decode()}\n" for key in keys)
            out.flush()
            os.fsync(out.fileno())
        if first:
            os.link(draft, place)
        else:
            os.replace(draft, place)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(place.parent)


@contextmanager
def alone() -> Iterator[None]:
    """Nobody else on this machine changes the file meanwhile; ends by itself when the process does."""
    folder = key_file().parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _parsed(line: str, place: Path) -> X25519PrivateKey:
    head, _space, text = line.partition(" ")
    try:
        if head != HEAD:
            raise ValueError(head)
        return X25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise Refused(_("保险库密钥 %(place)s 已损坏。从备份取回，不要新建") % {"place": place}) from None


def _present() -> VaultKey | None:
    return VaultKey.objects.filter(retired_at=None).order_by("number").last()


def _make_first() -> VaultKey:
    """The file first, the row after: what is killed between them is gone on with, and no row is without its file."""
    made = False
    with suppress(FileExistsError):
        write_file([X25519PrivateKey.generate()], first=True)
        made = True
    try:
        with transaction.atomic():
            row = VaultKey.objects.create(number=1, public=public_of(read_file()[-1]))
            stage("vault.key_made", {"number": 1, "public": row.public}, actor="weilu", org="")
    except IntegrityError:  # another process was faster: its key is the one
        found = _present()
        assert found is not None  # noqa: S101
        if made and found.public != public_of(read_file()[-1]):
            key_file().unlink()  # another machine's, in fact: what we made opens nothing
        return found
    return row
