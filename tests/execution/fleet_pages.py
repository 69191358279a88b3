"""The page of a run on hosts as tests read it."""

import re

from django.test import Client

from tests.cast import Cast
from weilu.execution.models import Run

LABEL = re.compile(r'<i class="grid-cell drawn (\w*)" role="img" aria-label="([^"]*)"')
ROW = re.compile(r'<tr id="host-(\d+)".*?</tr>', re.DOTALL)


def signed_in(person: object) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page_of(cast: Cast, run: Run, query: str = "") -> str:
    answer = signed_in(cast.chen).get(f"/runs/{run.uid}/{query}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def rows_of(page: str) -> dict[int, list[tuple[str, str]]]:
    """For each host on the page, its cells: the look and the words beside it."""
    return {int(row[1]): LABEL.findall(row[0]) for row in ROW.finditer(page)}
