"""What orders may hold, how hosts are put into batches, and what decides after a loss: rules, without a database."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weilu.execution.fleet import orders, rules
from weilu.execution.fleet.start import waves
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.once
SHA = "a" * 64
GOOD = {
    "package": {"name": "nginx", "version": "1.2.3-1~bpo12+1"},
    "service": {"name": "nginx", "state": "restarted"},
    "file": {"path": "/etc/配置 一.conf", "sha256": SHA, "mode": "0640"},
    "script": {"sha256": SHA, "arguments": ["it's", '"{{ x }}"', "a b"], "environment": {"NAME": "$(id) `id` {{ 7 }}"}},
    "http": {"port": 80, "path": "/healthz", "expect": "ok"},
    "manual": {"words": "换下电源"},
}  # fmt: skip


def make_orders(steps: list[dict[str, Any]] | None = None, hosts: int = 3, **batches: Any) -> dict[str, Any]:
    usual = {"canary": 1, "then": ["100%"], "health": [], "stop": {"done": 3, "below": 80}, "at_once": 5} | batches
    entry = {"key": "ssh-ed25519 AAAA", "pool": "", "group": "应用", "environment": "e", "site": "", "zone": ""}
    return {
        "hosts": [{"uid": str(n), "name": f"主机 {n}"} | entry for n in range(1, hosts + 1)],
        "steps": steps or [step("package")], "batches": usual, "minutes": 5, "at_window_end": "ask",
        "backup": {"none": "不改数据"}, "artefacts": [{"name": "a", "sha256": SHA, "size": 1}],
        "window_from": "2026-12-01T14:00:00Z", "window_to": "2026-12-01T20:00:00Z", "program": "p",
    }  # fmt: skip


def step(kind: str, number: int = 1, back: Any = None, **told: Any) -> dict[str, Any]:
    return {
        "key": f"s{number}", "kind": kind, "title": f"第 {number} 步", "with": GOOD[kind] | told, "seconds": 60,
        "crash": "probe", "back": back,
    }  # fmt: skip


def refusal(told: dict[str, Any]) -> str:
    before = copy.deepcopy(told)
    with pytest.raises(Refused) as problem:
        orders.check_orders(told)
    assert told == before
    return str(problem.value.reason)


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_is_accepted_with_quotes_templates_chinese_and_spaces(kind: str) -> None:
    told = make_orders([step(kind)])
    before = copy.deepcopy(told)
    orders.check_orders(told)
    assert told == before


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (step("package", name="nginx;reboot"), "第 1 步：软件包写得不对：nginx;reboot"),
        (step("package", name="--force"), "第 1 步：软件包写得不对：--force"),
        (step("package", version="1 2"), "第 1 步：版本写得不对：1 2"),
        (step("package", extra="x"), "第 1 步：不认识的内容「extra」"),
        (step("service", name="../etc"), "第 1 步：服务名写得不对：../etc"),
        (step("service", state="killed"), "第 1 步：服务要到的状态没有选"),
        (step("file", path="/etc/../shadow"), "第 1 步：路径应是一个文件的完整路径，不含 .."),
        (step("file", path="etc/passwd"), "第 1 步：路径写得不对：etc/passwd"),
        (step("file", sha256="b" * 64), "第 1 步：没有选文件"),
        (step("file", mode="4755"), "第 1 步：权限写得不对：4755"),
        (step("script", arguments=["a\x07b"]), "第 1 步：参数里有不能用的字符，或太多"),
        (step("script", environment={"LD_PRELOAD": "x"}), "第 1 步：变量名写得不对：LD_PRELOAD"),
        (step("script", environment={"A B": "x"}), "第 1 步：变量名写得不对：A B"),
        (step("script", interpreter="sh -c"), "第 1 步：解释器写得不对：sh -c"),
        (step("script", probe={"sha256": SHA, "probe": {"sha256": SHA}}), "第 1 步：检查脚本不能再有检查脚本"),
        (step("http", port=0), "第 1 步：端口应是 1 到 65535"),
        (step("http", path="http://other.host/"), "第 1 步：路径写得不对：http://other.host/"),
        (step("package", back={"sha256": SHA}), "第 1 步：这种步骤的回退只能是自动恢复，或没有"),
        (step("script", back="auto"), "第 1 步：这种步骤不能有回退"),
        (step("manual", words=" "), "第 1 步：要人做什么没有写"),
        (step("package", number=2), "第 1 步：步骤的编号应是 s1"),
        (step("package") | {"seconds": 0}, "第 1 步：时限应是 1 秒到 12 小时"),
        (step("package") | {"crash": "again"}, "第 1 步：中断后怎么办没有选"),
        (step("package") | {"kind": "reboot"}, "第 1 步：没有这种步骤"),
        (step("package") | {"title": ""}, "第 1 步：名称没有写，或超过 60 字"),
    ],
)
def test_what_could_not_be_given_to_a_host_is_refused_with_step_and_value(told: dict[str, Any], words: str) -> None:
    assert refusal(make_orders([told])) == words


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"canary": -1}, "金丝雀的台数写得不对"),
        ({"then": []}, "批次没有写"),
        ({"then": ["120%"]}, "批次写得不对：120%。写百分比或主机组"),
        ({"then": ["50%", "group:应用"]}, "批次不能又按百分比又按主机组"),
        ({"then": ["50%"]}, "主机「主机 3」不在任何批次里。最后一批写到 100%"),
        ({"then": ["group:数据库"]}, "主机「主机 2」不在任何批次里。最后一批写到 100%"),
        ({"at_once": 0}, "同时执行的台数应是 1 到 100"),
        ({"stop": {"done": 0, "below": 50}}, "停止规则应是至少几台做完、成功率低于百分之几"),
    ],
)
def test_batches_that_make_no_sense_are_refused(over: dict[str, Any], words: str) -> None:
    assert refusal(make_orders(**over)) == words


def test_a_plan_names_its_backup_or_says_why_there_is_none() -> None:
    told = make_orders() | {"backup": {"none": " "}}
    assert refusal(told) == "没有写哪一步做备份，也没有写为什么不需要"
    assert refusal(make_orders() | {"backup": {"step": "s1"}}) == "备份的步骤应是方案里的一个脚本步骤"
    steps = [step("package"), step("script", 2)]
    late = make_orders(steps) | {"backup": {"step": "s2"}}
    assert refusal(late) == "备份的步骤应在改动主机的步骤之前"
    orders.check_orders(make_orders([step("script"), step("package", 2)]) | {"backup": {"step": "s1"}})


def test_a_group_of_two_environments_is_not_one_batch() -> None:
    told = make_orders(then=["group:应用"])
    told["hosts"][2]["environment"] = "另一个"
    words = "主机组「应用」在选中的几个环境里都有，不能按组分批。改用百分比，或分成几个方案"
    assert refusal(told) == words


def test_a_host_without_a_pinned_key_and_hosts_of_two_pools_are_refused() -> None:
    told = make_orders()
    told["hosts"][1]["key"] = ""
    assert refusal(told) == "主机「主机 2」还没有登记主机密钥，不能执行"
    told = make_orders()
    told["hosts"][1]["pool"] = "灾备"
    assert refusal(told) == "这些主机由不同的工作机组到达。分成几个方案"


@settings(deadline=None)
@given(hosts=st.integers(1, 120), canary=st.integers(0, 10), cuts=st.lists(st.integers(1, 99), max_size=6))
def test_every_host_is_in_exactly_one_batch_and_in_order(hosts: int, canary: int, cuts: list[int]) -> None:
    then = [f"{cut}%" for cut in sorted(cuts)] + ["100%"]
    found = orders.split(make_orders(hosts=hosts, canary=canary, then=then))
    assert [n for batch in found for n in batch] == list(range(1, hosts + 1))
    assert all(found)
    assert not canary or len(found[0]) == min(canary, hosts)


@settings(deadline=None)
@given(hosts=st.integers(1, 60), bound=st.integers(1, 9))
def test_a_batch_is_cut_so_that_no_part_passes_a_bound(hosts: int, bound: int) -> None:
    told = make_orders(hosts=hosts)["hosts"]
    for n, one in enumerate(told):
        one["site"] = "一号机房" if n % 2 else "二号机房"
    found = waves(told, list(range(1, hosts + 1)), {"site:一号机房": bound})
    assert [n for wave in found for n in wave] == list(range(1, hosts + 1))
    assert max(sum(told[n - 1]["site"] == "一号机房" for n in wave) for wave in found) <= bound


@pytest.mark.parametrize(
    ("done", "failed", "least", "below", "canary", "stops"),
    [
        (3, 0, 3, 80, False, False), (3, 1, 3, 80, False, True), (4, 1, 3, 80, False, False),
        (1, 1, 3, 80, False, False), (0, 1, 3, 0, True, True), (0, 3, 3, 0, False, False), (0, 3, 3, 1, False, True),
    ],
)  # fmt: skip
def test_the_stop_rule(done: int, failed: int, least: int, below: int, canary: bool, stops: bool) -> None:
    assert bool(rules.stops(rules.Count(done, failed), least, below, canary)) is stops


@pytest.mark.parametrize(
    ("policy", "shown", "then"),
    [
        ("idempotent", "unknown", "do"), ("idempotent", "undone", "do"), ("idempotent", "done", "done"),
        ("probe", "unknown", "ask"), ("probe", "undone", "do"), ("probe", "done", "done"),
        ("ask", "unknown", "ask"), ("ask", "undone", "ask"), ("ask", "done", "done"),
    ],
)  # fmt: skip
def test_what_follows_a_lost_result(policy: str, shown: str, then: str) -> None:
    assert rules.after_loss(policy, shown) == then


@pytest.mark.parametrize(
    ("states", "end"),
    [
        (["done", "done"], "succeeded"), (["done", "back"], "partly"), (["done", "left"], "partly"),
        (["back", "left"], "went_back"), (["left", "left"], "failed"), (["done", "stuck"], "failed"),
    ],
)  # fmt: skip
def test_how_a_run_ends(states: list[str], end: str) -> None:
    assert rules.how_it_ended(states) == end
