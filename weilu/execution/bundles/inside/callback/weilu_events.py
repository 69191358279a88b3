"""Ansible's events as lines of JSON on standard output. Ansible loads this file by itself, in the sandbox."""

import json
import sys
from typing import Any

from ansible.plugins.callback import CallbackBase  # type: ignore[import-untyped]

DOCUMENTATION = """
name: weilu_events
type: stdout
short_description: lines of JSON
description: One line for each task of each host.
"""
LONGEST = 4000


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "weilu_events"

    def _tell(self, state: str, result: Any) -> None:
        answer = result._result
        words = "\n".join(str(answer[key]) for key in ("msg", "stderr", "stdout") if answer.get(key))
        diff = self._get_diff(answer["diff"]) if self._display and answer.get("diff") else ""
        self._line(
            host=result._host.get_name(),
            task=result._task.get_name(),
            state=state,
            words=words[:LONGEST],
            diff=diff[:LONGEST],
        )

    def _line(self, **row: Any) -> None:
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._tell("changed" if result._result.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._tell("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._tell("skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._tell("unreachable", result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        for host in sorted(stats.processed):
            self._line(host=host, task="", state="sum", counts=stats.summarize(host))
