"""What secrets are made of: private keys of SSH as people paste them, new pairs, passwords for sudo."""

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.vault import stirring

LONGEST = 20_000  # characters of a private key; RSA with 16,384 bits has 13,000
SHORTEST_RSA, LONGEST_RSA = 2048, 16_384  # bits
LONGEST_PASSWORD = 256
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
    if isinstance(key, RSAPrivateKey):
        _check_rsa(key)
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


def _opened(text: bytes, passphrase: bytes | None) -> object:
    try:
        return _loaded(text, passphrase)
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


def _loaded(text: bytes, passphrase: bytes | None) -> object:
    """As the loaders of cryptography, with work that is bounded, however the key was made."""
    block = stirring.block_of(text)
    if block is None:
        return form.load_pem_private_key(text, passphrase, unsafe_skip_rsa_key_validation=True)
    name, blob = block
    if stirring.is_too_much(name, blob):
        raise Refused(_("私钥的口令迭代次数太多，先用 ssh-keygen -p 改成通常的次数"), field="secret")
    if name == "OPENSSH":
        return form.load_ssh_private_key(stirring.as_openssh(blob), passphrase, unsafe_skip_rsa_key_validation=True)
    return form.load_der_private_key(blob, passphrase, unsafe_skip_rsa_key_validation=True)


def _check_rsa(key: RSAPrivateKey) -> None:
    """Its parts fit together, and it is neither weak nor so long that whoever uses it waits.

    Whether its primes are primes is not tried: that takes minutes where somebody wants it to.
    """
    if key.key_size < SHORTEST_RSA:
        words = _("RSA 密钥只有 %(bits)d 位，至少 %(least)d 位。换一个密钥")
        raise Refused(words % {"bits": key.key_size, "least": SHORTEST_RSA}, field="secret")
    if key.key_size > LONGEST_RSA:
        words = _("RSA 密钥有 %(bits)d 位，最多 %(most)d 位。换一个密钥")
        raise Refused(words % {"bits": key.key_size, "most": LONGEST_RSA}, field="secret")
    said = key.private_numbers()
    p, q, d, e = said.p, said.q, said.d, said.public_numbers.e
    whole = min(p, q) > 2 and p * q == said.public_numbers.n and said.iqmp * q % p == 1
    whole = whole and (said.dmp1, said.dmq1) == (d % (p - 1), d % (q - 1))
    if not whole or any(d * e % (prime - 1) != 1 for prime in (p, q)):
        raise Refused(_("私钥读不懂，可能没有贴完整。请从头到尾再贴一次"), field="secret")


def _pair(key: AnyKey) -> Pair:
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return Pair(private, public.decode())
