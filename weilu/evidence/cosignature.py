"""Cosignatures as C2SP writes them (tlog-cosignature, cosignature/v1): a witness signs a checkpoint and the time."""

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from weilu.evidence.checkpoint import COSIGNATURE, Head, VerifierKey

SIZE = re.compile(r"0|[1-9][0-9]{0,17}")
LENGTH = 4 + 8 + 64  # key id, time, signature


@dataclass(frozen=True)
class Cosigned:
    """A witness's word on a checkpoint: when, in seconds since 1970, and the line that proves it."""

    at: int
    line: str


def cosign(head: Head, name: str, key: Ed25519PrivateKey, at: int) -> Cosigned:
    """The witness `name` signs that it saw `head` at the time `at`."""
    public = VerifierKey(name, key.public_key().public_bytes_raw(), COSIGNATURE)
    raw = public.key_id + at.to_bytes(8, "big") + key.sign(_message(head, at))
    return Cosigned(at, f"— {name} {base64.b64encode(raw).decode()}")


def check_cosignature(head: Head, line: str, key: VerifierKey) -> Cosigned:
    """The cosignature in `line` when `key` has signed `head`; raises ValueError with the reason otherwise."""
    start = f"— {key.name} "
    if key.kind != COSIGNATURE or not line.startswith(start):
        raise ValueError("not a line of this witness")
    raw = _exact(line[len(start) :])
    if len(raw) != LENGTH or raw[:4] != key.key_id:
        raise ValueError("not a cosignature of this key")
    at = int.from_bytes(raw[4:12], "big")
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[12:], _message(head, at))
    except InvalidSignature:
        raise ValueError("the cosignature is not over this checkpoint") from None
    return Cosigned(at, line)


def split_note(note: str) -> tuple[Head, list[str]]:
    """Head and signature lines of a checkpoint, read strictly; ValueError for anything else."""
    text, gap, tail = note.partition("\n\n")
    lines = text.split("\n")
    signatures = tail.split("\n")
    if not gap or len(lines) != 3 or not lines[0] or not SIZE.fullmatch(lines[1]) or signatures.pop() or not signatures:
        raise ValueError("not a checkpoint")
    if not all(line.startswith("— ") for line in signatures):
        raise ValueError("not a checkpoint")
    root = _exact(lines[2])
    if len(root) != 32:
        raise ValueError("not a checkpoint")
    return Head(lines[0], int(lines[1]), root), signatures


def write_request(old: int, path: list[bytes], note: str) -> str:
    """What is asked of a witness (C2SP tlog-witness, add-checkpoint), by HTTP and as a file alike."""
    lines = [f"old {old}", *(base64.b64encode(node).decode() for node in path)]
    return "\n".join(lines) + "\n\n" + note


def read_request(text: str) -> tuple[int, list[bytes], str]:
    """Old size, consistency proof and checkpoint of a request; ValueError for anything else."""
    head, gap, note = text.partition("\n\n")
    first, *path = head.split("\n")
    word, _, old = first.partition(" ")
    if not gap or word != "old" or not SIZE.fullmatch(old) or len(path) > 63:
        raise ValueError("not a request")
    nodes = [_exact(line) for line in path]
    if any(len(node) != 32 for node in nodes):
        raise ValueError("not a request")
    return int(old), nodes, note


def _message(head: Head, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{head.text()}".encode()


def _exact(text: str) -> bytes:
    """The bytes of `text`, if it is the one way to write them."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not base64 as it is written")
    return data
