"""The log's own key: one file under the data folder, made at first use, readable by its owner only."""

import base64
import binascii
import os
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils.translation import gettext as _

from weilu.evidence.checkpoint import ED25519, VerifierKey
from weilu.evidence.models import Reopening
from weilu.kernel.refused import Refused

HEAD = "PRIVATE+KEY"


def log_origin() -> str:
    """The log's present name: the setting's, until the log was reopened under another."""
    last = Reopening.objects.order_by("-id").values_list("origin", flat=True).first()
    return str(last or settings.CONFIG.log_origin)


def key_file(origin: str = "") -> Path:
    """Where a log's private key lies; `origin` names a reopened one."""
    named = f"log-{sha256(origin.encode()).hexdigest()[:12]}.key" if origin else "log.key"
    return Path(settings.CONFIG.data_dir) / "keys" / named


def present_file(origin: str = "") -> Path:
    """Where the key of the log `origin` lies, by default of its present name."""
    origin = origin or log_origin()
    return key_file("" if origin == settings.CONFIG.log_origin else origin)


def log_key() -> tuple[Ed25519PrivateKey, VerifierKey]:
    """The private key and the public one; raises Refused when the file is unreadable or another log's."""
    origin = log_origin()
    return kept_key(origin, present_file(origin))


def kept_key(wanted: str, place: Path) -> tuple[Ed25519PrivateKey, VerifierKey]:
    """The key of the log `wanted` in this file, made where there is none; raises Refused as `log_key` does."""
    try:
        if not place.exists():
            _make(place, wanted)
        text = place.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise Refused(
            _("存证密钥 %(place)s 不能读取：%(why)s。检查该文件和目录的权限") % {"place": place, "why": problem}
        ) from None
    origin, private = _parse(text, place)
    if origin != wanted:
        raise Refused(
            _("存证密钥属于日志「%(key)s」，设置 WEILU_LOG_ORIGIN 却是「%(set)s」。改回原来的名称")
            % {"key": origin, "set": wanted}
        )
    return private, VerifierKey(origin, private.public_key().public_bytes_raw())


def public_vkey() -> str:
    """The public key as one line, to be handed to those who verify."""
    return str(log_key()[1])


def _make(place: Path, origin: str) -> None:
    """Write a new key and link it into place: whoever comes second keeps the first one's."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = Ed25519PrivateKey.generate()
    key = VerifierKey(origin, private.public_key().public_bytes_raw())
    secret = base64.b64encode(ED25519 + private.private_bytes_raw()).decode()
    draft = place.with_name(f".{place.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"{HEAD}+{origin}+{key.key_id.hex()}+{secret}\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, place)
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(place.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _parse(text: str, place: Path) -> tuple[str, Ed25519PrivateKey]:
    parts = text.split("+", 4)
    try:
        raw = base64.b64decode(parts[4], validate=True)
        if "+".join(parts[:2]) != HEAD or raw[:1] != ED25519:
            raise ValueError("not a signer key")
        return parts[2], Ed25519PrivateKey.from_private_bytes(raw[1:])
    except (IndexError, ValueError, binascii.Error):
        raise Refused(
            _("存证密钥 %(place)s 已损坏。从备份取回，不要新建：新密钥签不了旧日志") % {"place": place}
        ) from None
