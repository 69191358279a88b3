"""A benchmark on both databases: one process each, with an empty database and data folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Rows = list[dict[str, Any]]


def on_both(module: str) -> Rows:
    """The rows that `python -m module NAME FILE` writes, on SQLite and then on PostgreSQL where it can be had."""
    from tests.support.postgres import NoPostgres, private_server

    found = _measured(module, "SQLite", "")
    try:
        url = private_server(durable=True)
    except NoPostgres as problem:
        print(f"PostgreSQL is left out: {problem}", file=sys.stderr)
        return found
    create_database(url)
    return found + _measured(module, "PostgreSQL", url)


def create_database(url: str) -> None:
    """The server is new and has none but its own."""
    import psycopg

    parts = urlsplit(url)
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as link:
        link.execute(f"CREATE DATABASE {parts.path[1:]}")


def _measured(module: str, name: str, url: str) -> Rows:
    home = Path(os.environ["WEILU_DATA_DIR"]) / name
    home.mkdir(parents=True)
    env = os.environ | {"WEILU_DATA_DIR": str(home), "WEILU_DATABASE_URL": url or f"sqlite:///{home}/weilu.sqlite3"}
    out = home / "rows.json"
    subprocess.run([sys.executable, "-m", module, name, str(out)], env=env, check=True)
    return list(json.loads(out.read_text("utf-8")))


def write_rows(measure: Callable[[str], Rows]) -> None:
    """The other side: what `measure` says of the database of this process goes to the file that was named."""
    Path(sys.argv[2]).write_text(json.dumps(measure(sys.argv[1]), ensure_ascii=False), "utf-8")
