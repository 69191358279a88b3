"""Backups of code and data, and the proof that they are what they claim."""

import errno
import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

from .place import Failed, Installation, Pace, clear, say, sha256_of, sync_folder, write_durably

CACHES = ("__pycache__", ".pytest_cache")
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PAGES_AT_ONCE = 2000
PARTS = ("code.tar", "code.manifest", "data.sqlite3", "data.digest")


def code_manifest(root: Path) -> str:
    """One line per file and link of releases/, bin/ and current, sorted; caches left out."""
    lines = []
    for top in ("bin", "releases"):
        for path in sorted((root / top).rglob("*")):
            if any(part in CACHES for part in path.parts):
                continue
            name = path.relative_to(root).as_posix()
            if path.is_symlink():
                lines.append(f"-> {os.readlink(path)}  {name}")
            elif path.is_file():
                lines.append(f"{sha256_of(path)} {path.stat().st_mode & 0o777:o}  {name}")
    lines.append(f"-> {os.readlink(root / 'current')}  current")
    return "\n".join(sorted(lines)) + "\n"


def dump_digest(database: Path) -> str:
    """SHA-256 over the ordered logical content: version, definitions, and the rows of each table by their key."""
    total = hashlib.sha256()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as db:
        db.execute("BEGIN")
        total.update(repr(db.execute("PRAGMA user_version").fetchone()).encode())
        named = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
        for kind, name, sql in db.execute(named).fetchall():
            total.update(repr((kind, name, sql)).encode())
            if kind == "table":
                quoted = '"' + name.replace('"', '""') + '"'
                width = len(db.execute(f"SELECT * FROM {quoted} LIMIT 0").description)  # noqa: S608
                order = ", ".join(str(place) for place in range(1, width + 1))
                for row in db.execute(f"SELECT * FROM {quoted} ORDER BY {order}"):  # noqa: S608
                    total.update(repr(row).encode())
    return total.hexdigest()


def make_backup(place: Installation, folder: Path) -> dict[str, object]:
    """Back up code and data into `folder`; a failure leaves no part of it behind."""
    try:
        clear(folder)
        folder.mkdir(parents=True, mode=0o700)
        manifest = code_manifest(place.root)
        files = manifest.count("\n")
        _pack(place.root, folder / "code.tar", files)
        write_durably(folder / "code.manifest", manifest.encode())
        digest = _copy_data(place.database, folder / "data.sqlite3")
        write_durably(folder / "data.digest", digest.encode())
        sums = {part: sha256_of(folder / part) for part in PARTS}
        write_durably(folder / "backup.json", json.dumps({"files": sums, "release": place.present().name}).encode())
    except (OSError, sqlite3.Error) as problem:
        clear(folder)
        raise _no_space_or(problem, folder) from None
    size = sum((folder / part).stat().st_size for part in PARTS)
    say(f"已备份代码 {files} 项与数据，共 {size} 字节")
    return {"code": hashlib.sha256(manifest.encode()).hexdigest(), "data": digest, "bytes": size}


def _no_space_or(problem: Exception, folder: Path) -> Failed:
    full = isinstance(problem, OSError) and problem.errno in NO_SPACE
    if full or (isinstance(problem, sqlite3.Error) and "full" in str(problem)):
        free = shutil.disk_usage(folder.parent if folder.parent.exists() else folder.parent.parent).free
        return Failed(
            f"备份时磁盘空间不够（{folder.parent} 剩 {free} 字节）。半份备份已清除；清出空间后重新执行", untouched=True
        )
    return Failed(f"备份没有做成：{problem}。半份备份已清除", untouched=True)


def _pack(root: Path, tar: Path, files: int) -> None:
    pace, packed = Pace(), 0

    def keep(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        nonlocal packed
        if any(part in CACHES for part in Path(entry.name).parts):
            return None
        packed += not entry.isdir()
        if pace.due():
            say(f"备份代码：{packed}/{files} 项")
        return entry

    with tar.open("wb") as out:
        with tarfile.open(fileobj=out, mode="w") as archive:
            for top in ("bin", "current", "releases"):
                archive.add(root / top, arcname=top, filter=keep)
        out.flush()
        os.fsync(out.fileno())


def _copy_data(database: Path, copy: Path) -> str:
    """Copy by SQLite's backup while the write lock is held; the digest is that of the original."""
    pace = Pace()

    def tell(_status: int, left: int, whole: int) -> None:
        copied = whole - left
        if pace.due():
            say(f"备份数据：{copied}/{whole} 页")

    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        read_only = f"file:{database}?mode=ro"
        with closing(sqlite3.connect(read_only, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target, pages=PAGES_AT_ONCE, progress=tell)
            target.execute("PRAGMA journal_mode=DELETE")
        digest = dump_digest(database)
        lock.execute("ROLLBACK")
    with copy.open("rb") as data:
        os.fsync(data.fileno())
    sync_folder(copy.parent)
    return digest


def check_files(folder: Path) -> dict[str, str]:
    """Raises Failed when a file of the backup is not byte for byte what was written; the recorded digests."""
    try:
        told = json.loads((folder / "backup.json").read_text("utf-8"))
        for part, sha256 in told["files"].items():
            if sha256_of(folder / part) != sha256:
                raise Failed(f"备份文件 {part} 已损坏：与写入时的摘要不一致。没有停服务，没有改动安装", untouched=True)
    except (OSError, ValueError, KeyError) as problem:
        raise Failed(f"备份不完整：{problem}。没有停服务，没有改动安装", untouched=True) from None
    manifest = (folder / "code.manifest").read_bytes()
    return {
        "code": hashlib.sha256(manifest).hexdigest(),
        "data": (folder / "data.digest").read_text(),
        "release": str(told["release"]),
    }


def restore_code(folder: Path, root: Path) -> None:
    with tarfile.open(folder / "code.tar") as archive:
        if hasattr(tarfile, "tar_filter"):  # Pythons before 3.11.4 lack it; the archive is our own, checked by digest
            archive.extractall(root, filter="tar")
        else:
            archive.extractall(root)  # noqa: S202


def prove_backup(folder: Path, scratch: Path) -> dict[str, object]:
    """Restore into `scratch` and compare code and data with what was recorded when it was made."""
    told = check_files(folder)
    clear(scratch)
    scratch.mkdir(parents=True, mode=0o700)
    try:
        restore_code(folder, scratch)
        code = hashlib.sha256(code_manifest(scratch).encode()).hexdigest()
        shutil.copyfile(folder / "data.sqlite3", scratch / "data.sqlite3")
        data = dump_digest(scratch / "data.sqlite3")
    except (OSError, sqlite3.Error, tarfile.TarError) as problem:
        raise Failed(f"备份还原不出来：{problem}。没有停服务，没有改动安装", untouched=True) from None
    finally:
        clear(scratch)
    if code != told["code"] or data != told["data"]:
        wrong = "代码" if code != told["code"] else "数据"
        raise Failed(f"备份还原后{wrong}与原件不一致。没有停服务，没有改动安装", untouched=True)
    say("备份已在别处还原，代码清单与数据摘要都与原件一致")
    return {"code": code, "data": data}
