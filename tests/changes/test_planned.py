"""A change on the calendar: its time comes with its plan, moves with it, is free before anybody approves (CHG-3)."""

from datetime import timedelta

import pytest
from django.db import transaction

from tests.cast import make_environment, make_group, make_host, system_of
from tests.changes.host_steps import designed, host_plan
from tests.changes.steps import approved, bring, item_of, plan, sign_as, tell_run, visits
from tests.planning.builders import at, make_exception, make_freeze, make_window
from tests.support.unchanged import Refusal, refusal_of
from weilu.changes.actions import order_upgrade
from weilu.changes.emergency_actions import request_emergency, take_normal_way
from weilu.changes.models import Change
from weilu.changes.standard_actions import request_standard
from weilu.execution.checks import check_approved
from weilu.execution.marks import marks_of
from weilu.execution.models import Run
from weilu.kernel.times import now
from weilu.planning.board import Mark
from weilu.planning.bookings import book, release
from weilu.planning.models import Booking, Window
from weilu.planning.moving import move_booking, why_not_move
from weilu.process.actions import return_item
from weilu.process.models import Fact

NIGHT = {"window_from": at("10-09T22:00"), "window_to": at("10-10T01:00")}
LATER = at("10-10T22:00")


def kept(change: Change) -> Booking:
    return Booking.objects.kept().select_related("item__owner", "item__flow", "system__owner").get(item=change.item_id)


def test_a_plan_keeps_its_time_for_whoever_wrote_it(cast, change):
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    found = kept(change)
    assert (found.starts, found.ends, found.system, list(found.people.all()), found.by) == (
        NIGHT["window_from"], NIGHT["window_to"], change.installation.system, [cast.chen], cast.chen,
    )  # fmt: skip


def test_another_plan_takes_the_place_of_the_first_and_the_end_gives_the_time_back(cast, change):
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    plan(cast, change)
    assert Booking.objects.kept().filter(item=change.item).count() == 1
    assert kept(change).starts < now()
    bring(cast, change, "")
    assert list(Booking.objects.kept()) == []


@pytest.mark.parametrize("step", ["plan_check", "confirm", "security"])
def test_a_plan_whose_time_is_not_free_is_not_approved(cast, change, step):
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    bring(cast, change, step)
    make_freeze(cast.jz, starts=at("10-09T00:00"), ends=at("10-10T00:00"), name="盘点")
    who = {"plan_check": "zhou", "confirm": "zhao", "security": "wu"}[step]
    if step == "confirm":
        sign_as(cast, change, who)  # of two, the first
        who = "qian"
    assert refusal_of(lambda: sign_as(cast, change, who)) == Refusal(
        "处在「盘点」：2031-10-09 00:00 至 2031-10-10 00:00", "CHG-3"
    )


def test_an_excepted_plan_is_approved(cast, change):
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    freeze = make_freeze(cast.jz, starts=at("10-09T00:00"), ends=at("10-10T00:00"))
    make_exception(freeze, kept(change), cast, subject=item_of(change).subject)
    sign_as(cast, change, "zhou")
    assert item_of(change).step == "confirm"


def test_two_plans_for_one_time_the_first_goes_first(cast, three):
    first, second = three[0], three[1]
    for one in (first, second):
        bring(cast, one, "design")
        plan(cast, one, **NIGHT)
    sign_as(cast, first, "zhou")
    refusal = refusal_of(lambda: sign_as(cast, second, "zhou"))
    assert (refusal.reason[:8], refusal.clause) == ("同一系统已有安排", "CHG-3")


def test_what_comes_up_after_the_approval_stops_the_start_and_the_worker(cast, change):
    bring(cast, change, "release")
    item, freeze = item_of(change), make_freeze(cast.jz, starts=now() - timedelta(1), ends=now() + timedelta(1))
    refusal = refusal_of(lambda: order_upgrade(cast.chen, change, turn=item.turn))
    assert (refusal.reason[:8], refusal.clause) == ("处在「国庆封网」", "CHG-3")
    assert refusal_of(lambda: check_approved(item_of(change), item.subject)).clause == "CHG-3"
    make_exception(freeze, kept(change), cast, subject=item.subject)
    check_approved(item_of(change), item.subject)
    order_upgrade(cast.chen, change, turn=item.turn)


def test_whoever_orders_the_run_is_free_as_well_as_whoever_planned_it(cast, change, three):
    """周 planned, 陈 carries it out: that 陈 was not booked costs the change nothing of its place before others."""
    bring(cast, change, "release")
    item, mine, elsewhere = item_of(change), kept(change), system_of(cast)
    mine.people.set([cast.zhou])
    with transaction.atomic():
        book(cast.chen, item_of(three[0]), mine.system, mine.starts, mine.ends, people=[cast.zhou])
        book(cast.chen, item_of(three[1]), elsewhere, mine.starts, mine.ends, people=[cast.chen])
    taken = Refusal(f"陈航 已有安排：{three[1].item.number} {three[1].item.title}，", "CHG-3")
    found = refusal_of(lambda: order_upgrade(cast.chen, change, turn=item.turn))
    assert (found.reason[: len(taken.reason)], found.clause) == (taken.reason, taken.clause)
    check_approved(item_of(change), item.subject)  # no run is ordered yet: nobody's time is asked for
    with transaction.atomic():
        release(item_of(three[1]))
    order_upgrade(cast.chen, change, turn=item.turn)
    with transaction.atomic():
        book(cast.chen, item_of(three[1]), elsewhere, mine.starts, mine.ends, people=[cast.chen])
    assert refusal_of(lambda: check_approved(item_of(change), item.subject)).reason[:8] == "陈航 已有安排："


