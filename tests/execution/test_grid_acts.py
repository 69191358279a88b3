"""Acts from the page of a run on hosts: each asks once in words, and a refusal loses nothing that was typed."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from tests.cast import Cast
from tests.execution.fleet_pages import signed_in
from tests.execution.fleet_rows import (
    make_asking,
    make_fleet,
    make_middle,
    make_steps,
    make_stuck,
    make_waiting,
)
from tests.support.unchanged import every_row
from weilu.evidence.models import Staged
from weilu.execution.fleet.rules import MOST_FILES
from weilu.execution.models import Run
from weilu.kernel.times import now
from weilu.process.models import WorkItem

pytestmark = pytest.mark.django_db
FORM = re.compile(r'action="/runs/[^/]+/acts/(\w+)')
LOOKED = ("Look", "Session")


def page_of(person: object, run: Run, query: str = "") -> str:
    return str(signed_in(person).get(f"/runs/{run.uid}/{query}").content.decode())


def post(person: object, run: Run, name: str, query: str = "", **typed: object) -> HttpResponse:
    answer: HttpResponse = signed_in(person).post(f"/runs/{run.uid}/acts/{name}{query}", typed)
    return answer


def standing(run: Run) -> tuple[str, str]:
    run.refresh_from_db()
    return run.state, run.phase


def kinds() -> list[str]:
    return list(Staged.objects.order_by("id").values_list("kind", flat=True))


def refused(act: Callable[[], HttpResponse]) -> str:
    """What the page says where `act` is refused; nothing has changed then."""
    before = every_row(*LOOKED)
    answer = act()
    assert answer.status_code == 409
    assert every_row(*LOOKED) == before
    return str(answer.content.decode())


def make_paused(cast: Cast, **over: object) -> Run:
    """The run of the picture, paused by its stop rule; the failed host is as it was."""
    run = make_middle(cast)
    run.hosts.filter(ordinal=4).update(state="back", changed=True)
    run.hosts.filter(ordinal__in=(3, 5)).update(state="done")
    for key in ("s5", "s7"):
        run.steps.filter(batch=2, key=key).update(state="done", ended_at=now())
    Run.objects.filter(id=run.id).update(**({"state": "paused", "cause": "停止规则"} | over))
    run.refresh_from_db()
    return run


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda cast: make_fleet(cast, (2,), make_steps(("备份",))), ["pause", "cancel"]),
        (make_middle, ["pause", "cancel", "back"]),
        (make_paused, ["resume", "retry", "end", "cancel", "back"]),
        (make_asking, ["cancel", "back", "judge"]),
        (make_waiting, ["cancel", "back", "manual"]),
        (make_stuck, ["brought"]),
    ],
)
def test_an_engineer_is_offered_what_makes_sense_and_others_nothing(
    cast: Cast, make: Callable[[Cast], Run], names: list[str]
) -> None:
    run = make(cast)
    assert FORM.findall(page_of(cast.chen, run)) == names
    assert FORM.findall(page_of(cast.wang, run)) == []


def test_each_act_names_the_hosts_and_the_minutes_it_concerns(cast: Cast) -> None:
    run = make_middle(cast)
    told = re.findall(r'<p class="fine">([^<]+)</p>', page_of(cast.chen, run))
    assert told == [
        "第 1 批的 2 台做完这一步后停下，约 1 分；没有开始的 7 台先不开始。",
        "没有开始的 7 台不做了，做到一半的 2 台恢复原样，做完的 2 台保留。约 21 分。",
        "有一步正在进行，约 1 分。先暂停，等它做完再回退。",
    ]
    told = re.findall(r'<p class="fine">([^<]+)</p>', page_of(cast.chen, make_paused(cast)))
    assert re.sub(r"约 \d+ 分", "约 n 分", told[1]) == "只重做失败的 1 台：wb-app-16，约 n 分。其余主机不动。"
    assert told[-1].startswith("已改变的 4 台恢复原样：wb-app-13、wb-app-14、wb-app-15 等 4 台，约 ")


def test_pausing_and_going_on_return_to_the_page_as_it_stood(cast: Cast) -> None:
    run = make_middle(cast)
    answer = post(cast.chen, run, "pause", "?show=running&host=3")
    assert (answer.status_code, answer["Location"]) == (302, f"/runs/{run.uid}/?show=running&host=3")
    run.refresh_from_db()
    assert (run.paused_by, kinds()[-1]) == (cast.chen, "execution.pause_asked")

    Run.objects.filter(id=run.id).update(state="paused")
    assert post(cast.chen, run, "resume").status_code == 302
    assert (standing(run), kinds()[-1]) == (("running", "forward"), "execution.run_resumed")


def test_going_on_in_spite_of_the_rule_asks_for_a_reason(cast: Cast) -> None:
    run = make_paused(cast)
    assert 'name="why"' in page_of(cast.chen, run).partition("/acts/resume")[2].partition("</form>")[0]
    page = refused(lambda: post(cast.chen, run, "resume", why=""))
    assert "继续的理由没有填写" in page
    assert "什么都没有改变。" in page

    assert post(cast.chen, run, "resume", why="证书已补，逐台看过").status_code == 302
    assert standing(run) == ("running", "forward")


def test_going_back_asks_for_a_reason_and_keeps_what_was_typed(cast: Cast) -> None:
    run = make_middle(cast)
    page = refused(lambda: post(cast.chen, run, "back", "?host=3", why="登录<不通>"))
    assert "有一步正在进行。先暂停，等它做完再回退" in page
    assert 'data-panel="3"' in page

    run = make_paused(cast)
    page = refused(lambda: post(cast.chen, run, "back", why="字" * 301))
    assert "字" * 301 + "</textarea>" in page
    assert '<details class="ask" data-menu open>' in page
    assert post(cast.chen, run, "back", why="登录不通").status_code == 302
    assert (standing(run), run.cause) == (("running", "back"), "登录不通")


def test_retrying_takes_the_failed_hosts_only(cast: Cast) -> None:
    run = make_paused(cast)
    assert post(cast.chen, run, "retry").status_code == 302
    assert standing(run) == ("running", "forward")
    assert list(run.hosts.filter(batch=4).values_list("ordinal", "state")) == [(4, "waiting")]
    page = page_of(cast.chen, run)
    assert re.findall(r"<div><b>([^<]+)</b>", page) == ["金丝雀", "第 1 批", "第 2 批", "第 3 批"]


def test_ending_here_and_cancelling(cast: Cast) -> None:
    run = make_paused(cast)
    assert post(cast.chen, run, "end", why="余下的下周再做").status_code == 302
    assert standing(run) == ("running", "stopping")
    run = make_middle(cast)
    assert post(cast.chen, run, "cancel").status_code == 302
    run.refresh_from_db()
    assert run.cancelled_by == cast.chen
    assert "陈航要求取消" in page_of(cast.chen, run)


def test_each_host_that_asks_is_judged(cast: Cast) -> None:
    run = make_asking(cast)
    page = page_of(cast.chen, run)
    assert "2 台待判断：这一步做成了没有" in page
    assert page.count("主机重启过，没有留下结果") == 3  # two in the list, one beside the grid
    page = refused(lambda: post(cast.chen, run, "judge", **{"host-2": "done", "host-9": "done"}))
    assert "只回答等待判断的主机，至少一台" in page
    assert re.findall(r'name="(host-\d)" value="(\w+)"(?: required)? checked', page) == [("host-2", "done")]

    assert post(cast.chen, run, "judge", **{"host-2": "done"}).status_code == 302
    assert standing(run) == ("asks", "forward")  # the other host is judged later
    assert post(cast.chen, run, "judge", **{"host-3": "retry"}).status_code == 302
    assert standing(run) == ("running", "forward")
    cells = run.steps.get(key="s2").cells.order_by("host__ordinal").values_list("state", flat=True)
    assert list(cells) == ["done", "done", "started"]


def test_a_judgement_is_not_for_others_but_they_see_who_is_waited_for(cast: Cast) -> None:
    run = make_asking(cast)
    page = page_of(cast.wang, run)
    assert "在等 陈航" in page
    assert "执行由维护工程师掌握" in refused(
        lambda: post(cast.wang, run, "judge", **{"host-2": "done", "host-3": "done"})
    )


def test_work_done_by_hand_is_confirmed_with_words_and_a_file(cast: Cast) -> None:
    run = make_waiting(cast)
    page = page_of(cast.chen, run)
    assert "人工步骤「切负载」" in page
    assert "到负载均衡控制台把这批主机摘下" in page
    page = refused(lambda: post(cast.chen, run, "manual", words="已摘下两台"))
    assert "附上能看出做过的文件，例如截图或记录" in page
    assert "已摘下两台</textarea>" in page

    assert f"最多 {MOST_FILES} 个" in page
    files = [SimpleUploadedFile(f"{n}.txt", b"x") for n in range(MOST_FILES + 1)]
    page = refused(lambda: post(cast.chen, run, "manual", words="已摘下两台", files=files))
    assert f"证据文件有 {MOST_FILES + 1} 个，最多 {MOST_FILES} 个" in page
    assert "文件要重新选" in page

    given = SimpleUploadedFile("截图.txt", "已摘下".encode())
    assert post(cast.chen, run, "manual", words="已摘下两台", files=[given]).status_code == 302
    assert standing(run) == ("running", "forward")
    assert [one["name"] for one in run.steps.get(key="s2").result["files"]] == ["截图.txt"]
    assert "陈航：已摘下两台" in page_of(cast.chen, run, "?host=0")


def test_a_signature_is_given_by_whom_the_plan_names(cast: Cast) -> None:
    run = make_waiting(cast, "signature", role="department_head")
    assert "在等 李建国" in page_of(cast.chen, run)
    assert FORM.findall(page_of(cast.li, run)) == ["sign"]
    assert "这一步不由您签" in refused(lambda: post(cast.wang, run, "sign"))
    assert post(cast.li, run, "sign", words="同意").status_code == 302
    assert standing(run) == ("running", "forward")


def test_whoever_ordered_the_run_is_not_asked_to_sign_in_it(cast: Cast) -> None:
    run = make_waiting(cast, "signature", role="engineer")
    assert FORM.findall(page_of(cast.chen, run)) == ["cancel", "back"]
    assert "开始执行的人不能签这一步" in post(cast.chen, run, "sign").content.decode()


def test_a_host_brought_back_by_hand_is_no_longer_red(cast: Cast) -> None:
    run = make_stuck(cast)
    WorkItem.objects.filter(id=run.item_id).update(kind="trial")  # a change would have a plan, whose end is filed
    page = refused(lambda: post(cast.chen, run, "brought", host="3", words=""))
    assert "怎样恢复的没有填写" in page
    assert post(cast.chen, run, "brought", host="3", words="装回 3.0.15，服务正常").status_code == 302
    page = page_of(cast.chen, run)
    assert 'class="note refused stuck"' not in page
    assert (run.hosts.get(ordinal=3).state, standing(run)) == ("back", ("went_back", "back"))


def test_a_machine_that_fell_silent_can_be_declared_dead(cast: Cast) -> None:
    run = make_middle(cast)
    Run.objects.filter(id=run.id).update(holder="wk-02 71", lease_until=now() + timedelta(seconds=10))
    assert "dead" not in FORM.findall(page_of(cast.chen, run))
    Run.objects.filter(id=run.id).update(lease_until=now() - timedelta(minutes=4))
    assert FORM.findall(page_of(cast.chen, run))[0] == "dead"
    assert post(cast.chen, run, "dead").status_code == 302
    run.refresh_from_db()
    assert (run.holder, run.fence) == ("", 2)


def test_acts_are_for_runs_on_hosts_one_may_see(cast: Cast) -> None:
    run = make_middle(cast)
    assert post(cast.sun, run, "pause").status_code == 404
    assert post(cast.chen, run, "explode").status_code == 404
    assert "执行由维护工程师掌握" in refused(lambda: post(cast.wang, run, "pause"))


def test_a_run_at_rest_in_a_step_keeps_its_hosts_counted_as_at_work(cast: Cast) -> None:
    run = make_asking(cast)
    assert '进行中 <span id="grid-running">3</span>' in page_of(cast.chen, run)
