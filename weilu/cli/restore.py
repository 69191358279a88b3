"""`weilu restore`: an installation from a backup, whole or not at all, into an empty place or over another one.

Files go first: their names are their digests, so half of them harm nobody. The database comes last, in one
transaction (PostgreSQL), or built beside and then copied over in one (SQLite).
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from weilu import __version__
from weilu.cli import alone, key_box
from weilu.cli.archive import FULL, KEYS, Archive, sync
from weilu.cli.telling import tell
from weilu.cli.trouble import Trouble


@dataclass(frozen=True)
class Wish:
    """What to restore, and how."""

    archive: Path
    into: str = ""  # a data folder, or the URL of a database; "": where the settings point
    replace: bool = False  # also where something stands already
    with_keys: bool = False
    passphrase_file: Path | None = None
    exact: bool = False  # Weilu's own upgrade and move: visits too, whatever is closed


def restore(wish: Wish) -> int:
    """Carry out the wish; raises Trouble, and then nothing has changed but files added by their digest."""
    with Archive(wish.archive) as archive:
        archive.check()
        keys = _keys(archive, wish)
        home, url = _settle(wish)
        with nullcontext() if wish.exact else alone.nobody_else(home, wait=0):
            if url.startswith("sqlite:///"):
                log = _into_sqlite(archive, wish, home, Path(url.removeprefix("sqlite:///")), keys)
            else:
                log = _into_postgresql(archive, wish, home, keys)
    _tell(archive, log, home, wish)
    return 0


def _keys(archive: Archive, wish: Wish) -> dict[str, bytes]:
    if not wish.with_keys:
        return {}
    if KEYS not in archive.manifest["members"]:
        raise Trouble("这份备份里没有密钥。不带 --with-keys 恢复，再把另行保管的 keys/ 放回去。")
    words = key_box.passphrase(wish.passphrase_file, twice=False)
    return key_box.unseal(b"".join(archive.pieces(KEYS)), words)


def _settle(wish: Wish) -> tuple[Path, str]:
    """Point the settings at the target, before Django reads them; answers data folder and database."""
    if "://" in wish.into:
        os.environ["WEILU_DATABASE_URL"] = wish.into
    elif wish.into:
        os.environ["WEILU_DATA_DIR"] = str(Path(wish.into).expanduser().absolute())
        os.environ.pop("WEILU_DATABASE_URL", None)
    os.environ.setdefault("WEILU_SECRET_KEY", secrets.token_hex(24))  # signs nothing; leaves no session.key behind
    from weilu.config import read_config

    config = read_config()
    try:
        config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as problem:
        raise Trouble(f"{config.data_dir} 不能建立：{problem.strerror}。换一个可写的目录，或改它的权限。") from None
    return config.data_dir, config.database_url


def _into_sqlite(archive: Archive, wish: Wish, home: Path, target: Path, keys: dict[str, bytes]) -> Any:
    if not wish.replace and _has_tables(target):
        raise Trouble(f"{target} 里已有数据，没有恢复。换一个空的目录（--into），或确认要覆盖时加 --replace。")
    draft = target.with_name(f".{target.name}.restoring")
    _drop(draft)
    os.environ["WEILU_DATABASE_URL"] = f"sqlite:///{draft}"
    try:
        _put_files(archive, home, keys, replace=wish.replace)
        log = _load(archive, wish, replace=False)
        from django.db import connection

        connection.close()
        with closing(sqlite3.connect(draft)) as source, closing(sqlite3.connect(target, timeout=30)) as whole:
            whole.execute("PRAGMA synchronous = FULL")
            source.backup(whole)  # one transaction: all pages or none, whoever is killed
        target.chmod(0o600)
        sync(target.parent)
        return log
    except sqlite3.Error as problem:
        raise Trouble(f"数据库没有写成（{problem}），原来的没有改变。清出磁盘空间，再试一次。") from None
    finally:
        _drop(draft)


def _has_tables(place: Path) -> bool:
    if not place.exists():
        return False
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as found:
            return bool(found.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.Error:
        return True  # whatever it is, it is not empty


def _drop(draft: Path) -> None:
    for tail in ("", "-wal", "-shm", "-journal"):
        draft.with_name(draft.name + tail).unlink(missing_ok=True)


def _into_postgresql(archive: Archive, wish: Wish, home: Path, keys: dict[str, bytes]) -> Any:
    import django

    django.setup()
    from weilu.cli import schema

    if schema.tables() and not wish.replace:
        raise Trouble("数据库里已有数据，没有恢复。换一个空的数据库（--into），或确认要覆盖时加 --replace。")
    if wish.replace:
        alone.no_other_sessions(5 if wish.exact else 0)
    _put_files(archive, home, keys, replace=wish.replace)
    return _load(archive, wish, replace=wish.replace)


def _load(archive: Archive, wish: Wish, *, replace: bool) -> Any:
    """Tables and rows into the default database, compared with the manifest, in one transaction where it can be."""
    import django
    from django.db import DatabaseError, connection, transaction

    django.setup()
    from weilu.cli import schema
    from weilu.evidence.actions import LogDamaged

    names = [(str(app), str(name)) for app, name in archive.manifest["migrations"]]
    if schema.unknown(names):
        raise Trouble(f"备份来自更新的版本（{archive.manifest['weilu']}），这个程序是 {__version__}。先升级程序。")
    try:
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA synchronous = OFF")  # what counts is on disk once it is copied over
            schema.make_tables(names)  # remakes tables, which SQLite does outside of a transaction; it is a draft
        with transaction.atomic():
            if connection.vendor == "postgresql":
                if replace:
                    schema.drop_everything()
                schema.make_tables(names)
            return _rows(archive, wish, names)
    except (DatabaseError, LogDamaged) as problem:
        raise Trouble(f"恢复没有完成（{problem}），数据库没有改变。检查磁盘和数据库，再试一次。") from None


def _rows(archive: Archive, wish: Wish, names: list[tuple[str, str]]) -> Any:
    from weilu.cli import rows, schema
    from weilu.evidence.soundness import check_log

    apps, said = schema.models_at(names), archive.manifest["tables"]
    models = rows.models_of(apps)
    if sorted(said) != [model._meta.db_table for model in models]:
        raise Trouble("备份里的表与它的迁移记录不符。换一份备份。")
    rows.settle_references_later()
    for model in models:
        rows.empty(model)
    for model in rows.in_order(models):
        rows.empty(model)  # what a trigger wrote while others came
        rows.write_lines(model, archive.lines(f"tables/{model._meta.db_table}.jsonl"))
    rows.put_serials(models, archive.manifest["serials"])
    for model in models:
        if rows.tally(model) != said[model._meta.db_table]:
            raise Trouble(f"表 {model._meta.db_table} 写入后与备份不符，数据库没有改变。换一份备份，或报告这个问题。")
    log = check_log(apps)
    if log.facts() != archive.manifest["log"]:
        raise Trouble("恢复后的存证日志与备份时不符，数据库没有改变。换一份备份。")
    if not wish.exact:
        _forget_the_place(apps)
    return log


def _forget_the_place(apps: Any) -> None:
    """What was true of the machine then: nobody stays signed in, and a step begun is looked for before it is redone."""
    with suppress(LookupError):
        apps.get_model("accounts", "Visit")._base_manager.all().delete()
    apps.get_model("execution", "RunStep")._base_manager.filter(state="started").update(machine="", boot="")


def _put_files(archive: Archive, home: Path, keys: dict[str, bytes], *, replace: bool) -> None:
    """Kept files by their digest, then keys; a key that differs is never written over unless told."""
    folder = home / "keys"
    for name, content in keys.items():
        place = folder / name
        if place.exists() and place.read_bytes() != content and not replace:
            raise Trouble(f"{place} 已有另一把密钥，没有恢复。换一个空的目录，或确认要覆盖时加 --replace。")
    try:
        for name in archive.manifest["members"]:
            if name.startswith("files/"):
                _put_file(archive, name, home / "files")
        for name, content in keys.items():
            _write(folder / name, [content])
    except OSError as problem:
        why = "磁盘已满" if problem.errno in FULL else problem.strerror or problem
        raise Trouble(f"文件没有写成（{why}），数据库没有改变。清出空间或检查 {home} 的权限，再试一次。") from None


def _put_file(archive: Archive, name: str, folder: Path) -> None:
    digest = name.removeprefix("files/")
    place = folder / digest[:2] / digest
    if place.exists() and sha256(place.read_bytes()).hexdigest() == digest:
        return
    _write(place, archive.pieces(name))


def _write(place: Path, pieces: Any) -> None:
    """A file whole or not at all, readable by its owner only."""
    for folder in (place.parent.parent, place.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    draft = place.with_name(f".{os.getpid()}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            for piece in pieces:
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, place)
        sync(place.parent)
    finally:
        draft.unlink(missing_ok=True)


def _tell(archive: Archive, log: Any, home: Path, wish: Wish) -> None:
    said = archive.manifest
    count = sum(one["rows"] for one in said["tables"].values())
    tell(f"已恢复　{said['made_at']} 的备份（维录 {said['weilu']}），{count} 行")
    tell(f"核对　　存证 {log.size} 条，根 {log.root[:16]}… 与备份相同")
    if wish.exact:
        return
    if not wish.with_keys:
        tell(f"启动之前把另行保管的密钥放回 {home / 'keys'}：没有 log.key，会另生成一把，旧日志就接不上了。")
    tell("所有人重新登录。备份之后结束的令牌、角色和密码又是那时的样子，请系统管理员看一遍。")
    tell(
        f"最后的检查点盖到第 {log.last_size} 条。见证签过更多（在见证那边 weilu witness last）时，"
        "先 weilu evidence reopen，再启动。"
    )
    tell("下一步：weilu upgrade（备份来自旧版本时），weilu verify，weilu serve")