def test_a_system_with_windows_of_its_own_is_changed_in_them(cast, change):
    Window.objects.update(ended_at=now())
    make_window(change.installation.system, rule="FREQ=WEEKLY;BYDAY=SA", starts=at("01-04T22:00"))
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    assert refusal_of(lambda: sign_as(cast, change, "zhou")) == Refusal("不在维护窗口之内", "CHG-3")
    plan(cast, change, window_from=at("10-11T22:00"), window_to=at("10-12T01:00"))
    sign_as(cast, change, "zhou")


def test_a_plan_that_is_not_approved_moves_with_its_time_and_is_signed_anew(cast, change):
    bring(cast, change, "design")
    before = plan(cast, change, **NIGHT)
    sign_as(cast, change, "zhou")
    moved = move_booking(cast.chen, kept(change), starts=LATER)
    after = change.plans.order_by("-number")[0]
    assert (moved.starts, moved.ends, after.number) == (LATER, LATER + timedelta(hours=3), before.number + 1)
    changed = {key for key in after.content if after.content[key] != before.content[key]}
    assert changed == {"window_from", "window_to", "number"}
    assert (item_of(change).step, item_of(change).subject) == ("plan_check", after.digest)
    assert visits(change)[-3:] == [("confirm", 1, "voided"), ("design", 2, "done"), ("plan_check", 2, "open")]


def test_an_approved_plan_stays_where_it_is(cast, change):
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    bring(cast, change, "security")
    words = "方案已经批准，不能直接改。先提变更申请"
    assert why_not_move(cast.chen, kept(change)) == words
    assert refusal_of(lambda: move_booking(cast.chen, kept(change), starts=LATER)) == Refusal(words, "CHG-2")


@pytest.mark.parametrize(
    ("who", "reason", "clause"),
    [
        ("wang", "改期由维护工程师或技术部门负责人办", "CHG-3"),
        ("sun", "改期由维护工程师或技术部门负责人办", "CHG-3"),
        ("zhao", "改方案要由维护工程师办", "CHG-1"),
    ],
)
def test_the_engineer_moves_a_plan(cast, change, who, reason, clause):
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    by = getattr(cast, who)
    assert refusal_of(lambda: move_booking(by, kept(change), starts=LATER)) == Refusal(reason, clause)


def test_a_plan_is_not_moved_onto_something_or_out_of_a_step_in_which_it_is_written(cast, change):
    bring(cast, change, "design")
    plan(cast, change, **NIGHT)
    make_freeze(cast.jz, starts=at("10-10T00:00"), ends=at("10-11T00:00"), name="盘点")
    assert refusal_of(lambda: move_booking(cast.chen, kept(change), starts=LATER)) == Refusal(
        "处在「盘点」：2031-10-10 00:00 至 2031-10-11 00:00", "CHG-3"
    )
    return_item(cast.zhou, item_of(change), turn=item_of(change).turn, to="design", words="写细")
    assert refusal_of(lambda: move_booking(cast.chen, kept(change), starts=LATER)) == Refusal(
        "方案正在改，时间在方案里一起改", "CHG-1"
    )


def test_a_standard_change_moves_within_its_template(cast, kinds):
    template = approved(cast, kinds)
    change = request_standard(cast.wang, template, title="小版本", need="每月一次。")
    bring(cast, change, "release")
    moved = move_booking(cast.chen, kept(change), starts=LATER)
    assert (moved.starts, change.plans.count(), item_of(change).step) == (LATER, 2, "release")


def test_an_emergency_does_not_wait_for_windows_and_freezes(cast, kinds):
    make_freeze(cast.jz, starts=now() - timedelta(1), ends=now() + timedelta(1))
    change = request_emergency(cast.wang, kinds, title="堵漏洞", need="堵上。", reason="已被利用")
    bring(cast, change, "release")
    run = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    assert (run.state, run.subject) == ("queued", item_of(change).subject)


def test_whoever_takes_the_normal_way_gives_the_time_back(cast, kinds):
    change = request_emergency(cast.wang, kinds, title="堵漏洞", need="堵上。", reason="已被利用")
    bring(cast, change, "release")
    assert Booking.objects.kept().count() == 1
    take_normal_way(cast.wang, change, turn=item_of(change).turn, reason="可以等")
    assert list(Booking.objects.kept()) == []


def test_a_plan_for_hosts_moves_with_its_hosts_and_is_rehearsed_anew(cast, installation):
    for _n in range(2):
        make_host(make_group(make_environment(installation.system, name=f"现网 {_n}")))
    change = designed(cast, installation.system)
    before = host_plan(cast, change, window_from=NIGHT["window_from"], window_to=NIGHT["window_to"])
    moved = move_booking(cast.chen, kept(change), starts=LATER)
    after = change.plans.order_by("-number")[0]
    told = {key for key in after.content["orders"] if after.content["orders"][key] != before.content["orders"][key]}
    assert (moved.starts, moved.hosts.count(), told) == (LATER, 2, {"window_from", "window_to"})
    assert (item_of(change).step, item_of(change).subject) == ("plan_check", after.digest)
    assert not Fact.objects.filter(item=change.item, key="rehearsal.matched", subject=after.digest).exists()


def test_the_calendar_says_how_the_last_run_stands(cast, change):
    bring(cast, change, "release")
    assert marks_of([change.item_id]) == {}
    order_upgrade(cast.chen, change, turn=item_of(change).turn)
    assert marks_of([change.item_id]) == {}  # it waits
    run = Run.objects.get(item=change.item)
    tell_run(run)
    assert marks_of([change.item_id]) == {change.item_id: Mark("passed", "成功", f"/runs/{run.uid}/")}
    assert Booking.objects.shown().filter(item=change.item).count() == 1
