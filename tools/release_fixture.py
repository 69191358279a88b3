"""What a release leaves behind, kept for the tests: `python tools/release_fixture.py REVISION NAME`.

The code of REVISION (a tag) is laid out with an environment of its own under /tmp, and plays its story on SQLite and
on PostgreSQL. Kept in tests/releases/NAME: each database with files and keys, and the export of the first item. Needs
root on Linux, for a machine name that is nobody's, and `pg_dump`. Run once, when the release is tagged; never again.
"""

import lzma
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import psycopg

from tests.support.postgres import DATABASE, private_server

HERE = Path(__file__).parents[1]
KEPT = ("whole.sqlite3", "whole.sql", "keys/log.key", "files")
NAMESPACE = (
    'hostname release && echo 00000000000000000000000000000000 > "$1/machine-id" '
    '&& mount --bind "$1/machine-id" /etc/machine-id && shift && exec "$@"'
)


def main(revision: str, name: str) -> None:
    place, kept = Path(f"/tmp/weilu-release-{name}"), HERE / "tests" / "releases" / name
    place.mkdir(exist_ok=True)
    kept.mkdir(parents=True, exist_ok=True)
    code = lay_out(revision, place)
    for vendor in ("sqlite", "postgresql"):
        home = place / vendor
        url = f"sqlite:///{home}/weilu.sqlite3" if vendor == "sqlite" else new_database()
        # PostgreSQL's is left in the middle, after the first signed sheet: small, and another state than an end.
        play(code, place, home, url, "" if vendor == "sqlite" else "-BG-2026-0001\n")
        dump(vendor, home, url)
    pack(place, kept / "installations.tar.xz")


def new_database() -> str:
    url = private_server()
    with psycopg.connect(url.replace(f"/{DATABASE}?", "/postgres?"), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {DATABASE}")
    return url


def lay_out(revision: str, place: Path) -> Path:
    """The code of `revision` with its own environment, as `make install` makes it."""
    code = place / "src"
    if not code.exists():
        subprocess.run(["git", "worktree", "add", "--detach", code, revision], cwd=HERE, check=True)
    subprocess.run(["make", "install"], cwd=code, check=True)
    return code


def play(code: Path, place: Path, home: Path, url: str, until: str = "") -> None:
    """The release's own story, on a machine without a name, to its end or to the line with `until`."""
    for old in (home, Path(f"{home}-story")):
        shutil.rmtree(old, ignore_errors=True)
    home.mkdir()
    env = {key: value for key, value in os.environ.items() if not key.startswith(("WEILU_", "DJANGO_"))}
    env |= {"WEILU_DATA_DIR": str(home), "WEILU_DATABASE_URL": url}
    story = [str(code / ".venv/bin/weilu"), "story", "--out", f"{home}-story"]
    command = ["unshare", "-um", "sh", "-c", NAMESPACE, "sh", str(place), *story]
    with subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, text=True) as playing:
        for line in playing.stdout or ():
            print(line, end="", flush=True)
            if until and until in line:
                playing.send_signal(signal.SIGINT)
                until = ""
    subprocess.run([sys.executable, home / "demo" / "app-01" / "bin" / "ctl", "stop"], check=True)


def dump(vendor: str, home: Path, url: str) -> None:
    """The whole database as one file: SQLite's own, or statements that need no psql."""
    if vendor == "sqlite":
        source, whole = sqlite3.connect(home / "weilu.sqlite3"), sqlite3.connect(home / "whole.sqlite3")
        source.backup(whole)
        whole.execute("VACUUM")
        whole.close()
        return
    command = ["pg_dump", "--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=100", url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    (home / "whole.sql").write_text("\n".join(lines) + "\n")


def pack(place: Path, target: Path) -> None:
    """Databases, files, keys and the first item's export as one archive, without owners and times."""
    kept = {Path(vendor, one): place / vendor / one for vendor in ("sqlite", "postgresql") for one in KEPT}
    kept[Path("export")] = sorted((place / "sqlite-story" / "evidence").iterdir())[0]
    with lzma.open(target, "wb", preset=9) as packed, tarfile.open(fileobj=packed, mode="w") as out:
        for name, top in kept.items():
            for found in [top, *sorted(top.rglob("*"))] if top.exists() else []:
                out.add(found, str(name / found.relative_to(top)), recursive=False, filter=anonymous)


def anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main(*sys.argv[1:])
