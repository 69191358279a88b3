"""Bringing an installation to rest: a word to every process in the database, and a lock on the log itself."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection

from weilu.cli import schema
from weilu.cli.telling import tell
from weilu.cli.trouble import Trouble
from weilu.config import WrongSetting
from weilu.kernel.sealed import SEALED

LOCKS = {
    # Every act stages evidence in its own transaction: where that cannot be written, nothing can be done.
    "sqlite": (
        f"CREATE TRIGGER IF NOT EXISTS weilu_sealed BEFORE INSERT ON evidence_staged"
        f" BEGIN SELECT RAISE(ABORT, '{SEALED}'); END",
        f"CREATE TRIGGER IF NOT EXISTS weilu_sealed_log BEFORE INSERT ON evidence_entry"
        f" BEGIN SELECT RAISE(ABORT, '{SEALED}'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION weilu_sealed() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{SEALED}'; END $$",
        "CREATE OR REPLACE TRIGGER weilu_sealed BEFORE INSERT ON evidence_staged"
        " FOR EACH STATEMENT EXECUTE FUNCTION weilu_sealed()",
        "CREATE OR REPLACE TRIGGER weilu_sealed_log BEFORE INSERT ON evidence_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION weilu_sealed()",
    ),
}
KEYS = {
    "sqlite": ("DROP TRIGGER IF EXISTS weilu_sealed", "DROP TRIGGER IF EXISTS weilu_sealed_log"),
    "postgresql": (
        "DROP TRIGGER IF EXISTS weilu_sealed ON evidence_staged",
        "DROP TRIGGER IF EXISTS weilu_sealed_log ON evidence_entry",
        "DROP FUNCTION IF EXISTS weilu_sealed()",
    ),
}


def knows_upkeep() -> bool:
    """Whether the database is of a version that can be told to rest."""
    return ("kernel", "0002_upkeep") in schema.applied()


def drain(wait: float, why: str) -> None:
    """Let workers end what they have begun, then tell everybody to stop; raises Trouble after `wait` seconds."""
    from weilu.kernel import upkeep

    told_of, deadline, knows = "", time.monotonic() + wait, knows_upkeep()
    if knows:
        need_not_moved()
        upkeep.put(upkeep.State.DRAINING, why)
    while busy := _busy():
        if not busy[0] or time.monotonic() >= deadline:
            open_again()
            raise Trouble(f"{busy[1]}，没有开始，什么都没有改变。{busy[2]}")
        if busy[1] != told_of:
            told_of = busy[1]
            tell(f"等待　　{told_of}，最多等 {wait:.0f} 秒")
        time.sleep(0.5)
        if knows:
            upkeep.put(upkeep.State.DRAINING, why)  # said anew, since the word of a drain that was killed must fade
    if knows:
        upkeep.put(upkeep.State.CLOSED, why)


def _busy() -> tuple[bool, str, str] | None:
    """Whether waiting helps, what is going on, and what to do about it; None where all is at rest."""
    apps = schema.models_at(schema.applied())
    runs: Any = apps.get_model("execution", "Run")._base_manager
    asking = runs.filter(state="asks").order_by("id").first()
    if asking is not None:
        return False, f"{asking.number} 待判断", "先由维护工程师在执行页面判断，再来一次。"
    running = runs.filter(state="running").order_by("id").first()
    if running is not None:
        return True, f"{running.number} 正在执行", "让工作进程（weilu worker）把它做完，再来一次。"
    from weilu.kernel.times import now

    try:
        jobs: Any = apps.get_model("jobs", "Job")._base_manager
    except LookupError:
        return None
    if jobs.filter(state="waiting", lease_until__gt=now()).exists():
        return True, "有后台任务正在办", "等它做完，再来一次。"
    return None


def seal() -> None:
    """From here on nothing is entered in the log, by whatever program of whatever version."""
    with connection.cursor() as cursor:
        for statement in LOCKS[connection.vendor]:
            cursor.execute(statement)


def open_again() -> None:
    """The log can be written, and every process may start."""
    from weilu.kernel import upkeep

    with connection.cursor() as cursor:
        for statement in KEYS[connection.vendor]:
            cursor.execute(statement)
    if knows_upkeep():
        upkeep.put(upkeep.State.OPEN)


def need_open() -> None:
    """Raise WrongSetting while the installation is closed, or where it lives elsewhere now."""
    from weilu.kernel import upkeep

    state, words = upkeep.standing()
    if state == upkeep.State.MOVED:
        raise WrongSetting(f"维录已迁到 {words}，这里不再写入。把 WEILU_DATABASE_URL 指向那里，再启动。")
    if state == upkeep.State.CLOSED:
        raise WrongSetting(f"维录{words}，现在不能启动。做完之后再启动；中断了就再运行一次 weilu upgrade。")


def need_not_moved() -> None:
    from weilu.kernel import upkeep

    state, words = upkeep.standing()
    if state == upkeep.State.MOVED:
        raise Trouble(f"维录已迁到 {words}，这里不再写入。")
