"""An uploaded bundle runs apart: no network, no file of Weilu's, an empty environment, its own hosts and nothing else.

bubblewrap shows it the system's programs, Ansible, its own content and one socket for each host of this call;
`guard.py` stands outside, joins each socket to the one pinned address, watches time, memory and processes, and
writes what is told into the attempt's folder. What static checks overlook is held here.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from weilu.execution import launch
from weilu.execution.bundles import guard
from weilu.kernel.refused import Refused
from weilu.kernel.text import without_nul

HERE = Path(__file__).parent
HOME = "/tmp/home"  # noqa: S108 - of the sandbox itself
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SECONDS, MEMORY_BYTES, PROCESSES, OUTPUT_BYTES = 3600, 2 << 30, 300, 8 << 20
APART = (
    "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv",
    "--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox",
)  # fmt: skip


_guards: dict[Path, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class Place:
    """A host as this call may reach it; `key` as in known_hosts, type and base64."""

    name: str
    address: str
    port: int
    user: str
    key: str
    python: str = "/usr/bin/python3"


@dataclass(frozen=True)
class Limits:
    """Seconds, bytes of memory and processes of all it starts, bytes of what it tells."""

    seconds: int = SECONDS
    memory: int = MEMORY_BYTES
    processes: int = PROCESSES
    output: int = OUTPUT_BYTES


USUAL = Limits()


def check_possible() -> None:
    """Raises Refused where bubblewrap cannot run: uploaded bundles are never run without it."""
    if why := trouble():
        words = _("这台工作机不能隔离运行上传的剧本，不执行：%(why)s。装好 bubblewrap 并允许用户命名空间后再试")
        raise Refused(words % {"why": why})


@cache
def trouble() -> str:
    """What keeps bubblewrap from running here; empty when nothing does."""
    try:
        done = subprocess.run(
            ["bwrap", *APART, *_system(), "/usr/bin/true"],
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin"},
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    return done.stderr.strip() or "bwrap" if done.returncode else ""


def _system() -> list[str]:
    """An empty /tmp, the system's programs and this Python, to read only; Weilu itself may be installed below /tmp."""
    words = ["--tmpfs", "/", "--size", str(256 << 20), "--tmpfs", "/tmp"]  # noqa: S108
    for place in map(Path, SYSTEM):
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    for prefix in _pythons():
        if not prefix.is_relative_to("/usr"):
            words += ["--ro-bind", str(prefix), str(prefix)]
    return [*words, "--proc", "/proc", "--dev", "/dev"]


def _pythons() -> list[Path]:
    return list(dict.fromkeys((Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve())))


def _check_apart() -> None:
    """Raises Refused when the data folder lies inside what the sandbox may read."""
    data = Path(settings.CONFIG.data_dir).resolve()
    for shown in (*map(Path, SYSTEM), *_pythons()):
        if data.is_relative_to(shown):
            words = _("数据目录 %(data)s 在隔离环境看得到的 %(shown)s 之内，不执行上传的剧本。把数据目录移到别处")
            raise Refused(words % {"data": data, "shown": shown})


def begin(
    folder: Path, content: Path, playbook: str, places: list[Place], agent: Path, fence: str = "",
    *, check: bool = False, limits: Limits = USUAL,
) -> "subprocess.Popen[bytes]":  # fmt: skip
    """Begin one call of a bundle for a batch, detached, in the attempt's own `folder`; once only.

    `content` is the unpacked bundle, `agent` the socket of the attempt's ssh-agent, `fence` the words that
    each command on a target begins with. `check` rehearses with differences. Raises Refused where it
    cannot be kept apart. What it tells: `told`.
    """
    check_possible()
    _check_apart()
    inside = _prepare(folder, places, fence)
    words = ["bwrap", *APART, *_system(), "--dir", HOME]
    words += ["--ro-bind", str(inside), "/weilu", "--ro-bind", str(content), "/bundle"]
    words += ["--ro-bind", str(folder / "hosts"), "/hosts", "--ro-bind", str(agent), "/agent.sock"]
    words += ["--ro-bind", str(inside / "passwd"), "/etc/passwd", "--chdir", "/bundle"]
    words += ["--size", str(16 << 20), "--tmpfs", "/dev/shm", "--remount-ro", "/dev", "--remount-ro", "/"]  # noqa: S108
    for name, value in _environment().items():
        words += ["--setenv", name, value]
    python = str(Path(sys.prefix).resolve() / "bin" / "python")
    words += ["--", python, "-m", "ansible", "playbook", "-i", "/weilu/inventory.json"]
    words += [*(("--check", "--diff") if check else ()), "--", f"/bundle/{playbook}"]
    order = {"command": words, "places": [asdict(place) for place in places], "limits": asdict(limits)}
    (folder / "order.json").write_text(json.dumps(order))
    with (folder / "guard.log").open("wb") as log:
        _guards[folder] = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__, str(folder)],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"}, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    return _guards[folder]


