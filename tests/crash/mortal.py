"""A worker process that kills itself with SIGKILL at one boundary of the journal: `mortal.py NUMBER`.

Boundaries are counted while it works: before and after each write of the journal, before and after the keys are
opened and the call is started. NUMBER 0: it never does. It works until no run is live, also while one waits for
people, and then prints how many boundaries there were.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import django
from django.db import InterfaceError, OperationalError, close_old_connections

django.setup()

from weilu.execution import worker  # noqa: E402
from weilu.execution.checks import ORDERS, REGISTER  # noqa: E402
from weilu.execution.fleet import attempt, engine, journal, keys, start  # noqa: E402
from weilu.execution.models import LIVE, Run  # noqa: E402

LAST = int(sys.argv[1])
PLACES = [
    (journal, "begin"), (journal, "take_over"), (journal, "finish"), (journal, "passed"), (journal, "pause"),
    (journal, "ask"), (journal, "turn_back"), (keys, "opened"), (attempt, "start"), (attempt, "scrub"),
    (engine, "_end_batch"), (engine, "_end"), (start, "take_hosts"),
]  # fmt: skip
counted = 0


def boundary() -> None:
    global counted
    counted += 1
    if counted == LAST:
        os.kill(os.getpid(), signal.SIGKILL)


def bounded(act: Callable[..., Any]) -> Callable[..., Any]:
    def acting(*words: Any, **named: Any) -> Any:
        boundary()
        answer = act(*words, **named)
        boundary()
        return answer

    return acting


for module, name in PLACES:
    setattr(module, name, bounded(getattr(module, name)))
REGISTER["trial"], ORDERS["trial"] = (
    lambda item, subject: None,
    lambda item, subject: Run.objects.filter(subject=subject).latest("id").plan,
)
mortal, until = worker.Worker(), time.monotonic() + 280
while time.monotonic() < until:
    try:
        if not Run.objects.filter(state__in=LIVE).exists():
            break
        if not mortal.work_once():
            time.sleep(0.02)
    except (OperationalError, InterfaceError):  # as `work_forever` does: a database that is away comes back
        close_old_connections()
        time.sleep(0.5)
print(counted)
