"""How much work a locked key makes before its passphrase shows right or wrong: the key itself names that work.

So it is read before it is done, and what was looked at is what is then opened: nothing else of the pasted text.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from math import prod

MAGIC = b"openssh-key-v1\0"
BLOCK = re.compile(rb"-----BEGIN (OPENSSH|ENCRYPTED) PRIVATE KEY-----(.*?)-----END \1 PRIVATE KEY-----", re.DOTALL)
MOST_ROUNDS = 512  # of bcrypt; ssh-keygen has 16 or 24 by itself; a thousand hold a page for half a minute
MOST_STEPS = 1_000_000  # of PBKDF2 and its elders; openssl has 2,048 by itself; a million take half a second
MOST_MIXED = 1 << 20  # N times r times p of scrypt: 128 MiB; openssl has an eighth of it
SCRYPT = bytes.fromhex("06092b06010401da47040b")
INTEGER, SEQUENCE = 0x02, 0x30
DEEPEST = 8


def block_of(text: bytes) -> tuple[str, bytes] | None:
    """Name and content of the first block that may be locked by a passphrase; None: the text has none of these.

    Raises ValueError where it speaks of one and has none that is whole.
    """
    if found := BLOCK.search(text):
        return found[1].decode(), base64.b64decode(found[2])
    if b"OPENSSH PRIVATE KEY" in text or b"ENCRYPTED PRIVATE KEY" in text:
        raise ValueError("half a block")
    return None


def is_too_much(name: str, blob: bytes) -> bool:
    """Whether opening it would hold a page; raises ValueError where it does not say how it is locked."""
    if name == "OPENSSH":
        return _rounds(blob) > MOST_ROUNDS
    algorithm = _first(_first(blob))
    numbers = list(_numbers(algorithm))
    if SCRYPT in algorithm:
        return prod(numbers[:3]) > MOST_MIXED
    return max(numbers, default=0) > MOST_STEPS


def _rounds(blob: bytes) -> int:
    """How often bcrypt stirs the passphrase; 0 where it does not."""
    parts, place = [], len(MAGIC)
    for _part in range(3):  # cipher, kdf, its options: salt and rounds
        length = int.from_bytes(blob[place : place + 4], "big")
        parts.append(blob[place + 4 : place + 4 + length])
        place += 4 + length
    return int.from_bytes(parts[2][-4:], "big") if parts[1] == b"bcrypt" else 0


def _first(der: bytes) -> bytes:
    """The content of the sequence that a piece of DER begins with."""
    for tag, content in _elements(der):
        if tag == SEQUENCE:
            return content
        break
    raise ValueError("no sequence")


def _numbers(der: bytes, depth: int = 0) -> Iterator[int]:
    """Every integer in it, in their order."""
    if depth > DEEPEST:
        raise ValueError("too deep")
    for tag, content in _elements(der):
        if tag == INTEGER:
            yield int.from_bytes(content, "big")
        elif tag == SEQUENCE:
            yield from _numbers(content, depth + 1)


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element of DER, one after the other."""
    place = 0
    while place < len(der):
        tag, length = der[place], int.from_bytes(der[place + 1 : place + 2], "big")
        place += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[place : place + size], "big")
            place += size
        if place + length > len(der):
            raise ValueError("cut")
        yield tag, der[place : place + length]
        place += length


def as_openssh(blob: bytes) -> bytes:
    """A block of OpenSSH as its readers take it."""
    lines = binascii.b2a_base64(blob)
    return b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + lines + b"-----END OPENSSH PRIVATE KEY-----\n"
