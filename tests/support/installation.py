"""Whole installations on disk, in the state a release left them, worked on by the command as people run it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from tests.support.postgres import DATABASE, private_server

RELEASES = Path(__file__).parents[1] / "releases"
VENDOR = os.environ.get("WEILU_TEST_DATABASE", "sqlite")
WEILU = [sys.executable, "-m", "weilu.cli.main"]
ROOT = Path(__file__).parents[2]


class Installation:
    """A data folder and its database; every command is a process of its own that knows only these."""

    def __init__(self, home: Path, url: str = "") -> None:
        self.home = home
        self.url = url or f"sqlite:///{home / 'weilu.sqlite3'}"

    def env(self, **over: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WEILU_", "DJANGO_", "PORT"))}
        return kept | {"WEILU_DATA_DIR": str(self.home), "WEILU_DATABASE_URL": self.url} | over

    def run(self, *args: str | Path, stdin: str = "", **over: str) -> subprocess.CompletedProcess[str]:
        command = [*WEILU, *map(str, args)]
        return subprocess.run(
            command, env=self.env(**over), cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=200,
            check=False,
        )  # fmt: skip

    def done(self, *args: str | Path, **over: str) -> str:
        """What a command says that must succeed."""
        found = self.run(*args, **over)
        assert (found.returncode, found.stderr) == (0, "")
        return found.stdout

    def start(self, *args: str | Path, **over: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*WEILU, *map(str, args)], env=self.env(**over), cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def python(self, code: str, **over: str) -> str:
        """What a program with Django set up prints."""
        head = "import django; django.setup()\n"
        env = self.env(DJANGO_SETTINGS_MODULE="weilu.settings", **over)
        command = [sys.executable, "-c", head + code]
        found = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
        assert found.returncode == 0, found.stderr
        return found.stdout

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows, or none, of one statement said past Weilu."""
        if self.url.startswith("sqlite"):
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"), isolation_level=None)) as base:
                return base.execute(statement).fetchall()
        with psycopg.connect(self.url, autocommit=True, application_name="tests") as server:
            found = server.execute(statement)
            return found.fetchall() if found.description else []

    def content(self, scratch: Path) -> dict[str, Any]:
        """What a backup's manifest says of everything that is kept here."""
        place = scratch / f"{uuid4().hex}.backup"
        self.done("backup", "--to", place)
        return content(place)

    def copy(self, home: Path) -> "Installation":
        """The same once more, with a database of its own."""
        shutil.copytree(self.home, home)
        if self.url.startswith("sqlite"):
            return Installation(home)
        return Installation(home, new_database(self.url))


def manifest(archive: Path) -> dict[str, Any]:
    with zipfile.ZipFile(archive) as found:
        return dict(json.loads(found.read("manifest.json")))


def content(archive: Path) -> dict[str, Any]:
    """What two backups of the same content have in common."""
    said = manifest(archive)
    files = sorted(name for name in said["members"] if name.startswith("files/"))
    return {name: said[name] for name in ("migrations", "tables", "serials", "log")} | {"files": files}


def new_database(template: str = "") -> str:
    """The URL of a database of its own on the tests' server, empty or a copy."""
    url, name = private_server(), f"weilu_{uuid4().hex[:12]}"
    like = f" TEMPLATE {template.split('/')[3].split('?')[0]}" if template else ""
    with psycopg.connect(url.replace(f"/{DATABASE}?", "/postgres?"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}{like}")
    return url.replace(f"/{DATABASE}?", f"/{name}?")


@cache
def _unpacked(release: str, place: Path) -> Path:
    with tarfile.open(RELEASES / release / "installations.tar.xz") as packed:
        packed.extractall(place, filter="data")
    return place


def released(release: str, place: Path, vendor: str = VENDOR) -> Installation:
    """What `release` left behind on this database, in a new folder below `place`."""
    source, home = _unpacked(release, place / release) / vendor, place / f"{vendor}-{uuid4().hex[:6]}"
    home.mkdir(mode=0o700)
    for name in ("keys", "files"):
        shutil.copytree(source / name, home / name)
    if vendor == "sqlite":
        shutil.copy(source / "whole.sqlite3", home / "weilu.sqlite3")
        return Installation(home)
    url = new_database()
    with psycopg.connect(url, autocommit=True) as server:
        server.execute((source / "whole.sql").read_text())  # type: ignore[call-overload]
    return Installation(home, url)
