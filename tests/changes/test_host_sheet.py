"""What a record sheet and notices say of runs on hosts, from rows as a worker leaves them."""

from typing import Any

import pytest

from tests.cast import Cast
from tests.execution.fleet_rows import by_people, make_fleet, make_journal, make_steps, settle, settle_all
from weilu.changes import host_sheet
from weilu.execution.models import Cell, Run

CHECK = {"title": "首页", "port": 80, "path": "/", "expect": "1.1.0"}
http = {"key": "s2", "kind": "http", "title": "首页", "with": CHECK, "seconds": 30, "crash": "idempotent", "back": None}


def plan_of(run: Run, **over: Any) -> dict[str, Any]:
    return {"orders": run.plan | {"backup": {"none": "随时可退"}}, "upgrade_notes": "已更新。"} | over


def make_mixed(cast: Cast, state: str = "failed") -> Run:
    """A canary that went back with all; of the first batch one failed untouched, one is back, one is stuck."""
    run = make_fleet(cast, (1, 3), make_steps(("装补丁",)), state=state, cause="停止规则")
    settle_all(run, 1)
    settle(run, 2, "s1", dict.fromkeys((2, 3, 4), "failed"), words="软件源不通")
    run.hosts.filter(ordinal=1).update(state="back", changed=True)
    run.hosts.filter(ordinal=2).update(state="left", words="软件源不通")
    run.hosts.filter(ordinal=3).update(state="back", changed=True, words="软件源不通")
    run.hosts.filter(ordinal=4).update(state="stuck", changed=True, words="旧包不在缓存里")
    return run


def test_a_host_on_which_a_step_failed_is_a_failed_one_with_its_cause_whatever_became_of_it(cast):
    run = make_mixed(cast)
    names = list(run.hosts.order_by("ordinal").values_list("name", flat=True))
    assert [(end.name, end.result, end.words) for end in host_sheet.ends_of(run)] == [
        (names[0], "已回退", ""),
        (names[1], "失败，未改变", "软件源不通"),
        (names[2], "失败，已恢复", "软件源不通"),
        (names[3], "未能回退", "软件源不通；旧包不在缓存里"),
    ]
    assert host_sheet.verdict(run) == (
        "完成 0 台，已回退 1 台，未能回退 1 台，失败 2 台，未执行 0 台。失败的里 1 台已恢复，1 台未改变"
    )
    assert host_sheet.done_lines(plan_of(run), run)[2:] == [
        f"金丝雀 1 台。已回退 1 台：{names[0]}。",
        f"第 1 批 3 台。失败，未改变 1 台：{names[1]}；失败，已恢复 1 台：{names[2]}；未能回退 1 台：{names[3]}。",
    ]
    assert host_sheet.remaining(run).splitlines() == [
        f"{names[3]}：软件源不通；旧包不在缓存里",
        f"失败，未改变：{names[1]}：软件源不通",
        f"失败，已恢复：{names[2]}：软件源不通",
        f"已恢复原样的 1 台：{names[0]}",
        "原因：停止规则",
        "原因查明后另行变更。",
    ]
    rows = [(row["title"], row["host"], row["result"]) for row in host_sheet.steps_of(run)]
    assert rows[1:] == [
        ("金丝雀：装补丁", names[0], "成功"),
        ("第 1 批：装补丁", "3 台", "成功 0，失败 3"),
        ("金丝雀主机", names[0], "已回退"),
        ("第 1 批主机", names[1], "失败，未改变"),
        ("第 1 批主机", names[2], "失败，已恢复"),
        ("第 1 批主机", names[3], "未能回退"),
    ]


def test_more_hosts_in_trouble_than_a_sheet_names_are_counted(cast, monkeypatch):
    run = make_mixed(cast)
    run.hosts.filter(ordinal__gt=1).update(state="left")
    monkeypatch.setattr(host_sheet, "MOST_NAMED", 1)
    assert host_sheet.remaining(run).splitlines()[1] == f"另有这样的 2 台，见执行记录 {run.number}"


def test_a_check_that_passed_wherever_it_was_made_but_not_everywhere_is_partly_made(cast):
    run = make_fleet(cast, (1, 3), [*make_steps(("装补丁",)), http], state="partly")
    plan = plan_of(run)
    assert [(row["result"], row["counts"]) for row in host_sheet.tests_of(plan, run)] == [("未检查", "0 / 4")]
    settle_all(run, 1)
    assert [(row["result"], row["counts"]) for row in host_sheet.tests_of(plan, run)] == [("部分检查", "1 / 4")]
    settle(run, 2, "s2", {2: "done", 3: "failed"})
    assert [(row["result"], row["counts"]) for row in host_sheet.tests_of(plan, run)] == [("未通过", "2 / 4")]
    Cell.objects.filter(step__run=run, state="failed").update(state="done")
    settle(run, 2, "s2", {4: "done"})
    assert [(row["result"], row["counts"]) for row in host_sheet.tests_of(plan, run)] == [("通过", "4 / 4")]


