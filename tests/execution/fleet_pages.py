"""The page of a run on hosts as tests read it."""

import re

from django.test import Client

from tests.cast import Cast
from weilu.execution.models import Run

LABEL = re.compile(r'<i class="grid-cell drawn (\w*)" role="img" aria-label="([^"]*)"')
END = re.compile(r'<td class="end (\w*)">([^<]*)</td></tr>')
BAR = re.compile(r'<rect class="(?:done|failed|asks|going)"[^>]*? width="(\d+)"')
TAG = re.compile(r'<span class="tag (\w+)"><svg.*?</svg>([^<]+)</span>', re.DOTALL)
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


def ends_of(page: str) -> list[tuple[str, str]]:
    """The look and the words at the end of each host's row."""
    return END.findall(page)


def bars_of(page: str) -> list[tuple[str, ...]]:
    """For each batch the shares of its bar, in 100: passed, failed, to be judged, going."""
    bars = page.partition('id="grid-bars"')[2].partition('class="box grid-box"')[0]
    return [tuple(BAR.findall(one)) for one in bars.split("</li>")[:-1]]


def tags_of(part: str) -> list[tuple[str, str]]:
    """The tags of this part of a page that have a sign beside their word."""
    return TAG.findall(part)
