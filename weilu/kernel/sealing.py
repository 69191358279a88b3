"""Bytes that must be read again, sealed at rest: AES-256-GCM under a key beside the database, not in it."""

import os
import secrets
from contextlib import suppress
from functools import cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE = 12  # bytes, random for every sealing


class Unreadable(Exception):
    """The seal does not open: another key, another owner, or changed bytes."""


def new_key() -> bytes:
    """A fresh key of 256 bits."""
    return AESGCM.generate_key(256)


def seal_under(key: bytes, content: bytes, owner: str) -> bytes:
    """`content` sealed for `owner`: what is moved to another owner's place does not open there."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, owner.encode())


def unseal_under(key: bytes, sealed: bytes, owner: str) -> bytes:
    """What was sealed for `owner`; raises Unreadable."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], owner.encode())
    except (InvalidTag, ValueError):
        raise Unreadable(owner) from None


def kept_key(name: str) -> bytes:
    """The key in this file below `keys/`, made at first use and readable by its owner only."""
    return _key(Path(settings.CONFIG.data_dir) / "keys" / name)


@cache
def _key(place: Path) -> bytes:
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not place.exists():
        part = place.with_name(f"{place.name}.{secrets.token_hex(4)}")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(new_key())
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):  # another process was faster: its key is the one
            os.link(part, place)
        part.unlink()
    return place.read_bytes()
