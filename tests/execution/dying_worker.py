"""A worker that kills itself with SIGKILL at one place: `dying_worker.py PLACE STEP`.

before-launch: the intent is committed, nothing was started. after-launch: Ansible runs on alone.
before-settle: the effect and its artifacts are there, the result is not committed. with-everything:
the target has begun; Ansible and all below it die too.
"""

import os
import signal
import sys
import time
from pathlib import Path

import django

django.setup()

from weilu.execution import ansible, journal, worker  # noqa: E402
from weilu.execution.checks import REGISTER  # noqa: E402

PLACE, STEP = sys.argv[1:3]
REGISTER["trial"] = lambda item, subject: None
launch, settle = worker._launch, journal.settle


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
        ansible.stop(worker.attempt_folder(run, step))
        die()


def settling(run, step, **how):
    if step.key == STEP and PLACE == "before-settle":
        die()
    settle(run, step, **how)


worker._launch, journal.settle = launching, settling
mortal = worker.Worker()
until = time.monotonic() + 60
while time.monotonic() < until:
    if not mortal.work_once():
        time.sleep(0.05)
