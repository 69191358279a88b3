"""The commands that look after an installation: backup, restore, upgrade, move; they meet Django only when called."""

import argparse
from pathlib import Path
from typing import Any

from weilu.cli.telling import told

WAIT = 600


def arguments(commands: Any) -> None:
    """The four commands and their arguments."""
    backup = commands.add_parser("backup", help=told("备份数据库和文件，不用停"))
    backup.add_argument("--to", type=Path, metavar=told("文件"), help=told("不给就放在数据目录的 backups/"))
    _keys(backup, "连同密钥，用口令封好")
    restore = commands.add_parser("restore", help=told("从备份恢复"))
    restore.add_argument("archive", type=Path, metavar=told("文件"))
    restore.add_argument("--into", default="", metavar=told("去处"), help=told("数据目录，或 postgresql:// 地址"))
    restore.add_argument("--replace", action="store_true", help=told("覆盖那里已有的数据"))
    restore.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    _keys(restore, "连同备份里的密钥")
    upgrade = commands.add_parser("upgrade", help=told("升级数据库：等执行停下，备份，迁移，核对；不成就放回去"))
    move = commands.add_parser("move", help=told("迁到另一个数据库，存证日志不变"))
    move.add_argument("--to", required=True, metavar="URL", help=told("空的数据库"))
    for command in (upgrade, move):
        command.add_argument("--wait", type=float, default=WAIT, metavar=told("秒"), help=told("最多等执行多久"))


def _keys(command: argparse.ArgumentParser, words: str) -> None:
    command.add_argument("--with-keys", action="store_true", help=told(words))
    command.add_argument("--passphrase-file", type=Path, metavar=told("文件"), help=told("口令在这个文件里"))


def _backup(args: argparse.Namespace) -> int:
    from weilu.cli.backup import backup

    return backup(args.to, with_keys=args.with_keys, passphrase_file=args.passphrase_file)


def _restore(args: argparse.Namespace) -> int:
    from weilu.cli.restore import Wish, restore

    return restore(Wish(args.archive, args.into, args.replace, args.with_keys, args.passphrase_file, exact=args.exact))


def _upgrade(args: argparse.Namespace) -> int:
    from weilu.cli.upgrade import upgrade

    return upgrade(wait=args.wait)


def _move(args: argparse.Namespace) -> int:
    from weilu.cli.move import move

    return move(args.to, wait=args.wait)


COMMANDS = {"backup": _backup, "restore": _restore, "upgrade": _upgrade, "move": _move}
