"""Lists, search, one item, creating and the dashboard at 100,000 items, beside django-helpdesk; then at 1,000,000.

Both run on SQLite with the same settings under the same web server (two processes of four threads), and are asked in
turn through a socket. django-helpdesk shows a list as a page and a request for its rows: both count.
`BENCH_ITEMS` and `BENCH_MANY` change the sizes; `BENCH_KEPT` names a folder of installations
already filled (10000, 1000000), which are used as they are.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.sites import Site, beside, median

Timed = Callable[[int], float]
HERE = Path(__file__).parent
TIMES = 60
WORDS = ("升级", "待遇", "年终", "汛期", "脱敏", "归档", "审计", "滞纳")
PASSWORD = "weilu-demo-2026"
THEIR_PASSWORD = "measuring-only-1"


def rows() -> list[dict[str, Any]]:
    """The table: beside django-helpdesk, growth, memory."""
    home = Path(os.environ["WEILU_DATA_DIR"])
    count = int(os.environ.get("BENCH_ITEMS") or 100_000)
    many = int(os.environ.get("BENCH_MANY") or 1_000_000)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("WEILU_DATA", "DJANGO_"))}
    seeded(home / "ours", count, env)
    reference = helpdesk(home, count)
    with weilu(home / "ours", env) as ours, reference as theirs:
        sign_in(ours, theirs)
        found = compared(ours, theirs, home / "ours", count)
        found.append(row("memory of two web processes after load (MB)", ours.memory(), theirs.memory(), 200, "most"))
    return found + grown(home, env, 10_000, many)


def seeded(place: Path, count: int, env: dict[str, str]) -> Path:
    """An installation with `count` made-up items."""
    subprocess.run(
        [sys.executable, "-m", "weilu.cli.main", "seed", "--items", str(count)],
        env=env | {"WEILU_DATA_DIR": str(place)}, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return place


def weilu(place: Path, env: dict[str, str]) -> Site:
    """Its web server, as `weilu serve` starts it."""
    command = [sys.executable, "-m", "weilu.cli.main", "serve", "--no-worker"]
    return Site(lambda _port: command, env | {"WEILU_DATA_DIR": str(place)}, place)


def helpdesk(home: Path, count: int) -> Site:
    """django-helpdesk with as many tickets of the same titles."""
    place = home / "helpdesk"
    place.mkdir()
    venv.create(place / "venv", with_pip=True)
    python = place / "venv" / "bin" / "python"
    asked = ["-m", "pip", "install", "--quiet", "-r", str(HERE / "helpdesk" / "requirements.txt")]
    subprocess.run([python, *asked], check=True)
    (place / "site_of_helpdesk.py").write_text((HERE / "helpdesk" / "site.py").read_text("utf-8"), "utf-8")
    (place / "urls_of_helpdesk.py").write_text("from site_of_helpdesk import addresses\nurlpatterns = addresses()\n")
    (place / "wsgi_of_helpdesk.py").write_text(
        "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'site_of_helpdesk'\n"
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    titles = place / "titles.txt"
    titles.write_text("\n".join(_titles(count)), "utf-8")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("WEILU_", "DJANGO_", "PYTHON"))}
    env |= {"HELPDESK_HOME": str(place), "PYTHONPATH": str(place)}
    subprocess.run([python, place / "site_of_helpdesk.py", str(count), titles], env=env, check=True)
    serve = [
        str(python), "-m", "granian", "wsgi_of_helpdesk:application", "--interface", "wsgi", "--host", "127.0.0.1",
        "--workers", "2", "--blocking-threads", "4", "--backlog", "256", "--no-ws", "--log-level", "warning",
    ]  # fmt: skip
    return Site(lambda port: [*serve, "--port", str(port)], env, place)


def _titles(count: int) -> list[str]:
    from random import Random

    from weilu.cli import seed_words as words

    random = Random(7)
    found = []
    for _place in range(count):
        title, said = words.title(random, random.choice(words.SYSTEMS)[1])
        found.append(f"{title}\t{random.choice(words.NEEDS).format(**said)}")
    return found


def sign_in(ours: Site, theirs: Site | None = None) -> None:
    """赵立新, for whom most waits; and the reference's first user."""
    status, _text, _to = ours.post("/login", "/login", {"username": "zhaolixin", "password": PASSWORD})
    assert status == 302, status
    if theirs:
        form = {"username": "user0", "password": THEIR_PASSWORD, "next": "/helpdesk/dashboard/"}
        status, _text, _to = theirs.post("/helpdesk/login/", "/helpdesk/login/", form)
        assert status == 302, status


