"""The live page in a browser: what changes moves, and nothing else; what somebody looks at or types stays."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client

from tests.cast import cast_again
from tests.execution.fleet_rows import make_middle, say
from weilu.execution.models import Run
from weilu.kernel.times import now

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KEEP = "document.querySelectorAll('tr[data-host]').forEach((row) => (row.kept = true)); window.kept = true"
KEPT = "[window.kept, [...document.querySelectorAll('tr[data-host]')].filter((row) => row.kept).length]"
SIGNS = "[...document.querySelectorAll('#host-%d .grid-cell')].map((cell) => cell.classList[2] || '')"


@pytest.fixture
def aside():
    """Runs what touches the database in a thread of its own: the browser's driver runs a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        yield lambda act, *given: thread.submit(act, *given).result()
        thread.submit(connections.close_all).result()


@pytest.fixture
def shown(live_server, chromium_page, aside):
    """The page of the run in the picture, as 陈 sees it, and the run."""

    def build():
        cast, client = cast_again(), Client()
        client.force_login(cast.chen)
        return make_middle(cast), client.cookies["sessionid"].value

    run, session = aside(build)
    chromium_page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    chromium_page.goto(f"{live_server.url}/runs/{run.uid}/")
    return chromium_page, run


def end_check(run):
    run.steps.get(batch=2, key="s7").cells.filter(host__ordinal=3).update(state="done", ended_at=now())


def end(run):
    Run.objects.filter(id=run.id).update(state="failed", ended_at=now(), cause="停止规则")


def test_only_what_changed_moves_and_a_reader_is_not_disturbed(shown, aside):
    page, run = shown
    aside(say, run, 4, *(f"第 {n} 行" for n in range(80)))
    page.get_by_text("第 79 行").wait_for()
    page.evaluate(KEEP)
    page.evaluate("document.getElementById('grid-log').scrollTop = 40")

    aside(end_check, run)
    aside(say, run, 4, "最后一行")
    page.get_by_text("最后一行").wait_for(state="attached")
    page.wait_for_function(f"({SIGNS % 3})[6] === 'passed'")

    assert page.evaluate(KEPT) == [True, 12]
    assert page.evaluate("document.getElementById('grid-log').scrollTop") == 40
    assert page.evaluate(SIGNS % 3) == ["passed"] * 7 + [""]
    assert page.get_by_text("第 79 行").count() == 1


def test_what_somebody_types_stays_when_another_host_comes_to_be_stuck(shown, aside):
    page, run = shown
    aside(lambda: run.hosts.filter(ordinal__in=(1, 2)).update(state="stuck", words="要人处理"))
    page.reload()
    page.get_by_text("2 台未能回退").wait_for()
    page.locator("summary", has_text="已人工恢复").first.click()
    words = page.locator("#words-1")
    words.fill("按手册重新安装")
    words.evaluate("field => field.setSelectionRange(2, 2)")

    aside(lambda: run.hosts.filter(ordinal=3).update(state="stuck", words="也要人处理"))
    aside(say, run, 4, "又一行")
    page.get_by_text("3 台未能回退").wait_for()
    assert (words.input_value(), words.is_visible()) == ("按手册重新安装", True)
    page.keyboard.type("了")
    assert words.input_value() == "按手了册重新安装"


def test_a_question_that_is_open_stays_open_and_says_what_is_so_now(shown, aside):
    page, run = shown
    page.locator("summary", has_text="取消").click()
    before = page.locator("details[open] .fine").inner_text()
    aside(lambda: run.hosts.filter(ordinal=3).update(state="done"))
    aside(say, run, 4, "又一行")
    page.get_by_text("又一行").wait_for(state="attached")
    page.wait_for_function("words => document.querySelector('details[open] .fine').innerText !== words", arg=before)
    assert page.locator("details[open] .fine").count() == 1


def test_the_log_follows_its_end_while_nobody_reads_further_up(shown, aside):
    page, run = shown
    aside(say, run, 4, *(f"第 {n} 行" for n in range(80)))
    page.get_by_text("第 79 行").wait_for()
    rest = "(box => box.scrollHeight - box.scrollTop - box.clientHeight)(document.getElementById('grid-log'))"
    page.wait_for_function(f"{rest} < 2")
    assert page.evaluate(rest) < 2


def test_another_host_opens_beside_the_grid_and_is_there_after_a_reload(shown, aside):
    page, run = shown
    page.evaluate(KEEP)
    page.click("#host-3 td.end")
    page.locator("#grid-host h2", has_text="wb-app-03").wait_for()

    assert page.evaluate(KEPT) == [True, 12]
    assert page.url.endswith(f"/runs/{run.uid}/?host=3")
    assert page.evaluate("[...document.querySelectorAll('tr.on')].map((row) => row.id)") == ["host-3"]
    aside(say, run, 3, "第 3/3 次探测")
    page.locator("#grid-log p", has_text="第 3/3 次探测").wait_for()

    page.reload()
    assert page.locator("#grid-host h2").inner_text() == "wb-app-03"


def test_the_end_of_the_run_ends_the_asking(shown, aside):
    page, run = shown
    aside(end, run)
    page.get_by_text("未执行完").wait_for()
    assert page.locator("#grid-poll[hx-get]").count() == 0
    assert page.locator("#grid-host h2").inner_text() == "wb-app-04"


def test_the_way_back_in_the_browser_leads_to_the_host_before(shown, aside):
    page, run = shown
    page.click("#host-3 td.end")
    page.locator("#grid-host h2", has_text="wb-app-03").wait_for()
    page.go_back()
    page.locator("#grid-host h2", has_text="wb-app-04").wait_for()
    aside(say, run, 4, "又一行")
    page.locator("#grid-log p", has_text="又一行").wait_for()
    assert page.locator("#grid-log p", has_text="又一行").count() == 1
    page.click("#host-2 td.end")
    page.locator("#grid-host h2", has_text="wb-app-02").wait_for()
