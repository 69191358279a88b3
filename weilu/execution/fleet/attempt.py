"""One call for the hosts of a batch: Ansible as a program, detached, once, in a folder of its own.

The worker may die; Ansible lives on and leaves what each host said, and whoever comes next reads it. Nothing secret
is in the folder, the command line or the environment: keys are in an agent, known by its socket.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from weilu.evidence import files
from weilu.execution import launch
from weilu.execution.ansible import helper
from weilu.execution.bundles import sandbox
from weilu.execution.fleet import bundle
from weilu.execution.journal import LONGEST_LINE
from weilu.execution.target.on_host.main import RESULT
from weilu.kernel.text import without_nul
from weilu.vault.opening import Opened

PLAYBOOKS = Path(__file__).parent / "playbooks"
LOST = "WEILU-LOST "
MOST_FORKS = 20
MOST_AT_ONCE = 1 << 18  # bytes of one host that one turn takes down; more than its longest line
CONFIG = """[defaults]
host_key_checking = True
retry_files_enabled = False
stdout_callback = ansible.builtin.minimal
callbacks_enabled = weilu_over
interpreter_python = /usr/bin/python3
vars_plugins = {folder}/project/vars_plugins
local_tmp = {folder}/home/ansible
forks = {forks}
timeout = 15
[inventory]
enable_plugins = yaml
[ssh_connection]
pipelining = True
transfer_method = piped
retries = 0
ssh_args = -F "{folder}/ssh_config"
control_path_dir = {sockets}
control_path = %(directory)s/%%C
"""
SSH = """Host *
  IdentityAgent "{agent}"
  IdentitiesOnly yes
  UserKnownHostsFile "{known}"
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  HostKeyAlgorithms {algorithms}
  UpdateHostKeys no
  BatchMode yes
  PasswordAuthentication no
  ForwardAgent no
  ConnectTimeout 15
  ServerAliveInterval 5
  ServerAliveCountMax 4
  ControlMaster auto
  ControlPersist 45s
"""
ALGORITHMS = {"ssh-ed25519": ["ssh-ed25519"], "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"]}
SCRUBBED = (
    "output",
    "content",
    "inside",
    "hosts",
    "home",
    "project",
    "inventory.json",
    "vars.json",
    "ssh_config",
    "ansible.cfg",
    "ansible.log",
)
_children: dict[Path, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class Order:
    """One host of a call: its ordinal in the run, its frozen entry, and what it is asked to do, in base64."""

    ordinal: int
    entry: dict[str, Any]
    text: str


@dataclass
class Heard:
    """What one host has said so far: lines after those already read, and its end, once it told one."""

    lines: list[str] = field(default_factory=list)
    seen: int = 0  # how far it was read: bytes of what the host said, rows of a sandbox
    result: dict[str, Any] = field(default_factory=dict)
    lost: dict[str, Any] = field(default_factory=dict)  # begun, why: the connection was lost, or never there


@cache
def program() -> str:
    """SHA-256 of all that Weilu carries to hosts and plays there: part of what is approved."""
    whole = sha256(helper())
    for place in sorted(PLAYBOOKS.rglob("*")):
        if place.suffix in (".yml", ".py"):
            whole.update(place.relative_to(PLAYBOOKS).as_posix().encode() + b"\0" + place.read_bytes())
    return whole.hexdigest()


def sockets_of(run: str) -> Path:
    """Where the connections of a run are kept open between its calls; short, since a socket's name is bounded."""
    place = Path(tempfile.gettempdir()) / f"weilu-{os.getuid()}-{sha256(run.encode()).hexdigest()[:10]}"
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    told = place.lstat()
    if place.is_symlink() or told.st_uid != os.getuid() or told.st_mode & 0o077:
        raise PermissionError(f"{place} is not ours alone")
    return place


@dataclass(frozen=True)
class Call:
    """What one attempt does: `verb` is do, back, probe or check; `artefacts` are kept files by digest."""

    run: str  # uid; its calls share their connections
    verb: str
    hosts: Sequence[Order]
    artefacts: Sequence[str]
    forks: int  # hosts at the same time
    opened: Opened


