"""What of a run on hosts waits, since when, and in which look; what a rehearsal's page leaves out."""

import re
from datetime import timedelta

import pytest

from tests.cast import Cast
from tests.execution.fleet_pages import bars_of, ends_of, page_of, tags_of
from tests.execution.fleet_rows import make_asking, make_fleet, make_middle, make_stuck, make_waiting
from weilu.execution.clocks import clock
from weilu.execution.models import Cell, Run
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db


def test_who_waits_is_said_with_since_when_and_in_the_colour_of_what_needs_a_person(cast: Cast) -> None:
    run = make_asking(cast)
    at = now() - timedelta(minutes=30)
    Cell.objects.filter(step__run=run, state="asks").update(ended_at=at)
    page = page_of(cast, run)
    assert ends_of(page) == [("act", ""), ("watch", said := f"待判断，{clock(at)} 起"), ("watch", said)]
    assert bars_of(page) == [("66", "0", "33", "0")]
    assert f"今天 {clock(at)}</time> 起" in page.partition('id="grid-waiting"')[2].partition('id="grid-top"')[0]


@pytest.mark.parametrize(("kind", "word"), [("manual", "等人做"), ("signature", "等签名")])
def test_hosts_that_wait_for_peoples_work_say_since_when(cast: Cast, kind: str, word: str) -> None:
    run = make_waiting(cast, kind)
    at = now() - timedelta(minutes=30)
    run.steps.filter(key="s2").update(started_at=at)
    page = page_of(cast, run)
    assert ends_of(page) == [("watch", f"{word}，{clock(at)} 起")] * 2
    assert f"今天 {clock(at)}</time> 起" in page.partition('id="grid-waiting"')[2].partition('id="grid-top"')[0]


def test_a_run_that_waits_for_a_worker_says_since_when(cast: Cast) -> None:
    run = make_fleet(cast)
    assert f"在等工作机，{clock(run.ordered_at)} 起" in page_of(cast, run)


def test_a_rehearsal_has_no_last_moment_to_decide_on_going_back(cast: Cast) -> None:
    run = make_fleet(cast, (2,), state="running", purpose="rehearse")
    Run.objects.filter(id=run.id).update(started_at=now())
    assert "决定回退" not in page_of(cast, run)
    assert "决定回退" in page_of(cast, make_middle(cast))


def test_every_state_of_a_batch_is_a_sign_beside_its_word(cast: Cast) -> None:
    heads = re.findall(r'<tr id="batch-\d+".*?</tr>', page_of(cast, make_stuck(cast)), re.DOTALL)
    assert [tags_of(head) for head in heads] == [
        [("watch", "已回退")],
        [("refused", "1 台未能回退")],
        [("idle", "没有执行")],
    ]
