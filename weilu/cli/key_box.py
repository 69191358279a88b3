"""The keys of an installation in a backup: sealed with a passphrase, never in clear."""

import getpass
import json
import os
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from weilu.cli.telling import told
from weilu.cli.trouble import Trouble

COST = {"n": 1 << 16, "r": 8, "p": 1}  # 64 MiB, a fifth of a second
SHORTEST = 12
BOUND = b"weilu keys 1"


def seal(folder: Path, passphrase: str) -> bytes:
    """Every file of the folder, under AES-256-GCM with a key that scrypt makes of the passphrase."""
    kept = {str(one.relative_to(folder)): b64encode(one.read_bytes()).decode() for one in _files(folder)}
    salt, nonce = os.urandom(16), os.urandom(12)
    content = AESGCM(_key(passphrase, salt)).encrypt(nonce, json.dumps(kept).encode(), BOUND)
    box = {"scrypt": COST, "salt": salt.hex(), "nonce": nonce.hex(), "content": b64encode(content).decode()}
    return json.dumps(box).encode()


def unseal(box: bytes, passphrase: str) -> dict[str, bytes]:
    """The files in the box by their names below `keys/`; raises Trouble for another passphrase."""
    try:
        said: dict[str, Any] = json.loads(box)
        if said["scrypt"] != COST:
            raise ValueError("scrypt")
        key = _key(passphrase, bytes.fromhex(said["salt"]))
        content = AESGCM(key).decrypt(bytes.fromhex(said["nonce"]), b64decode(said["content"]), BOUND)
        kept = {str(name): b64decode(text) for name, text in json.loads(content).items()}
    except InvalidTag:
        raise Trouble("口令不对，密钥打不开。什么都没有改变。") from None
    except (ValueError, KeyError, TypeError):
        raise Trouble("备份里的密钥读不懂。换一份备份，或不带 --with-keys，另行放回 keys/。") from None
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in kept):
        raise Trouble("备份里的密钥读不懂。换一份备份，或不带 --with-keys，另行放回 keys/。")
    return kept


def passphrase(place: Path | None, *, twice: bool) -> str:
    """From the file, else typed; never an argument or the environment, which others can list."""
    if place is not None:
        try:
            said = place.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as problem:
            raise Trouble(f"口令文件 {place} 不能读（{problem}）。检查路径和权限。") from None
    elif sys.stdin.isatty():
        said = getpass.getpass(told("密钥的口令（不显示）："))
        if twice and getpass.getpass(told("再输入一次：")) != said:
            raise Trouble("两次输入的口令不同。再来一次。")
    else:
        said = sys.stdin.readline().rstrip("\n")
    if twice and len(said) < SHORTEST:
        raise Trouble(f"口令至少 {SHORTEST} 个字符。换一个长的。")
    return said


def _files(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file() and not one.name.startswith("."))


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, **COST).derive(passphrase.encode())
