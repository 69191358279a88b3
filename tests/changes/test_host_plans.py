"""A plan for hosts: written, frozen under its digest, turned down with a sentence, rehearsed, ordered."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cast import Cast, make_environment, make_group, make_host, plan_fields
from tests.changes.host_steps import ANSWERS, UPGRADE, approve, designed, host_plan, keep
from tests.changes.steps import item_of, signed_in
from tests.support.unchanged import Refusal, refusal_of
from weilu.changes.actions import order_upgrade, submit_plan
from weilu.changes.host_plan import LARGEST, MOST_FILES, hosts_of, keep_plan_file, orders_of, rehearse_hosts
from weilu.changes.models import Change, PlanFile
from weilu.changes.plan import lines
from weilu.execution.fleet import attempt
from weilu.execution.models import Run, RunHost
from weilu.kernel.canonical import digest
from weilu.kernel.ids import uuid7
from weilu.kernel.times import now
from weilu.planning.models import Booking, Freeze
from weilu.process.actions import record_fact, set_subject
from weilu.process.models import Fact
from weilu.systems.models import Host, HostGroup, System

SCRIPT = {"kind": "script", "title": "清缓存", "seconds": 60, "crash": "ask"}


@pytest.fixture
def change(cast: Cast, system: System) -> Change:
    return designed(cast, system)


def refused(cast: Cast, change: Change, **over: Any) -> Refusal:
    return refusal_of(lambda: host_plan(cast, change, **over))


def prove_rehearsal(change: Change) -> None:
    item = item_of(change)
    record_fact(item, "rehearsal.matched", item.subject, True, "演练通过", "R", uuid7())


def test_a_plan_freezes_hosts_steps_batches_and_program_under_one_digest(cast, change):
    kept = host_plan(cast, change)

    told = kept.content["orders"]
    hosts = hosts_of(change.item)
    assert [entry["name"] for entry in told["hosts"]] == ["app-01", "app-02", "app-03"]
    assert told["hosts"][0] == {
        "uid": str(hosts[0].uid), "name": "app-01", "address": hosts[0].address, "port": 22, "user": "root",
        "become": False, "python": "/usr/bin/python3", "key": hosts[0].key, "group": "应用",
        "environment": str(hosts[0].group.environment.uid), "site": "", "zone": "", "pool": "",
    }  # fmt: skip
    assert told["steps"] == [UPGRADE | {"key": "s1"}]
    assert told["batches"]["health"] == [ANSWERS]
    assert told["program"] == attempt.program()
    assert kept.digest == digest(kept.content) == item_of(change).subject
    assert orders_of(change.item, kept.digest) == told
    assert orders_of(change.item, "0" * 64) is None
    assert Fact.objects.get(item=change.item, key="integrity.verified", subject=kept.digest).holds
    booking = Booking.objects.kept().get(item=change.item)
    assert (booking.hosts.count(), list(booking.people.all())) == (3, [cast.chen])
    assert item_of(change).step == "plan_check"


def test_a_plan_reads_as_plain_sentences_and_says_which_step_has_no_way_back(cast, change):
    digest_of_script, undo = keep(cast, change, "rm -rf /var/cache/x\n"), keep(cast, change, "true\n", "恢复.sh")
    script = SCRIPT | {"with": {"sha256": digest_of_script, "arguments": ["-v"]}, "back": None}
    setting = {
        "kind": "file", "title": "换配置", "seconds": 30, "crash": "idempotent", "back": "auto",
        "with": {"path": "/etc/jz.conf", "sha256": undo, "mode": "0640", "owner": "root"},
    }  # fmt: skip

    read = lines(host_plan(cast, change, steps=[UPGRADE, script, setting]).content)

    assert read[0] == "依据需求第 2 版"
    assert read[2] == "主机 3 台"
    assert "金丝雀，1 台：app-01" in read
    assert "第 1 批，2 台：app-02、app-03" in read
    assert "停止规则：金丝雀有一台不通过就停；做完至少 3 台且成功率低于 80% 就停" in read
    assert (
        "第 1 步 升级 jzhello：软件包 jzhello 升级到 1.1.0；时限 120 秒；结果丢失时先查主机再定；"
        "回退：恢复到这一步之前记下的样子"
    ) in read
    assert (
        f"第 2 步 清缓存：执行脚本 脚本.sh（SHA-256 {digest_of_script[:12]}），参数 -v；"
        "时限 60 秒；结果丢失时由人判断；没有回退"
    ) in read
    assert (
        f"第 3 步 换配置：文件 恢复.sh（SHA-256 {undo[:12]}）放到 /etc/jz.conf，权限 0640，属主 root；时限 30 秒；"
        "结果丢失时重做；回退：恢复到这一步之前记下的样子"
    ) in read
    assert "没有回退的步骤：「清缓存」" in read
    assert "每批之后检查：应答新版本（访问主机端口 8080 的 /，应答 200，含「1.1.0」）" in read
    assert "不另做备份，因为：只换一个软件包，随时可退" in read
    assert "影响：逐台停止应答约 1 分钟。" in read


def test_two_versions_differ_in_the_lines_that_changed(cast, change):
    before = lines(host_plan(cast, change).content)
    after = lines(host_plan(cast, change, steps=[UPGRADE | {"title": "换包"}], canary=2).content)
    assert [line for line in after if line not in before] == [
        "金丝雀，2 台：app-01、app-02",
        "第 1 批，1 台：app-03",
        "第 1 步 换包：软件包 jzhello 升级到 1.1.0；时限 120 秒；结果丢失时先查主机再定；"
        "回退：恢复到这一步之前记下的样子",
    ]


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"hosts": []}, Refusal("没有选主机。选至少一台", "", "hosts")),
        ({"hosts": ["x"]}, Refusal("有 1 台主机不是这个系统的，或已停用", "", "hosts")),
        ({"steps": []}, Refusal("步骤应有 1 到 40 步", "", "steps")),
        ({"steps": [UPGRADE | {"title": " "}]}, Refusal("第 1 步的名称没有填写。填好后再提交", "", "step-1-title")),
        (
            {"steps": [UPGRADE, UPGRADE | {"with": {"name": "坏 包", "version": "1"}}]},
            Refusal("第 2 步：软件包写得不对：坏 包", "", "step-2-name"),
        ),
        ({"steps": [UPGRADE | {"seconds": 0}]}, Refusal("第 1 步：时限应是 1 秒到 12 小时", "", "step-1-seconds")),
        ({"steps": [UPGRADE | {"kind": "x"}]}, Refusal("第 1 步：没有这种步骤", "", "step-1")),
        ({"then": ["50%"]}, Refusal("主机「app-03」不在任何批次里。最后一批写到 100%", "", "batches")),
        ({"then": ["half"]}, Refusal("批次写得不对：half。写百分比或主机组", "", "batches")),
        ({"stop_done": 10**20}, Refusal("停止规则应是至少几台做完、成功率低于百分之几", "", "batches")),
        ({"at_window_end": ""}, Refusal("窗口到点怎么办没有选", "", "at_window_end")),
        ({"no_backup": ""}, Refusal("没有写哪一步做备份，也没有写为什么不需要", "OPS-4", "backup")),
        ({"backup_step": 1}, Refusal("备份的步骤应是方案里的一个脚本步骤", "OPS-4", "backup")),
        (
            {"health": []},
            Refusal("没有验收准则。至少写一条每批之后的检查，或加一步 HTTP 检查或人工检查", "CHG-5", "health"),
        ),
        ({"minutes": 0}, Refusal("每批的时间应是 1 到 1440 分钟", "", "minutes")),
        ({"minutes": 120}, Refusal("2 批每批最多 120 分钟，共 240 分钟，窗口放不下", "", "minutes")),
        ({"impact": ""}, Refusal("影响没有填写。填好后再提交", "", "impact")),
        (
            {"window_to": now() - timedelta(days=1)},
            Refusal("结束时间不晚于开始时间。把结束时间改到开始之后", "", "window_to"),
        ),
    ],
)  # fmt: skip
def test_what_no_host_could_be_given_is_refused_at_its_entry(cast, change, over, told):
    assert refused(cast, change, **over) == told


def test_a_signature_that_nobody_but_the_engineer_could_give_is_not_planned(cast, change):
    sign = {"kind": "signature", "title": "签", "seconds": 60, "crash": "ask", "back": None}
    told = refused(cast, change, steps=[UPGRADE, sign | {"with": {"words": "看过"}}])
    assert told == Refusal("第 2 步等的签名，除了您没有人能签。换一个角色，或先给别人这个角色", "", "step-2-role")
    kept = host_plan(cast, change, steps=[UPGRADE, sign | {"with": {"words": "看过", "role": "security_office"}}])
    assert [step["kind"] for step in kept.content["orders"]["steps"]] == ["package", "signature"]


def test_a_host_without_a_pinned_key_is_not_planned_for(cast, change):
    Host.objects.filter(name="app-02").update(key="")
    assert refused(cast, change) == Refusal("主机「app-02」还没有登记主机密钥，不能执行", "", "hosts")


def test_hosts_of_another_system_and_retired_ones_are_not_chosen(cast, change):
    other = System.objects.create(owner=cast.jz, code="QT", name="别的系统", backup_owner=cast.zheng)
    strange = make_host(make_group(make_environment(other)), name="other-01")
    assert refused(cast, change, hosts=[str(strange.uid)]).reason == "有 1 台主机不是这个系统的，或已停用"
    uids = [str(host.uid) for host in hosts_of(change.item)]
    Host.objects.filter(name="app-03").update(retired_at=now())
    assert refused(cast, change, hosts=uids).reason == "有 1 台主机不是这个系统的，或已停用"


def test_a_step_takes_only_files_that_were_kept_for_this_change(cast, change, system):
    other = designed(cast, system)
    foreign = keep(cast, other, "echo 别的变更\n")
    step = SCRIPT | {"with": {"sha256": foreign}, "back": None}
    assert refused(cast, change, steps=[step]) == Refusal("第 1 步：没有选文件", "", "step-1-file")
    assert PlanFile.objects.filter(change=change).count() == 0


def test_a_file_more_or_larger_than_a_plan_may_have_is_refused(cast, change):
    told = refusal_of(lambda: keep_plan_file(cast.chen, change, data=bytes(LARGEST + 1), name="大.sh"))
    assert told == Refusal("「大.sh」超过 50 MB。换一个小的", "", "file")
    for number in range(MOST_FILES):
        keep(cast, change, f"echo {number}\n", f"{number}.sh")
    told = refusal_of(lambda: keep(cast, change, "echo 再来\n"))
    assert told == Refusal(f"方案文件最多 {MOST_FILES} 个", "", "file")
    assert PlanFile.objects.filter(change=change).count() == MOST_FILES
    keep(cast, change, "echo 0\n")  # one that is there already is no file more


def test_files_are_kept_once_and_by_the_engineer_only(cast, change):
    first = keep(cast, change, "echo 1\n")
    assert keep(cast, change, "echo 1\n", "别名.sh") == first
    assert list(PlanFile.objects.values_list("name", flat=True)) == ["脚本.sh"]
    assert refusal_of(lambda: keep(cast, change, "")).reason == "「脚本.sh」是空的。换一个文件"


def test_a_time_that_is_taken_is_refused_and_a_freeze_waits_for_its_exception(cast, change, system):
    other = designed(cast, system)
    host_plan(cast, other)
    told = refused(cast, change)
    assert (told.clause, told.field, told.changed) == ("CHG-3", "window_from", ())
    assert told.reason.startswith("同一系统已有安排")
    Booking.objects.update(released_at=now())
    Freeze.objects.create(
        owner=cast.jz, name="国庆封网", starts=now() - timedelta(days=1), ends=now() + timedelta(days=1), reason="节日"
    )
    assert host_plan(cast, change).number == 1


def test_each_kind_of_change_takes_its_own_kind_of_plan(cast, change, installation):
    turn = item_of(change).turn
    told = refusal_of(lambda: submit_plan(cast.chen, change, turn=turn, **plan_fields()))
    assert told == Refusal("这项变更在主机上做，方案写主机、步骤和批次", "CHG-1")


def test_only_an_engineer_rehearses_and_only_what_was_put_forward(cast, change):
    turn = item_of(change).turn
    assert refusal_of(lambda: rehearse_hosts(cast.chen, change, turn=turn)).reason == "还没有实施方案"
    host_plan(cast, change)
    turn = item_of(change).turn
    told = refusal_of(lambda: rehearse_hosts(cast.wang, change, turn=turn))
    assert told.reason == "主机方案由维护工程师写和演练"
    run = rehearse_hosts(cast.chen, change, turn=turn)
    assert (run.purpose, run.subject, RunHost.objects.filter(run=run).count()) == (
        "rehearse",
        item_of(change).subject,
        3,
    )
    again = refusal_of(lambda: rehearse_hosts(cast.chen, change, turn=turn))
    assert again.reason == "这项工单已有一次执行在进行，等它结束"


def test_a_plan_is_ordered_only_approved_and_rehearsed(cast, change):
    host_plan(cast, change)
    approve(cast, change)
    turn = item_of(change).turn
    told = refusal_of(lambda: order_upgrade(cast.chen, change, turn=turn))
    assert told == Refusal("这一版方案还没有演练通过，不能执行。先演练", "OPS-4")
    prove_rehearsal(change)
    run = order_upgrade(cast.chen, change, turn=turn)
    assert (run.purpose, run.subject) == ("carry_out", item_of(change).subject)
    assert run.plan == orders_of(change.item, run.subject)
    told = refusal_of(lambda: rehearse_hosts(cast.chen, change, turn=item_of(change).turn))
    assert told.reason == "这一版方案已开始执行，不用再演练"


def test_a_rehearsal_is_no_act_the_plan_may_be_written_anew(cast, change):
    host_plan(cast, change)
    rehearse_hosts(cast.chen, change, turn=item_of(change).turn)
    Run.objects.update(state="succeeded")
    again = host_plan(cast, change, canary=0)
    assert (again.number, item_of(change).subject) == (2, again.digest)


def test_an_altered_plan_is_not_ordered(cast, change):
    kept = host_plan(cast, change)
    approve(cast, change)
    prove_rehearsal(change)
    kept.content["orders"]["steps"][0]["with"]["version"] = "9.9.9"
    kept.save()
    told = refusal_of(lambda: order_upgrade(cast.chen, change, turn=item_of(change).turn))
    assert told == Refusal("方案在批准后被改动，不能执行。重新送审后再开始", "CHG-1")


def ready(cast: Cast, change: Change, **over: Any) -> None:
    """Approved, with its rehearsal on record."""
    host_plan(cast, change, **over)
    approve(cast, change)
    prove_rehearsal(change)


def not_started(cast: Cast, change: Change) -> Refusal:
    return refusal_of(lambda: order_upgrade(cast.chen, change, turn=item_of(change).turn))


def test_hosts_that_are_registered_otherwise_than_approved_are_not_ordered(cast, change):
    ready(cast, change)
    host = Host.objects.get(name="app-02")
    Host.objects.filter(id=host.id).update(key="ssh-ed25519 AAAA")
    assert not_started(cast, change) == Refusal("主机「app-02」的登记在批准之后改动过（主机密钥）。重新提交方案")
    Host.objects.filter(id=host.id).update(key=host.key)
    assert order_upgrade(cast.chen, change, turn=item_of(change).turn).purpose == "carry_out"


def test_a_plan_for_another_program_than_today_s_is_not_ordered(cast, change):
    kept = host_plan(cast, change)
    kept.content["orders"]["program"] = "0" * 64
    kept.digest = digest(kept.content)
    kept.save()
    item = item_of(change)
    set_subject(item, kept.digest)
    record_fact(item, "integrity.verified", kept.digest, True, "核对一致", "R", uuid7())
    approve(cast, change)
    prove_rehearsal(change)
    reason = "维录自己的执行程序在批准之后有了新版本。重新提交方案再执行"
    assert not_started(cast, change) == Refusal(reason)


def test_batches_that_a_bound_cuts_are_counted_as_the_worker_counts_them(cast, change):
    ready(cast, change, minutes=80, canary=0)
    HostGroup.objects.update(at_once=1)
    told = not_started(cast, change)
    written = refusal_of(lambda: host_plan(cast, change, minutes=80, canary=0))
    assert written.reason == "3 批每批最多 80 分钟，共 240 分钟，窗口放不下"
    assert (told.reason.split("，")[1:], told.clause) == (["方案需要 240 分钟", "不开始"], "CHG-3")
    page = signed_in(cast.chen).get(f"/changes/{change.item.uid}/").content.decode()
    assert "方案需要 240 分钟，不开始" in page
    HostGroup.objects.update(at_once=None)
    page = signed_in(cast.chen).get(f"/changes/{change.item.uid}/").content.decode()
    assert "够用，最多 80 分钟" in page
    assert order_upgrade(cast.chen, change, turn=item_of(change).turn).hosts.count() == 3


def ended(run: Run, how: str, **first: Any) -> None:
    """The run as a worker leaves it, its first host in this state."""
    Run.objects.filter(id=run.id).update(state=how, ended_at=now())
    run.hosts.update(state="left")
    run.hosts.filter(ordinal=1).update(**first)


@pytest.mark.parametrize("state", ["succeeded", "partly", "went_back", "failed"])
def test_a_plan_that_was_carried_out_is_not_ordered_again(cast, change, state):
    ready(cast, change)
    run = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    ended(run, state, state="stuck", changed=True)
    told = Refusal(f"这一版方案已由 {run.number} 执行过，不能再执行一次", "CHG-1")
    assert not_started(cast, change) == told
    assert "开始执行</button>" not in signed_in(cast.chen).get(f"/changes/{change.item.uid}/").content.decode()


def test_a_plan_whose_start_was_refused_before_a_host_was_touched_is_ordered_again(cast, change):
    ready(cast, change)
    first = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    ended(first, "failed", state="left")
    page = signed_in(cast.chen).get(f"/changes/{change.item.uid}/").content.decode()
    assert "开始执行</button>" in page
    assert f"{first.number} 没有动到主机就结束了，可以再开始执行" in page
    again = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    assert (again.subject, again.number == first.number) == (first.subject, False)
