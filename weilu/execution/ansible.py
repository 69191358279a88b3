"""Ansible as a program: one detached runner per attempt, in a folder of its own.

The worker may die; the runner lives on and leaves its artifacts, and whoever comes next reads
them. Nothing secret is in the folder, the command line or the environment.
"""

import base64
import io
import json
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from weilu.execution import launch
from weilu.execution.target.main import RESULT

HERE = Path(__file__).parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SCRUBBED = ("env", "inventory", "project", "home", "artifacts/a/command", "artifacts/a/fact_cache", "runner.log")

_children: dict[Path, "subprocess.Popen[bytes]"] = {}


@dataclass
class Seen:
    """What an attempt's folder shows: `running`, `finished`, `lost` in its middle, or `never` begun."""

    state: str
    lines: list[tuple[str, str]] = field(default_factory=list)  # kind, text
    seen: int = 0
    result: dict[str, Any] = field(default_factory=dict)


@cache
def helper() -> bytes:
    """The program for the target, packed the same each time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        main = "import sys\nfrom weilu_target.live import main\nsys.exit(main(sys.argv[1:]))\n"
        archive.writestr(zipfile.ZipInfo("__main__.py"), main)
        for source in sorted((HERE / "target").rglob("*.py")):
            name = source.relative_to(HERE / "target").as_posix()
            archive.writestr(zipfile.ZipInfo(f"weilu_target/{name}"), source.read_bytes())
    return packed.getvalue()


def start(folder: Path, host: str, url: str, verb: str, step: str, order: dict[str, Any]) -> None:
    """Prepare the folder and let the runner go; returns at once."""
    _prepare(folder, host, url, verb, step, order)
    bin_folder = Path(sys.executable).parent
    env = {"PATH": f"{bin_folder}:/usr/bin:/bin", "HOME": str(folder / "home"), "LANG": "C.UTF-8"}
    with (folder / "runner.log").open("wb") as log:
        _children[folder] = subprocess.Popen(
            [sys.executable, "-I", "-S", launch.__file__, str(folder), *_command(folder, bin_folder)],
            env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _command(folder: Path, programs: Path) -> list[str]:
    return [str(programs / "ansible-runner"), "run", str(folder), "-p", "step.yml", "--ident", "a", "--quiet"]


def _prepare(folder: Path, host: str, url: str, verb: str, step: str, order: dict[str, Any]) -> None:
    folder.mkdir(mode=0o700, parents=True)
    for name in ("project", "inventory", "env", "home"):
        (folder / name).mkdir(mode=0o700)
    shutil.copytree(
        HERE / "playbooks", folder / "project", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "project" / "helper.pyz").write_bytes(helper())
    place: dict[str, Any] = {"ansible_host": host}
    interpreter = "/usr/bin/python3"
    if urlsplit(url).hostname in LOOPBACK:  # an installation that answers at a loopback address stands on this machine
        interpreter = sys.executable
        place = {"ansible_connection": "local"}
    place["ansible_python_interpreter"] = interpreter
    (folder / "inventory" / "hosts.json").write_text(json.dumps({"all": {"hosts": {"target": place}}}))
    text = base64.b64encode(json.dumps(order).encode()).decode()
    told = {"verb": verb, "step": step, "order": text, "interpreter": interpreter, "output": str(folder / "output")}
    (folder / "env" / "extravars").write_text(json.dumps(told))


def look(folder: Path, seen: int) -> Seen:
    """What the attempt shows now, with the lines after the first `seen`.

    Only asked on the machine and in the life of it where the attempt was started.
    """
    child = _children.get(folder)
    state = launch.state(folder, child is not None and child.poll() is None, folder / "artifacts" / "a" / "rc")
    if state == "never":
        return Seen("never", seen=seen)
    found = _output(folder)
    found.state = state
    if state == "finished":
        _children.pop(folder, None)
        _conclude(found, folder)
    found.lines, found.seen = found.lines[seen:], len(found.lines)
    return found


def _output(folder: Path) -> Seen:
    """All whole lines the step has printed, and its result, if that is among them."""
    found = Seen("")
    with suppress(FileNotFoundError):
        for line in (folder / "output").read_bytes().decode("utf-8", "replace").split("\n")[:-1]:
            if line.startswith(RESULT):
                found.result = json.loads(line.removeprefix(RESULT))
            else:
                found.lines.append(("line", line))
    return found


def _conclude(found: Seen, folder: Path) -> None:
    """Ansible has ended: `finished` with the step's result, or with what kept it from one, else `lost`."""
    if found.result:
        return
    trouble, lost = _trouble(folder)
    found.lines += [("error", line) for line in trouble]
    if lost:
        found.state = "lost"
        return
    said = trouble[-1][:300] if trouble else "Ansible 没有执行到这一步"
    found.result = {"ok": False, "sentence": "目标机没有给出结果：" + said, "untouched": False}


def _trouble(folder: Path) -> tuple[list[str], bool]:
    """What Ansible says went wrong, and whether the step was begun and nobody can tell how it ended."""
    for file in (folder / "artifacts" / "a" / "job_events").glob("*[0-9a-f].json"):
        event = json.loads(file.read_text("utf-8"))
        if event["event"] in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable"):
            answer = event["event_data"]["res"]
            return str(answer.get("msg") or "").strip().splitlines()[-8:], bool(answer.get("lost"))
    return [], False


def stop(folder: Path) -> None:
    """End an attempt that takes too long, with everything it started."""
    if pid := launch.living(folder):
        launch.end(pid)


def scrub(folder: Path) -> None:
    """Leave only what tells how the attempt went."""
    launch.scrub(folder, SCRUBBED)