def test_what_people_saw_and_signed_is_part_of_the_acceptance_with_their_words(cast):
    steps = [by_people(1), by_people(2, "signature", role="customer_head", words="看过")]
    run = make_fleet(cast, (2,), steps, state="succeeded", batches={"canary": 0})
    plan = plan_of(run)
    settle(run, 1, "s1")
    settle(run, 1, "s2")
    run.steps.filter(key="s1").update(words="陈航：已摘下")
    run.steps.filter(key="s2").update(words="钱磊：已签名")
    shown = host_sheet.checks(plan)
    assert [(row["title"], row["words"][:3]) for row in shown] == [("切负载", "人工："), ("科长签字", "等cu")]
    assert [(row["title"], row["result"], row["counts"]) for row in host_sheet.tests_of(plan, run)] == [
        (f"验收：切负载，{shown[0]['words']}（陈航：已摘下）", "通过", "2 / 2"),
        (f"验收：科长签字，{shown[1]['words']}（钱磊：已签名）", "通过", "2 / 2"),
    ]


def test_a_step_that_one_host_took_names_it_though_it_was_tried_again_in_a_batch_of_its_own(cast):
    run = make_fleet(cast, (1, 1), make_steps(("装补丁",)), state="succeeded")
    settle_all(run, 1)
    settle(run, 2, "s1", "failed")
    name = run.hosts.get(ordinal=2).name
    make_journal(run, [("s1", "装补丁")], [3])
    run.hosts.filter(ordinal=2).update(batch=3, state="done")
    settle(run, 3, "s1")
    run.hosts.update(state="done")
    rows = [(row["title"], row["host"], row["result"]) for row in host_sheet.steps_of(run)]
    assert rows[2:] == [
        ("第 1 批：装补丁", name, "成功 0，失败 1"),
        ("第 2 批：装补丁", name, "成功"),
        ("金丝雀主机", run.hosts.get(ordinal=1).name, "成功"),
        ("第 2 批主机", name, "成功"),
    ]


def test_with_more_rows_than_a_sheet_holds_a_batch_stands_for_its_steps_by_the_worst_of_them(cast, monkeypatch):
    run = make_fleet(cast, (1, 2), make_steps(("备份", "装补丁", "起服务")), state="partly")
    settle_all(run, 1)
    settle(run, 2, "s1")
    settle(run, 2, "s2", {2: "done", 3: "failed"}, words="软件源不通")
    settle(run, 2, "s3", {2: "done"})
    run.hosts.update(state="done")
    run.hosts.filter(ordinal=3).update(state="left")
    whole = [row["title"] for row in host_sheet.steps_of(run)]
    assert (len(whole), whole[-1]) == (10, "第 1 批主机")
    monkeypatch.setattr(host_sheet, "MOST_ROWS", 6)
    rows = [(row["title"], row["host"], row["result"]) for row in host_sheet.steps_of(run)]
    assert rows == [
        ("开始前核对", "", "成功"),
        ("金丝雀：全部步骤 3 步", "1 台", "成功"),
        ("第 1 批：全部步骤 3 步", "2 台", "失败"),
        ("第 1 批主机", run.hosts.get(ordinal=3).name, "失败，未改变"),
    ]


def test_what_runs_before_left_on_hosts_stands_before_what_this_one_did(cast):
    first = make_mixed(cast)
    second = make_fleet(cast, (1,), make_steps(("装补丁",)), state="failed")
    second.hosts.update(state="left")
    third = make_fleet(cast, (1,), make_steps(("装补丁",)), state="succeeded")
    told = host_sheet.done_lines(plan_of(third), third, [first, second])
    before = [f"在此之前按方案（SHA-256 {'6' * 12}）执行 {run.number}，" for run in (first, second)]
    assert told[0].startswith(before[0] + "未执行完。已回退 1 台：")
    assert told[1] == before[1] + "没有动到主机就结束。"
    assert told[2].startswith("按批准的方案")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("succeeded", ("预约已完成维护", "已更新。")),
        ("partly", ("预约部分完成维护", "已更新。\n一部分主机已更新，其余仍是原样，系统照常使用。余下的另行安排。")),
        ("went_back", ("预约维护未成功，已恢复原样", "更新没有保留，主机已恢复到更新之前。您照常使用，不必做什么。")),
        (
            "failed",
            ("预约维护未完成", "更新没有做完，维护工程师正在处理。使用中有异常，联系您的维护工程师。"),
        ),
    ],
)
def test_users_hear_how_it_ended(state, told):
    assert host_sheet.told_users(Run(state=state), {"upgrade_notes": "已更新。"}, "预约") == told
