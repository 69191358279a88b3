"""A plan is carried out on real hosts in batches, and what goes wrong goes back."""

from collections.abc import Callable

import pytest

from tests.fleet.conftest import COUNT, COUNTER, Fleet, acted, carry_out, cells, facts, host_states, log
from tests.hosts.packages import installed
from weilu.execution.fleet.actions import end_run, go_back, resume_run, retry_failed
from weilu.execution.models import Run, RunHost

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
Stand = Callable[..., Fleet]
UPGRADE = {"kind": "package", "with": {"name": "jzhello", "version": "1.1.0"}, "back": "auto"}
ANSWERS = {"title": "应答", "port": 8080, "path": "/", "expect": "1.1.0"}


def test_every_kind_of_step_is_carried_out_on_every_host(packages: Stand) -> None:
    fleet = packages(3)
    script, setting = fleet.keep(COUNT), fleet.keep("level=2\n", "jz.conf")
    told = fleet.orders(
        UPGRADE,
        {"kind": "file", "with": {"path": "/etc/jz.conf", "sha256": setting["sha256"], "mode": "0640"}, "back": "auto"},
        {"kind": "script", "with": {"sha256": script["sha256"]}},
        {"kind": "service", "with": {"name": "jzhello", "state": "restarted"}, "back": "auto"},
        {"kind": "http", "with": {"port": 8080, "path": "/", "expect": "1.1.0"}, "crash": "idempotent"},
        artefacts=[script, setting],
    )

    run = carry_out(fleet.order(told))

    assert (run.state, host_states(run)) == ("succeeded", {"host-1": "done", "host-2": "done", "host-3": "done"})
    assert [installed(host) for host in fleet.real] == ["1.1.0"] * 3
    assert [host.run("stat", "-c", "%a", "/etc/jz.conf").strip() for host in fleet.real] == ["640"] * 3
    assert [host.read("/etc/jz.conf") for host in fleet.real] == ["level=2\n"] * 3
    assert [acted(host) for host in fleet.real] == [1, 1, 1]
    assert [(step.batch, step.key) for step in run.steps.filter(key="s1").order_by("ordinal")] == [(1, "s1"), (2, "s1")]
    assert facts(run) == {
        "rehearsal.matched": True, "backup.restored": True, "window.open": True, "acceptance.passed": True,
        "run.concluded": True,
    }  # fmt: skip
    assert not RunHost.objects.exclude(holds=None).exists()


def test_a_faulty_host_goes_back_the_stop_rule_holds_and_the_whole_run_can_go_back(packages: Stand) -> None:
    fleet = packages(4)
    fleet.real[2].write("/etc/apt/weilu-tests.list", "")  # it has lost its software source
    told = fleet.orders(UPGRADE)
    told["batches"]["health"] = [ANSWERS]

    run = carry_out(fleet.order(told))

    assert (run.state, host_states(run)["host-3"]) == ("paused", "left"), log(run)[-10:]
    assert run.cause == "停止规则：已做完 4 台，成功 3 台，低于 80%"
    go_back(fleet.cast.chen, run, why="先查明原因")
    run = carry_out(run)
    back = {"host-1": "back", "host-2": "back", "host-3": "left", "host-4": "back"}
    assert (run.state, host_states(run)) == ("went_back", back)
    assert [installed(host) for host in fleet.real] == ["1.0.0"] * 4


def test_the_failed_hosts_alone_are_tried_again(fleet: Stand) -> None:
    here = fleet(3)
    script = here.keep(f"test -e /ready || exit 3\n{COUNT}")
    undo = here.keep(f"rm -f {COUNTER}\n")
    for host in here.real[:2]:
        host.write("/ready", "")
    told = here.orders(
        {"kind": "script", "with": {"sha256": script["sha256"]}, "back": {"sha256": undo["sha256"]}},
        artefacts=[script, undo],
    )

    run = carry_out(here.order(told))
    assert (run.state, host_states(run)) == ("paused", {"host-1": "done", "host-2": "done", "host-3": "back"})
    here.real[2].write("/ready", "")
    retry_failed(here.cast.chen, run)
    run = carry_out(run)

    assert (run.state, host_states(run)) == ("succeeded", {"host-1": "done", "host-2": "done", "host-3": "done"})
    assert [acted(host) for host in here.real] == [1, 1, 1]


