"""What secrets are made of: private keys of SSH as people paste them, new pairs, passwords for sudo."""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

LONGEST = 20_000  # characters of a private key; RSA with 16,384 bits has 13,000
SHORTEST_RSA = 2048  # bits
LONGEST_PASSWORD = 256
MOST_ROUNDS = 512  # ssh-keygen has 16 or 24 by itself; a thousand hold a page for half a minute
MAGIC = b"openssh-key-v1\0"
AnyKey = Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey


@dataclass(frozen=True, repr=False)
class Pair:
    """A key pair: the private half as ssh-add reads it, without a passphrase; the public one as one line."""

    private: bytes
    public: str  # type and base64, as in authorized_keys


def new_pair() -> Pair:
    """A fresh Ed25519 pair."""
    return _pair(Ed25519PrivateKey.generate())


def read_private(pasted: str, passphrase: str) -> Pair:
    """The pair of a pasted private key, its passphrase taken off; raises Refused. The words never repeat what came."""
    text = "\n".join(line.strip() for line in pasted.strip().splitlines()) + "\n"
    _check_form(text)
    key = _opened(text.encode("ascii"), passphrase.encode() or None)
    if not isinstance(key, AnyKey):
        raise Refused(_("这种密钥不能用。请用 Ed25519、ECDSA 或 RSA 密钥"), field="secret")
    if isinstance(key, RSAPrivateKey) and key.key_size < SHORTEST_RSA:
        words = _("RSA 密钥只有 %(bits)d 位，至少 %(least)d 位。换一个密钥")
        raise Refused(words % {"bits": key.key_size, "least": SHORTEST_RSA}, field="secret")
    return _pair(key)


def read_password(typed: str) -> bytes:
    """A password as it goes to sudo, byte for byte; raises Refused."""
    if not typed:
        raise Refused(_("密码没有填写。填好后再提交"), field="secret")
    if len(typed) > LONGEST_PASSWORD:
        raise Refused(_("密码最多 %(most)d 个字符") % {"most": LONGEST_PASSWORD}, field="secret")
    if not typed.isprintable():
        raise Refused(_("密码里有不可见的字符。换一个密码"), field="secret")
    return typed.encode()


def fingerprint(public: str) -> str:
    """`SHA256:…` as ssh-keygen -l says it of a line of type and base64; "" where it is none."""
    try:
        blob = base64.b64decode(public.split()[1], validate=True)
    except (IndexError, ValueError, binascii.Error):
        return ""
    return "SHA256:" + base64.b64encode(sha256(blob).digest()).decode().rstrip("=")


def _check_form(text: str) -> None:
    """What is pasted by mistake is named before a parser says less helpful things."""
    if text == "\n":
        raise Refused(_("私钥没有填写。填好后再提交"), field="secret")
    if len(text) > LONGEST:
        raise Refused(_("私钥有 %(length)d 字，不像是一个密钥") % {"length": len(text)}, field="secret")
    if text.startswith("PuTTY-User-Key-File"):
        reason = _("这是 PuTTY 格式的密钥，用 PuTTYgen 的“导出 OpenSSH 密钥”转换后再贴")
        raise Refused(reason, field="secret")
    if text.startswith(("ssh-", "ecdsa-", "sk-")):
        raise Refused(_("贴的是公钥。请贴私钥，以 -----BEGIN 开头"), field="secret")
    if not text.isascii() or not text.startswith("-----BEGIN ") or "PRIVATE KEY-----" not in text:
        raise Refused(_("不是私钥。请贴整个私钥文件，以 -----BEGIN 开头、以 PRIVATE KEY----- 结尾"), field="secret")


def _rounds(text: bytes) -> int:
    """How often the passphrase of an OpenSSH key is stirred; 0 where that cannot be read: the parser says so."""
    try:
        blob = base64.b64decode(b"".join(text.split(b"\n")[1:-2]))
        parts, place = [], len(MAGIC)
        for _part in range(3):  # cipher, kdf, its options: salt and rounds
            length = int.from_bytes(blob[place : place + 4], "big")
            parts.append(blob[place + 4 : place + 4 + length])
            place += 4 + length
    except (ValueError, binascii.Error):
        return 0
    return int.from_bytes(parts[2][-4:], "big") if blob.startswith(MAGIC) and parts[1] == b"bcrypt" else 0


def _opened(text: bytes, passphrase: bytes | None) -> object:
    try:
        if b"OPENSSH PRIVATE KEY" in text.partition(b"\n")[0]:
            if _rounds(text) > MOST_ROUNDS:
                raise Refused(_("私钥的口令迭代次数太多，先用 ssh-keygen -p 改成通常的次数"), field="secret")
            return form.load_ssh_private_key(text, passphrase)
        return form.load_pem_private_key(text, passphrase)
    except TypeError:  # a passphrase is missing, or one came for a key without
        if passphrase is not None:
            return _opened(text, None)
        raise Refused(_("这个私钥有口令保护，请同时填写口令"), field="passphrase") from None
    except UnsupportedAlgorithm:
        raise Refused(_("这种密钥不能用。请用 Ed25519、ECDSA 或 RSA 密钥"), field="secret") from None
    except ValueError:  # binascii.Error as well
        pass
    if passphrase is not None:
        raise Refused(_("口令不对，或私钥不完整"), field="passphrase")
    raise Refused(_("私钥读不懂，可能没有贴完整。请从头到尾再贴一次"), field="secret")


def _pair(key: AnyKey) -> Pair:
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return Pair(private, public.decode())
