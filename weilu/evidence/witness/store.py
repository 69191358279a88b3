"""What a witness keeps: one folder with its key and a small SQLite file, far from the log it watches.

The key names the one store it belongs to. Without that very store the witness no longer knows what it
has seen; it is not started again from the log's word, but retired.
"""

import base64
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from weilu.evidence.checkpoint import COSIGNATURE, NAME, Head, VerifierKey, parse_vkey

HEAD = "PRIVATE+KEY"
TABLES = """
CREATE TABLE store (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, made INTEGER NOT NULL,
    retired INTEGER, why TEXT);
CREATE TABLE log (origin TEXT PRIMARY KEY, vkey TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    accepted INTEGER NOT NULL, accepted_by TEXT NOT NULL, ended INTEGER);
CREATE TABLE cosigned (origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, at INTEGER NOT NULL,
    note TEXT NOT NULL, PRIMARY KEY (origin, size));
CREATE TABLE refused (origin TEXT NOT NULL, status INTEGER NOT NULL, old INTEGER NOT NULL, size INTEGER NOT NULL,
    root BLOB NOT NULL, note TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    times INTEGER NOT NULL, PRIMARY KEY (origin, status, old, size, root));
"""


class Lost(Exception):
    """The witness cannot go on; the message is the sentence to show."""


@dataclass(frozen=True)
class Log:
    """A log this witness watches: its key and the newest checkpoint that was cosigned (size 0 before the first)."""

    vkey: VerifierKey
    head: Head
    ended: bool


@dataclass(frozen=True)
class Home:
    """An opened witness: where it lives, its key, its store's name."""

    folder: Path
    private: Ed25519PrivateKey
    vkey: VerifierKey
    store_id: str

    @contextmanager
    def store(self) -> Iterator[sqlite3.Connection]:
        """The store in one transaction nobody else reads or writes in; on disk when this ends."""
        with closing(_connect(self.folder)) as kept:
            kept.execute("BEGIN IMMEDIATE")
            row = kept.execute("SELECT id, retired, why FROM store").fetchone()
            if row is None or row[0] != self.store_id:
                raise Lost("存储不是这个密钥的那一份。这个见证不能继续：在维录停用它，另建一个新的。")
            if row[1] is not None:
                raise Lost(f"这个见证已停用：{row[2]}。另建一个新的。")
            yield kept
            kept.execute("COMMIT")


