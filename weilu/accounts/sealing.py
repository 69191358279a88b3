"""Secrets that must be read again, sealed under a key of this room's own."""

from weilu.kernel.sealing import Unreadable, kept_key, seal_under, unseal_under

__all__ = ["Unreadable", "seal", "unseal"]
KEY = "second-factor.key"


def seal(secret: bytes, owner: str) -> bytes:
    """`secret` sealed for `owner`."""
    return seal_under(kept_key(KEY), secret, owner)


def unseal(sealed: bytes, owner: str) -> bytes:
    """What was sealed for `owner`; raises Unreadable."""
    return unseal_under(kept_key(KEY), sealed, owner)
