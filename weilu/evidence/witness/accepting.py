"""A person's act on the witness's side: what it last signed, handed out, and a reopened log accepted."""

import json
import sqlite3
import time
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes

from weilu.evidence.checkpoint import Head, VerifierKey, open_note, parse_vkey
from weilu.evidence.cosignature import cosign, split_note
from weilu.evidence.tree import leaf_hash, root_from_inclusion
from weilu.evidence.witness.store import Home, Log, Lost, add_log, log_named

UNREADABLE = "这份重新开启的文件读不懂，或已被改动。让维录那边重新写一份。"


def last_signed(home: Home) -> str:
    """The newest checkpoint of the log watched now, with this witness's signature of that time."""
    with home.store() as kept:
        row = kept.execute(
            "SELECT cosigned.note, cosigned.at FROM cosigned JOIN log ON log.origin = cosigned.origin "
            "AND log.size = cosigned.size WHERE log.ended IS NULL"
        ).fetchone()
    if row is None:
        raise Lost("这个见证还没有签过检查点。")
    head, _lines = split_note(row[0])
    return f"{row[0]}{cosign(head, home.vkey.name, home.private, row[1]).line}\n"


def accept(home: Home, document: str, fingerprint: str, by: str) -> tuple[int, int]:
    """Watch a reopened log in place of the old one, as `by` decided; returns the lost range it admits.

    The new log starts where this witness's own store agrees with what was kept, so its first proof must lead from
    there. Raises Lost when the document is not what it says, or admits less than this witness has signed.
    """
    vkey, note_head, data = _read(document)
    if fingerprint.replace(" ", "").lower() != vkey.fingerprint.replace(" ", ""):
        raise Lost("指纹与文件里的公钥不符。请维录那边重新念一遍；还不符，公钥可能被换过。")
    with home.store() as kept:
        log = log_named(kept, data["before"]["origin"])
        if log is None or log.ended or str(log.vkey) != data["before"]["vkey"]:
            raise Lost("这个见证没有在看这份重新开启的文件所说的旧日志。")
        _check_admitted(log, data)
        if log_named(kept, vkey.name) is not None:
            raise Lost("这个日志来源以前用过，不能接受。")
        start = _common(kept, log, data["lost"]["from"], vkey.name)
        if start.size > note_head.size:
            raise Lost(UNREADABLE)
        kept.execute("UPDATE log SET ended = ? WHERE origin = ?", (int(time.time()), log.vkey.name))
        add_log(kept, vkey, start, by)
    return data["lost"]["from"], data["lost"]["to"]


def _check_admitted(log: Log, data: dict[str, Any]) -> None:
    """The first entry must admit all that this witness has signed."""
    said = data["witnessed"]
    if said["size"] < log.head.size or (said["size"] == log.head.size and said["root"] != log.head.root.hex()):
        raise Lost(f"它承认见证到 {said['size']} 条，这个见证却签到 {log.head.size} 条。不要接受，告诉双方负责人。")


def _common(kept: sqlite3.Connection, log: Log, size: int, name: str) -> Head:
    """The largest checkpoint this witness itself signed of what was kept, under the new name."""
    row = kept.execute(
        "SELECT size, root FROM cosigned WHERE origin = ? AND size <= ? ORDER BY size DESC", (log.vkey.name, size)
    ).fetchone()
    return Head(name, row[0], row[1]) if row else Head(name, 0, b"")


def _read(document: str) -> tuple[VerifierKey, Head, dict[str, Any]]:
    """Key, checkpoint and admission, each proved from the other; Lost for anything else."""
    try:
        found = json.loads(document)
        record = str(found["record"]).encode()
        said = json.loads(record)
        data = said["data"]
        vkey = parse_vkey(data["vkey"])
        head = open_note(found["note"], vkey)
        sm3 = hashes.Hash(hashes.SM3())
        sm3.update(record)
        leaf = leaf_hash(sha256(record).digest() + sm3.finalize())
        root = root_from_inclusion(leaf, found["index"], head.size, [bytes.fromhex(one) for one in found["path"]])
        sizes = [data["witnessed"]["size"], data["lost"]["from"], data["lost"]["to"]]
        whole = root == head.root and said["kind"] == "log.reopened" and head.origin == vkey.name == data["origin"]
        texts = [data["before"]["origin"], data["before"]["vkey"], data["witnessed"]["root"]]
        if not whole or not all(type(one) is int for one in sizes) or not all(type(one) is str for one in texts):
            raise ValueError("not a reopening")
        seen, start, end = sizes
        if not 0 <= start <= found["index"] < end == seen:  # what a person is told is lost is what is lost
            raise ValueError("not a reopening")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        raise Lost(UNREADABLE) from None
    return vkey, head, dict(data)
