"""A process of its own for a file that may be hostile: limited before it looks, asked once, answering once.

Both sides stand here, so that they count the same bytes: `ask` in Weilu, `main` in the process.
"""

import json
import resource
import struct
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
START = "import sys; sys.path.insert(0, sys.argv[1]); from weilu.documents.limited import main; main()"
HEAD = struct.Struct(">II")  # lengths of what is said (JSON) and of the file, both ways


def ask(
    module: str, order: Mapping[str, Any], data: bytes, *, megabytes: int, seconds: int
) -> tuple[dict[str, Any], bytes]:
    """What `module`'s `answer(order, data)` says of a file and makes of it, within so much memory and processor time.

    Where it does not come to an answer: {"unfit": "limits", "memory" or "fell", "what": ""}.
    """
    said = json.dumps(order, ensure_ascii=True).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", START, str(ROOT), module, str(megabytes), str(seconds)],
            input=HEAD.pack(len(said), len(data)) + said + data,
            capture_output=True, timeout=seconds + 10, env={"LC_ALL": "C.UTF-8"}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return _unfit("limits")
    if done.returncode < 0:
        return _unfit("limits")
    if done.returncode or len(done.stdout) < HEAD.size:
        return _unfit("memory" if b"MemoryError" in done.stderr else "fell")
    first, second = HEAD.unpack(done.stdout[: HEAD.size])
    answer = done.stdout[HEAD.size :]
    return json.loads(answer[:first]), answer[first : first + second]


def main() -> None:
    megabytes, seconds = int(sys.argv[3]), int(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    lengths = HEAD.unpack(sys.stdin.buffer.read(HEAD.size))
    order, data = json.loads(sys.stdin.buffer.read(lengths[0])), sys.stdin.buffer.read(lengths[1])
    told, made = _answer(sys.argv[2], order, data)
    said = json.dumps(told).encode()
    sys.stdout.buffer.write(HEAD.pack(len(said), len(made)) + said + made)
    sys.stdout.buffer.flush()


def _answer(module: str, order: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    from weilu.documents.package import Unfit

    try:
        found: tuple[dict[str, Any], bytes] = import_module(module).answer(order, data)
    except Unfit as unfit:
        return {"unfit": unfit.code, "what": unfit.what}, b""
    except MemoryError:
        return _unfit("memory")
    return found


def _unfit(code: str) -> tuple[dict[str, Any], bytes]:
    return {"unfit": code, "what": ""}, b""
