"""A change about hosts to its end on real ones: rehearsed, approved, carried out, gone back, on the sheet."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.changes.host_steps import approve, designed, host_plan, keep
from tests.changes.steps import bring, item_of, sign_as, signed_in
from tests.fleet.conftest import Fleet, carry_out, facts, fleet, host_states, log, packages
from tests.hosts.packages import installed
from weilu.changes.actions import order_upgrade
from weilu.changes.host_plan import rehearse_hosts
from weilu.changes.models import Change
from weilu.evidence.bodies import Body
from weilu.evidence.files import path_of
from weilu.execution.fleet.actions import go_back
from weilu.execution.models import Run
from weilu.notify.models import Notice
from weilu.process.models import Fact
from weilu.records.models import RecordSheet
from weilu.systems.models import Host

__all__ = ["fleet", "packages"]  # fixtures
pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.django_db(transaction=True)]
Stand = Callable[..., Fleet]


def a_change(here: Fleet) -> Change:
    return designed(here.cast, here.group.environment.system)


def rehearse(here: Fleet, change: Change) -> Run:
    return carry_out(rehearse_hosts(here.cast.chen, change, turn=item_of(change).turn))


def order(here: Fleet, change: Change) -> Run:
    return order_upgrade(here.cast.chen, change, turn=item_of(change).turn)


def ready(here: Fleet, **over: object) -> Change:
    """A change whose plan is rehearsed and approved."""
    change = a_change(here)
    host_plan(here.cast, change, **over)
    rehearsal = rehearse(here, change)
    assert rehearsal.state == "succeeded", log(rehearsal)[-10:]
    approve(here.cast, change)
    return change


def test_a_faulty_host_stops_the_batch_the_whole_run_goes_back_and_the_sheet_says_so(packages: Stand) -> None:
    here = packages(4)
    change = ready(here)
    page = signed_in(here.cast.zhou).get(f"/changes/{change.item.uid}/").content.decode()
    assert "jzhello 1.0.0 → 1.1.0" in page
    here.real[2].write("/etc/apt/weilu-tests.list", "")  # host-3 has lost its software source since

    run = carry_out(order(here, change))

    assert (run.state, run.cause) == ("paused", "停止规则：已做完 4 台，成功 3 台，低于 80%"), log(run)[-12:]
    go_back(here.cast.chen, run, why="先查明原因")
    run = carry_out(run)
    assert (run.state, [installed(host) for host in here.real]) == ("went_back", ["1.0.0"] * 4)
    assert facts(run)["acceptance.filed"] is True
    filed = Fact.objects.get(item=change.item, key="acceptance.filed")
    assert filed.proof == (
        "完成 0 台，已回退 3 台，未能回退 0 台，失败 1 台，未执行 0 台。失败的里 0 台已恢复，1 台未改变"
    )

    sign_as(here.cast, change, "chen")
    told = Notice.objects.filter(person=here.cast.li).order_by("-id")[0]
    assert told.title == "网上预约平台维护未成功，已恢复原样"
    bring(here.cast, change, "sheet")
    content = RecordSheet.objects.get(item=change.item).content
    assert (content["version_to"], content["kinds"]) == ("jzhello 1.1.0", ["upgrade"])
    assert content["done"][1] == "执行前在这些主机上演练通过。没有另做备份：只换一个软件包，随时可退。"
    assert content["done"][2:4] == [
        "金丝雀 1 台。已回退 1 台：host-1。",
        "第 1 批 3 台。已回退 2 台：host-2、host-4；失败，未改变 1 台：host-3。",
    ]
    assert content["tests"] == [{"title": "验收：应答新版本", "result": "部分检查", "report": "", "counts": "3 / 4"}]
    rows = {(row["title"], row["host"]): row["result"] for row in content["steps"]}
    assert rows["第 1 批：升级 jzhello", "3 台"] == "成功 2，失败 1"
    assert rows["金丝雀：回退：升级 jzhello", "host-1"] == "成功"
    assert rows["第 1 批主机", "host-3"] == "失败，未改变"
    first, second, *_rest = content["remaining"].splitlines()
    assert first.startswith("失败，未改变：host-3：")
    assert "jzhello" in first
    assert second == "已恢复原样的 3 台：host-1、host-2、host-4"
    bring(here.cast, change, "")
    assert item_of(change).state == "closed"


def test_a_run_that_goes_well_ends_with_all_hosts_and_the_users_told(packages: Stand) -> None:
    here = packages(2)
    change = ready(here)

    run = carry_out(order(here, change))

    assert (run.state, [installed(host) for host in here.real]) == ("succeeded", ["1.1.0", "1.1.0"]), log(run)[-12:]
    sign_as(here.cast, change, "chen")
    told = Notice.objects.filter(person=here.cast.li).order_by("-id")[0]
    assert (told.title, told.body) == ("网上预约平台已完成维护", "应答页已更新。")
    bring(here.cast, change, "sheet")
    content = RecordSheet.objects.get(item=change.item).content
    assert content["remaining"] == ""
    assert content["tests"] == [{"title": "验收：应答新版本", "result": "通过", "report": "", "counts": "2 / 2"}]


SCRIPT = "echo acted >> /var/lib/counted\n"


@pytest.fixture
def scripted(fleet: Stand) -> tuple[Fleet, Change, str]:
    """One host, and a plan of one script that stands approved and rehearsed."""
    here = fleet(1)
    change = a_change(here)
    sha = keep(here.cast, change, SCRIPT)
    step = {
        "kind": "script", "title": "计数", "seconds": 60, "crash": "ask", "back": None, "with": {"sha256": sha},
    }  # fmt: skip
    look = {
        "kind": "manual", "title": "看一眼", "seconds": 60, "crash": "ask", "back": None, "with": {"words": "看页面"},
    }  # fmt: skip
    host_plan(here.cast, change, steps=[step, look], health=[])
    assert rehearse(here, change).state == "succeeded"
    approve(here.cast, change)
    return here, change, sha


def refused_at_the_start(here: Fleet, run: Run) -> str:
    """Why nothing began; no host was touched."""
    run = carry_out(run)
    assert (run.state, host_states(run)) == ("failed", {"host-1": "left"})
    assert here.real[0].run("sh", "-c", "cat /var/lib/counted 2>/dev/null || true") == ""
    return run.cause


def test_a_host_whose_key_changed_after_the_approval_is_not_touched(scripted: tuple[Fleet, Change, str]) -> None:
    here, change, _sha = scripted
    run = order(here, change)
    Host.objects.update(key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    assert refused_at_the_start(here, run) == "主机「host-1」的登记在批准之后改动过（主机密钥）。重新提交方案"


def test_a_file_that_is_no_longer_what_was_approved_is_not_run(scripted: tuple[Fleet, Change, str]) -> None:
    here, change, sha = scripted
    run = order(here, change)
    place = Path(path_of(Body.objects.get(sha256=sha).stored))
    *kept, last = place.read_bytes()
    place.write_bytes(bytes([*kept, last ^ 1]))
    told = refused_at_the_start(here, run)
    assert told == f"文件 {sha[:12]} 的内容与登记的摘要不一致。从备份取回后再办"


def test_a_plan_that_was_altered_after_the_approval_is_not_run(scripted: tuple[Fleet, Change, str]) -> None:
    here, change, _sha = scripted
    run = order(here, change)
    plan = change.plans.get()
    plan.content["orders"]["steps"][0]["with"]["arguments"] = ["--force"]
    plan.save()
    assert refused_at_the_start(here, run) == "方案在批准后被改动，不能执行。重新送审后再开始"


def test_orders_that_are_not_those_of_the_plan_are_not_run(scripted: tuple[Fleet, Change, str]) -> None:
    here, change, _sha = scripted
    run = order(here, change)
    run.plan["steps"][0]["with"]["arguments"] = ["--force"]
    run.save()
    assert refused_at_the_start(here, run) == "要执行的内容与方案不是同一份，不能执行"
