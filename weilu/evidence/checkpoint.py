"""Signed checkpoints as C2SP writes them (tlog-checkpoint, signed-note), with Ed25519."""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
COSIGNATURE = b"\x04"  # timestamped Ed25519, cosignature/v1: what a witness signs with
NAME = re.compile(r"[^\s+\u0000-\u001f]{1,200}")


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name it signs under."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ LF ‖ kind ‖ public key)."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """128 bits of SHA-256 over the whole vkey, in groups of four, to be read out on the telephone."""
        text = sha256(str(self).encode()).hexdigest()[:32]
        return " ".join(text[at : at + 4] for at in range(0, 32, 4))

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self.kind + self.public).decode()}"


def parse_vkey(text: str, kind: bytes = ED25519) -> VerifierKey:
    """The key of this kind that a vkey line names; raises ValueError unless it is written exactly as we write it."""
    name, _, rest = text.partition("+")
    kept = rest.partition("+")[2]
    try:
        raw = base64.b64decode(kept, validate=True)
    except binascii.Error:
        raise ValueError("not a vkey") from None
    key = VerifierKey(name, raw[1:], kind)
    if not NAME.fullmatch(name) or raw[:1] != kind or len(raw) != 33 or str(key) != text:
        raise ValueError("not a vkey")
    return key


@dataclass(frozen=True)
class Head:
    """What a checkpoint says: the log's name, its size and its root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign(head: Head, key: Ed25519PrivateKey) -> str:
    """The signed note over `head`, signed under the log's own name."""
    text = head.text()
    public = VerifierKey(head.origin, key.public_key().public_bytes_raw())
    signature = base64.b64encode(public.key_id + key.sign(text.encode())).decode()
    return f"{text}\n— {head.origin} {signature}\n"


def open_note(note: str, key: VerifierKey) -> Head:
    """The head in `note` when `key` has signed it; raises ValueError with the reason otherwise."""
    text, gap, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not gap or len(lines) < 3 or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):
        raise ValueError("not a checkpoint")
    signed = False
    for line in signatures.splitlines():
        mark, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")
        if mark == "—" and name == key.name:
            signed = signed or _is_signed(text + "\n", value, key)
    if not signed:
        raise ValueError("not signed by this key")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        raise ValueError("not a checkpoint") from None
    return Head(lines[0], int(lines[1]), root)


def _is_signed(text: str, value: str, key: VerifierKey) -> bool:
    try:
        raw = base64.b64decode(value, validate=True)
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], text.encode())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return raw[:4] == key.key_id
