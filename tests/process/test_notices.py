"""Who hears what: whom it waits for, who requested it, who is urged or sent a copy; nobody of their own act."""

from datetime import timedelta

import pytest
from django.db import transaction

from tests.cast import Cast, system_of
from weilu.jobs import worker
from weilu.jobs.models import Job
from weilu.kernel.events import announce
from weilu.kernel.times import now
from weilu.notify.models import Notice
from weilu.notify.queries import unread_count
from weilu.process.actions import open_item, return_item, sign_step
from weilu.process.flow_actions import install_flow
from weilu.process.hand import add_signer, copy_to, transfer, withdraw
from weilu.process.models import Delegation, Seat, WorkItem
from weilu.process.notices import SETTLE, still_waiting

pytestmark = pytest.mark.django_db
FLOW = """flow: test.flow
title: 试验
steps:
  - {key: ask, title: 申请, who: requester}
  - {key: check, title: 审核, who: [role(technical_head), role(leader)], sign: all, hours: 16}
  - {key: last, title: 确认, who: requester}
"""


def opened(cast: Cast) -> WorkItem:
    install_flow(cast.jz, FLOW)
    with transaction.atomic():
        return open_item(
            cast.wang, system=system_of(cast), kind="test", series="CS", title="试一试", flow="test.flow",
            facets={"running": True}, words="",
        )  # fmt: skip


def work() -> None:
    Job.objects.filter(kind__in=("process.tell_waiting", "process.tell_requester")).update(
        at=now() - timedelta(seconds=1)
    )
    while worker.work_once("test"):
        pass


def told() -> list[tuple[str, str, str, bool]]:
    rows = Notice.objects.order_by("id").values_list("person__name", "kind", "title", "read_at")
    return sorted((name, kind, title, read is not None) for name, kind, title, read in rows)


def test_each_whom_a_step_waits_for_is_told_once_and_no_longer_when_it_is_over(cast: Cast):
    item = opened(cast)
    work()
    waiting = f"待您办理：{item.number} 审核"
    assert told() == [("赵立新", "waits", waiting, False), ("钱文远", "waits", waiting, False)]
    about = Notice.objects.filter(person=cast.zhao).get().about
    seat = Seat.objects.get(item=item, person=cast.zhao)
    assert about == {
        "number": item.number, "title": "试一试", "step": "审核", "seat": seat.id,
        "due": seat.due_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }  # fmt: skip

    for person in (cast.zhao, cast.qian):
        item = sign_step(person, item, turn=item.turn)
    work()
    assert told() == [
        ("王敏", "waits", f"待您办理：{item.number} 确认", False),
        ("赵立新", "waits", waiting, True), ("钱文远", "waits", waiting, True),
    ]  # fmt: skip
    assert (unread_count(cast.zhao), unread_count(cast.wang)) == (0, 1)


def test_what_was_done_before_a_worker_came_is_not_told(cast: Cast):
    item = opened(cast)
    for person in (cast.zhao, cast.qian, cast.wang):
        item = sign_step(person, item, turn=item.turn)
    work()
    assert told() == []


def test_a_return_is_told_to_the_requester_and_nobody_hears_of_their_own_act(cast: Cast):
    item = opened(cast)
    for person in (cast.zhao, cast.qian):
        item = sign_step(person, item, turn=item.turn)
    Job.objects.all().delete()
    item = WorkItem.objects.get(id=item.id)
    return_item(cast.wang, item, turn=item.turn, to="check", words="再看看")  # 王's own act
    work()
    assert [(name, kind) for name, kind, _title, _read in told()] == [("赵立新", "waits"), ("钱文远", "waits")]


def test_whose_own_act_brought_the_item_to_them_is_not_told(cast: Cast):
    two = FLOW.replace("[role(technical_head), role(leader)]", "role(technical_head)")
    install_flow(cast.jz, two.replace("确认, who: requester", "确认, who: role(technical_head)"))
    with transaction.atomic():
        item = open_item(
            cast.wang, system=system_of(cast), kind="test", series="CS", title="试一试", flow="test.flow",
            facets={"running": True}, words="",
        )  # fmt: skip
    sign_step(cast.zhao, item, turn=item.turn)
    work()
    assert Seat.objects.get(item=item, open=True).person == cast.zhao
    assert told() == []


def test_the_requester_hears_of_a_return_by_somebody_else_and_of_the_end(cast: Cast):
    install_flow(
        cast.jz,
        FLOW.replace("key: last, title: 确认, who: requester", "key: last, title: 备案, who: role(security_office)"),
    )
    with transaction.atomic():
        item = open_item(
            cast.wang, system=system_of(cast), kind="test", series="CS", title="试一试", flow="test.flow",
            facets={"running": True}, words="",
        )  # fmt: skip
    for person in (cast.zhao, cast.qian):
        item = sign_step(person, item, turn=item.turn)
    return_item(cast.wu, item, turn=item.turn, to="check", words="再看看")
    work()
    for person in (cast.zhao, cast.qian, cast.wu):
        item = WorkItem.objects.get(id=item.id)
        sign_step(person, item, turn=item.turn)
    work()
    requested = [title for name, kind, title, _read in told() if (name, kind) == ("王敏", "requested")]
    assert requested == [f"已办结：{item.number} 试一试", f"已退回到「审核」：{item.number} 试一试"]


