"""The worker asks again by itself before it acts: what was true when a run was ordered need not be true now."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from tests.cast import make_change, system_of
from tests.fleet.conftest import Fleet, carry_out, host_states, log
from weilu.demo import make_environment, make_group, make_host
from weilu.execution import lease
from weilu.execution.fleet import start
from weilu.execution.models import Cell, Run
from weilu.execution.worker import Worker
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.planning.bookings import book
from weilu.planning.models import Freeze, Window
from weilu.systems.models import Host, HostGroup, Limit

pytestmark = pytest.mark.django_db(transaction=True)
Stand = Callable[..., Fleet]
STEP = {"kind": "package", "with": {"name": "jzhello", "version": "1.1.0"}, "back": "auto"}


@pytest.fixture
def papers(fleet: Stand) -> Fleet:
    """Three hosts that are only on the register: nothing here gets as far as a call."""
    found = fleet(0)
    found.hosts += [make_host(found.group) for _ in range(3)]
    return found


def refused(papers: Fleet, run: Run) -> str:
    """The run is over without any call, its hosts as they were and free."""
    run = carry_out(run)
    assert (run.state, set(host_states(run).values())) == ("failed", {"left"})
    assert not Cell.objects.exists()
    assert not run.hosts.exclude(holds=None).exists()
    return run.cause


def test_orders_that_are_not_those_approved_are_not_carried_out(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP))
    told = papers.orders(STEP | {"with": {"name": "jzhello", "version": "1.3.0"}})
    Run.objects.filter(id=run.id).update(plan=told)
    assert refused(papers, run) == "要执行的内容与方案不是同一份，不能执行"


def test_a_program_newer_than_the_approval_does_not_run(papers: Fleet) -> None:
    assert refused(papers, papers.order(papers.orders(STEP, program="0" * 64))) == (
        "维录自己的执行程序在批准之后有了新版本。重新提交方案再执行"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE"},
            "主机「app-02」的登记在批准之后改动过（主机密钥）。重新提交方案",
        ),
        ({"address": "192.0.2.99"}, "主机「app-02」的登记在批准之后改动过（地址）。重新提交方案"),
        ({"retired_at": now()}, "主机「app-02」已停用，方案要改"),
    ],
)
def test_a_host_that_is_not_as_approved_stops_the_start(papers: Fleet, change: dict[str, Any], words: str) -> None:
    run = papers.order(papers.orders(STEP))
    Host.objects.filter(id=papers.hosts[1].id).update(**change)
    assert refused(papers, run) == words


def test_a_host_that_moved_since_the_approval_stops_the_start(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP))
    other = make_environment(papers.item.system)
    papers.hosts[1].group = make_group(other, name=papers.group.name)
    papers.hosts[1].save(update_fields=["group"])
    assert refused(papers, run) == "主机「app-02」的登记在批准之后改动过（环境）。重新提交方案"


def test_a_group_of_another_name_stops_the_start(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP))
    HostGroup.objects.filter(id=papers.group.id).update(name="别的组")
    assert refused(papers, run) == "主机「app-01」的登记在批准之后改动过（主机组）。重新提交方案"


def test_hosts_are_held_only_as_approved(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP))
    Host.objects.filter(id=papers.hosts[1].id).update(port=2222)
    with pytest.raises(Refused, match="改动过（端口）"):
        start.take_hosts(run)
    assert not run.hosts.exclude(holds=None).exists()


def test_nothing_runs_that_was_not_rehearsed(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP), rehearsed=False)
    assert refused(papers, run) == "这一版方案还没有演练通过，不能执行。先演练"


def test_a_run_that_does_not_fit_before_the_window_ends_does_not_start(papers: Fleet) -> None:
    told = papers.orders(STEP, window_to=iso(now() + timedelta(minutes=15)), minutes=10)
    assert "方案需要 20 分钟，不开始" in refused(papers, papers.order(told))


def test_in_a_freeze_and_outside_every_window_nothing_starts(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP))
    soon = {"starts": now() - timedelta(hours=1), "ends": now() + timedelta(hours=1)}
    frozen = Freeze.objects.create(owner=papers.cast.jz, name="双十一封网", reason="业务高峰", **soon)
    assert "双十一封网" in refused(papers, run)
    frozen.delete()
    Window.objects.update(ended_at=now())
    Window.objects.create(
        owner=papers.cast.jz, system=papers.item.system, name="别的时间", rule="FREQ=DAILY",
        starts=now() + timedelta(days=30), minutes=60,
    )  # fmt: skip
    assert "窗口" in refused(papers, papers.order(papers.orders(STEP, minutes=11)))


def test_a_run_starts_while_those_it_was_planned_for_and_whoever_ordered_it_are_free(papers: Fleet) -> None:
    """周 planned the item, 陈 ordered the run: what was booked later gives way to 周, what 陈 has does not."""
    cast, run = papers.cast, papers.order(papers.orders(STEP))
    rest = (run.window_from, run.window_to)
    theirs = [make_change(cast, papers.item.change.installation, "另一件").item for _n in range(2)]
    elsewhere = system_of(cast)
    with transaction.atomic():
        book(cast.zhou, papers.item, papers.item.system, *rest, papers.hosts, [cast.zhou])
        book(cast.zhou, theirs[0], elsewhere, *rest, [], [cast.zhou])
    start.check_in_nobody_s_way(run, now())
    with transaction.atomic():
        book(cast.chen, theirs[1], elsewhere, *rest, [], [cast.chen])
    assert refused(papers, run).startswith(f"陈航 已有安排：{theirs[1].number} 另一件")


def test_before_its_window_a_run_waits_says_so_and_keeps_no_worker(papers: Fleet) -> None:
    told = papers.orders(STEP, window_from=iso(now() + timedelta(minutes=30)))
    run, worker = papers.order(told), Worker()
    worker.work_once()
    run.refresh_from_db()
    assert (run.state, run.cause, worker.run_id, run.holder) == ("queued", "等待窗口打开", 0, "")
    assert log(run) == ["等待窗口打开"]


def test_two_runs_never_hold_one_host(papers: Fleet) -> None:
    first, second = papers.order(papers.orders(STEP)), None
    first.state = "running"
    first.save(update_fields=["state"])
    assert start.waits(first, now()) == ""
    Run.objects.filter(id=first.id).update(item=first.item)
    told = papers.orders(STEP, minutes=12)
    subject = papers.approve(told)
    second = Run.objects.create(
        owner=first.owner, item=first.item, number="JZ-R-2", plan=told, subject=subject, window_from=first.window_from,
        window_to=first.window_to, version_from="", ordered_by=first.ordered_by,
    )  # fmt: skip
    for one in first.hosts.all():
        second.hosts.create(ordinal=one.ordinal, host=one.host, name=one.name, entry=one.entry, batch=1)
    second.steps.create(key="start", title="开始前核对", ordinal=1)

    assert start.take_hosts(second) == f"等待 {first.number} 让出主机「app-01」"
    assert [one.holds_id for one in second.hosts.all()] == [None] * 3
    first.hosts.update(holds=None)
    assert start.take_hosts(second) == ""
    turn = first.hosts.get(ordinal=1).turn
    assert [one.turn for one in second.hosts.order_by("ordinal")] == [turn + 1] * 3


def test_a_bound_lowered_below_a_batch_is_said_as_such(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP))
    HostGroup.objects.update(at_once=1)
    words = "主机组「应用」的上限改成了 1 台，这一批有 2 台，等不到。把上限改回，或到此为止"
    assert (start.over_limits(run, 1), start.over_limits(run, 2)) == ("", words)


def test_bounds_that_would_cut_a_plan_into_too_many_batches_are_refused(papers: Fleet) -> None:
    for number in range(50):
        papers.hosts.append(make_host(papers.group, name=f"more-{number}"))
    HostGroup.objects.update(at_once=1)
    with pytest.raises(Refused) as refused:
        papers.order(papers.orders(STEP))
    assert refused.value.reason == ("按主机组、机房和网络区的上限要分成 53 批，最多 50 批。放宽上限，或分成几个方案")
    assert Run.objects.count() == 0


def test_a_turn_is_new_to_a_host_also_after_a_backup_was_restored(papers: Fleet) -> None:
    run = papers.order(papers.orders(STEP))
    assert start.waits(run, now()) == ""
    minutes = (now() - datetime(2020, 1, 1, tzinfo=UTC)) // timedelta(minutes=1)
    assert {minutes - one.turn for one in run.hosts.all()} <= {0, 1}


def test_a_batch_waits_while_a_site_or_group_is_at_its_bound(papers: Fleet) -> None:
    Host.objects.filter(id__in=[one.id for one in papers.hosts]).update(site="一号机房")
    papers.hosts = list(Host.objects.order_by("id"))
    Limit.objects.create(owner=papers.cast.jz, kind="site", name="一号机房", at_once=2)
    run = papers.order(papers.orders(STEP))
    assert [one.batch for one in run.hosts.order_by("ordinal")] == [1, 2, 2]
    other = papers.hosts[0]
    held = Run.objects.create(
        owner=run.owner, item=run.item, number="JZ-R-9", plan=run.plan, subject="x", window_from=now(),
        window_to=now(), version_from="", ordered_by=run.ordered_by, state="running",
    )  # fmt: skip
    entry = run.hosts.get(ordinal=1).entry
    held.hosts.create(ordinal=1, host=other, name=other.name, entry=entry, batch=1, state="running")

    assert start.over_limits(run, 2) == "等待：机房「一号机房」同时执行的主机已到上限"
    assert start.over_limits(run, 1) == ""
    HostGroup.objects.filter(id=papers.group.id).update(at_once=1)
    assert start.over_limits(run, 1) == "等待：主机组「应用」同时执行的主机已到上限"
    held.hosts.update(state="done")
    assert start.over_limits(run, 1) == ""


def test_a_run_waits_for_a_worker_of_its_pool(papers: Fleet) -> None:
    Host.objects.filter(id__in=[one.id for one in papers.hosts]).update(pool="灾备")
    papers.hosts = list(Host.objects.order_by("id"))
    run = papers.order(papers.orders(STEP))

    assert lease.claim("a", ("",)) is None
    assert lease.claim("a", ("", "别处")) is None
    assert lease.claim("a", ("", "灾备")) == (run.id, 1)