def start(folder: Path, call: Call) -> None:
    """Lay out the folder and let Ansible go; returns at once. Raises Refused when an artefact is not what it was."""
    _lay_out(folder, call)
    programs = Path(sys.executable).parent
    env = {
        "PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder / "home"), "LANG": "C.UTF-8",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "WEILU_OVER": str(folder / "over"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    command = [str(programs / "ansible-playbook"), "-i", str(folder / "inventory.json")]
    command += ["-e", f"@{folder / 'vars.json'}", str(folder / "project" / "hosts.yml")]
    with (folder / "ansible.log").open("wb") as log, _in_memory(call) as held:
        if held:
            env["WEILU_SUDO"] = str(held[0])
        _children[folder] = subprocess.Popen(
            [sys.executable, "-I", "-S", launch.__file__, str(folder), *command], pass_fds=held,
            env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


@contextmanager
def _in_memory(call: Call) -> Iterator[tuple[int, ...]]:
    """The passwords for sudo as memory to hand on, by its descriptor; nothing where none is needed."""
    uids = {str(each.ordinal): each.entry["uid"] for each in call.hosts}
    found = {name: call.opened.passwords[uid] for name, uid in uids.items() if uid in call.opened.passwords}
    if not found:
        yield ()
        return
    memory = os.memfd_create("weilu")
    try:
        os.write(memory, json.dumps(found).encode())
        yield (memory,)
    finally:
        os.close(memory)


def _lay_out(folder: Path, call: Call) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("home", "output"):
        (folder / name).mkdir(mode=0o700)
    shutil.copytree(PLAYBOOKS, folder / "project", ignore=shutil.ignore_patterns("__pycache__"))
    carried = folder / "project" / "files"
    carried.mkdir()
    (carried / "helper.pyz").write_bytes(helper())
    for name in call.artefacts:
        (carried / name).write_bytes(files.read(name))
    told = {"verb": call.verb, "artefacts": list(call.artefacts), "output": str(folder / "output")}
    (folder / "vars.json").write_text(json.dumps(told))
    hosts = {str(each.ordinal): _place(each, call.opened) for each in call.hosts}
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    kinds = {each.entry["key"].split()[0] for each in call.hosts}
    algorithms = [name for kind in sorted(kinds) for name in ALGORITHMS.get(kind, [kind])]
    words = {"folder": folder, "sockets": sockets_of(call.run), "algorithms": ",".join(algorithms)}
    usual = SSH.format(**words, agent=call.opened.socket, known=call.opened.known_hosts)
    (folder / "ssh_config").write_text(usual)
    (folder / "ansible.cfg").write_text(CONFIG.format(**words, forks=max(1, min(call.forks, MOST_FORKS))))


def _place(each: Order, opened: Opened) -> dict[str, Any]:
    """A host to Ansible; of two behind one address each has its own key."""
    entry = each.entry
    identity = opened.identities[entry["uid"]]
    place = {
        "ansible_host": entry["address"], "ansible_port": entry["port"], "ansible_user": entry["user"],
        "ansible_python_interpreter": entry["python"], "weilu_order": each.text,
        "ansible_ssh_extra_args": shlex.quote(f'-oIdentityFile="{identity}"'),
    }  # fmt: skip
    if entry["become"]:
        place |= {"ansible_become": True, "ansible_become_method": "sudo"}
    return place


def state(folder: Path) -> str:
    """`running`, `finished`, `lost` in its middle, or `never` begun, and then it never will.

    Only asked on the machine and in the life of it where the call was begun.
    """
    if bundle.plays(folder):
        return sandbox.state(folder)
    child = _children.get(folder)
    found = launch.state(folder, child is not None and child.poll() is None, folder / "over")
    if found in ("finished", "lost"):
        _children.pop(folder, None)
    return found


def begun_here(run: str) -> list[Path]:
    """The folders of calls that this process began for the run with this uid and has not seen the end of."""
    return [folder for folder in (*_children, *sandbox.begun_here()) if folder.parent.name == run]


def heard(folder: Path, ordinal: int, seen: int, *, over: bool = False) -> Heard:
    """What this host said beyond what was `seen`; at most so much that a turn can take it, unless it is `over`."""
    found = Heard(seen=seen)
    if bundle.plays(folder) and not (folder / "output").exists():
        lines, found.result = bundle.heard(folder, ordinal)
        found.lines, found.seen = lines[seen:], len(lines)
        return found
    try:
        with (folder / "output" / str(ordinal)).open("rb") as said:
            said.seek(seen)
            whole = said.read(-1 if over else MOST_AT_ONCE)
    except FileNotFoundError:
        return found
    whole = whole[: whole.rfind(b"\n") + 1]
    found.seen = seen + len(whole)
    for line in whole.decode("utf-8", "replace").replace("\0", "\ufffd").split("\n")[:-1]:
        if line.startswith(RESULT):
            found.result = _answer(line.removeprefix(RESULT))
        elif line.startswith(LOST):
            found.lost = _loss(line.removeprefix(LOST))
        else:
            found.lines.append(line[:LONGEST_LINE])
    return found


def _answer(text: str) -> dict[str, Any]:
    """What a host gives as its result, if it has the form of one; hosts are not believed to have it."""
    told = _object(text)
    if told.get("ok") is True and isinstance(told.get("result"), dict):
        return told
    if told.get("ok") is False and isinstance(told.get("sentence"), str):
        return told
    return {"ok": False, "sentence": _("主机的回答不成样子：%(text)s") % {"text": text[:100]}, "lost": True}


def _loss(text: str) -> dict[str, Any]:
    told = _object(text)
    return {"begun": told.get("begun") is not False, "why": str(told.get("why", text[:100]))}


def _object(text: str) -> dict[str, Any]:
    try:
        told = without_nul(json.loads(text))
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def age(folder: Path) -> timedelta:
    """How long the call has been going on, by the clock of this machine, whatever the clock of the database says."""
    try:
        return timedelta(seconds=max(0.0, time.time() - (folder / "launched.json").stat().st_mtime))
    except FileNotFoundError:
        return timedelta()


def stop(folder: Path) -> None:
    """End a call that takes too long, with everything it started here; a step on a host ends by itself."""
    if bundle.plays(folder):
        sandbox.stop(folder)
        return
    child = _children.pop(folder, None)  # known also before it has said that it is there
    pid = child.pid if child else launch.living(folder)
    if pid:
        launch.end(pid)


def scrub(folder: Path) -> None:
    """Leave only what tells how the call went."""
    launch.scrub(folder, SCRUBBED)


def give_up(folder: Path, ordinals: Sequence[int], why: str) -> None:
    """The call could not be started on this machine: void for ever, and every host of it has not begun."""
    (folder / "output").mkdir(mode=0o700, parents=True, exist_ok=True)
    launch.mark(folder, {"pid": 0, "since": "-"})
    for ordinal in ordinals:
        with (folder / "output" / str(ordinal)).open("a", encoding="utf-8") as lines:
            lines.write(LOST + json.dumps({"begun": False, "why": why}) + "\n")
    (folder / "over").touch()
