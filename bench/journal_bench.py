"""The journal of a step of a run against two bare durable commits, on both databases.

A step costs the journal its intent (one transaction) and its result with evidence and log (one
transaction); the reference is two inserts of one row of 200 characters, each committed durably, by SQL
over the same connection. (Not an update that changes nothing: SQLite writes no page for it, and commits
without touching the disk.) Both alternate in one process; the ratio is throughput, so 1.0 would be as
fast as the bare commits.
"""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bench.databases import on_both, write_rows

PAIRS = 200
GOAL = 0.8
SPARE = "spare"  # a step that stays waiting, so that the run is never concluded


def rows() -> list[dict[str, Any]]:
    """Both databases, one after the other."""
    return on_both("bench.journal_bench")


def measure(title: str) -> list[dict[str, Any]]:
    """The row of the database the settings name."""
    import django
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id bigint PRIMARY KEY, words text NOT NULL)")
    run = _run()
    steps = list(run.steps.exclude(title=SPARE))
    bare, journal = [], []
    for pair in range(PAIRS):
        journal.append(_timed(_journal, run, steps[pair % len(steps)]))
        bare.append(_timed(_bare, pair))
    mine, reference = (statistics.median(took[20:]) * 1000 for took in (journal, bare))
    ratio = reference / mine
    row = {
        "name": f"journal of a step, {title}", "value": f"{mine:.2f} ms",
        "reference": f"two bare commits {reference:.2f} ms",
        "ratio": f"{ratio:.2f} ×", "goal": f"≥ {GOAL} ×", "reached": ratio >= GOAL,
    }  # fmt: skip
    return [row]


def _timed(act: Callable[..., object], *given: Any) -> float:
    begun = time.perf_counter()
    act(*given)
    return time.perf_counter() - begun


def _bare(pair: int) -> None:
    """Two transactions of one row each."""
    from django.db import connection, transaction

    for number in (2 * pair, 2 * pair + 1):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("INSERT INTO bench_row (id, words) VALUES (%s, %s)", [number, "x" * 200])


def _journal(run: Any, step: Any) -> None:
    """Intent and result of one step; another one stays waiting, so that the run goes on."""
    from weilu.execution import journal

    journal.begin(run, step)
    journal.settle(run, step, ok=True, words="已安装", result={"release": "1.1.0"})


def _run() -> Any:
    from django.db import transaction

    from tests.cast import make_cast, make_change, make_installation
    from weilu.execution.actions import order_run
    from weilu.execution.models import Run, RunStep
    from weilu.kernel.times import iso, now

    cast = make_cast()
    installation = make_installation(cast)
    item = make_change(cast, installation).item
    orders = {
        "version": "1.1.0", "wheel": "jzdesk-1.1.0-py3-none-any.whl", "sha256": "a" * 64,
        "window_from": iso(now()), "window_to": iso(now() + timedelta(hours=1)),
        "criteria": [{"title": "版本", "path": "/healthz", "expect": "1.1.0"}], "way_back": "恢复备份",
    }  # fmt: skip
    with transaction.atomic():
        run = order_run(cast.chen, item, installation, orders, "5" * 64)
    RunStep.objects.create(run=run, key="open_writes", title=SPARE, ordinal=99)
    Run.objects.filter(id=run.id).update(fence=1)
    found = Run.objects.select_related("item__owner", "owner").get(id=run.id)
    found.steps.filter(key__in=("check_source", "prove_backup", "rehearse", "wait_window", "accept")).delete()
    return found


if __name__ == "__main__":
    write_rows(measure)
