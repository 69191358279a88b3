"""Canonical JSON (RFC 8785) and digests over it."""

import hashlib
from typing import Any

import rfc8785
from cryptography.hazmat.primitives import hashes


def canonical(value: Any) -> bytes:
    """RFC 8785 bytes of `value`; raises ValueError for a float, which has no place in a record."""
    _no_floats(value)
    return rfc8785.dumps(value)


def _no_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("a canonical record holds no floats")
    if isinstance(value, dict):
        for item in value.values():
            _no_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _no_floats(item)


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sm3_hex(data: bytes) -> str:
    """SM3 (GB/T 32905) of `data`; taken from cryptography, since hashlib has it only on some builds."""
    state = hashes.Hash(hashes.SM3())
    state.update(data)
    return state.finalize().hex()


def digest(value: Any) -> str:
    """SHA-256, in hex, of the canonical bytes of `value`."""
    return sha256_hex(canonical(value))
