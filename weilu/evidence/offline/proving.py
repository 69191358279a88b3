"""Keys, signatures and the tree: a part of the single-file verifier (see `single.py`)."""

import hashlib
import os
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from weilu.evidence.offline.reading import Wrong, exact_base64, text_of

LOG, WITNESS = b"\x01", b"\x04"  # C2SP signed-note: Ed25519, and the timestamped Ed25519 of tlog-cosignature
Key = tuple[str, bytes, bytes]  # name, key id, public key
Head = tuple[str, int, bytes]  # origin, size, root


def parse_vkey(line: str, place: str, kinds: tuple[bytes, ...] = (LOG,)) -> tuple[Key, bytes]:
    """The key of a vkey line (C2SP signed-note), and of which kind it is."""
    name, _, rest = line.partition("+")
    key_id, _, kept = rest.partition("+")
    try:
        raw = exact_base64(kept)
    except ValueError:
        raw = b""
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or raw[:1] not in kinds or len(raw) != 33 or key_id != expected.hex():
        raise Wrong(place, "不是有效的公钥（vkey），已被改动或写错")
    return (name, expected, raw[1:]), raw[:1]


def trusted_keys(path: str) -> tuple[list[Key], list[Key]]:
    """The logs' and the witnesses' keys in the file that --trust names; empty lines and # remarks are passed over."""
    folder, name = os.path.split(os.path.realpath(path))
    lines = [line.strip() for line in text_of(folder, name).splitlines()]
    keys = [parse_vkey(line, name, (LOG, WITNESS)) for line in lines if line and not line.startswith("#")]
    logs = [key for key, kind in keys if kind == LOG]
    if not logs:
        raise Wrong(name, "里面没有日志的公钥")
    return logs, [key for key, kind in keys if kind == WITNESS]


def open_note(note: str, keys: list[Key], place: str) -> tuple[Head, list[str]]:
    """Origin, size and root that the first signature of the checkpoint stands for; and the lines behind it."""
    text, gap, tail = note.partition("\n\n")
    lines, signatures = text.split("\n"), tail.split("\n")
    whole = len(signatures) >= 2 and not signatures[-1]
    if not gap or not whole or len(lines) != 3 or not re.fullmatch(r"[1-9][0-9]{0,18}", lines[1]):
        raise Wrong(place, "格式不对，内容已被改动")
    check_signature(text + "\n", signatures[0], keys, place)
    try:
        root = exact_base64(lines[2])
    except ValueError:
        root = b""
    if len(root) != 32:
        raise Wrong(place, "根的格式不对")
    return (lines[0], int(lines[1]), root), signatures[1:-1]


def check_signature(text: str, line: str, keys: list[Key], place: str) -> None:
    origin = text.partition("\n")[0]
    for name, key_id, public in keys:
        head = f"— {name} "
        if name != origin or not line.startswith(head):
            continue
        try:
            raw = exact_base64(line[len(head) :])
            if raw[:4] != key_id:
                continue
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
        except (ValueError, InvalidSignature):
            continue
        return
    raise Wrong(place, "签名无效，或不是所给的公钥签的")


def cosigned_at(text: str, line: str, key: Key, place: str) -> int:
    """When this witness signed the checkpoint `text`, in seconds since 1970 (C2SP cosignature/v1)."""
    name, key_id, public = key
    try:
        raw = exact_base64(line.removeprefix(f"— {name} "))
        at = int.from_bytes(raw[4:12], "big")
        if len(raw) != 76 or raw[:4] != key_id or at >= 1 << 40:
            raise ValueError("not a cosignature")
        Ed25519PublicKey.from_public_bytes(public).verify(raw[12:], f"cosignature/v1\ntime {at}\n{text}".encode())
    except (ValueError, InvalidSignature):
        raise Wrong(place, f"见证 {name} 的签名无效") from None
    return at


def sm3(data: bytes) -> bytes:
    state = hashes.Hash(hashes.SM3())
    state.update(data)
    return state.finalize()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def climb(value: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that the path leads to (RFC 9162, 2.1.3.2); b"" when its length is wrong."""
    place, last = index, size - 1
    for sibling in path:
        if last == 0:
            return b""
        if place & 1 or place == last:
            value = node(sibling, value)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            value = node(value, sibling)
        place, last = place >> 1, last >> 1
    return value if last == 0 else b""


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: list[bytes]) -> bool:
    """Whether the path shows that the log of `new` entries begins with that of `old` (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not path and old_root == new_root
    steps = ([old_root] if not old & (old - 1) else []) + path
    place, last = old - 1, new - 1
    if not 0 < old < new or not steps:
        return False
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = node(sibling, first), node(sibling, second)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            second = node(second, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
