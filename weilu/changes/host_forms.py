"""The form of a plan for hosts: what was typed, as it stands in the page, and what the action takes of it.

Without JavaScript: every button of the form sends all of it, and it comes back with everything that was typed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from weilu.changes.forms import instant, typed, whole
from weilu.changes.host_fields import FILES, entries_of
from weilu.changes.host_orders import Written
from weilu.execution.fleet import orders
from weilu.kernel import text
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI
from weilu.systems.models import Host

PLAIN = (
    "then_kind", "then", "stop_done", "stop_below", "at_once", "minutes", "at_window_end", "backup", "backup_step",
    "no_backup", "order", "by_group", "window_from", "window_to", "impact", "risk", "way_back", "upgrade_notes",
)  # fmt: skip
USUAL = {
    "then_kind": "percent", "then": "25% 100%", "stop_done": "3", "stop_below": "80", "at_once": "10",
    "minutes": "30", "at_window_end": "ask", "backup": "none", "backup_step": "1",
}  # fmt: skip
CHECK = ("title", "port", "path", "expect", "status")
Typed = dict[str, Any]
Row = dict[str, str]


def blank() -> Typed:
    """The form before anything is typed."""
    return dict.fromkeys(PLAIN, "") | USUAL | {
        "hosts": set(), "groups": set(), "canary": set(), "steps": [], "health": [],
    }  # fmt: skip


def new_row(kind: str) -> Row:
    """A blank step of this kind, with what is usual."""
    row = dict.fromkeys((entry.name for entry in entries_of(kind)), "")
    usual = {"seconds": "300", "crash": "idempotent" if kind == "http" else "probe", "back": "auto"}
    return row | {"kind": kind} | {name: value for name, value in usual.items() if name in row}


def read(post: QueryDict) -> Typed:
    """The whole form as typed."""
    found: Typed = dict(typed(post, *PLAIN))
    found |= {name: set(post.getlist(name)) for name in ("hosts", "groups", "canary")}
    count = min(max(whole(post.get("steps", "0")), 0), orders.MOST_STEPS)
    found["steps"] = [row for n in range(1, count + 1) if (row := _row(post, n))]
    columns = [post.getlist(f"health_{part}") for part in CHECK]
    found["health"] = [
        dict(zip(CHECK, cells, strict=True)) for cells in zip_longest(*columns, fillvalue="") if any(cells)
    ]
    return found


def _row(post: QueryDict, n: int) -> Row:
    kind = post.get(f"s{n}-kind", "")
    if kind not in orders.KINDS:
        return {}
    return {"kind": kind} | {entry.name: post.get(f"s{n}-{entry.name}", "") for entry in entries_of(kind)}


def change_rows(rows: list[Row], do: str) -> int:
    """What a button of the steps does to them; the number of the row to look at then, 0 for none."""
    act, _dash, what = do.partition("-")
    if act == "add" and what in orders.KINDS and len(rows) < orders.MOST_STEPS:
        rows.append(new_row(what))
        return len(rows)
    n = whole(what)
    if act == "drop" and 1 <= n <= len(rows):
        rows.pop(n - 1)
    elif act in ("up", "down") and 1 <= n <= len(rows) and 1 <= (to := n + (1 if act == "down" else -1)) <= len(rows):
        rows[n - 1], rows[to - 1] = rows[to - 1], rows[n - 1]
        return to
    return 0


def chosen(given: Typed, hosts: Sequence[Host]) -> list[Host]:
    """The hosts that are ticked, by themselves or with their group, in the order in which they come in."""
    ticked = [
        host for host in hosts if str(host.uid) in given["hosts"] | given["canary"]
        or str(host.group.uid) in given["groups"]
    ]  # fmt: skip
    place = {uid: n for n, uid in enumerate(given["order"].split(","))}  # of an earlier plan's own order
    return sorted(ticked, key=lambda host: (str(host.uid) not in given["canary"], place.get(str(host.uid), len(place))))


def of_its_own(given: Typed, hosts: Sequence[Host]) -> dict[str, bool]:
    """Whether the order of hosts, and that of the batches by group, is the earlier plan's own and not the usual one."""
    plain = given | {"order": "", "by_group": ""}
    picked, usual = chosen(given, hosts), chosen(plain, hosts)
    by_group = bool(given["by_group"]) and written(given, picked).then != written(plain, picked).then
    return {"order": picked != usual, "by_group": by_group}


