"""Sealing to a public key: whoever has it can seal, only who has the private one can open (HPKE, RFC 9180)."""

from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
HEAD = b"weilu vault 1"


class NotOurs(Exception):
    """The seal does not open: another key, another credential's content, or changed bytes."""


def seal(secret: bytes, public: str, credential: UUID, kind: str) -> bytes:
    """`secret` sealed to the key `public` (hex) as the content of this credential and of no other."""
    key = X25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return SUITE.encrypt(secret, key, _bound(credential, kind))


def unseal(sealed: bytes, private: X25519PrivateKey, credential: UUID, kind: str) -> bytes:
    """What was sealed as the content of this credential; raises NotOurs."""
    try:
        return SUITE.decrypt(sealed, private, _bound(credential, kind))
    except (InvalidTag, ValueError):
        raise NotOurs(str(credential)) from None


def public_of(private: X25519PrivateKey) -> str:
    """Its public half in hex, as the database keeps it."""
    return private.public_key().public_bytes_raw().hex()


def _bound(credential: UUID, kind: str) -> bytes:
    """What goes into the derivation of each seal's own key, so that nothing opens in another row or as another kind."""
    return b"\0".join((HEAD, credential.bytes, kind.encode()))
