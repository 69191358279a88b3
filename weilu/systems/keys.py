"""SSH host keys as people paste them, as the register keeps them, and by the fingerprint people compare."""

import base64
import binascii
import hmac
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha1, sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from django.utils.translation import gettext as _

from weilu.kernel import text
from weilu.kernel.refused import Refused

KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
LONGEST = 1000  # characters as kept; an RSA key of 4096 bits has 716
WEAKEST = 2048  # bits of an RSA key


@lru_cache(maxsize=4096)  # a plan for a thousand hosts says each more than once on a page
def fingerprint(key: str) -> str:
    """`SHA256:…` as ssh-keygen -l prints it, of a public key as it is kept: type and base64; "" where there is none."""
    if not key:
        return ""
    blob = base64.b64decode(key.split()[1])
    return "SHA256:" + base64.b64encode(sha256(blob).digest()).decode().rstrip("=")


def alias(address: str, port: int) -> str:
    """How known_hosts names a host: `address`, or `[address]:port` away from port 22."""
    return address if port == 22 else f"[{address}]:{port}"


def read_key(pasted: str, address: str, port: int) -> str:
    """`type base64` of a line of known_hosts, of ssh-keyscan or of a .pub file; raises Refused.

    A line that names a host must name this one: `address`, or `[address]:port` away from port 22.
    """
    lines = [line.split() for line in _lines(pasted)]
    if len(lines) != 1:
        raise _wrong(_("贴了 %(n)d 把密钥，只留一把，首选 ssh-ed25519 的那行") % {"n": len(lines)})
    words = lines[0]
    if words[0].startswith("@"):
        raise _wrong(_("带 %(mark)s 的行不是主机密钥，贴主机自己的公钥") % {"mark": words[0][:20]})
    if words[0] not in KINDS and len(words) > 2:
        _check_names(words[0], address, port)
        words = words[1:]
    if words[0] not in KINDS:
        said = _("「%(kind)s」不是能用的主机密钥类型。能用 ed25519、ecdsa 和 rsa，如 ssh-ed25519 AAAA…")
        raise _wrong(said % {"kind": words[0][:40]})
    key = f"{words[0]} {words[1] if len(words) > 1 else ''}"
    _check(key)
    return key


def _lines(pasted: str) -> Iterator[str]:
    whole = text.prose(pasted, _("主机密钥"), field="key", longest=8000)
    found = [line.strip() for line in whole.split("\n")]
    yield from (line for line in found if line and not line.startswith("#"))


def _check(key: str) -> None:
    """The base64 holds one sound key of the type in front of it."""
    kind, coded = key.split(" ", 1)
    if len(key) > LONGEST:
        raise _wrong(_("密钥有 %(n)d 字，最多 %(most)d 字") % {"n": len(key), "most": LONGEST})
    try:
        blob = base64.b64decode(coded, validate=True)
        loaded = load_ssh_public_key(key.encode("ascii"))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise _wrong(_("密钥不完整或写错了，把整行原样贴进来")) from None
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != kind.encode() or base64.b64encode(blob).decode() != coded:
        raise _wrong(_("密钥不完整或写错了，把整行原样贴进来"))
    if isinstance(loaded, RSAPublicKey) and loaded.key_size < WEAKEST:
        raise _wrong(_("RSA 密钥只有 %(bits)d 位，至少 %(least)d 位") % {"bits": loaded.key_size, "least": WEAKEST})


def _check_names(named: str, address: str, port: int) -> None:
    """The first field of a line of known_hosts, plain or hashed, is this host's."""
    own = alias(address, port)
    if named.startswith("|1|"):
        if not _is_hash_of(named, own):
            raise _wrong(_("这行密钥是别的主机的，不是 %(host)s 的") % {"host": own})
    elif own not in [name.lower() for name in named.split(",")]:
        said = _("这行密钥写的是 %(named)s，主机是 %(host)s。核对后只贴类型和密钥两段")
        raise _wrong(said % {"named": named[:80], "host": own})


def _is_hash_of(named: str, own: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in named.split("|")[2:])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, own.encode(), sha1).digest(), digest)


def _wrong(reason: str) -> Refused:
    return Refused(reason, field="key")
