"""The upgrade on a copy: restored from the backup, in a folder and at a port of its own."""

import json
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .backup import check_files, dump_digest, restore_code
from .criteria import check_all
from .place import Failed, Installation, clear, say


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rehearse_in(
    place: Installation,
    backup: Path,
    scratch: Path,
    upgrade: Callable[[Installation], Path],
    criteria: list[dict[str, Any]],
) -> dict[str, object]:
    """Restore the backup into `scratch`, upgrade it there, check the criteria, clear it away."""
    told = check_files(backup)
    clear(scratch)
    copy = _copy(place, backup, scratch)
    try:
        if dump_digest(copy.database) != told["data"]:
            raise Failed("演练用的副本与备份不一致", untouched=True)
        upgrade(copy)
        code, words = copy.ctl("start")
        if code != 0:
            raise Failed(f"演练：新版本没有启动：{words}", untouched=True)
        health = copy.running()["health"]
        results = check_all(f"http://127.0.0.1:{copy_port(copy)}", criteria)
    except Failed as problem:
        raise Failed(str(problem), untouched=True) from None
    finally:
        stopped, words = copy.ctl("stop") if (copy.root / "bin" / "ctl").exists() else (0, "")
        clear(scratch)
    if stopped != 0:
        raise Failed(f"演练用的副本没有停下来：{words}。没有停服务，没有改动安装", untouched=True)
    for one in results:
        say(f"演练 {'通过' if one['met'] else '未通过'}：{one['title']}")
    missed = [one["title"] for one in results if not one["met"]]
    if missed:
        raise Failed(f"演练没有通过：{'、'.join(missed)}。没有停服务，没有改动安装", untouched=True)
    return {"schema": int(health.get("schema", -1)), "matched": len(results)}


def _copy(place: Installation, backup: Path, scratch: Path) -> Installation:
    """The copy has a configuration of its own: it must not call itself by the public address."""
    copy = Installation(scratch, place.name)
    copy.shared.mkdir(parents=True, mode=0o700)
    (scratch / "run").mkdir()
    restore_code(backup, scratch)
    shutil.copyfile(backup / "data.sqlite3", copy.database)
    port = free_port()
    config = {"port": port, "public_url": f"http://127.0.0.1:{port}", "python": sys.executable}
    (copy.shared / "config.json").write_text(json.dumps(config), "utf-8")
    say(f"副本已还原，试用端口 {port}")
    return copy


def copy_port(copy: Installation) -> int:
    return int(json.loads((copy.shared / "config.json").read_text("utf-8"))["port"])