def _environment() -> dict[str, str]:
    prefix = Path(sys.prefix).resolve()
    return {
        "PATH": f"{prefix}/bin:/usr/bin:/bin", "HOME": HOME, "LANG": "C.UTF-8",
        "ANSIBLE_CONFIG": "/weilu/ansible.cfg", "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip


CONFIG = """[defaults]
stdout_callback = weilu_events
callback_plugins = /weilu/callback
host_key_checking = True
retry_files_enabled = False
local_tmp = /tmp/home/ansible
forks = 20
[ssh_connection]
ssh_executable = /weilu/ssh
transfer_method = piped
ssh_args = -F /weilu/ssh_config -o ControlMaster=auto -o ControlPersist=30s
control_path_dir = /tmp/home
"""
SSH_HOST = """Host {name}
  HostName {name}
  HostKeyAlias {name}
  User {user}
  ProxyCommand {python} -I -S /weilu/connect.py /hosts/{number}
"""
SSH_ALL = """Host *
  ProxyUseFdpass yes
  IdentityAgent /agent.sock
  UserKnownHostsFile /weilu/known_hosts
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  BatchMode yes
  ConnectTimeout 20
  ServerAliveInterval 15
"""


def _prepare(folder: Path, places: list[Place], fence: str) -> Path:
    """Lay out what the sandbox may read of ours; hosts are h0, h1 … to ssh, so that no name has to be quoted."""
    inside = folder / "inside"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (folder / "hosts", inside, inside / "callback"):
        name.mkdir(mode=0o700)
    for source in ("connect.py", "callback/weilu_events.py"):
        (inside / source).write_bytes((HERE / "inside" / source).read_bytes())
    python = Path(sys.prefix).resolve() / "bin" / "python"
    wrapper = f"#!{python} -IS\nFENCE = {fence!r}\n" + (HERE / "inside" / "ssh.py").read_text("utf-8")
    (inside / "ssh").write_text(wrapper, "utf-8")
    (inside / "ssh").chmod(0o700)
    (inside / "passwd").write_text("weilu:x:1000:1000::/tmp/home:/bin/sh\n")
    (inside / "ansible.cfg").write_text(CONFIG)
    texts = [SSH_HOST.format(name=f"h{i}", user=each.user, number=i, python=python) for i, each in enumerate(places)]
    (inside / "ssh_config").write_text("".join(texts) + SSH_ALL)
    (inside / "known_hosts").write_text("".join(f"h{i} {each.key}\n" for i, each in enumerate(places)))
    hosts: dict[str, Any] = {
        each.name: {"ansible_host": f"h{i}", "ansible_user": each.user, "ansible_python_interpreter": each.python}
        for i, each in enumerate(places)
    }
    (inside / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}, ensure_ascii=False), "utf-8")
    return inside


def told(folder: Path) -> list[dict[str, Any]]:
    """What happened so far, in order: `host`, `task`, `state` (ok, changed, failed, skipped, unreachable), `words`,
    `diff`; `sum` with `counts` at a host's end. The lines come from the sandbox: shown, never trusted.
    """
    found: list[dict[str, Any]] = []
    try:
        lines = (folder / "events").read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    for line in lines:
        with suppress(ValueError, RecursionError):
            row = without_nul(json.loads(line))
            if isinstance(row, dict):
                found.append(row)
    return found


def outcome(folder: Path) -> dict[str, Any]:
    """How the call ended, by the guard's own word: `{"rc": …, "why": …}`; empty while it goes on."""
    try:
        answer: dict[str, Any] = json.loads((folder / "outcome.json").read_text())
    except FileNotFoundError:
        return {}
    return answer


def state(folder: Path) -> str:
    """`running`, `finished`, `lost` in its middle, or `never` begun, and then it never will.

    Only asked on the machine and in the life of it where the call was begun.
    """
    guarding = _guards.get(folder)
    found = launch.state(folder, guarding is not None and guarding.poll() is None, folder / "outcome.json")
    if found == "finished":
        _guards.pop(folder, None)
    return found


def begun_here() -> list[Path]:
    """The folders of calls that this process began and has not seen the end of."""
    return list(_guards)


def stop(folder: Path) -> None:
    """End a call with everything it started here; what it began on its hosts goes on there."""
    guarding = _guards.pop(folder, None)  # known also before it has said that it is there
    pid = guarding.pid if guarding and guarding.poll() is None else launch.living(folder)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
