"""A poll of the live page brings what has changed since, and nothing else."""

import re

import pytest

from tests.cast import Cast
from tests.execution.fleet_pages import page_of, rows_of, signed_in
from tests.execution.fleet_rows import make_middle, say
from weilu.execution.models import Run
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db


def polled(cast: Cast, run: Run, page: str) -> tuple[int, str]:
    """What the page's own poll answers, with the marks it carries."""
    poll = re.search(r'hx-get="([^"]+)"', page.partition('id="grid-poll"')[2])
    marks = re.search(r'id="grid-marks" name="marks" value="([^"]*)"', page)
    assert poll
    assert marks
    answer = signed_in(cast.chen).get(poll[1].replace("&amp;", "&") + "&marks=" + marks[1])
    return answer.status_code, answer.content.decode()


def test_polling_says_nothing_until_there_is_something_new(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run)
    assert polled(cast, run, page) == (204, "")

    say(run, 3, "第 3/3 次探测")
    status, told = polled(cast, run, page)
    assert status == 200
    assert ("beforeend:#grid-log" in told, list(rows_of(told))) == (False, [])  # another host said it
    assert polled(cast, run, told) == (204, "")


def test_polling_sends_the_lines_of_the_open_host_and_the_rows_that_changed(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run)
    say(run, 4, "转给值班", "通知 陈航", kind="plain")
    settle_again = run.steps.get(batch=2, key="s7").cells.filter(host__ordinal=3)
    settle_again.update(state="done", ended_at=now())
    status, told = polled(cast, run, page)

    assert status == 200
    assert list(rows_of(told)) == [3]
    assert re.findall(r"</time> ([^<]+)</p>", told) == ["转给值班", "通知 陈航"]
    assert 'id="grid-table"' not in told
    assert 'id="grid-acts"' not in told
    assert 'id="grid-side"' not in told


def test_polling_notices_what_is_no_line_of_the_log(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run)
    Run.objects.filter(id=run.id).update(paused_by=cast.chen)
    status, told = polled(cast, run, page)
    assert (status, "陈航要求暂停" in told) == (200, True)


def test_a_run_that_ended_is_no_longer_polled(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run)
    Run.objects.filter(id=run.id).update(state="failed", ended_at=now(), cause="停止规则")
    status, told = polled(cast, run, page)
    assert (status, "hx-get" in told, 'id="grid-side"' in told) == (200, False, True)
    assert "hx-get" not in page_of(cast, run).partition('id="grid-poll"')[2]


def test_another_filter_sends_the_whole_table(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run, "?show=running")
    say(run, None, "做完")
    run.hosts.filter(ordinal=3).update(state="done")
    status, told = polled(cast, run, page)
    assert (status, list(rows_of(told)), 'id="grid-table"' in told) == (200, [5], True)
