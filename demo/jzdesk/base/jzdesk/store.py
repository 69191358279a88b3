"""The database: opening, migrating, and writing only while writes are allowed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from jzdesk.release import MIGRATIONS


class WritesHeld(Exception):
    """Writes are refused for the moment: shared/READONLY exists."""


def connect(shared: Path) -> sqlite3.Connection:
    db = sqlite3.connect(shared / "desk.sqlite3", timeout=10, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA foreign_keys=ON")
    return db


def schema_of(shared: Path) -> int:
    with closing(connect(shared)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def migrate(shared: Path) -> int:
    """Bring the schema to this release's, each step with its user_version in one transaction."""
    with closing(connect(shared)) as db:
        db.execute("BEGIN IMMEDIATE")
        present = int(db.execute("PRAGMA user_version").fetchone()[0])
        for number, statements in enumerate(MIGRATIONS, start=1):
            if number > present:
                for statement in statements:
                    db.execute(statement)
                db.execute(f"PRAGMA user_version={number}")
        db.execute("COMMIT")
    return len(MIGRATIONS)


@contextmanager
def writing(shared: Path) -> Iterator[sqlite3.Connection]:
    """A write transaction; raises WritesHeld.

    The flag is read after the write lock is taken: whoever sets it and then takes the lock
    knows that every write accepted before is in, and that none comes after.
    """
    with closing(connect(shared)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            if (shared / "READONLY").exists():
                raise WritesHeld
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def book(shared: Path, name: str, phone: str, matter: str, day: str) -> int:
    with writing(shared) as db:
        row = db.execute(
            "INSERT INTO appointment (name, phone, matter, day) VALUES (?, ?, ?, ?)", (name, phone, matter, day)
        )
        return int(row.lastrowid or 0)


def appointments(shared: Path) -> list[dict[str, object]]:
    with closing(connect(shared)) as db:
        return [dict(row) for row in db.execute("SELECT * FROM appointment ORDER BY id")]