def compared(ours: Site, theirs: Site, place: Path, count: int) -> list[dict[str, Any]]:
    """Each page beside the one that does the same there."""
    uids = _items(place)

    def their_list(words: str = "") -> float:
        kept = {"filtering": {"status__in": [1, 2]} if not words else {}, "filtering_null": {}, "sorting": "created"}
        query = base64.b64encode(json.dumps(kept | {"sortreverse": False, "search_string": words}).encode()).decode()
        page = "/helpdesk/tickets/" + (f"?q={words}" if words else "")
        asked = "draw=1&start=0&length=50&order[0][column]=5&order[0][dir]=desc&search[value]="
        return theirs.took(page) + theirs.took(f"/helpdesk/datatables_ticket_list/{query}?{asked}")

    at = f"at {count:,}"

    def word(turn: int) -> str:
        return WORDS[turn % len(WORDS)]

    pairs: list[tuple[str, Timed, Timed, float]] = [
        (f"list of open items {at} (ms)", lambda _n: ours.took("/items/?state=open"), lambda _n: their_list(), 0.35),
        (f"list: my work {at} (ms)", lambda _n: ours.took("/"), lambda _n: their_list(), 0.35),
        (
            f"search for two characters {at} (ms)",
            lambda n: ours.took(f"/search?q={word(n)}"), lambda n: their_list(word(n)), 0.06,
        ),
        (
            f"one item {at} (ms)",
            lambda n: ours.took(f"/changes/{uids[n % len(uids)]}/"),
            lambda n: theirs.took(f"/helpdesk/tickets/{1 + (count - n * 7) % count}/"),
            0.7,
        ),
        (f"create, ours with evidence, {at} (ms)", lambda n: _create(ours, n), lambda n: _create_there(theirs, n), 1.0),
        (
            f"dashboard {at} (ms)",
            lambda _n: ours.took("/overview"), lambda _n: theirs.took("/helpdesk/dashboard/"), 0.1,
        ),
    ]  # fmt: skip
    found = []
    for name, one, other, goal in pairs:
        value, reference = beside(one, other, TIMES // 3 if "search" in name or "dashboard" in name else TIMES)
        entry = row(name, value, reference, goal, "ratio")
        if "list" in name:
            entry["reached"] = entry["reached"] or value <= 26
        found.append(entry)
        print(f"{name}: {value:.1f} beside {reference:.1f}", flush=True)
    return found


def _items(place: Path) -> list[str]:
    import sqlite3
    from uuid import UUID

    with sqlite3.connect(place / "weilu.sqlite3") as link:
        asked = "SELECT uid FROM process_workitem WHERE state = 'open' AND owner_id = 1 ORDER BY id DESC LIMIT 100"
        return [str(UUID(row[0])) for row in link.execute(asked)]


def _create(site: Site, turn: int) -> float:
    page = site.ask("GET", "/changes/new")[1]
    token, installation = page.split('csrfmiddlewaretoken" value="')[1].split('"')[0], _choice(page)
    form = {"csrfmiddlewaretoken": token, "installation": installation, "title": f"测量 {turn}", "need": "测量。"}
    start = time.perf_counter()
    status, _text, _to = site.ask("POST", "/changes/new", form)
    spent = (time.perf_counter() - start) * 1000
    assert status == 302, status
    return spent


def _choice(page: str) -> str:
    import re

    found = re.search(r'name="installation"[^>]*?value="([0-9a-f-]{36})"|<option value="([0-9a-f-]{36})"', page)
    assert found, page
    return found[1] or found[2]


def _create_there(site: Site, turn: int) -> float:
    from bench.sites import TOKEN

    token = TOKEN.search(site.ask("GET", "/helpdesk/tickets/submit/")[1])
    assert token
    form = {"csrfmiddlewaretoken": token[1], "queue": "1", "title": f"测量 {turn}", "body": "测量。", "priority": "3"}
    start = time.perf_counter()
    status, text, _to = site.ask("POST", "/helpdesk/tickets/submit/", form)
    spent = (time.perf_counter() - start) * 1000
    assert status == 302, text[:3000]
    return spent


def grown(home: Path, env: dict[str, str], few: int, many: int) -> list[dict[str, Any]]:
    """How much longer the same pages take with a hundred times the items."""
    kept = os.environ.get("BENCH_KEPT")
    found: dict[str, list[float]] = {"list": [], "search": []}
    for count in (few, many):
        place = Path(kept) / str(count) if kept else seeded(home / str(count), count, env)
        with weilu(place, env) as site:
            sign_in(site)
            found["list"].append(median(lambda _n: site.took("/items/?state=open"), TIMES))
            found["search"].append(median(lambda n: site.took(f"/search?q={WORDS[n % 8]}"), TIMES))
    return [
        row(f"{name} at {many:,} beside {few:,} (ms)", found[name][1], found[name][0], goal, "ratio")
        for name, goal in (("list", 1.5), ("search", 3.0))
    ]


def row(name: str, value: float, reference: float, goal: float, kind: str) -> dict[str, Any]:
    ratio = value / reference
    return {
        "name": name, "value": round(value, 1), "reference": round(reference, 1), "ratio": round(ratio, 3),
        "goal": goal, "reached": (ratio if kind == "ratio" else value) <= goal,
    }  # fmt: skip
