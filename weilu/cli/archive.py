"""A backup as one file: a ZIP of tables, files and sealed keys, with a manifest that names each by SHA-256."""

from __future__ import annotations

import errno
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from weilu.cli.trouble import Trouble

FORMAT = 1
MANIFEST, KEYS = "manifest.json", "keys.sealed"
MEMBER = re.compile(r"tables/[a-z0-9_]{1,80}\.jsonl|files/[0-9a-f]{64}|keys\.sealed")
CHUNK = 1 << 20
LONGEST = 64 << 20  # bytes of a manifest
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Writer:
    """An archive that is being written, under a name of its own until it is whole."""

    def __init__(self, out: zipfile.ZipFile) -> None:
        self._out = out
        self.members: dict[str, dict[str, Any]] = {}

    def put(self, name: str, pieces: Iterable[bytes], *, packed: bool = True) -> str:
        """Write a member; answers its SHA-256."""
        info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        digest, size = sha256(), 0
        with self._out.open(info, "w", force_zip64=True) as member:
            for piece in pieces:
                digest.update(piece)
                size += member.write(piece)
        self.members[name] = {"sha256": digest.hexdigest(), "size": size}
        return digest.hexdigest()

    def finish(self, manifest: dict[str, Any]) -> None:
        """The manifest last; its own digest stands at the very end of the file."""
        text = json.dumps({"format": FORMAT, **manifest, "members": self.members}, ensure_ascii=False, indent=1)
        self._out.writestr(zipfile.ZipInfo(MANIFEST, (1980, 1, 1, 0, 0, 0)), text.encode())
        self._out.comment = sha256(text.encode()).hexdigest().encode()


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """Write `target` whole or not at all, and read it back before it gets its name."""
    if target.exists():
        raise Trouble(f"{target} 已经在。换一个文件名，备份不覆盖别的文件。")
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w+b") as file:
            out = zipfile.ZipFile(file, "w", compresslevel=3)
            try:
                yield Writer(out)
                out.close()
            finally:
                out.fp = None  # else, on a full disk, it would try once more by itself
            file.flush()
            os.fsync(file.fileno())
        with Archive(draft) as written:
            written.check()
        os.link(draft, target)  # unlike a rename, this never takes another file's place
        sync(target.parent)
    except OSError as problem:
        raise Trouble(_not_written(target, problem)) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _not_written(target: Path, problem: OSError) -> str:
    if problem.errno in FULL:
        return f"磁盘已满，备份没有写成，{target} 没有留下。清出空间，或用 --to 写到别的磁盘。"
    if isinstance(problem, FileExistsError):
        return f"{target} 已经在。换一个文件名，备份不覆盖别的文件。"
    return f"备份没有写成（{target}：{problem.strerror or problem}）。检查目录和权限，或用 --to 写到别处。"


def sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Archive:
    """An archive to read; raises Trouble for one that is not whole or not ours."""

    def __init__(self, place: Path) -> None:
        self.place = place
        try:
            self._zip = zipfile.ZipFile(place)
            text = self._text()
        except FileNotFoundError:
            raise Trouble(f"没有这个备份：{place}。核对文件名。") from None
        except (zipfile.BadZipFile, EOFError, OSError, KeyError, RuntimeError, NotImplementedError, ValueError) as why:
            raise Trouble(f"{place} 不是完整的维录备份（{why}）。换一份备份。") from None
        self.manifest: dict[str, Any] = self._read(text)

    def _text(self) -> bytes:
        info = self._zip.getinfo(MANIFEST)
        if info.file_size > LONGEST:
            raise ValueError("清单太长")
        text = self._zip.read(info)
        if sha256(text).hexdigest().encode() != self._zip.comment:
            raise ValueError("清单与它的摘要不符")
        return text

    def _read(self, text: bytes) -> dict[str, Any]:
        try:
            said = json.loads(text)
            number, members = int(said["format"]), dict(said["members"])
        except (ValueError, KeyError, TypeError):
            raise Trouble(f"{self.place} 不是完整的维录备份（清单读不懂）。换一份备份。") from None
        if number > FORMAT:
            raise Trouble(f"备份的格式（{number}）比这个程序认得的（{FORMAT}）新。先升级程序，再恢复。")
        if sorted(members) != sorted(set(self._zip.namelist()) - {MANIFEST}) or not all(map(MEMBER.fullmatch, members)):
            raise Trouble(f"{self.place} 里的文件与清单不符。换一份备份。")
        return dict(said)

    def check(self) -> None:
        """Read every member and compare it with the manifest; raises Trouble naming the first that differs."""
        for name, facts in self.manifest["members"].items():
            digest, size = sha256(), 0
            for piece in self.pieces(name):
                digest.update(piece)
                size += len(piece)
            if (digest.hexdigest(), size) != (facts.get("sha256"), facts.get("size")):
                raise Trouble(f"{self.place} 里的 {name} 与清单的摘要不符。换一份备份。")

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of a member; raises Trouble where it cannot be read."""
        try:
            with self._zip.open(name) as member:
                while piece := member.read(CHUNK):
                    yield piece
        except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError, NotImplementedError) as why:
            raise Trouble(f"{self.place} 里的 {name} 读不出来（{why}）。换一份备份。") from None

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a member."""
        with self._zip.open(name) as member:
            yield from member

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_problem: object) -> None:
        self._zip.close()
