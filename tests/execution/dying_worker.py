"""A worker that kills itself with SIGKILL at one place: `dying_worker.py PLACE STEP`.

before-launch: the intent is committed, nothing was started. after-launch: Ansible runs on alone.
after-first-lines: some of its output stands in the log, the step goes on. before-settle: the effect and
its artifacts are there, the result is not committed. with-everything: the target has begun; it dies too,
with Ansible and all below.
"""

import os
import signal
import sys
import time
from pathlib import Path

import django

django.setup()

from tests.execution.on_target import kill_step  # noqa: E402
from weilu.execution import ansible, journal, worker  # noqa: E402
from weilu.execution.checks import REGISTER  # noqa: E402

PLACE, STEP = sys.argv[1:3]
REGISTER["trial"] = lambda item, subject: None
launch, settle, take_over_lines = worker._launch, journal.settle, journal.take_over_lines


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def launching(run, step, verb):
    if step.key == STEP and PLACE == "before-launch":
        die()
    launch(run, step, verb)
    if step.key != STEP:
        return
    if PLACE == "after-launch":
        while not (worker.attempt_folder(run, step) / "launched.json").exists():
            time.sleep(0.01)
        die()
    if PLACE == "with-everything":
        told = Path(run.installation.root) / ".weilu" / "journal.jsonl"
        while f'"run": "{run.number}", "step": "{STEP}", "state": "began"' not in told.read_text():
            time.sleep(0.002)
        kill_step(run.installation.root, STEP)
        ansible.stop(worker.attempt_folder(run, step))
        die()


def settling(run, step, **how):
    if step.key == STEP and PLACE == "before-settle":
        die()
    settle(run, step, **how)


def taking(run, step, *lines):
    take_over_lines(run, step, *lines)
    if step.key == STEP and PLACE == "after-first-lines":
        die()


worker._launch, journal.settle, journal.take_over_lines = launching, settling, taking
mortal = worker.Worker()
until = time.monotonic() + 60
while time.monotonic() < until:
    if not mortal.work_once():
        time.sleep(0.05)
