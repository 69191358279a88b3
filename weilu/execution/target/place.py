"""The installation on this target: where things stand, and the small acts on files all steps share."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import Timer
from typing import Any

SCHEMA_OF = "PRAGMA user_version"


class Failed(Exception):
    """The step failed; the message is the sentence people read.

    `untouched` says that the installation is as it was before the step began.
    """

    def __init__(self, sentence: str, *, untouched: bool = False) -> None:
        super().__init__(sentence)
        self.untouched = untouched


_hidden: list[str] = []


def hide(secrets: list[str]) -> None:
    """From here on no output shows these."""
    _hidden[:] = secrets


def shown(text: str) -> str:
    """`text` as output may show it."""
    return masked(text, _hidden)


def say(line: str) -> None:
    """One line of the step's output, as it happens; a full disk takes the line, not the step."""
    text = shown(line)
    with suppress(OSError):
        print(f" {text}" if text.startswith("WEILU-") else text, flush=True)  # what a program prints is no result


class Pace:
    """How often a long act says how far it is: every two seconds, so that a short one says nothing."""

    SECONDS = 2.0

    def __init__(self) -> None:
        self.told = time.monotonic()

    def due(self) -> bool:
        if time.monotonic() - self.told < self.SECONDS:
            return False
        self.told = time.monotonic()
        return True


def write_durably(path: Path, data: bytes) -> None:
    """Write beside, sync, rename: a reader sees the old or the new, never a half."""
    scratch = path.with_name(f".{path.name}.new")
    with scratch.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    os.replace(scratch, path)
    sync_folder(path.parent)


def append_durably(path: Path, line: bytes) -> None:
    """One more whole line of a journal, on the disk; one torn by a crash is never joined to."""
    fresh = not path.exists()
    with path.open("ab+") as out:
        if out.tell() > 0:
            out.seek(-1, os.SEEK_END)
            line = b"\n" * (out.read(1) != b"\n") + line
        out.write(line + b"\n")
        out.flush()
        os.fsync(out.fileno())
    if fresh:
        sync_folder(path.parent)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The objects of a journal, oldest first; a line torn by a full disk or a crash is none: its effect is probed."""
    found = []
    for line in path.read_bytes().split(b"\n") if path.exists() else ():
        with suppress(ValueError):
            row = json.loads(line)
            found += [row] if isinstance(row, dict) else []
    return found


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


class Installation:
    """One root: releases/, current, shared/, bin/ctl, run/."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        self.releases, self.current, self.shared = root / "releases", root / "current", root / "shared"
        self.database, self.flag = self.shared / "desk.sqlite3", self.shared / "READONLY"

    def present(self) -> Path:
        """The release folder in use."""
        if not self.current.is_symlink():
            raise Failed(f"{self.current} 不是指向版本目录的链接。先恢复安装，再重新执行", untouched=True)
        return self.releases / Path(os.readlink(self.current)).name

    def release(self, version: str, sha256: str) -> Path:
        return self.releases / f"{version}-{sha256[:12]}"

    def point_to(self, release: Path) -> None:
        """Let `current` lead to `release`, in one step that a crash leaves done or not done."""
        scratch = self.root / ".current.new"
        scratch.unlink(missing_ok=True)
        scratch.symlink_to(Path("releases") / release.name)
        os.replace(scratch, self.current)
        sync_folder(self.root)

    def manifest(self, release: Path) -> dict[str, str]:
        """What release.json says of an installed release; empty when it is not completely there."""
        try:
            found = json.loads((release / "release.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()}

    def secrets(self) -> list[str]:
        """Values of this installation that no output may show."""
        try:
            return [self.shared.joinpath("secret").read_text("utf-8").strip()]
        except OSError:
            return []

    def ctl(self, act: str) -> tuple[int, str]:
        """Run bin/ctl; its exit code and what it said, without secrets."""
        done = subprocess.run(
            [sys.executable, str(self.root / "bin" / "ctl"), act],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, masked(done.stdout.strip() or done.stderr.strip(), self.secrets())

    def running(self) -> dict[str, Any]:
        code, words = self.ctl("status")
        try:
            found = json.loads(words)
        except ValueError:
            raise Failed(f"bin/ctl status 没有给出状态：{words[:200]}") from None
        return {**found, "running": code == 0}

    def migrate(self, release: Path) -> None:
        """Run the migrations of `release` on this installation's database."""
        command = [sys.executable, "-m", self.name, "migrate", "--shared", str(self.shared)]
        code, words = said_live(command, app_env(release), seconds=300)
        if code != 0:
            raise Failed(f"数据库迁移失败：{masked(words, self.secrets())}")
        say("迁移完成")


def said_live(command: list[str], env: dict[str, str], seconds: float) -> tuple[int, str]:
    """Run a program and say each line when it prints it; its exit code and the last line of its errors."""
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        with subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            encoding="utf-8", errors="replace",
        ) as process:  # fmt: skip
            limit = Timer(seconds, process.kill)
            limit.start()
            for line in process.stdout or ():
                say(line.rstrip("\n"))
            code = process.wait()
            limit.cancel()
        errors.seek(0)
        return code, last_line(errors.read())


def app_env(release: Path) -> dict[str, str]:
    """The environment of an application's program: nothing but what it needs."""
    return {
        "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8",
        "PYTHONPATH": str(release / "lib"), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip


def last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "没有输出"


def masked(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        if len(secret) >= 6:
            text = text.replace(secret, "●●●●")
    return text


def clear(folder: Path) -> None:
    """Remove a folder and all in it, if it is there."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
