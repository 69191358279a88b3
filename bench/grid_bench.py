"""The live page of a run on 1,000 hosts by 10 steps, with 100 lines from each host, on both databases.

Half the hosts are through, 300 of them at work, 10 failed; two more runs of the same size lie beside it. The
statements of the page, and of a poll that finds something new, are captured and run again as they are, their rows
fetched; then the whole answers are timed, through all middleware, without a socket. The browser's part is 50 hosts by
20 steps: how long its only thread is held by one poll that changes all 50 rows.
"""

import os
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bench.databases import on_both, write_rows

HOSTS, STEPS, LINES, READS = 1000, 10, 100, 60
GOAL_SQL, GOAL_PAGE = 20.0, 100.0
Said = list[tuple[str, Any]]


def rows() -> list[dict[str, Any]]:
    """Both databases, one after the other; then the browser, where there is one."""
    return on_both("bench.grid_bench")


def measure(name: str) -> list[dict[str, Any]]:
    """The rows of the database the settings name."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from weilu.demo import make_cast

    call_command("migrate", verbosity=0)
    call_command("collectstatic", "--noinput", verbosity=0)
    cast = make_cast()
    run = [seed(cast) for _turn in range(3)][1]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    client = Client(SERVER_NAME="localhost")
    client.force_login(cast.chen)
    page, poll = f"/runs/{run.uid}/", f"/runs/{run.uid}/grid?after=1"
    found = []
    for words, path in (("page", page), ("poll with news", poll)):
        said = _said(client, path)
        in_sql = statistics.median(_timed(lambda: _run(said)) for _turn in range(READS))  # noqa: B023
        whole = statistics.median(_timed(lambda: client.get(path)) for _turn in range(READS // 3))  # noqa: B023
        label = f"{words} of a run on {HOSTS:,} hosts × {STEPS} steps"
        found += [
            _row(f"{label}, {len(said)} statements, {name} (ms)", in_sql, GOAL_SQL),
            _row(f"{label}, the whole answer, {name} (ms)", whole, GOAL_PAGE),
        ]
    quiet = statistics.median(_timed(lambda: client.get(f"{page}grid?after={run.lines}")) for _turn in range(READS))
    found.append(_row(f"poll without news, the whole answer, {name} (ms)", quiet, None))
    return found + (_smooth(cast) if name == "SQLite" else [])


def seed(cast: Any) -> Any:
    """A run on hosts in four batches, in the middle of the third."""
    from tests.execution.fleet_rows import make_fleet, make_steps, settle, settle_all
    from weilu.execution.models import RunEvent
    from weilu.kernel.times import now

    titles = tuple(f"第 {n} 步" for n in range(1, STEPS + 1))
    sizes = (10, 490, 300, 200)
    run = make_fleet(cast, sizes, make_steps(titles), state="running", started_at=now() - timedelta(minutes=40))
    for batch in (1, 2):
        settle_all(run, batch)
    settle_all(run, 3, until="s5")
    settle(run, 3, "s6", {n: "failed" if n <= 510 else "started" for n in range(501, 801)})
    run.hosts.filter(batch=3).update(state="running", changed=True)
    run.hosts.filter(ordinal__range=(501, 510)).update(state="failed", words="健康检查没有通过：503")
    texts = ["GET http://127.0.0.1:8080/healthz 200 ok", "Setting up openssl (3.0.17-1) ...", "第 2 次探测通过"]
    RunEvent.objects.bulk_create(
        (
            RunEvent(run=run, seq=line * HOSTS + host, host=host, kind="line", text=texts[line % 3], step="s6")
            for line in range(LINES)
            for host in range(1, HOSTS + 1)
        ),
        batch_size=2000,
    )
    run.lines = HOSTS * LINES
    run.save(update_fields=["lines"])
    return run


def _smooth(cast: Any) -> list[dict[str, Any]]:
    """50 hosts × 20 steps in Chromium: each second every host ends a step and begins the next."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the browser's driver runs a loop in this thread
    from django.db import connections
    from django.test import Client
    from django.test.testcases import LiveServerThread
    from playwright.sync_api import sync_playwright

    from tests.execution.fleet_rows import make_fleet, make_steps, say, settle
    from tests.support.browser import FLAGS
    from weilu.kernel.times import now

    program = shutil.which("chromium") or os.environ.get("WEILU_TEST_CHROMIUM")
    if not program:
        print("Chromium is left out: there is none", file=sys.stderr)
        return []
    run = make_fleet(cast, (50,), make_steps(tuple(f"第 {n} 步" for n in range(1, 21))), state="running")
    run.hosts.update(state="running")
    client = Client(SERVER_NAME="localhost")
    client.force_login(cast.chen)
    server = LiveServerThread("127.0.0.1", lambda handler: handler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    address = f"http://127.0.0.1:{server.port}"
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=program, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
        page = context.new_page()
        page.goto(f"{address}/runs/{run.uid}/")
        page.evaluate(WATCH)
        for step in range(1, 20):
            if step > 1:
                run.steps.get(key=f"s{step - 1}").cells.update(state="done", ended_at=now())
            settle(run, 1, f"s{step}", "started")
            say(run, None, f"第 {step} 步")
            page.wait_for_timeout(1100)
        longest, gap, rows = page.evaluate(
            "[watch.longest, watch.gap, document.querySelectorAll('[data-host]').length]"
        )
        browser.close()
    server.terminate()
    connections.close_all()
    assert rows == 50
    return [
        _row(
            "50 hosts × 20 steps in Chromium, longest task of its thread in 19 polls (ms, 0: below 50)", longest, 50.0
        ),
        _row("the same, longest time between two frames (ms)", gap, 100.0),
    ]


WATCH = """() => {
  window.watch = {longest: 0, gap: 0};
  new PerformanceObserver((told) => told.getEntries().forEach((one) => {
    watch.longest = Math.max(watch.longest, one.duration);
  })).observe({type: "longtask"});
  let last = performance.now();
  const frame = (at) => { watch.gap = Math.max(watch.gap, at - last); last = at; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
}"""


def _said(client: Any, path: str) -> Said:
    """The statements of this answer that read."""
    from django.db import connection

    said: Said = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT"):
            said.append((sql, params))
        return execute(sql, params, many, context)

    client.get(path)
    with connection.execute_wrapper(note):
        assert client.get(path).status_code == 200
    for sql, params in said if os.environ.get("BENCH_SHOWN") else ():
        print(f"{_timed(lambda: _run([(sql, params)])):7.2f} ms  {sql[:300]}", flush=True)  # noqa: B023
    return said


def _run(said: Said) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for sql, params in said:
            cursor.execute(sql, params)
            cursor.fetchall()


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def _row(name: str, value: float, goal: float | None) -> dict[str, Any]:
    return {
        "name": name, "value": round(value, 1), "reference": None, "ratio": None, "goal": goal,
        "reached": None if goal is None else value <= goal,
    }  # fmt: skip


if __name__ == "__main__":
    write_rows(measure)
