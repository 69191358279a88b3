"""Every page that the demo's people can reach, timed on the server after the story has been played.

The pages are found as a reader finds them: from my work along every link. Pages of one kind (the same address
pattern) are measured at most `ALIKE` times for each person. A figure is the median of ten warm answers, through
all middleware, with production settings, and without a socket.
"""

import logging
import os
import re
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

TIMES = 10
ALIKE = 3
SLOWEST = 8
SHOWN = 24
GOAL = 100.0
LINK = re.compile(r'<a\b[^>]*?\bhref="([^"#]+)')
NO_PAGE = ("printed", "filed", "item_export", "verifier")  # files, made or read from the disk when they are asked for


def rows() -> list[dict[str, Any]]:
    """The slowest pages by name, then the slowest files; more of them are printed as they are."""
    home = Path(os.environ["WEILU_DATA_DIR"])
    story = [sys.executable, "-m", "weilu.cli.main", "story", "--out", str(home / "papers")]
    try:
        subprocess.run(story, check=True, stdout=subprocess.DEVNULL)
        pages, files = _measured()
    finally:
        _stop(home)
    for took, name, who, url in sorted(pages + files, reverse=True)[:SHOWN]:
        print(f"{took:7.1f} ms  {name:28} {who:12} {url}")
    print(f"{len(pages)} pages, median {statistics.median(took for took, *_rest in pages):.1f} ms", flush=True)
    return [_row(name, took, GOAL) for name, took in _worst(pages)[:SLOWEST]] + [
        _row(f"{name} (a file)", took, None) for name, took in _worst(files)
    ]


def _row(name: str, took: float, goal: float | None) -> dict[str, Any]:
    return {
        "name": f"page {name}, its slowest (ms)", "value": round(took, 1), "reference": None, "ratio": None,
        "goal": goal, "reached": None if goal is None else took <= goal,
    }  # fmt: skip


def _worst(found: list[tuple[float, str, str, str]]) -> list[tuple[str, float]]:
    worst: dict[str, float] = {}
    for took, name, _who, _url in found:
        worst[name] = max(took, worst.get(name, 0.0))
    return sorted(worst.items(), key=lambda pair: -pair[1])


def _stop(home: Path) -> None:
    """End the demo's application that the story left running."""
    from demo.target import ctl

    root = home / "demo" / "app-01"
    if (root / "bin" / "ctl").exists():
        ctl(root, "stop")


def _measured() -> tuple[list[Any], list[Any]]:
    """Milliseconds, kind, person and address of every page, and of every file."""
    import django

    django.setup()
    logging.disable()  # a refused link is measured like any page, and need not be told every time
    from weilu.accounts.models import Person

    found = _walk("", ("/login",))
    for person in Person.objects.order_by("id"):
        found += _walk(person, ("/",))
    return [one for one in found if one[1] not in NO_PAGE], [one for one in found if one[1] in NO_PAGE]


def _walk(person: Any, entrances: tuple[str, ...]) -> list[tuple[float, str, str, str]]:
    """What `person` reaches along links, each page measured when it is met."""
    from django.test import Client

    client = Client(SERVER_NAME="127.0.0.1")
    if person:
        client.force_login(person)
    seen, waiting, alike = set(entrances), list(entrances), Counter[str]()
    found = []
    while waiting:
        url = waiting.pop(0)
        name = _kind(url)
        if name is None or alike[name] >= ALIKE:
            continue
        alike[name] += 1
        answer = client.get(url)
        if answer.status_code not in (200, 403):
            continue
        if answer.status_code == 403:
            name = "refusal"
        found.append((_median(client, url), name, str(getattr(person, "name", "")), url))
        for link in LINK.findall(_text(answer)):
            target = urljoin(url, link.replace("&amp;", "&"))
            if target not in seen and not urlsplit(target).netloc:
                seen.add(target)
                waiting.append(target)
    return found


def _kind(url: str) -> str | None:
    """The name of the address pattern, with the list it shows; None for what is no page of ours."""
    from django.urls import Resolver404, resolve

    parts = urlsplit(url)
    try:
        match = resolve(parts.path)
    except Resolver404:
        return None
    if match.url_name == "logout" or match.namespace == "api":
        return None
    tab = re.search(r"tab=(\w+)", parts.query)
    return f"{match.url_name or parts.path}{' ' + tab[1] if tab else ''}"


def _median(client: Any, url: str) -> float:
    return statistics.median(_timed(lambda: _text(client.get(url))) for _turn in range(TIMES))


def _text(answer: Any) -> str:
    """The whole body, also of an answer that streams."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(body.decode("utf-8")) if answer["Content-Type"].startswith("text/html") else ""


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000
