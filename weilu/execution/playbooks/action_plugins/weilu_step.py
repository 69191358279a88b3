"""Ansible's side of a step: carries the program over, begins the step there, takes its output down line by line.

The step does not hang on the connection: when that breaks, the target is asked again for what
came after the last byte read, so no line is lost and none comes twice. Ansible loads this file
by itself; it imports nothing of Weilu.
"""

import json
import shlex
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure  # type: ignore[import-untyped]
from ansible.plugins.action import ActionBase  # type: ignore[import-untyped]

PATIENCE_SECONDS, AGAIN_SECONDS = 120, 2


class ActionModule(ActionBase):  # type: ignore[misc]
    """`weilu_step: {verb, step, order, interpreter, output}`; `lost`: where no result was told, it may have acted."""

    TRANSFERS_FILES = True  # Ansible makes a folder of its own on the target

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        shell = self._connection._shell
        program, out = (shell.join_path(shell.tmpdir, name) for name in ("helper.pyz", "output"))
        began = False
        try:
            self._transfer_file(self._find_needle("files", "helper.pyz"), program)
            self._fixup_perms2((shell.tmpdir, program))
            began = True
            told = self._call(program, "begin", out, *(self._task.args[name] for name in ("verb", "step", "order")))
            self._keep(told["text"])
            while told["works"]:
                told = self._ask(program, out, told["at"])
                self._keep(told["text"])
        except AnsibleConnectionFailure as problem:
            if not began:
                raise
            return result | {"failed": True, "lost": True, "msg": str(problem)}
        self._remove_tmp_path(shell.tmpdir)
        if told["errors"]:
            return result | {"failed": True, "msg": told["errors"]}
        return result | {"changed": True, "lost": True}

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
        """Add to the attempt's folder, where a worker reads along."""
        if text:
            with Path(self._task.args["output"]).open("a", encoding="utf-8", newline="\n") as lines:
                lines.write(text if text.endswith("\n") else text + "\n")
