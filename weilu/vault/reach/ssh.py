"""Going to one host by the programs ssh and ssh-keyscan: bounded in time and size, whatever it answers."""

import base64
import json
import os
import select
import shlex
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.systems.keys import KINDS, read_key
from weilu.vault.opening import Opened, ssh_options
from weilu.vault.reach.rules import Found, State, clock_of, meaning, read_facts, sudo_words

PROGRAM = Path(__file__).with_name("facts.py")
MARK = b"WEILU-FACTS "
CONNECT, WHOLE, SCAN = 8, 30.0, 5  # seconds: until the line stands, for all of it, for a look at the key
LONGEST = 64 << 10  # bytes that a host may say
BEATS = 4  # how often its clock is asked; the quickest answer counts
BOOT = "import sys,base64;exec(base64.b64decode(sys.stdin.readline()))"


class Silent(Exception):
    """The host said no more in time, or too much."""


def visit(held: Opened, entry: Mapping[str, Any]) -> Found:
    """Enter one host with what the attempt holds, ask what it is and what time it has there."""
    python, user = str(entry.get("python") or "/usr/bin/python3"), str(entry.get("user") or "root")
    command = ["ssh", *ssh_options(held, entry, CONNECT), "--", str(entry["address"])]
    env = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "HOME": str(held.folder)}
    with subprocess.Popen(
        [*command, f"{shlex.quote(python)} -I -S -c {shlex.quote(BOOT)}"],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        start_new_session=True,
    ) as child:  # fmt: skip
        try:
            found = _talk(child, entry, held.passwords.get(str(entry["uid"]), ""))
        except (Silent, OSError):
            found = None
        finally:
            complaint, code = _end(child)
    return found or meaning(complaint, code, user, python)


def offered_key(entry: Mapping[str, Any]) -> str:
    """The key the host shows to whoever asks, of the best kind it has; "" where it shows none."""
    kinds = "ed25519,ecdsa,rsa"
    command = ["ssh-keyscan", "-T", str(SCAN), "-p", str(entry["port"]), "-t", kinds, "--", str(entry["address"])]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SCAN * 3, check=False)
    except subprocess.TimeoutExpired:
        return ""
    found = []
    for line in done.stdout[:LONGEST].decode("utf-8", "replace").splitlines():
        words = line.split()
        if len(words) == 3 and not line.startswith("#"):
            with suppress(Refused):  # what is no sound key of a known kind is not proposed
                found.append(read_key(f"{words[1]} {words[2]}", str(entry["address"]), int(entry["port"])))
    return min(found, key=lambda key: KINDS.index(key.split()[0]), default="")


def _talk(child: "subprocess.Popen[bytes]", entry: Mapping[str, Any], password: str) -> Found | None:
    """The conversation with the program there; None where it did not come to one."""
    assert child.stdin is not None  # noqa: S101
    assert child.stdout is not None  # noqa: S101
    lines = _Lines(child.stdout, time.monotonic() + WHOLE)
    order = {"sudo": bool(entry.get("become")), "password": password}
    child.stdin.write(base64.b64encode(PROGRAM.read_bytes()) + b"\n" + json.dumps(order).encode() + b"\n")
    line = lines.next()
    while not line.startswith(MARK):  # what a shell prints of its own accord comes before
        line = lines.next()
    try:
        said = json.loads(line.removeprefix(MARK))
        facts, sudo = read_facts(said["facts"]), str(said["sudo"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return Found(State.HALF, _("主机的回答读不懂。检查登记的 Python 和登录脚本"))
    clock = clock_of(_beats(child.stdin, lines))
    drift, unsure = clock or (None, 0)
    if words := sudo_words(sudo, str(entry.get("user"))):
        return Found(State.NO_SUDO, words, facts, drift, unsure)
    return Found(State.OK, "", facts, drift, unsure)


def _beats(stdin: "IO[bytes]", lines: "_Lines") -> list[tuple[float, float, float]]:
    beats = []
    with suppress(Silent, OSError, ValueError):  # a host that stops in the middle has told what it has told
        for _turn in range(BEATS):
            sent, started = time.time(), time.monotonic()
            stdin.write(b"?\n")
            told = float(lines.next())
            beats.append((sent, told, sent + time.monotonic() - started))
    return [beat for beat in beats if abs(beat[1]) < 1e12]  # nan and inf as well are no time


def _end(child: "subprocess.Popen[bytes]") -> tuple[str, int]:
    """Hang up; what ssh complained of, and how it ended."""
    assert child.stdin is not None  # noqa: S101
    assert child.stderr is not None  # noqa: S101
    with suppress(OSError):
        child.stdin.close()
    try:
        code = child.wait(2)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    text = b""
    with suppress(Silent, OSError), closing(child.stderr):
        os.set_blocking(child.stderr.fileno(), False)
        text = child.stderr.read(LONGEST) or b""
    return text.decode("utf-8", "replace"), code


class _Lines:
    """Lines of a pipe, each in time; raises Silent when there are none, or too many bytes."""

    def __init__(self, pipe: "IO[bytes]", until: float) -> None:
        self.pipe, self.until, self.kept, self.bytes = pipe, until, b"", 0

    def next(self) -> bytes:
        while b"\n" not in self.kept:
            left = self.until - time.monotonic()
            if left <= 0 or not select.select([self.pipe], [], [], left)[0]:
                raise Silent
            piece = os.read(self.pipe.fileno(), 8192)
            self.bytes += len(piece)
            if not piece or self.bytes > LONGEST:
                raise Silent
            self.kept += piece
        line, _end, self.kept = self.kept.partition(b"\n")
        return line.strip()