def make(folder: Path, name: str, log: VerifierKey, by: str) -> Home:
    """A new witness in a new folder, watching `log`; raises Lost when one lived here already."""
    if not NAME.fullmatch(name):
        raise Lost("见证的名称不能有空格和加号，例如 jiangzhou.example.cn/witness。")
    for above in (folder.absolute(), *folder.absolute().parents):
        if (above / "weilu.sqlite3").exists() or (above / "keys" / "log.key").exists():
            raise Lost(f"{above} 是维录的数据目录。见证的存储要放在别处，最好在另一台机器上。")
    if (folder / "witness.key").exists() or (folder / "witness.sqlite3").exists():
        raise Lost(f"{folder} 里已经有一个见证。它的存储若不见了，它就不能继续：另建一个新目录、新名称的。")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    private, store_id = Ed25519PrivateKey.generate(), os.urandom(16).hex()
    vkey = VerifierKey(name, private.public_key().public_bytes_raw(), COSIGNATURE)
    secret = base64.b64encode(COSIGNATURE + private.private_bytes_raw()).decode()
    handle = os.open(folder / "witness.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="utf-8") as out:
        out.write(f"{HEAD}+{name}+{vkey.key_id.hex()}+{secret}\nstore {store_id}\n")
        out.flush()
        os.fsync(out.fileno())
    os.close(os.open(folder / "witness.sqlite3", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(_connect(folder)) as kept:
        kept.executescript(f"BEGIN; {TABLES} COMMIT;")
        kept.execute("BEGIN IMMEDIATE")
        kept.execute("INSERT INTO store VALUES (1, ?, ?, NULL, NULL)", (store_id, int(time.time())))
        add_log(kept, log, Head(log.name, 0, b""), by)
        kept.execute("COMMIT")
    sync_folder(folder)
    return Home(folder, private, vkey, store_id)


def open_home(folder: Path) -> Home:
    """The witness in this folder; raises Lost when there is none, or its store is gone or not its own."""
    try:
        first, second = (folder / "witness.key").read_text("utf-8").splitlines()
    except FileNotFoundError:
        raise Lost(f"{folder} 里没有见证。先运行 weilu witness init。") from None
    except (OSError, ValueError):
        raise Lost(f"{folder / 'witness.key'} 不能读取或已损坏。检查权限；损坏就停用这个见证。") from None
    try:
        name, _, secret = first.removeprefix(f"{HEAD}+").split("+", 2)
        raw = base64.b64decode(secret, validate=True)
        private = Ed25519PrivateKey.from_private_bytes(raw[1:])
    except ValueError:
        raise Lost(f"{folder / 'witness.key'} 不能读取或已损坏。检查权限；损坏就停用这个见证。") from None
    if not (folder / "witness.sqlite3").exists():
        raise Lost("见证的存储不见了，它不再知道见过什么。在维录停用它，用新目录、新名称另建一个。")
    vkey = VerifierKey(name, private.public_key().public_bytes_raw(), COSIGNATURE)
    home = Home(folder, private, vkey, second.removeprefix("store "))
    try:
        with home.store() as kept:
            whole = kept.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError:
        whole = "damaged"
    if whole != "ok":
        raise Lost("见证的存储已损坏，它不再知道见过什么。在维录停用它，用新目录、新名称另建一个。")
    return home


def retire(home: Home, why: str) -> None:
    """End this witness for good: it answers nobody any more."""
    with home.store() as kept:
        kept.execute("UPDATE store SET retired = ?, why = ?", (int(time.time()), why))


def add_log(kept: sqlite3.Connection, vkey: VerifierKey, head: Head, by: str) -> None:
    """Watch a log from `head` on; whoever accepted it stands beside it."""
    facts = (vkey.name, str(vkey), head.size, head.root, int(time.time()), by)
    kept.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, NULL)", facts)


def log_named(kept: sqlite3.Connection, origin: str) -> Log | None:
    """The log of this origin, if it is watched."""
    row = kept.execute("SELECT vkey, size, root, ended FROM log WHERE origin = ?", (origin,)).fetchone()
    return None if row is None else Log(parse_vkey(row[0]), Head(origin, row[1], row[2]), row[3] is not None)


def keep(kept: sqlite3.Connection, head: Head, note: str, at: int) -> None:
    """Remember that `head` was seen, as the newest of its log."""
    kept.execute("UPDATE log SET size = ?, root = ? WHERE origin = ?", (head.size, head.root, head.origin))
    facts = (head.origin, head.size, head.root, at, note)
    kept.execute("INSERT INTO cosigned VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", facts)


def keep_refusal(kept: sqlite3.Connection, head: Head, old: int, status: int, note: str) -> None:
    """Remember what the log's own key signed and this witness would not: proof against the log, once each."""
    now = int(time.time())
    kept.execute(
        "INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) "
        "ON CONFLICT DO UPDATE SET last = excluded.last, times = times + 1",
        (head.origin, status, old, head.size, head.root, note, now, now),
    )


def sync_folder(folder: Path) -> None:
    """Wait until the folder's entries are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _connect(folder: Path) -> sqlite3.Connection:
    """The store's file, never made anew; each commit is on disk before it counts."""
    place = (folder / "witness.sqlite3").absolute().as_uri()
    try:
        kept = sqlite3.connect(f"{place}?mode=rw", uri=True, timeout=10, isolation_level=None)
        kept.execute("PRAGMA journal_mode = DELETE")
        kept.execute("PRAGMA synchronous = EXTRA")
    except sqlite3.Error as problem:
        raise Lost(f"见证的存储打不开（{problem}）。检查权限和磁盘空间。") from None
    return kept
