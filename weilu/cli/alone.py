"""Who else works with this installation: a lock that every process of it shares, and the sessions at the server."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weilu.cli.trouble import Trouble

NAME = "weilu.lock"
APPLICATION = "weilu"  # what our sessions call themselves at PostgreSQL
_held: dict[str, int] = {}


def present(home: Path) -> None:
    """Say, until this process ends, that it works with the installation; waits for nobody."""
    if str(home) in _held or not home.is_dir():
        return
    handle = os.open(home / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Trouble("整套数据正在恢复、升级或迁走。等它做完，再试一次。") from None
    _held[str(home)] = handle


@contextmanager
def nobody_else(home: Path, *, wait: float) -> Iterator[None]:
    """Be the only process with this data folder; raises Trouble where others do not end within `wait` seconds."""
    handle = _held.pop(str(home), None)
    if handle is None:
        handle = os.open(home / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + wait
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Trouble(f"维录还在运行（{home}）。先停掉 weilu serve 和 weilu worker，再试一次。") from None
                time.sleep(0.2)
        yield
    finally:
        os.close(handle)


def no_other_sessions(wait: float = 0) -> None:
    """Raise Trouble while other processes of Weilu are connected to this PostgreSQL database, from any machine."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return
    deadline = time.monotonic() + wait
    while True:
        with connection.cursor() as cursor:
            # 0.1.0 did not give itself a name
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND backend_type = 'client backend' AND application_name IN (%s, '')",
                [APPLICATION],
            )
            others = int(cursor.fetchone()[0])
        if not others:
            return
        if time.monotonic() >= deadline:
            raise Trouble(f"还有 {others} 个维录的连接在用这个数据库。停掉每台机器上的 weilu serve 和 weilu worker。")
        time.sleep(0.2)