def entries(given: Typed, hosts: Sequence[Host]) -> dict[str, Any]:
    """What `changes.submit_host_plan` takes; raises Refused where an entry cannot be read."""
    picked = chosen(given, hosts)
    return {
        "hosts": [str(host.uid) for host in picked],
        "steps": [_step(n, row) for n, row in enumerate(given["steps"], start=1)],
        "written": written(given, picked),
        "window_from": instant(given["window_from"], _("窗口开始"), "window_from"),
        "window_to": instant(given["window_to"], _("窗口结束"), "window_to"),
        **{name: given[name] for name in ("impact", "risk", "way_back", "upgrade_notes")},
    }


def written(given: Typed, hosts: Sequence[Host]) -> Written:
    """Batches, time and backup as typed."""
    canary = sum(str(host.uid) in given["canary"] for host in hosts)
    if given["then_kind"] == "group":
        names = [f"group:{host.group.name}" for host in hosts[canary:]]
        then = list(dict.fromkeys(kept_groups(given["by_group"]) + names)) or ["100%"]
    else:
        then = given["then"].translate(text.FULL_WIDTH).replace(",", " ").replace("、", " ").split()
    return Written(
        canary=canary, then=then, health=[_check(row) for row in given["health"]],
        stop_done=whole(given["stop_done"]), stop_below=whole(given["stop_below"]), at_once=whole(given["at_once"]),
        minutes=whole(given["minutes"]), at_window_end=given["at_window_end"],
        backup_step=max(whole(given["backup_step"]), 0) if given["backup"] == "step" else 0,
        no_backup=given["no_backup"] if given["backup"] != "step" else "",
    )  # fmt: skip


def kept_groups(value: str) -> list[str]:
    """The batches by group that an earlier plan has in an order of its own, as the form carries them."""
    try:
        found = json.loads(value)
    except ValueError:
        return []
    return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []


def _check(row: Mapping[str, str]) -> dict[str, Any]:
    told = {name: row[name] for name in ("title", "path", "expect")}
    return told | {"port": whole(row["port"]), "status": _status(row["status"])}


def _status(value: str) -> int:
    return whole(value) if value.strip() else 200


def _step(n: int, row: Row) -> dict[str, Any]:
    kind, back = row["kind"], row.get("back") or None
    told: dict[str, Any] = {
        name: value for name, value in row.items()
        if name in ("name", "version", "sha256", "state", "path", "mode", "owner", "group", "words", "role", "playbook")
    }  # fmt: skip
    if "file" in row:
        told["sha256"] = row["file"]
    if kind == "script":
        told |= _script(n, row, "")
        told |= _some(probe=_script(n, row, "probe_", row["probe"]))
    if kind == "http":
        told |= {"port": whole(row["port"]), "expect": row["expect"], "status": _status(row["status"])}
    if row.get("back_file"):
        back = _script(n, row, "back_", row["back_file"])  # type: ignore[assignment]
    people = kind in orders.BY_PEOPLE
    return {
        "kind": kind, "title": row["title"], "with": told, "back": back,
        "seconds": orders.LONGEST_STEP if people else whole(row["seconds"]), "crash": "ask" if people else row["crash"],
    }  # fmt: skip


def _script(n: int, row: Row, part: str, sha256: str = "") -> dict[str, Any]:
    """The script of a row, its probe or its way back; of one that is not chosen nothing."""
    if part and not sha256:
        return {}
    names = {}
    for line in _lines(row[f"{part}environment"]):
        name, sign, value = line.partition("=")
        if not sign:
            raise Refused(
                _("第 %(n)d 步：变量「%(line)s」应写成 名称=值") % {"n": n, "line": line[:40]},
                field=f"step-{n}-{part}environment",
            )
        names[name.strip()] = _unquoted(value)
    words = [_unquoted(line) for line in _lines(row[f"{part}arguments"])]
    return _some(sha256=sha256, interpreter=row[f"{part}interpreter"], arguments=words, environment=names)


