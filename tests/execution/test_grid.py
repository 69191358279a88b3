"""The live page of a run on hosts: what each cell says, what a reload keeps, and how much it asks the database."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.execution.fleet_pages import page_of, rows_of, signed_in
from tests.execution.fleet_rows import (
    make_fleet,
    make_journal,
    make_middle,
    make_rehearsal,
    make_steps,
    make_waiting,
    say,
    settle,
    settle_all,
)
from tests.execution.test_pages import make_run
from weilu.evidence.reach import blank
from weilu.execution.grid import reading
from weilu.execution.masking import known_secrets
from weilu.execution.models import Run
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db


def one_batch(cast: Cast, size: int = 2, titles: tuple[str, ...] = ("备份", "装补丁"), **over: object) -> Run:
    return make_fleet(cast, (size,), make_steps(titles), state="running", batches={"canary": 0}, **over)


def test_a_run_nobody_has_begun_shows_every_cell_waiting(cast: Cast) -> None:
    run = make_fleet(cast, (1, 2), make_steps(("备份", "装补丁")))
    page = page_of(cast, run)

    waiting = [("", "备份 · 等待"), ("", "装补丁 · 等待")]
    assert rows_of(page) == {1: waiting, 2: waiting, 3: waiting}
    assert re.findall(r"<div><b>([^<]+)</b><span class=\"second\">([^<]+)</span>", page) == [
        ("金丝雀", "1 台"), ("第 1 批", "2 台"),
    ]  # fmt: skip
    assert "0/6 步" in page
    assert "0/3 台完成" in page
    assert "金丝雀做完后开始" in page


@pytest.mark.parametrize(
    ("state", "over", "look", "words"),
    [
        ("started", {}, "act", "备份 · 进行中"),
        ("started", {"attempt": 2}, "act", "备份 · 进行中 · 第 2 次"),
        ("done", {}, "passed", "备份 · 通过 · 1 分 00 秒"),
        ("failed", {}, "refused", "备份 · 失败 · 1 分 00 秒"),
        ("asks", {}, "watch", "备份 · 待判断"),
        ("skipped", {}, "left", "备份 · 跳过 · 1 分 00 秒"),
    ],
)
def test_a_cell_says_its_state_by_sign_and_by_words(
    cast: Cast, state: str, over: dict[str, object], look: str, words: str
) -> None:
    run = one_batch(cast)
    settle(run, 1, "s1", {1: state}, **over)
    assert rows_of(page_of(cast, run)) == {
        1: [(look, words), ("", "装补丁 · 等待")],
        2: [("", "备份 · 等待"), ("", "装补丁 · 等待")],
    }


def test_what_comes_after_a_failure_was_not_carried_out_on_that_host(cast: Cast) -> None:
    run = one_batch(cast)
    settle(run, 1, "s1", {1: "failed", 2: "done"})
    run.hosts.filter(ordinal=1).update(state="failed", words="磁盘已满")
    assert rows_of(page_of(cast, run))[1] == [("refused", "备份 · 失败 · 1 分 00 秒"), ("", "装补丁 · 没有执行")]


def test_a_step_by_people_stands_on_each_host_of_its_batch(cast: Cast) -> None:
    run = make_waiting(cast)
    assert [cells[1] for cells in rows_of(page_of(cast, run)).values()] == [("watch", "切负载 · 等人做")] * 2

    run.steps.filter(key="s2").update(state="done", ended_at=now())
    page = page_of(cast, run)
    assert [cells[1] for cells in rows_of(page).values()] == [("passed", "切负载 · 通过")] * 2
    assert "4/4 步" in page


def test_the_way_back_stands_below_the_steps_it_undoes(cast: Cast) -> None:
    run = one_batch(cast)
    settle(run, 1, "s1")
    settle(run, 1, "s2", {1: "failed", 2: "done"})
    make_journal(run, [("s2", "装补丁"), ("s1", "备份")], [1], "back")
    settle(run, 1, "s2", {1: "done"}, phase="back")
    run.hosts.filter(ordinal=1).update(state="back", words="补丁校验不符")
    assert rows_of(page_of(cast, run)) == {
        1: [
            ("passed", "备份 · 通过 · 1 分 00 秒"), ("refused", "装补丁 · 失败 · 1 分 00 秒"),
            ("passed", "回退「装补丁」 · 通过 · 1 分 00 秒"),
        ],
        2: [("passed", "备份 · 通过 · 1 分 00 秒"), ("passed", "装补丁 · 通过 · 1 分 00 秒")],
    }  # fmt: skip


def test_a_host_keeps_its_own_way_back_when_the_rest_goes_back_later(cast: Cast) -> None:
    run = one_batch(cast, titles=("备份",))
    settle(run, 1, "s1", {1: "failed", 2: "done"})
    make_journal(run, [("s1", "回退：备份")], [1], "back")
    settle(run, 1, "s1", {1: "done"}, phase="back", seconds=20)
    own = run.steps.get(phase="back")
    whole = run.steps.create(key="s1", title="回退：备份", ordinal=26001, batch=1, phase="back", state="done")
    whole.cells.create(host=run.hosts.get(ordinal=2), state="failed", ended_at=now())
    assert (own.ordinal < whole.ordinal, list(own.cells.values_list("host__ordinal", flat=True))) == (True, [1])
    looks = {host: [look for look, _words in cells] for host, cells in rows_of(page_of(cast, run)).items()}
    assert looks == {1: ["refused", "passed"], 2: ["passed", "refused"]}


def test_the_failed_host_opens_its_log_and_its_row_is_tinted(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run)
    assert re.findall(r'<tr id="host-(\d+)"[^>]*class="bad on"', page) == ["4"]
    assert 'data-panel="4"' in page
    assert "信任库缺少新的中间证书" in page
    assert re.findall(r"</time> ([^<]+)</p>", page) == [
        "GET http://192.0.2.5:8080/healthz", "超时 5 秒，无响应", "第 3/3 次探测",
        "503 {&quot;db&quot;:&quot;ok&quot;,&quot;sso&quot;:&quot;tls handshake failed&quot;}",
        "健康检查未通过，本机停在此步",
    ]  # fmt: skip
    assert "32/96 步" in page
    assert "现 2/3 台" in page


def test_a_host_that_could_not_be_brought_back_is_named_on_top_with_what_to_do(cast: Cast) -> None:
    run = make_middle(cast)
    run.hosts.filter(ordinal=3).update(state="stuck", words="回退脚本失败。到机房换回旧内核后重启")
    page = page_of(cast, run)
    told = page.partition('id="grid-stuck"')[2].partition('id="grid-waiting"')[0]
    assert 'class="note refused stuck" role="alert"' in told
    assert "wb-app-03" in told
    assert "回退脚本失败。到机房换回旧内核后重启" in told
    assert 'data-panel="3"' in page


def test_filters_show_the_failed_and_the_running_only(cast: Cast) -> None:
    run = make_middle(cast)
    assert list(rows_of(page_of(cast, run))) == list(range(1, 13))
    assert list(rows_of(page_of(cast, run, "?show=failed"))) == [4]
    assert list(rows_of(page_of(cast, run, "?show=running"))) == [3, 5]
    assert signed_in(cast.chen).get(f"/runs/{run.uid}/?show=all").status_code == 400
    assert signed_in(cast.chen).get(f"/runs/{run.uid}/?from=x").status_code == 400

    Run.objects.filter(id=run.id).update(state="paused")
    run.hosts.exclude(ordinal=1).update(state="done", words="")
    assert "没有失败的主机。" in page_of(cast, run, "?show=failed")


def test_a_host_brought_back_after_a_failure_still_counts_as_failed(cast: Cast) -> None:
    run = one_batch(cast)
    settle(run, 1, "s1", {1: "failed", 2: "done"})
    run.hosts.update(state="back", words="陈航 决定整体回退")
    assert list(rows_of(page_of(cast, run, "?show=failed"))) == [1]


def test_a_reload_keeps_the_host_and_the_filter(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run, "?show=running&host=3")
    assert 'data-panel="3"' in page
    assert 'href="?show=running" aria-current="true"' in page
    poll = re.search(r'hx-get="([^"]+)"', page.partition('id="grid-poll"')[2])
    assert poll is not None
    assert f"/runs/{run.uid}/grid?after=9&" in poll[1]
    assert "host=3&amp;show=running" in poll[1]
    assert '<a class="mono" href="?show=running&amp;host=5"' in page


def test_the_log_of_the_whole_run_has_its_own_words(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run, "?host=0")
    assert re.findall(r"</time> ([^<]+)</p>", page) == ["金丝雀通过", "开始：第 1 批"]


def test_bad_addresses_are_answered_as_such(cast: Cast) -> None:
    run = make_middle(cast)
    client = signed_in(cast.chen)
    assert client.get(f"/runs/{run.uid}/grid?after=x").status_code == 400
    assert client.get(f"/runs/{run.uid}/live").status_code == 404
    assert client.get(f"/runs/{run.uid}/?host=99").status_code == 200
    assert client.get(f"/runs/{run.uid}/log?host=99").status_code == 404


@pytest.mark.parametrize("who", ["sun", "he"])
@pytest.mark.parametrize("tail", ["", "grid", "log"])
def test_a_person_of_another_vendor_or_customer_finds_no_run(cast: Cast, tail: str, who: str) -> None:
    run, client = make_middle(cast), signed_in(getattr(cast, who))
    assert client.get(f"/runs/{run.uid}/{tail}").status_code == 404
    assert run.number not in client.get("/runs/").content.decode()


def texts(answer: object) -> list[str]:
    """Lines of a downloaded log without their time."""
    return [line[20:] for line in answer.content.decode().splitlines()]  # type: ignore[attr-defined]


def test_the_log_is_downloaded_whole_or_of_one_host(cast: Cast) -> None:
    run = make_middle(cast)
    client = signed_in(cast.chen)
    whole, one = client.get(f"/runs/{run.uid}/log"), client.get(f"/runs/{run.uid}/log?host=3")
    assert whole["Content-Disposition"] == f'attachment; filename="{run.number}.log"'
    assert texts(whole) == [
        "- 金丝雀通过", "- 开始：第 1 批", "wb-app-03 第 2/3 次探测", "wb-app-03 超时 5 秒，无响应",
        "wb-app-04 GET http://192.0.2.5:8080/healthz", "wb-app-04 超时 5 秒，无响应", "wb-app-04 第 3/3 次探测",
        'wb-app-04 503 {"db":"ok","sso":"tls handshake failed"}', "wb-app-04 健康检查未通过，本机停在此步",
    ]  # fmt: skip
    assert one["Content-Disposition"] == f'attachment; filename="{run.number}-3.log"'
    assert texts(one) == ["wb-app-03 第 2/3 次探测", "wb-app-03 超时 5 秒，无响应"]


def test_secrets_are_masked_on_the_page_and_in_the_log(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEILU_PLANTED_SECRET", "planted-0123456789")
    known_secrets.cache_clear()
    run = make_middle(cast)
    say(run, 4, "login planted-0123456789")
    run.hosts.filter(ordinal=4).update(state="stuck", words="口令 planted-0123456789 不对")
    Run.objects.filter(id=run.id).update(cause="口令 planted-0123456789 不对")
    page = page_of(cast, run)
    assert "planted-0123456789" not in page
    assert (page.count("login ●●●●"), page.count("口令 ●●●● 不对")) == (1, 3)
    assert "planted" not in signed_in(cast.chen).get(f"/runs/{run.uid}/log").content.decode()


def test_programs_read_how_each_host_stands_and_which_number_answers_for_it(cast: Cast) -> None:
    run = make_middle(cast)
    address = f"/api/v1/runs/{run.uid}/hosts"
    found = signed_in(cast.chen).get(address).json()
    assert ([one["ordinal"] for one in found["hosts"]], found["next"]) == (list(range(1, run.hosts.count() + 1)), 0)
    third = found["hosts"][2]
    assert (third["name"], third["batch"], third["state"]) == ("wb-app-03", 2, "running")
    assert [step["key"] for step in third["steps"]] == [
        cell.step.key for cell in run.hosts.get(ordinal=3).cells.select_related("step").order_by("step__ordinal")
    ]
    assert signed_in(cast.chen).get(f"{address}?after=3").json()["hosts"][0]["ordinal"] == 4
    assert signed_in(cast.sun).get(address).status_code == 404
    assert signed_in(cast.chen).get(f"{address}?after=-1").status_code == 400


def test_what_a_rehearsal_told_is_read_by_programs_without_secrets(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEILU_PLANTED_SECRET", "planted-0123456789")
    known_secrets.cache_clear()
    run = make_middle(cast)
    cell = run.hosts.get(ordinal=1).cells.order_by("step__ordinal")[0]
    cell.result = {"would": ["口令 planted-0123456789"], "rehearsed": False, "back": "没有 planted-0123456789"}
    cell.save()
    told = signed_in(cast.chen).get(f"/api/v1/runs/{run.uid}/hosts").json()["hosts"][0]["steps"][0]
    assert (told["would"], told["tried"], told["no_way_back"]) == (["口令 ●●●●"], False, "没有 ●●●●")
    known_secrets.cache_clear()


@pytest.mark.parametrize("count", [1, 3])
def test_hosts_of_a_run_are_read_with_as_many_questions_for_three_as_for_one(cast: Cast, count: int) -> None:
    run = make_middle(cast)
    client, last = signed_in(cast.chen), run.hosts.count()
    client.get(f"/api/v1/runs/{run.uid}/hosts")  # the look is on record
    with CaptureQueriesContext(connection) as asked:
        found = client.get(f"/api/v1/runs/{run.uid}/hosts?after={last - count}").json()
    assert (len(found["hosts"]), len(asked)) == (count, 8)


def test_what_people_wrote_is_escaped(cast: Cast) -> None:
    run = make_fleet(cast, (1,), make_steps(('<b>"备份"',)), state="running")
    settle(run, 1, "s1", {1: "failed"})
    run.hosts.update(state="failed", words="<script>x</script>")
    say(run, 1, "<i>输出</i>")
    page = page_of(cast, run)
    assert ("<b>&quot;备份" in page, "<script>x" in page, "<i>输出" in page) == (False, False, False)
    assert "style=" not in page.partition("<main")[2]


def asked(cast: Cast, run: Run, path: str) -> int:
    client = signed_in(cast.chen)
    client.get(f"/runs/{run.uid}/{path}")  # the look has its line
    with CaptureQueriesContext(connection) as told:
        client.get(f"/runs/{run.uid}/{path}")
    return len(told)


@pytest.mark.parametrize("path", ["", "?show=failed", "?host=1", "grid?after=0"])
def test_a_page_asks_as_much_for_fifty_hosts_as_for_one(cast: Cast, path: str) -> None:
    counts = []
    for size in (1, 3, 50):
        run = one_batch(cast, size)
        settle(run, 1, "s1")
        settle(run, 1, "s2", {1: "failed"})
        run.hosts.filter(ordinal=1).update(state="failed", words="磁盘已满", changed=True)
        say(run, 1, "一行")
        counts.append(asked(cast, run, path))
    assert counts == [counts[0]] * 3


def test_a_page_has_a_hundred_hosts_and_goes_on_by_key(cast: Cast) -> None:
    more = 5
    size = reading.PAGE + more
    run = make_fleet(cast, (2, size - 2), make_steps(("备份",)), state="running")
    settle_all(run, 1)
    page = page_of(cast, run)
    assert list(rows_of(page)) == list(range(1, reading.PAGE + 1))
    assert f'href="?show=&amp;from=2.{reading.PAGE}"' in page
    rest = rows_of(page_of(cast, run, f"?from=2.{reading.PAGE}"))
    assert list(rest) == list(range(reading.PAGE + 1, size + 1))
    assert f"2/{size} 步" in page


def test_what_is_left_is_reckoned_from_what_steps_have_taken(cast: Cast) -> None:
    run = make_fleet(
        cast, (1, 1), make_steps(("备份", "装补丁")), state="running", started_at=now() - timedelta(minutes=9)
    )
    settle_all(run, 1, seconds=240)
    assert "约 8 分" in page_of(cast, run)
    settle(run, 2, "s1", seconds=120)
    assert "约 4 分" in page_of(cast, run)


def test_a_run_that_lasts_shows_what_was_checked_at_its_start_and_when_it_ended(cast: Cast) -> None:
    run = make_middle(cast)
    page = page_of(cast, run)
    assert "核对完毕：批准、内容、窗口、主机都与方案一致" in page
    assert "决定回退" in page
    Run.objects.filter(id=run.id).update(state="partly", ended_at=run.window_from + timedelta(minutes=40))
    page = page_of(cast, run)
    assert (" 结束</text>" in page, "决定回退" in page, "用时" in page) == (True, False, True)


@pytest.mark.parametrize(("count", "dense", "tall"), [(9, False, False), (10, True, True)])
def test_many_columns_stand_close_and_many_rows_scroll_below_their_titles(
    cast: Cast, count: int, dense: bool, tall: bool
) -> None:
    titles = tuple(f"第 {n} 步" for n in range(count))
    page = page_of(cast, make_fleet(cast, (21 if tall else 20,), make_steps(titles)))
    assert ('class="run-grid fleet dense"' in page, 'class="table-scroll tall"' in page) == (dense, tall)


def test_the_words_of_hosts_and_cells_can_be_destroyed(cast: Cast) -> None:
    run = make_middle(cast)
    run.hosts.filter(ordinal=4).update(words="王五的身份证号写在这里")
    run.steps.get(batch=2, key="s7").cells.update(
        words="王五的身份证号写在这里", result={"said": "王五的身份证号写在这里"}
    )
    reached = blank(str(run.item.uid), [], ["王五的身份证号写在这里"], "已销毁")
    assert (reached["execution_runhost"], reached["execution_cell"]) == (1, 3)
    assert "身份证号" not in page_of(cast, run, "?host=4")


def test_a_rehearsal_says_what_would_change_and_what_was_not_tried(cast: Cast) -> None:
    run = make_rehearsal(cast)
    page = page_of(cast, run, "?host=2")
    report = page.partition('id="grid-report"')[2].partition('id="grid-waiting"')[0]
    assert re.findall(r"<li>([^<]+)</li>", report) == [
        "备份 · 2 台", "切负载 · 由人办", "装补丁 · 2 台 · 软件源里没有现在的版本 1.0.0，装了新版本就回不去",
    ]  # fmt: skip
    would = page.partition('class="would"')[2].partition('class="host-steps')[0]
    assert re.findall(r"<p(?: class=\"(\w+)\")?>([^<]+)</p>", would) == [
        ("", "--- 现值 /etc/jz.conf"), ("", "+++ 改后 /etc/jz.conf"), ("gone", "-level=1"), ("come", "+level=2"),
        ("", "jz 1.0.0 → 1.1.0"), ("", "脚本不能试运行，演练没有执行它"),
    ]  # fmt: skip
    assert rows_of(page)[2][-1] == ("left", "切负载 · 跳过")
    strip = page.partition('id="grid-top"')[2].partition("</dl>")[0]
    assert re.findall(r"<dt>([^<]+)</dt>", strip) == ["进度", "用时", "执行人"]
    assert "没有演练的步骤" not in page_of(cast, make_middle(cast))


def test_a_run_names_the_hosts_that_its_rehearsal_found_cannot_go_back(cast: Cast) -> None:
    run = make_middle(cast)
    assert "回不去" not in page_of(cast, run)
    rehearsal = make_rehearsal(cast)
    Run.objects.filter(id=rehearsal.id).update(item=run.item)
    page = page_of(cast, run)
    names = "、".join(rehearsal.hosts.order_by("ordinal").values_list("name", flat=True))
    assert f'<b class="refused-word">2 台回不去：{names}</b>' in page
    assert "8 步可回退，约 " in page
    assert "演练过" not in page


def test_both_kinds_of_runs_stand_in_the_list_whatever_their_number(cast: Cast) -> None:
    single = make_run(cast)
    fleet = make_fleet(cast, (1, 3), make_steps(("备份",)))
    client = signed_in(cast.chen)
    text = client.get("/runs/").content.decode()
    found = re.findall(r'<span class="under">(\S+) · \S+ · ([^<]+)</span></td>', text)
    assert found == [(fleet.number, "4 台主机，2 批"), (single.number, "app-01")]
    assert "1.0.0 → 1.1.0" in text

    def asked_for_list() -> int:
        with CaptureQueriesContext(connection) as told:
            client.get("/runs/")
        return len(told)

    few = asked_for_list()
    make_fleet(cast, (2, 5), make_steps(("备份",)))
    make_fleet(cast, (50,), make_steps(("备份",)))
    assert asked_for_list() == few
