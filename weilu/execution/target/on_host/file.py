"""A file with exactly the approved bytes, mode and owner; what was there is kept for the way back."""

import grp
import os
import pwd
import shutil
import stat
from pathlib import Path

from ..place import Failed, say, sha256_of, sync_folder
from .acting import artefact, difference
from .fence import Fence, kept
from .kind import Kind, State
from .order import Order


def place(order: Order) -> Path:
    path = Path(order.options["path"])
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise Failed(f"{path} 不是普通文件，不动它", untouched=True)
    if not path.parent.is_dir():
        raise Failed(f"主机上没有目录 {path.parent}", untouched=True)
    return path


def look(order: Order) -> State:
    path = place(order)
    if not path.exists():
        return {"sha256": "", "mode": "", "owner": "", "group": ""}
    told = path.stat()
    return {
        "sha256": sha256_of(path), "mode": f"{stat.S_IMODE(told.st_mode):04o}",
        "owner": _name(pwd.getpwuid, told.st_uid), "group": _name(grp.getgrgid, told.st_gid),
    }  # fmt: skip


def _name(ask: object, number: int) -> str:
    try:
        return str(ask(number)[0])  # type: ignore[operator]
    except KeyError:
        return str(number)


def wanted(order: Order, before: State) -> State:
    """What it shall be: the plan's values, else those it has, else root's and 0644."""
    usual = {"mode": "0644", "owner": "root", "group": "root"} if os.geteuid() == 0 else {"mode": "0644"}
    rest = {key: order.options.get(key) or before[key] or usual.get(key, "") for key in ("mode", "owner", "group")}
    return {"sha256": order.options["sha256"], **rest}


def do(order: Order, before: State, fence: Fence) -> State:
    path, copy = place(order), kept(fence, order)
    if before["sha256"] and not (copy.exists() and sha256_of(copy) == before["sha256"]):
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _lay(path, copy, {"mode": "0600", "owner": "", "group": ""})
    target = wanted(order, before)
    _lay(artefact(order, order.options["sha256"]), path, target)
    say(f"{path} 已写入，SHA-256 {target['sha256'][:12]}")
    return look(order)


def _lay(source: Path, path: Path, told: State) -> None:
    """Write beside, set its rights, sync, rename: a reader sees the old or the new, never a half."""
    scratch = path.with_name(f".{path.name}.weilu")
    scratch.unlink(missing_ok=True)
    try:
        with source.open("rb") as data, scratch.open("xb") as out:
            os.fchmod(out.fileno(), 0o600)
            shutil.copyfileobj(data, out)
            if told["owner"] or told["group"]:
                shutil.chown(scratch, told["owner"] or None, told["group"] or None)  # type: ignore[arg-type]
            os.fchmod(out.fileno(), int(told["mode"], 8))
            out.flush()
            os.fsync(out.fileno())
        os.replace(scratch, path)
    except LookupError as problem:
        raise Failed(f"主机上没有这个用户或组：{problem}", untouched=True) from None
    except OSError as problem:
        raise Failed(f"{path} 没有写成：{problem.strerror}", untouched=True) from None
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(path.parent)


def shows(order: Order, before: State) -> str:
    now = look(order)
    if now == wanted(order, before):
        return "done"
    return "undone" if now == before else "unknown"


def check(order: Order, before: State) -> tuple[list[str], bool]:
    path, new = place(order), artefact(order, order.options["sha256"])
    target = wanted(order, before)
    if target == before:
        return [f"{path} 与方案一致，不会改变"], True
    old = path.read_bytes() if before["sha256"] else b""
    lines = [f"{path} {'修改' if before['sha256'] else '新建'}"]
    lines += [
        f"{key} {before[key]} → {target[key]}" for key in ("mode", "owner", "group") if before[key] != target[key]
    ]
    return lines + difference(old, new.read_bytes(), str(path)), True


def back(order: Order, before: State, fence: Fence) -> State:
    path = place(order)
    if not before["sha256"]:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        say(f"{path} 已删去，原来没有")
        return look(order)
    copy = kept(fence, order)
    if look(order) != before:
        if not copy.exists() or sha256_of(copy) != before["sha256"]:
            raise Failed(f"{path} 原来的内容没有留下完整的一份")
        _lay(copy, path, before)
    say(f"{path} 已恢复，SHA-256 {before['sha256'][:12]}")
    return look(order)


def is_back(order: Order, before: State) -> bool:
    return look(order) == before


def check_back(order: Order, before: State) -> str:
    return ""


FILE = Kind(look, do, shows, check, back, is_back, check_back)
