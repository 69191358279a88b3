"""What is particular to release 1.1.0: where an appointment came from, and a summary by matter."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

VERSION = "1.1.0"
COLUMNS = {"day": "日期", "name": "姓名", "matter": "事项", "channel": "来源"}

MIGRATIONS = [
    [
        "CREATE TABLE appointment (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL,"
        " matter TEXT NOT NULL, day TEXT NOT NULL)",
    ],
    ["ALTER TABLE appointment ADD COLUMN channel TEXT NOT NULL DEFAULT '网上'"],
]


def summary(shared: Path, config: dict[str, object]) -> object:
    """How many appointments each matter has."""
    from jzdesk.store import connect

    with closing(connect(shared)) as db:
        rows = db.execute("SELECT matter, count(*) FROM appointment GROUP BY matter ORDER BY matter").fetchall()
    return {"feature": "summary", "matters": dict(tuple(row) for row in rows)}


ROUTES: dict[str, Callable[[Path, dict[str, object]], object]] = {"/api/summary": summary}