def test_a_canary_that_fails_stops_everything_and_a_person_can_leave_it_at_that(fleet: Stand) -> None:
    here = fleet(2)
    script = here.keep("echo 坏了; exit 7\n")
    told = here.orders({"kind": "script", "with": {"sha256": script["sha256"]}}, artefacts=[script])

    run = carry_out(here.order(told))

    assert (run.state, host_states(run)) == ("paused", {"host-1": "stuck", "host-2": "waiting"})
    assert run.cause == "金丝雀 1 台没有通过，后面的批次不开始"
    end_run(here.cast.chen, run, why="换一版脚本")
    run = carry_out(run)
    assert (run.state, host_states(run)) == ("failed", {"host-1": "stuck", "host-2": "left"})
    assert (
        run.hosts.get(ordinal=1).words
        == "方案写明「第 1 步」没有自动回退，主机上留着它的结果。按方案的回退说明人工恢复"
    )
    assert facts(run)["run.concluded"] is False


def test_a_person_goes_on_in_spite_of_the_stop_rule_and_says_why(fleet: Stand) -> None:
    here = fleet(2)
    script = here.keep("test $(hostname) != host-1\n")
    undo = here.keep("true\n")
    told = here.orders(
        {"kind": "script", "with": {"sha256": script["sha256"]}, "back": {"sha256": undo["sha256"]}},
        artefacts=[script, undo],
    )
    run = carry_out(here.order(told))
    assert (run.state, run.cause) == ("paused", "金丝雀 1 台没有通过，后面的批次不开始")

    resume_run(here.cast.chen, run, why="host-1 另行处理")
    run = carry_out(run)

    assert (run.state, host_states(run)) == ("partly", {"host-1": "back", "host-2": "done"})
    assert cells(run)[("host-2", "forward", "s1")] == "done"


def test_a_rehearsal_changes_nothing_and_says_per_host_what_would_change(packages: Stand) -> None:
    fleet = packages(2)
    script, setting = fleet.keep(COUNT), fleet.keep("level=2\n", "jz.conf")
    fleet.real[0].write("/etc/jz.conf", "level=1\n")
    told = fleet.orders(
        UPGRADE,
        {"kind": "file", "with": {"path": "/etc/jz.conf", "sha256": setting["sha256"]}, "back": "auto"},
        {"kind": "script", "with": {"sha256": script["sha256"]}},
        artefacts=[script, setting],
    )

    run = carry_out(fleet.order(told, Run.Purpose.REHEARSE, rehearsed=False))

    assert run.state == "succeeded", log(run)
    assert facts(run) == {"rehearsal.matched": True}
    would = {
        (cell.host.name, cell.step.key): (cell.result["would"], cell.result["rehearsed"], cell.result["back"])
        for step in run.steps.exclude(batch=None) for cell in step.cells.all()
    }  # fmt: skip
    assert would["host-1", "s2"] == (
        ["/etc/jz.conf 修改", "--- 现值 /etc/jz.conf", "+++ 改后 /etc/jz.conf", "@@ -1 +1 @@", "-level=1", "+level=2"],
        True, "",
    )  # fmt: skip
    assert would["host-2", "s2"][0][0] == "/etc/jz.conf 新建"
    assert would["host-1", "s3"] == (["脚本不能试运行，演练没有执行它"], False, "方案没有写这一步的回退")
    assert would["host-1", "s1"][0][0].startswith("jzhello 1.0.0 → 1.1.0（SHA-256 ")
    assert [installed(host) for host in fleet.real] == ["1.0.0", "1.0.0"]
    assert [host.run("sh", "-c", "ls -d /var/lib/weilu 2>/dev/null || true") for host in fleet.real] == ["", ""]