def test_a_return_that_was_overtaken_is_no_news(cast: Cast):
    install_flow(cast.jz, FLOW.replace("确认, who: requester", "备案, who: role(security_office)"))
    with transaction.atomic():
        item = open_item(
            cast.wang, system=system_of(cast), kind="test", series="CS", title="试一试", flow="test.flow",
            facets={"running": True}, words="",
        )  # fmt: skip
    for person in (cast.zhao, cast.qian):
        item = sign_step(person, item, turn=item.turn)
    return_item(cast.wu, item, turn=item.turn, to="check", words="再看看")
    for person in (cast.zhao, cast.qian):
        item = WorkItem.objects.get(id=item.id)
        sign_step(person, item, turn=item.turn)
    work()
    assert told() == [("吴静", "waits", f"待您办理：{item.number} 备案", False)]


def test_whoever_is_urged_or_sent_a_copy_hears_it_at_once(cast: Cast):
    item = opened(cast)
    with transaction.atomic():
        announce("process.urged", item=item, by=cast.wang, people=[cast.zhao, cast.li])
        announce("process.copied", item=item, by=cast.wang, people=[cast.li])
    assert told() == [
        ("李建国", "copy", f"王敏 抄送：{item.number} 试一试", False),
        ("赵立新", "waits", f"王敏 催办：{item.number} 审核", False),
    ]


def test_who_has_signed_while_others_have_not_keeps_no_unread_notice(cast: Cast):
    item = opened(cast)
    work()
    sign_step(cast.zhao, item, turn=item.turn)
    SETTLE.do(worker.Doing(Job(), 0))
    assert (unread_count(cast.zhao), unread_count(cast.qian)) == (0, 1)


def test_a_closed_seat_no_longer_concerns_and_three_ask_as_often_as_one(cast: Cast, django_assert_num_queries):
    item = opened(cast)
    rows = [(seat.id, str(item.uid), {"seat": seat.id}) for seat in Seat.objects.filter(item=item).order_by("id")]
    Seat.objects.filter(person=cast.zhao).update(open=False)
    for asked in (rows, rows + rows[:1]):
        with django_assert_num_queries(2):
            assert still_waiting(asked, cast.qian.id) == {rows[1][0]}


def test_an_added_signer_and_who_takes_over_hear_it_and_are_reminded(cast: Cast):
    item = opened(cast)
    work()
    Notice.objects.all().delete()
    item = add_signer(cast.zhao, item, turn=item.turn, person=cast.wu, before=True, words="请先看一下")
    transfer(cast.qian, item, turn=item.turn, to=cast.li, words="出差")

    assert told() == [
        ("吴静", "waits", f"赵立新 请您办：{item.number} 审核", False),
        ("李建国", "waits", f"钱文远 请您办：{item.number} 审核", False),
    ]
    assert Notice.objects.get(person=cast.li).body == "把「审核」从钱文远转给李建国：出差"
    watched = set(Job.objects.filter(kind="process.deadline").values_list("payload__seat", flat=True))
    assert {seat.id for seat in Seat.objects.filter(item=item, open=True)} <= watched


def test_a_copy_is_for_knowing(cast: Cast):
    item = opened(cast)
    copy_to(cast.wang, item, people=[cast.li], words="供参考")
    assert told() == [("李建国", "copy", f"王敏 抄送：{item.number} 试一试", False)]


def test_who_stands_in_for_somebody_absent_is_told_while_they_do(cast: Cast):
    made = Delegation.objects.create(
        owner=cast.jz,
        person=cast.zhao,
        delegate=cast.zheng,
        since=now(),
        until=now() + timedelta(days=1),
        made_by=cast.zhao,
        reason="休假",
    )
    item = opened(cast)
    work()
    assert {name for name, _kind, _title, _read in told()} == {"赵立新", "郑洁", "钱文远"}

    rows = [(1, str(item.uid), Notice.objects.get(person=cast.zheng).about)]
    assert still_waiting(rows, cast.zheng.id) == {1}
    Delegation.objects.filter(id=made.id).update(ended_at=now())
    assert still_waiting(rows, cast.zheng.id) == set()


def test_a_withdrawn_signature_makes_its_notice_unread_again(cast: Cast):
    item = opened(cast)
    work()
    item = sign_step(cast.zhao, item, turn=item.turn)
    SETTLE.do(worker.Doing(Job(), 0))
    assert unread_count(cast.zhao) == 0
    withdraw(cast.zhao, item, turn=item.turn)
    assert unread_count(cast.zhao) == 1
