"""The steps of an upgrade and of its way back, as they act on the target."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .backup import check_files, code_manifest, dump_digest, make_backup, prove_backup, restore_code
from .fence import Fence
from .place import Failed, Installation, clear, last_line, say, sync_folder, write_durably
from .rehearsal import rehearse_in

Result = dict[str, Any]


@dataclass(frozen=True)
class Order:
    """What one call is asked to do, as the worker wrote it."""

    run: str  # a run's number, or of its uid what names a folder
    fence: int
    root: Path
    name: str
    version: str
    sha256: str
    wheel: str
    channel: Path
    criteria: list[Result]
    schema: int  # user_version after migration, learnt at the rehearsal; -1 before

    @property
    def backups(self) -> Path:
        return self.root / "backups" / self.run

    @property
    def final(self) -> Path:
        return self.backups / "final"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch" / self.run


def backup(order: Order, place: Installation, fence: Fence) -> Result:
    return make_backup(place, order.backups / "first")


def prove(order: Order, place: Installation, fence: Fence) -> Result:
    return prove_backup(order.backups / "first", order.scratch)


def rehearse(order: Order, place: Installation, fence: Fence) -> Result:
    def install(copy: Installation) -> Path:
        release = install_into(copy, order)
        copy.migrate(release)
        copy.point_to(release)
        return release

    return rehearse_in(place, order.backups / "first", order.scratch, install, order.criteria)


def hold_writes(order: Order, place: Installation, fence: Fence) -> Result:
    """Refuse writes, then back up again and prove it: nothing accepted before is missing, nothing comes after."""
    fence.hold()
    write_durably(place.flag, f"{order.run}\n".encode())
    say("写入已暂停")
    made = make_backup(place, order.final)
    return {**made, **prove_backup(order.final, order.scratch)}


def stop(order: Order, place: Installation, fence: Fence) -> Result:
    check_files(order.final)
    _code, words = place.ctl("stop")
    say(words)
    if place.running()["running"]:
        raise Failed("旧版本没有停下来")
    return {}


def install(order: Order, place: Installation, fence: Fence) -> Result:
    release = install_into(place, order)
    return {"release": release.name}


def install_into(place: Installation, order: Order) -> Path:
    """Install the approved wheel, and no other, into a folder of its own that appears only when complete."""
    release = place.release(order.version, order.sha256)
    if place.manifest(release).get("sha256") == order.sha256:
        return release
    incoming = place.releases / f".incoming-{order.run}"
    clear(incoming)
    clear(release)
    incoming.mkdir(parents=True)
    demand = incoming / "demand.txt"
    demand.write_text(f"{order.name}=={order.version} --hash=sha256:{order.sha256}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--no-index", "--no-deps", "--no-compile",
         "--no-cache-dir", "--require-hashes", "--find-links", str(order.channel), "--target", str(incoming / "lib"),
         "-r", str(demand)],
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": str(incoming), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        clear(incoming)
        raise Failed(f"安装失败：{last_line(done.stderr)}")
    demand.unlink()
    write_durably(incoming / "release.json", release_json(order).encode())
    os.replace(incoming, release)
    sync_folder(place.releases)
    say(f"已装入 {release.name}")
    return release


def release_json(order: Order) -> str:
    return f'{{"name": "{order.name}", "sha256": "{order.sha256}", "version": "{order.version}"}}'


def migrate(order: Order, place: Installation, fence: Fence) -> Result:
    place.migrate(place.release(order.version, order.sha256))
    return {"schema": schema_of(place.database)}


def schema_of(database: Path) -> int:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def switch(order: Order, place: Installation, fence: Fence) -> Result:
    release = place.release(order.version, order.sha256)
    if not place.manifest(release):
        raise Failed(f"{release.name} 没有装全，不能切换")
    place.point_to(release)
    say(f"current 已指向 {release.name}")
    return {"release": release.name}


def start(order: Order, place: Installation, fence: Fence) -> Result:
    code, words = place.ctl("start")
    say(words)
    if code != 0:
        raise Failed(words)
    found = place.running()["health"]
    return {"version": str(found.get("version", "")), "schema": int(found.get("schema", -1))}


def open_writes(order: Order, place: Installation, fence: Fence) -> Result:
    place.flag.unlink(missing_ok=True)
    sync_folder(place.shared)
    fence.release()
    say("写入已恢复")
    return {}


def go_back_code(order: Order, place: Installation, fence: Fence) -> Result:
    """Put the old release back in use, remove the new one; from the archive if the old one was harmed."""
    told = check_files(order.final)
    place.ctl("stop")
    clear(place.releases / f".incoming-{order.run}")
    new = place.release(order.version, order.sha256)
    listed = (order.final / "code.manifest").read_text("utf-8")
    if new.name != told["release"] and f"releases/{new.name}/" not in listed:
        clear(new)
    place.point_to(place.releases / told["release"])
    if code_manifest(place.root) != listed:
        restore_code_over(order, place)
    say(f"代码已恢复到 {told['release']}")
    return {"release": told["release"]}


def restore_code_over(order: Order, place: Installation) -> None:
    """The archive's bin/ and releases/ in the place of those that differ."""
    for top in ("bin", "releases"):
        clear(place.root / top)
    place.current.unlink(missing_ok=True)
    restore_code(order.final, place.root)


def go_back_data(order: Order, place: Installation, fence: Fence) -> Result:
    told = check_files(order.final)
    place.ctl("stop")
    scratch = place.shared / ".restored"
    shutil.copyfile(order.final / "data.sqlite3", scratch)
    for rest in ("-wal", "-shm", "-journal"):
        place.database.with_name(place.database.name + rest).unlink(missing_ok=True)
    with scratch.open("rb") as data:
        os.fsync(data.fileno())
    os.replace(scratch, place.database)
    sync_folder(place.shared)
    say("数据已恢复到暂停写入时的备份")
    return {"data": told["data"]}


def start_old(order: Order, place: Installation, fence: Fence) -> Result:
    return start(order, place, fence)


def prove_same(order: Order, place: Installation, fence: Fence) -> Result:
    """Compare code and data with the backup made when writes were held."""
    told = check_files(order.final)
    code = sha256_text(code_manifest(place.root))
    data = dump_digest(place.database)
    if code != told["code"] or data != told["data"]:
        raise Failed(f"回退后{'代码' if code != told['code'] else '数据'}与备份不一致")
    say("代码清单与数据摘要都与升级前一致")
    return {"code": code, "data": data}


def sha256_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


STEPS: dict[str, Callable[[Order, Installation, Fence], Result]] = {
    "backup": backup,
    "prove_backup": prove,
    "rehearse": rehearse,
    "hold_writes": hold_writes,
    "stop": stop,
    "install": install,
    "migrate": migrate,
    "switch": switch,
    "start": start,
    "open_writes": open_writes,
    "restore_code": go_back_code,
    "restore_data": go_back_data,
    "start_old": start_old,
    "prove_same": prove_same,
}
