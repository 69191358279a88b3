"""`weilu init`: everything an installation needs before it can serve; safe to run again."""

from collections.abc import Callable

import django
from django.core.management import call_command

from weilu.cli import alone
from weilu.cli.upgrade import need_current
from weilu.config import Config, WrongSetting

FOLDERS = ("keys", "files", "attempts")


def _quiet(line: str) -> None:
    """Say nothing."""


def set_up(say: Callable[[str], None] = _quiet) -> Config:
    """Data folder, tables, static files and keys; returns the configuration."""
    django.setup()
    from weilu.settings import CONFIG

    make_folders(CONFIG)
    _check_may_migrate()
    alone.present(CONFIG.data_dir)
    say(f"数据目录　{CONFIG.data_dir}")
    call_command("migrate", verbosity=0, interactive=False)
    say("数据库　　已是最新")
    call_command("collectstatic", verbosity=0, interactive=False)
    say("静态文件　已收集")
    say(f"证据公钥　{first_keys()}")
    return CONFIG


def make_folders(config: Config) -> None:
    """The data folder and its parts, readable by their owner only."""
    try:
        for folder in (config.data_dir, *(config.data_dir / name for name in FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise WrongSetting(
            f"WEILU_DATA_DIR（{config.data_dir}）不能建立：{problem.strerror}。换一个可写的目录，或改它的权限。"
        ) from None


def first_keys() -> str:
    """Make the keys of the log and of the vault where there are none; returns the public half of the log's."""
    from weilu.evidence.keys import public_vkey
    from weilu.vault.keys import ensure

    ensure()
    return public_vkey()


def _check_may_migrate() -> None:
    """Only an empty database gets its tables here: one with content is upgraded, with a backup before."""
    from weilu.cli.schema import applied

    if applied():
        need_current()


def need_tables() -> None:
    """Raise WrongSetting where the database is not the one this version works with; say that we work with it."""
    from weilu.settings import CONFIG

    need_current()
    alone.present(CONFIG.data_dir)
