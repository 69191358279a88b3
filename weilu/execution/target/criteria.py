"""Acceptance criteria over HTTP: a page is asked for and its body compared with what was approved."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

SECONDS = 5
LONGEST = 1_000_000


def met(expect: Any, body: str) -> bool:
    """A text is looked for in the body; a JSON value has to equal the body read as JSON."""
    if isinstance(expect, str):
        return expect in body
    try:
        return bool(json.loads(body) == expect)
    except ValueError:
        return False


def fetch(base: str, path: str) -> tuple[int, str]:
    """Ask `base` for `path`, without redirects or proxies; (0, reason) when nobody answers."""
    parts = urlsplit(base)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Host": parts.netloc})
        answer = connection.getresponse()
        return answer.status, answer.read(LONGEST).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as problem:
        return 0, f"没有回应：{type(problem).__name__}"
    finally:
        connection.close()


def check_all(base: str, criteria: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each criterion with `met` and the beginning of what was answered."""
    results = []
    for one in criteria:
        status, body = fetch(base, one["path"])
        good = status == 200 and met(one["expect"], body)
        results.append({"title": one["title"], "path": one["path"], "status": status, "met": good, "got": body[:300]})
    return results