def _some(**told: Any) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value}


def _lines(value: str) -> list[str]:
    return [line.strip() for line in value.splitlines() if line.strip()]


def _unquoted(line: str) -> str:
    """What a line says; one in double quotes is a JSON text, so that blanks and line feeds can be written."""
    try:
        found = json.loads(line) if line.startswith('"') else line
    except ValueError:
        return line
    return found if isinstance(found, str) else line


def _quoted(value: str) -> str:
    plain = value and value == value.strip() and not value.startswith('"') and len(value.splitlines()) == 1
    return value if plain else json.dumps(value, ensure_ascii=not value.isprintable())


def from_plan(content: Mapping[str, Any]) -> Typed:
    """An earlier plan for hosts as entries of the form, to be written on."""
    told = content["orders"]
    batches, backup, uids = told["batches"], told["backup"], [host["uid"] for host in told["hosts"]]
    by_group = all(word.startswith("group:") for word in batches["then"])
    found = blank() | {name: content[name] for name in ("impact", "risk", "way_back", "upgrade_notes")}
    found |= {
        "hosts": set(uids), "canary": set(uids[: batches["canary"]]), "order": ",".join(uids),
        "by_group": json.dumps(batches["then"], ensure_ascii=False) if by_group else "",
        "then_kind": "group" if by_group else "percent", "then": "" if by_group else " ".join(batches["then"]),
        "stop_done": str(batches["stop"]["done"]), "stop_below": str(batches["stop"]["below"]),
        "at_once": str(batches["at_once"]), "minutes": str(told["minutes"]), "at_window_end": told["at_window_end"],
        "backup": "step" if "step" in backup else "none", "backup_step": backup.get("step", "s1")[1:],
        "no_backup": backup.get("none", ""), "steps": [_row_of(step) for step in told["steps"]],
        "health": [{part: str(one.get(part, "")) for part in CHECK} for one in batches["health"]],
    }  # fmt: skip
    for name in ("window_from", "window_to"):
        found[name] = local(datetime.fromisoformat(content[name]))
    return found


def local(at: datetime) -> str:
    """An instant as a browser's entry of date and time has it."""
    there = at.astimezone(SHANGHAI).replace(tzinfo=None)
    return there.isoformat(timespec="seconds" if there.second else "minutes")


def _row_of(step: Mapping[str, Any]) -> Row:
    told, back = step["with"], step["back"]
    row = new_row(step["kind"])
    row |= {name: str(told[name]) for name in row if isinstance(told.get(name), str | int)}
    row |= {"title": step["title"]}
    row |= {name: str(step[name]) for name in ("seconds", "crash") if name in row}
    if "file" in row:
        row["file"] = told.get("sha256", "")
    if step["kind"] == "script":
        row |= _script_row("", told) | _script_row("probe_", told.get("probe") or {})
        row["probe"] = (told.get("probe") or {}).get("sha256", "")
    if step["kind"] == "signature":
        row["role"] = told.get("role") or "engineer"
    if "back" in row:
        row["back"] = back or ""
    if isinstance(back, dict):
        row |= {"back_file": back["sha256"]} | _script_row("back_", back)
    return row


def _script_row(part: str, told: Mapping[str, Any]) -> Row:
    names = [f"{name}={_quoted(value)}" for name, value in told.get("environment", {}).items()]
    return {
        f"{part}interpreter": told.get("interpreter") or "",
        f"{part}arguments": "\n".join(_quoted(word) for word in told.get("arguments", [])),
        f"{part}environment": "\n".join(names),
    }  # fmt: skip


def uploads(given: Typed, names: Sequence[str]) -> list[tuple[int, str, str]]:
    """Which uploads of the request belong to which row and entry: row number, entry, name of the upload."""
    return [
        (n, entry, f"s{n}-{entry}-upload") for n, row in enumerate(given["steps"], start=1)
        for entry in FILES if entry in row and f"s{n}-{entry}-upload" in names
    ]  # fmt: skip
