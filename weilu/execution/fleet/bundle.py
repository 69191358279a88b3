"""A step that is an uploaded bundle: let in on each host, played in the sandbox, shut out again.

Three calls in one step. Between the first and the last every command of the bundle passes the host's fence; a worker
that takes over raises it, and what an older sandbox still sends is refused there.
"""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.execution.ansible import helper
from weilu.execution.bundles import sandbox
from weilu.execution.bundles.keeping import lay_out
from weilu.execution.target.on_host.bundle import PROGRAM
from weilu.kernel.canonical import sha256_hex
from weilu.vault.opening import Opened

NAMES = "bundle.json"
BEYOND = {
    "time": gettext_noop("时限"), "memory": gettext_noop("内存"), "processes": gettext_noop("进程数"),
    "output": gettext_noop("输出"),
}  # fmt: skip
Entries = Sequence[tuple[int, dict[str, Any]]]  # ordinal in the run, frozen entry


def call_of(run: str, ordinal: int) -> str:
    """The name of the call on each host, by which its commands are known there."""
    return f"{run}-{ordinal}"


def options(told: dict[str, Any], call: str, outcome: dict[str, Any] | None) -> dict[str, Any]:
    """What the program on the host is told when a bundle comes in or goes."""
    return {"call": call, "fence": sha256_hex(helper()), "outcome": outcome}


def start(
    folder: Path, told: dict[str, Any], entries: Entries, opened: Opened, call: str, names: frozenset[str],
    *, check: bool,
) -> None:  # fmt: skip
    """Let the sandbox go; returns at once. `names`: every host of the plan, which the content may speak of.

    Raises Refused where it cannot be kept apart.
    """
    lay_out(told["with"]["sha256"], folder / "content", told["with"]["playbook"], names)
    (folder / NAMES).write_text(json.dumps({str(ordinal): entry["name"] for ordinal, entry in entries}))
    places = [
        sandbox.Place(one["name"], one["address"], one["port"], one["user"], one["key"], one["python"])
        for _ordinal, one in entries
    ]
    fence = "" if check else f"{entries[0][1]['python']} {_home(entries)}/{PROGRAM} host-fence {call}"
    limits = sandbox.Limits(seconds=told["seconds"])
    sandbox.begin(
        folder, folder / "content", told["with"]["playbook"], places, opened.socket, fence, check=check, limits=limits
    )


def _home(entries: Entries) -> str:
    """Where the fence lies on the hosts, as a shell there reads it."""
    root = all(entry["user"] == "root" for _ordinal, entry in entries)
    return "/var/lib/weilu" if root else "~/.weilu"


def plays(folder: Path) -> bool:
    """Whether this attempt is a sandbox's."""
    return (folder / NAMES).exists()


def heard(folder: Path, ordinal: int) -> tuple[list[str], dict[str, Any]]:
    """The lines about one host so far, and how it ended once the sandbox is over: `{"ok", "sentence", "would"}`."""
    name = json.loads((folder / NAMES).read_text())[str(ordinal)]
    over = sandbox.outcome(folder)  # before what was told: with the end, all of it is there
    mine = _told_by_host(folder).get(name, [])
    rows = [row for row in mine if row.get("task")]
    lines = [line for row in rows for line in _lines(row)]
    if not over:
        return lines, {}
    if over.get("why"):
        what = BEYOND.get(str(over["why"]), str(over["why"]))
        return lines, {"ok": False, "sentence": _("剧本超过%(what)s的限制，已结束") % {"what": _(what)}}
    counts = next((row.get("counts") for row in mine if row.get("state") == "sum"), None)
    if not isinstance(counts, dict):
        return lines, {"ok": False, "sentence": _("剧本没有在这台主机上执行完")}
    if counts.get("failures") != 0 or counts.get("unreachable") != 0:  # what a rescue caught is no failure
        bad = next((row for row in reversed(rows) if row.get("state") in ("failed", "unreachable")), {"task": "?"})
        said = {"task": str(bad["task"])[:60], "words": str(bad.get("words", ""))[:200]}
        return lines, {"ok": False, "sentence": _("剧本的「%(task)s」失败：%(words)s") % said}
    changed = [line for row in rows if row.get("state") == "changed" for line in _lines(row)]
    return lines, {"ok": True, "sentence": "", "would": changed}


def _told_by_host(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What the sandbox told of each host; read once for all hosts of a turn, or a large batch outlasts the lease."""
    try:
        at = (folder / "events").stat()
    except FileNotFoundError:
        return {}
    return _read_by_host(folder, at.st_size, at.st_mtime_ns)


@lru_cache(maxsize=1)
def _read_by_host(folder: Path, _size: int, _written: int) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sandbox.told(folder):
        found.setdefault(str(row.get("host")), []).append(row)
    return found


def _lines(row: dict[str, Any]) -> list[str]:
    said = f"{row['task']}：{row.get('state', '')}"
    more = [*str(row.get("words", "")).splitlines()[:20], *str(row.get("diff", "")).splitlines()[:60]]
    return [said[:300], *(line[:300] for line in more)]
