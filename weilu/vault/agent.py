"""One ssh-agent for each attempt: lives on when the worker dies, and ends with whoever ends the attempt.

It is found again by its socket alone: the kernel says which process listens there. So nothing has to be written
down between starting it and knowing it, and a process id used again is never mistaken for it.
"""

import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

SOCKET, ELSEWHERE = "agent", "agent.at"
LONGEST = 100  # characters of a socket's path; the kernel allows 107
PATIENCE = 5.0  # seconds for an agent to begin or to end
MOST_PLACES = 1000  # users of hosts that one key can be bound to; the agent refuses 1024
MOST_KNOWN = 300_000  # bytes of the hosts' keys in base64; the agent takes 256 KiB: some four thousand of Ed25519
BOUND_SINCE = (8, 9)  # the version of OpenSSH from which a key can be bound to hosts
_children: dict[Path, "subprocess.Popen[bytes]"] = {}


def start(folder: Path, seconds: int) -> tuple[Path, int]:
    """Start an agent for the attempt in `folder`; its socket and process id.

    After `seconds` it forgets its keys and ends by itself, also where the folder is gone and nobody could find it.
    """
    place = _new_place(folder)
    child = subprocess.Popen(
        ["timeout", str(seconds + 1), "ssh-agent", "-D", "-a", str(place), "-t", str(seconds)],
        env=_env(folder), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    _children[folder] = child
    until = time.monotonic() + PATIENCE
    while not (pid := listener(place)):
        if child.poll() is not None or time.monotonic() > until:
            end(folder)
            raise Refused(_("ssh-agent 没有启动起来"), help=_("用 weilu check 检查这台工作机"))
        time.sleep(0.005)
    return place, pid


def load(folder: Path, place: Path, private: bytes, bound: Sequence[str], known: Path) -> None:
    """Hand a private key to the agent through a pipe, usable only towards `bound`: `user@alias`, named in `known`.

    Raises Refused, rather than handing it over free, where it cannot be bound to all of them.
    """
    check_can_bind(len(bound), known.stat().st_size, openssh())
    words = ["ssh-add", "-q", "-H", str(known), *(word for one in bound for word in ("-h", one))]
    env = _env(folder) | {"SSH_AUTH_SOCK": str(place), "SSH_ASKPASS_REQUIRE": "never"}
    done = subprocess.run([*words, "-"], input=private, env=env, capture_output=True, timeout=60, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Refused(_("ssh-agent 没有收下密钥：%(why)s") % {"why": said[-1][:200] if said else done.returncode})


def end(folder: Path) -> None:
    """End the agent of the attempt in `folder`, if there is one, whoever started it; returns when it is gone."""
    for place in _places(folder):
        if pid := listener(place):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + PATIENCE
        while pid and listener(place) == pid:
            if time.monotonic() > until:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.005)
        place.unlink(missing_ok=True)
        if place.parent != folder:
            shutil.rmtree(place.parent, ignore_errors=True)
    (folder / ELSEWHERE).unlink(missing_ok=True)
    if child := _children.pop(folder, None):
        child.terminate()  # `timeout` hands it on to an agent that has not begun to listen
        try:
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def listener(place: Path) -> int:
    """The process that listens at a socket; 0 where nobody does."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.settimeout(PATIENCE)
        try:
            line.connect(str(place))
        except OSError:
            return 0
        peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", peer)[0])


@cache
def openssh() -> tuple[int, int]:
    """The version of the ssh programs here; (0, 0) where they do not say."""
    said = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr
    found = re.match(r"OpenSSH_(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def check_can_bind(places: int, size: int, version: tuple[int, int]) -> None:
    """A key is only handed over where the agent keeps it to its hosts: so many users, so many bytes of their keys."""
    if version < BOUND_SINCE:
        words = _("这台机器的 OpenSSH 是 %(found)s，早于 8.9，不能把密钥只用于指定的主机")
        found = ".".join(map(str, version)) if version > (0, 0) else _("未知版本")
        raise Refused(words % {"found": found}, help=_("升级 openssh-client，或换一台工作机"))
    if not 1 <= places <= MOST_PLACES or size > MOST_KNOWN:
        raise Refused(_("一把密钥一次打开的主机太多，ssh-agent 收不下"), help=_("分成更多批，每批的主机少一些"))


def _env(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": "C.UTF-8"}


def _new_place(folder: Path) -> Path:
    """A socket's path that the kernel can take: in the folder, or where that is too deep in one of its own."""
    if len(os.fsencode(folder / SOCKET)) <= LONGEST:
        return folder / SOCKET
    place = Path(tempfile.mkdtemp(prefix="weilu-agent-")) / SOCKET  # 0700
    (folder / ELSEWHERE).write_text(str(place))
    return place


def _places(folder: Path) -> list[Path]:
    places = [folder / SOCKET] if len(os.fsencode(folder / SOCKET)) <= LONGEST else []
    with suppress(OSError):
        places.append(Path((folder / ELSEWHERE).read_text()))
    return places
