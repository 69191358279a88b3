"""What people do with a run on hosts, and what the window's end does to it."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.fleet.conftest import COUNT, COUNTER, Fleet, acted, carry_out, cells, facts, host_states, log
from tests.support.unchanged import refusal_of
from weilu.execution import actions as usual
from weilu.execution.fleet.actions import (
    answer_hosts,
    confirm_back,
    confirm_manual,
    end_run,
    go_back,
    pause_run,
    resume_run,
    sign_wait,
)
from weilu.execution.models import Run
from weilu.execution.worker import Worker
from weilu.kernel.times import now
from weilu.systems.models import Host

pytestmark = [pytest.mark.slow, pytest.mark.served, pytest.mark.django_db(transaction=True)]
Stand = Callable[..., Fleet]


def counting(here: Fleet, count: int = 1, **over: object) -> dict[str, object]:
    """Orders with so many scripts that count, each with a way back."""
    script, undo = here.keep(COUNT), here.keep(f"rm -f {COUNTER}\n")
    step = {"kind": "script", "with": {"sha256": script["sha256"]}, "back": {"sha256": undo["sha256"]}}
    return here.orders(*[step] * count, artefacts=[script, undo], **over)


def until(run: Run, worker: Worker, told: Callable[[], bool], seconds: float = 90) -> None:
    limit = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < limit, log(run)[-8:]
        if not worker.work_once():
            time.sleep(0.02)


def test_paused_between_two_steps_gone_on_with_and_cancelled(fleet: Stand) -> None:
    here = fleet(2)
    run, worker, chen = here.order(counting(here, 2)), Worker(), here.cast.chen
    until(run, worker, lambda: run.steps.filter(key="s1", state="started").exists())
    pause_run(chen, run)

    run = carry_out(run, worker)
    assert (run.state, run.cause, acted(here.real[0])) == ("paused", "陈航 暂停了这次执行", 1)
    assert Worker().work_once() is False
    resume_run(chen, run)
    until(run, Worker(), lambda: run.steps.filter(batch=2, key="s1", state="started").exists())
    usual.cancel_run(chen, run)
    run.refresh_from_db()
    Run.objects.filter(id=run.id).update(lease_until=None)
    run = carry_out(run)

    assert (run.state, host_states(run)) == ("partly", {"host-1": "done", "host-2": "back"})
    assert (acted(here.real[0]), acted(here.real[1])) == (2, 0)


def test_a_step_by_hand_needs_words_and_a_file_and_a_signature_somebody_else(fleet: Stand) -> None:
    here = fleet(1)
    cast = here.cast
    told = here.orders(
        {"kind": "manual", "with": {"words": "换下电源"}},
        {"kind": "signature", "with": {"words": "确认可以继续", "role": "security_office"}},
    )
    run = carry_out(here.order(told))
    assert (run.state, run.cause) == ("asks", "换下电源")

    assert refusal_of(lambda: confirm_manual(cast.chen, run, words="换好了")).reason == (
        "附上能看出做过的文件，例如截图或记录"
    )
    assert refusal_of(lambda: sign_wait(cast.wu, run)).reason == "这次执行没有在等签名"
    confirm_manual(cast.chen, run, words="换好了", evidence=[(b"picture", "电源.png")])
    run = carry_out(run)
    assert (run.state, run.cause) == ("asks", "确认可以继续")
    assert refusal_of(lambda: sign_wait(cast.chen, run)).reason == "这一步不由您签"
    sign_wait(cast.wu, run, words="可以")
    run = carry_out(run)

    assert (run.state, cells(run)) == (
        "succeeded", {("host-1", "forward", "s1"): "done", ("host-1", "forward", "s2"): "done"},
    )  # fmt: skip


def test_the_end_of_the_window_does_what_the_plan_says(fleet: Stand) -> None:
    here = fleet(2)
    ends = {}
    for rule in ("finish_batch", "go_back", "ask"):
        run, worker = here.order(counting(here, 2, at_window_end=rule)), Worker()
        until(run, worker, lambda run=run: run.steps.filter(key="s1", state="started").exists())
        Run.objects.filter(id=run.id).update(window_to=now() - timedelta(seconds=1))
        run = carry_out(run, worker)
        ends[rule] = (run.state, *host_states(run).values(), acted(here.real[0]))
        if rule == "ask":
            go_back(here.cast.chen, run, why="不等了")
            run = carry_out(run)
            ends["then back"] = (run.state, *host_states(run).values(), acted(here.real[0]))
        for host in here.real:
            host.run("rm", "-f", COUNTER)
    assert ends == {
        "finish_batch": ("partly", "done", "left", 2), "go_back": ("went_back", "back", "left", 0),
        "ask": ("paused", "running", "waiting", 1), "then back": ("went_back", "back", "left", 0),
    }  # fmt: skip


def test_a_host_that_could_not_be_brought_back_is_named_until_a_person_did_it(fleet: Stand) -> None:
    here = fleet(1)
    script, undo = here.keep("exit 3\n"), here.keep("echo 没有备份; exit 4\n")
    step = {"kind": "script", "with": {"sha256": script["sha256"]}, "back": {"sha256": undo["sha256"]}}
    run = carry_out(here.order(here.orders(step, artefacts=[script, undo])))

    assert (host_states(run), run.hosts.get().words) == ({"host-1": "stuck"}, "回退脚本以 4 结束：没有备份")
    confirm_back(here.cast.chen, run, ordinal=1, words="按手册恢复了配置")
    assert (host_states(run), run.hosts.get().words) == ({"host-1": "back"}, "按手册恢复了配置")
    assert facts(run).get("run.concluded") is None  # it is still paused by the stop rule
    end_run(here.cast.chen, run, why="已恢复")
    run = carry_out(run)
    assert (run.state, facts(run)["run.concluded"]) == ("went_back", True)
    assert refusal_of(lambda: confirm_back(here.cast.chen, run, ordinal=1, words="再来")).reason == (
        "这台主机没有在等人工恢复"
    )


def test_a_host_with_another_key_and_one_that_is_away_fail_without_being_touched(fleet: Stand) -> None:
    here = fleet(3)
    here.real[1].change_host_key()
    here.real[2].power_off()
    told = counting(here, 1)
    told["batches"] |= {"canary": 0, "stop": {"done": 3, "below": 10}}  # type: ignore[operator]

    run = carry_out(here.order(told), seconds=200)

    left = {"host-1": "done", "host-2": "left", "host-3": "left"}
    assert (run.state, host_states(run)) == ("partly", left), log(run)
    words = {one.name: one.words for one in run.hosts.all()}
    assert words["host-2"] == ("连不上主机，这一步没有开始：主机密钥与登记的不一致，已拒绝。查明原因后由管理员重新登记")
    assert words["host-3"].startswith("连不上主机，这一步没有开始：")
    assert [acted(host) for host in here.real[:2]] == [1, 0]


def test_what_nobody_can_tell_is_asked_host_by_host_and_answered_by_a_named_person(fleet: Stand) -> None:
    here = fleet(2)
    script = here.keep(f"{COUNT}sleep 60\n")
    told = here.orders({"kind": "script", "with": {"sha256": script["sha256"]}}, artefacts=[script])
    told["batches"] |= {"canary": 0}  # type: ignore[operator]
    run, worker = here.order(told), Worker()
    until(run, worker, lambda: acted(here.real[0]) == acted(here.real[1]) == 1)
    for host in here.real:
        host.reboot()

    run = carry_out(run, worker, seconds=280)
    assert (run.state, set(cells(run).values())) == ("asks", {"asks"}), log(run)
    said = "只回答等待判断的主机，至少一台"
    assert refusal_of(lambda: answer_hosts(here.cast.chen, run, answers={3: "done"})).reason == said
    assert refusal_of(lambda: answer_hosts(here.cast.chen, run, answers={})).reason == said
    answer_hosts(here.cast.chen, run, answers={1: "done"})
    run.refresh_from_db()
    assert (run.state, sorted(cells(run).values())) == ("asks", ["asks", "done"])
    answer_hosts(here.cast.chen, run, answers={2: "done"})
    run = carry_out(run)
    assert (run.state, [acted(host) for host in here.real]) == ("succeeded", [1, 1])


def asking(here: Fleet, undo: str) -> tuple[Run, dict[str, object]]:
    """A run that asks on its only host about a script that has acted, with a way back."""
    script, back = here.keep(f"{COUNT}sleep 60\n"), here.keep(undo)
    step = {"kind": "script", "with": {"sha256": script["sha256"]}, "back": {"sha256": back["sha256"]}}
    run, worker = here.order(here.orders(step, artefacts=[script, back])), Worker()
    until(run, worker, lambda: acted(here.real[0]) == 1)
    here.real[0].reboot()
    run = carry_out(run, worker, seconds=280)
    assert run.state == "asks", log(run)
    return run, step


def test_going_back_past_a_question_undoes_what_was_asked_about(fleet: Stand) -> None:
    here = fleet(1)
    run, _step = asking(here, f"rm -f {COUNTER}\n")
    go_back(here.cast.chen, run, why="不等了")
    run = carry_out(run)
    assert (run.state, host_states(run), acted(here.real[0])) == ("went_back", {"host-1": "back"}, 0), log(run)
    assert cells(run) == {("host-1", "forward", "s1"): "failed", ("host-1", "back", "s1"): "done"}


def test_cancelling_past_a_question_undoes_it_too_and_what_cannot_be_undone_is_named(fleet: Stand) -> None:
    here = fleet(1)
    run, _step = asking(here, "exit 9\n")
    usual.cancel_run(here.cast.chen, run)
    run = carry_out(run)
    assert (run.state, host_states(run), acted(here.real[0])) == ("failed", {"host-1": "stuck"}, 1), log(run)
    assert facts(run)["run.concluded"] is False
    confirm_back(here.cast.chen, run, ordinal=1, words="按手册恢复了")
    run.refresh_from_db()
    assert (run.state, facts(run)["run.concluded"]) == ("went_back", True)


def test_a_rehearsal_that_was_cancelled_has_rehearsed_nothing(fleet: Stand) -> None:
    here = fleet(1)
    run, worker = here.order(counting(here), Run.Purpose.REHEARSE, rehearsed=False), Worker()
    assert worker.work_once() is True  # it has begun to look
    usual.cancel_run(here.cast.chen, run)
    run = carry_out(run, worker)
    assert (run.state, run.cause) == ("failed", "没有演练完，1 台没有试过")
    assert facts(run) == {"rehearsal.matched": False}


def test_a_run_that_no_worker_has_taken_ends_at_once_when_it_is_cancelled(fleet: Stand) -> None:
    here = fleet(1)
    Host.objects.filter(id=here.hosts[0].id).update(pool="远处")
    here.hosts[0].refresh_from_db()
    run = here.order(counting(here))
    assert (run.cause, Worker().work_once()) == ("等待工作机组「远处」", False)
    usual.cancel_run(here.cast.chen, run)
    run.refresh_from_db()
    assert (run.state, run.cause, host_states(run)) == ("failed", "陈航 取消了这次执行", {"host-1": "left"})
    assert (facts(run)["run.concluded"], acted(here.real[0])) == (False, 0)


def test_a_cancelled_rehearsal_that_never_began_has_rehearsed_nothing(fleet: Stand) -> None:
    here = fleet(1)
    run = here.order(counting(here), Run.Purpose.REHEARSE, rehearsed=False)
    usual.cancel_run(here.cast.chen, run)
    run.refresh_from_db()
    assert run.state == "failed"
    assert facts(run) == {"rehearsal.matched": False}
