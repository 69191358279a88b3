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


class ActionModule(ActionBase):  # type: ignore[misc]
    """`weilu_host: {verb, order, artefacts, interpreter, output}`; what a host says goes to `output/<its ordinal>`."""

    TRANSFERS_FILES = True  # Ansible makes a folder of its own on the host

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        self._file = Path(self._task.args["output"]) / str((task_vars or {})["inventory_hostname"])
        self._begun = False
        result: dict[str, Any] = {}
        try:
            result = super().run(tmp, task_vars)  # makes the folder on the host: the first word over the connection
            errors = self._act()
        except (AnsibleError, OSError) as problem:
            self._keep(LOST + json.dumps({"begun": self._begun, "why": str(problem)[-2000:]}))
            return result | {"failed": True, "msg": "lost"}
        if errors:
            self._keep(LOST + json.dumps({"begun": True, "why": errors}))
        return result | {"changed": True}

    def _act(self) -> str:
        """What the program complained of; empty when it told its result."""
        shell = self._connection._shell
        program, out = (shell.join_path(shell.tmpdir, name) for name in ("helper.pyz", "output"))
        self._transfer_file(self._find_needle("files", "helper.pyz"), program)
        for name in self._task.args["artefacts"]:
            self._transfer_file(self._find_needle("files", name), shell.join_path(shell.tmpdir, name))
        self._fixup_perms2((shell.tmpdir, program))
        self._begun = True
        words = ("host-" + self._task.args["verb"], shell.tmpdir, self._task.args["order"])
        told = self._call(program, "begin", out, *words)
        self._keep(told["text"])
        while told["works"]:
            told = self._ask(program, out, told["at"])
            self._keep(told["text"])
        self._remove_tmp_path(shell.tmpdir)
        return str(told["errors"])

    def _ask(self, program: str, out: str, at: int) -> dict[str, Any]:
        """What came after byte `at`; the connection may be gone for a while."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._call(program, "read", out, str(at))
            except AnsibleConnectionFailure:
                if time.monotonic() > until:
                    raise
                with suppress(AnsibleConnectionFailure):
                    self._connection.reset()
                time.sleep(AGAIN_SECONDS)

    def _call(self, *words: str) -> dict[str, Any]:
        command = " ".join(shlex.quote(word) for word in (self._task.args["interpreter"], *words))
        done = self._low_level_execute_command(command)
        if done["rc"] in (126, 127):
            raise AnsibleActionFail(done["stderr"].strip() or command)
        try:
            told: dict[str, Any] = json.loads(done["stdout"].strip().rpartition("\n")[2])
        except ValueError:
            raise AnsibleConnectionFailure(done["stderr"].strip() or done["stdout"].strip()) from None
        return told

    def _keep(self, text: str) -> None:
        """Add to this host's file in the attempt's folder, where a worker reads along."""
        if text:
            with self._file.open("a", encoding="utf-8", newline="\n") as lines:
                lines.write(text if text.endswith("\n") else text + "\n")
