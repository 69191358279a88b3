"""A package of the host's signed software sources, in exactly one version."""

import json
import re
import time

from ..place import Failed, say, write_durably
from .acting import run, told_by
from .fence import Fence, kept
from .kind import Kind, State
from .order import Order

BUSY_SECONDS = 120
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
OPTIONS = [
    "-y", "-q", "--allow-downgrades", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Options::=--force-confdef",
    "-o", "Dpkg::Options::=--force-confold", "-o", "Dpkg::Use-Pty=0", "-o", "APT::Get::Allow-Unauthenticated=false",
]  # fmt: skip


def look(order: Order) -> State:
    """The version dpkg knows, and whether it is whole; no version where it is not installed."""
    return state_of(order.options["name"])


def state_of(name: str) -> State:
    code, said = told_by(["dpkg-query", "-W", "-f=${db:Status-Abbrev} ${Version}", name])
    if code == 127:
        raise Failed("主机上没有 dpkg，软件包这类步骤只支持 Debian 系的系统", untouched=True)
    words = said.split() if code == 0 else []
    if len(words) < 2 or words[0] in ("un", "rc", "pn"):
        return {"version": "", "whole": True}
    return {"version": words[-1], "whole": words[0] in ("ii", "hi")}


def candidate(order: Order, version: str) -> str:
    """The SHA-256 of the file the sources hold for this version; raises Failed where there is none."""
    name = order.options["name"]
    code, said = told_by(["apt-cache", "show", f"{name}={version}"])
    found = [line.removeprefix("SHA256:").strip() for line in said.splitlines() if line.startswith("SHA256:")]
    if code != 0 or not found:
        raise Failed(f"软件源里没有 {name} {version}", untouched=True)
    return found[0]


def refresh() -> None:
    """The lists of the sources as they are now; another apt, such as the host's nightly one, is waited for."""
    say("更新软件源清单")
    until = time.monotonic() + BUSY_SECONDS
    while True:
        code, said = told_by(["apt-get", "-qq", "update", "-o", "APT::Update::Error-Mode=any"], 180)
        if code == 0 or "Could not get lock" not in said or time.monotonic() > until:
            break
        time.sleep(2)
    if code != 0:
        lines = said.strip().splitlines()
        raise Failed(f"软件源没有更新成功：{lines[-1] if lines else code}", untouched=True)


def check_wanted(order: Order) -> str:
    """The sources hold the wanted version, byte for byte the approved one where the plan names its digest."""
    found = candidate(order, order.options["version"])
    wanted = order.options.get("sha256", "")
    if wanted and found != wanted:
        raise Failed(f"软件源里的包与批准的不是同一个：批准 {wanted[:12]}，现在 {found[:12]}", untouched=True)
    return found


def do(order: Order, before: State, fence: Fence) -> State:
    refresh()
    found = check_wanted(order)
    note_others(order, fence)
    return install(order, order.options["version"]) | {"sha256": found}


CHANGE = re.compile(r"(?:Inst|Remv) (\S+)(?: \[([^\]]+)\])?")  # name, the version it has now where it has one


def simulated(order: Order, version: str) -> list[str]:
    """What installing this version would do, line by line, the package's dependencies too. Raises Failed."""
    name = order.options["name"]
    code, said = told_by(["apt-get", "-s", *OPTIONS, "install", f"{name}={version}"], 120)
    if code != 0:
        said = said.strip() or str(code)  # apt that was killed says nothing
        raise Failed(f"试算不成：{said.splitlines()[-1][:200]}", untouched=True)
    return [line for line in said.splitlines() if line.startswith(("Inst ", "Remv "))]


def note_others(order: Order, fence: Fence) -> None:
    """Keep the versions of packages that apt will change along with ours; those of a first attempt stand."""
    place = kept(fence, order)
    if place.exists():
        return
    found = [told.groups() for line in simulated(order, order.options["version"]) if (told := CHANGE.match(line))]
    others = {name: version or "" for name, version in found if name.partition(":")[0] != order.options["name"]}
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(place, json.dumps(others).encode())


def others_before(order: Order, fence: Fence) -> dict[str, str]:
    """By package, the version each had, empty where it had none."""
    place = kept(fence, order)
    found: dict[str, str] = json.loads(place.read_text()) if place.exists() else {}
    return found


def install(order: Order, version: str, *others: str) -> State:
    name = order.options["name"]
    code, last = run(["apt-get", *OPTIONS, "install", f"{name}={version}", *others], order.seconds, QUIET)
    now = look(order)
    if code != 0 or now != {"version": version, "whole": True}:
        raise Failed(f"{name} {version} 没有装好：{last[:200]}")
    return {"version": version}


def shows(order: Order, before: State) -> str:
    now = look(order)
    if now == {"version": order.options["version"], "whole": True}:
        return "done"
    return "undone" if now == before else "unknown"


def check(order: Order, before: State) -> tuple[list[str], bool]:
    refresh()
    found = check_wanted(order)
    name, version = order.options["name"], order.options["version"]
    if before == {"version": version, "whole": True}:
        return [f"{name} 已是 {version}，不会改变"], True
    acts = simulated(order, version)
    return [f"{name} {before['version'] or '未安装'} → {version}（SHA-256 {found[:12]}）", *acts[:50]], True


def back(order: Order, before: State, fence: Fence) -> State:
    """Every package as it was, those that came or changed along with ours too."""
    name, others = order.options["name"], others_before(order, fence)
    words = [f"{other}={version}" if version else f"{other}-" for other, version in sorted(others.items())]
    if before["version"]:
        found = install(order, before["version"], *words)
    else:
        code, last = run(["apt-get", *OPTIONS, "install", f"{name}-", *words], order.seconds, QUIET)
        if code != 0 or look(order)["version"]:
            raise Failed(f"{name} 没有卸下：{last[:200]}")
        say(f"{name} 已卸下，原来没有安装")
        found = {"version": ""}
    strange = [other for other, version in others.items() if state_of(other)["version"] != version]
    if strange:
        raise Failed(f"一同改变的软件包没有恢复：{'、'.join(strange[:5])}")
    return found


def is_back(order: Order, before: State) -> bool:
    return look(order) == before


def check_back(order: Order, before: State) -> str:
    if not before["version"]:
        return ""
    try:
        candidate(order, before["version"])
    except Failed:
        return f"软件源里没有现在的版本 {before['version']}，装了新版本就回不去"
    return ""


PACKAGE = Kind(look, do, shows, check, back, is_back, check_back)
