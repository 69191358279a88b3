"""Ansible's side of a step on one host: carries program and artefacts over, begins it there, reads along.

The step does not hang on the connection: when that breaks, the host is asked again for what came after
the last byte read. Ansible loads this file by itself; it imports nothing of Weilu.
"""

import json
import shlex
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError  # type: ignore[import-untyped]
from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]

PATIENCE_SECONDS, AGAIN_SECONDS = 60, 2
LOST = "WEILU-LOST "


# Takes down what comes on its standard input: one line with names and sizes, then the files; goes on as the program.
# Folders that a host which went down in the middle left behind go after two days. What keeps it from beginning
# is told: then nothing of the step has happened.
UNPACK = """import json, os, shutil, sys, tempfile, time
folder = None
try:
    place = tempfile.gettempdir()
    for old in os.listdir(place):
        path = os.path.join(place, old)
        if old.startswith("weilu-") and os.path.exists(os.path.join(path, "helper.pyz")):
            if os.stat(path).st_uid == os.geteuid() and abs(time.time() - os.stat(path).st_mtime) > 172800:
                shutil.rmtree(path, ignore_errors=True)
    told = json.loads(sys.stdin.buffer.readline())
    folder = tempfile.mkdtemp(prefix="weilu-")
    for name, size in told["files"]:
        with open(os.path.join(folder, name), "xb") as out:
            out.write(sys.stdin.buffer.read(size))
except OSError as problem:
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps({"never": str(problem)}))
    sys.exit(0)
program = os.path.join(folder, "helper.pyz")
sys.argv[:] = [program, "start", told["verb"], told["order"]]
sys.path.insert(0, program)
from weilu_target.live import main
sys.exit(main(sys.argv[1:]))
"""
# The host's own additions to Python are neither needed nor waited for, and nothing of them acts here.
ALONE = ("-I", "-S", "-X", "utf8")


class ActionModule(ActionBase):  # type: ignore[misc]
    """`weilu_host: {verb, order, artefacts, interpreter, output}`; what a host says goes to `output/<its ordinal>`."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        self._file = Path(self._task.args["output"]) / str((task_vars or {})["inventory_hostname"])
        self._begun = False
        result: dict[str, Any] = {}
        try:
            result = super().run(tmp, task_vars)
            errors = self._act()
        except (AnsibleError, OSError) as problem:
            self._keep(LOST + json.dumps({"begun": self._begun, "why": str(problem)[-2000:]}))
            return result | {"failed": True, "msg": "lost"}
        if errors:
            self._keep(LOST + json.dumps({"begun": True, "why": errors}))
        return result | {"changed": True}

    def _act(self) -> str:
        """What the program complained of; empty when it told its result. One call carries all and begins."""
        names = ["helper.pyz", *self._task.args["artefacts"]]
        files = [(name, Path(self._find_needle("files", name)).read_bytes()) for name in names]
        head = {
            "files": [[name, len(content)] for name, content in files],
            "verb": "host-" + self._task.args["verb"], "order": self._task.args["order"],
        }  # fmt: skip
        payload = json.dumps(head).encode() + b"\n" + b"".join(content for _name, content in files)
        told = self._begin(payload)
        self._keep(told["text"])
        while told["works"]:
            told = told | self._ask(told["folder"], told["at"])
            self._keep(told["text"])
        return str(told["errors"])

    def _begin(self, payload: bytes) -> dict[str, Any]:
        """An ssh that ends with 255 before a word came back: either never there, or lost on the way; only it knows."""
        command = " ".join(shlex.quote(word) for word in (self._task.args["interpreter"], *ALONE, "-c", UNPACK))
        try:
            done = self._low_level_execute_command(command, in_data=payload)
        except AnsibleConnectionFailure as problem:
            self._begun = not never_there(str(problem))
            raise
        self._begun = True
        if done["rc"] in (126, 127):
            self._begun = False
            raise AnsibleActionFail(done["stderr"].strip() or command)
        told = _json(done)
        if "never" in told:
            self._begun = False
            raise AnsibleActionFail(str(told["never"]))
        return told

    def _ask(self, folder: str, at: int) -> dict[str, Any]:
        """What came after byte `at`; the connection may be gone for a while."""
        until = time.monotonic() + PATIENCE_SECONDS
        program = f"{folder}/helper.pyz"
        words = (self._task.args["interpreter"], *ALONE, program, "follow", folder, str(at))
        while True:
            try:
                return _json(self._low_level_execute_command(" ".join(map(shlex.quote, words))))
            except AnsibleConnectionFailure:
                if time.monotonic() > until:
                    raise
                with suppress(AnsibleConnectionFailure):
                    self._connection.reset()
                time.sleep(AGAIN_SECONDS)

    def _keep(self, text: str) -> None:
        """Add to this host's file in the attempt's folder, where a worker reads along."""
        if text:
            with self._file.open("a", encoding="utf-8", newline="\n") as lines:
                lines.write(text if text.endswith("\n") else text + "\n")


NEVER_THERE = (
    "ssh: connect to host", "Host key verification failed", "Permission denied (", "Could not resolve hostname",
    "during banner exchange", "kex_exchange_identification",
)  # fmt: skip


def never_there(said: str) -> bool:
    """Whether ssh says that it never came in, so that nothing can have begun; what else it says may be a loss."""
    return any(words in said for words in NEVER_THERE)


def _json(done: dict[str, Any]) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(done["stdout"].strip().rpartition("\n")[2])
    except ValueError:
        raise AnsibleConnectionFailure(done["stderr"].strip() or done["stdout"].strip()) from None
    return told
