"""`weilu move --to URL`: the same rows and the same log in another database; the old one is closed for good."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import django

from weilu.cli import alone, backup, closing
from weilu.cli.telling import tell
from weilu.cli.trouble import Trouble
from weilu.cli.upgrade import ENDING, need_current
from weilu.config import read_config

MOVING = "正在迁往另一个数据库"


def move(to: str, *, wait: float) -> int:
    """Move the database to the empty one at `to`; files and keys stay. Raises Trouble, and then nothing has changed."""
    read_config({**os.environ, "WEILU_DATABASE_URL": to})  # a wrong address is said before anything stops
    django.setup()
    from weilu.kernel import upkeep
    from weilu.settings import CONFIG

    if to == CONFIG.database_url:
        raise Trouble("目的地就是现在的数据库。换一个空的数据库。")
    cut_off = upkeep.standing() == (upkeep.State.CLOSED, MOVING) if closing.knows_upkeep() else False
    if not cut_off:
        need_current()
        closing.drain(wait, MOVING)
    draft = CONFIG.data_dir / "backups" / f".moving-{os.getpid()}.backup"
    draft.parent.mkdir(mode=0o700, exist_ok=True)
    with alone.nobody_else(CONFIG.data_dir, wait=ENDING):
        try:
            alone.no_other_sessions(ENDING)
            closing.seal()
            made = backup.make(draft, CONFIG, files=False)
            _carry(draft, to)
        except BaseException:
            closing.open_again()
            raise
        finally:
            draft.unlink(missing_ok=True)
        upkeep.put(upkeep.State.MOVED, shown(to))
    tell(f"已迁到 {shown(to)}：{made.rows} 行，逐表核对过；存证 {made.size} 条，根 {made.root[:16]}… 相同")
    tell("原来的数据库没有改动，已关闭，不再写入。把 WEILU_DATABASE_URL 改成新的地址，再 weilu serve")
    return 0


def _carry(draft: Path, to: str) -> None:
    """Restore in a process whose database is the new one."""
    command = [sys.executable, "-m", "weilu.cli.main", "restore", str(draft), "--exact"]
    env = {**os.environ, "WEILU_DATABASE_URL": to}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise Trouble(f"没有迁走，原来的数据库照常可用：{said}")


def shown(url: str) -> str:
    """The address without its password."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return url
    where = parts.query.partition("host=")[2] or parts.hostname or ""
    return f"postgresql://{where}{parts.path}"
