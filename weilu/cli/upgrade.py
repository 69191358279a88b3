"""`weilu upgrade`: runs come to rest, everybody stops, a backup, the migrations, the log checked; or all as it was.

A file beside the data says how far it came, so that an upgrade that was killed goes on when called again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import django

from weilu import __version__
from weilu.cli import alone, backup, closing, schema
from weilu.cli.telling import tell
from weilu.cli.trouble import Trouble
from weilu.config import WrongSetting

JOURNAL = "upgrade.json"
UPGRADING = "正在升级"
ENDING = 30.0  # seconds that web and worker have to end once they are told


def upgrade(*, wait: float) -> int:
    """Bring the database to this version; raises Trouble, and then it is as it was before."""
    django.setup()
    from weilu.settings import CONFIG

    names, journal = schema.applied(), CONFIG.data_dir / JOURNAL
    check_known(names)
    begun = _read(journal)
    if not schema.pending() and not begun:
        return _nothing_to_do(CONFIG)
    if begun:
        tell(f"接着上次没有做完的升级，升级前的备份在 {begun['backup']}")
    else:
        closing.drain(wait, UPGRADING)
    try:
        with alone.nobody_else(CONFIG.data_dir, wait=ENDING):
            alone.no_other_sessions(ENDING)
            closing.seal()
            begun = begun or _back_up(CONFIG, journal)
            _migrate(CONFIG, begun)
            journal.unlink()
            closing.open_again()
    except Trouble:
        if not journal.exists():  # nothing was changed yet, or all was put back
            closing.open_again()
        raise
    tell(f"已升级到维录 {__version__}。下一步：weilu serve")
    return 0


def _nothing_to_do(config: Any) -> int:
    """All is current; an installation that a killed command left closed is opened again."""
    from weilu.kernel import upkeep

    closing.need_not_moved()
    if upkeep.ended():
        with alone.nobody_else(config.data_dir, wait=ENDING):
            alone.no_other_sessions(ENDING)  # a server may take a moment to see that the killed one is gone
            closing.open_again()
        tell("上次的升级或迁走中断了，没有改动什么；现在可以启动")
        return 0
    tell("数据库已是最新，没有什么要升级的")
    return 0


def check_known(names: list[schema.Named]) -> None:
    """Raise Trouble where there is nothing to upgrade, or a newer program was here."""
    if not names:
        raise Trouble("数据库还没有建好。先运行 weilu init。")
    if schema.unknown(names):
        raise Trouble("数据库属于更新的版本，这个程序不认得它。换上新的程序，再启动。")


def _read(journal: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(journal.read_text()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        raise Trouble(f"{journal} 读不懂。用 backups/ 里升级前的备份：weilu restore --replace。") from None


def _back_up(config: Any, journal: Path) -> dict[str, Any]:
    """The way back, on disk before anything is changed."""
    made = backup.make(backup.default_place(config.data_dir), config)
    tell(f"备份　　{made.place}，{made.rows} 行，{made.files} 个文件，已读回核对")
    begun = {"backup": str(made.place), "size": made.size, "root": made.root}
    draft = journal.with_suffix(".draft")
    draft.write_text(json.dumps(begun))
    os.replace(draft, journal)
    return begun


def _migrate(config: Any, begun: dict[str, Any]) -> None:
    """Migrate and compare the log; on any failure put the backup back, and say so."""
    from django.core.management import call_command

    began = time.monotonic()
    try:
        # Whatever a migration runs into, the way back is the same.
        try:
            call_command("migrate", verbosity=0, interactive=False)
        except Exception as problem:
            raise Trouble(f"迁移没有做完（{type(problem).__name__}：{problem}）。") from problem
        tell(f"迁移　　已是最新（{time.monotonic() - began:.1f} 秒）")
        check(begun)
    except Trouble as trouble:
        put_back(Path(begun["backup"]))
        (config.data_dir / JOURNAL).unlink()
        raise Trouble(f"{trouble}升级前的备份已放回，数据和升级前一样。用旧版本的程序启动，并报告这个问题。") from None
    call_command("collectstatic", verbosity=0, interactive=False)


def check(before: dict[str, Any]) -> None:
    """The log still holds, and is the one that was there before; raises Trouble."""
    from weilu.evidence.actions import LogDamaged
    from weilu.evidence.soundness import check_log

    try:
        log = check_log()
    except LogDamaged as damage:
        raise Trouble(f"迁移后的存证日志不完整（{damage}）。") from None
    if (log.size, log.root) != (before["size"], before["root"]):
        raise Trouble("迁移改动了存证日志。")
    tell(f"核对　　存证 {log.size} 条，{log.checkpoints} 个检查点，根 {log.root[:16]}… 与升级前相同")


def put_back(archive: Path) -> None:
    """Restore over what is there, in a process of its own, whose database is not ours any more."""
    from django.db import connections

    connections.close_all()
    command = [sys.executable, "-m", "weilu.cli.main", "restore", str(archive), "--replace", "--exact"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["?"])[-1]
        raise Trouble(f"备份没能放回去（{said}）。不要启动；解决之后运行 weilu restore {archive} --replace。")


def need_current() -> None:
    """Raise WrongSetting where this program and its database do not belong together, or the place is closed."""
    names = schema.applied()
    if not names:
        raise WrongSetting("数据库还没有建好，或属于旧版本。先运行 weilu init。")
    if schema.unknown(names):
        raise WrongSetting("数据库属于更新的版本，这个程序不能在上面写。换上新的程序，再启动。")
    if schema.pending():
        raise WrongSetting("数据库属于旧版本。先运行 weilu upgrade。")
    closing.need_open()
