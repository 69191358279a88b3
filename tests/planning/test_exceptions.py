"""A plan is let through a freeze by two people, and by no other plan's exception (CHG-3, ROL-1)."""

import pytest

from tests.planning.builders import SUBJECT, at, make_freeze
from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.actions import end_role, give_role
from weilu.accounts.models import Person
from weilu.evidence.models import Staged
from weilu.notify.models import Notice
from weilu.planning.exceptions import approve_exception, ask_exception, may_answer, refuse_exception
from weilu.planning.models import Booking, FreezeException
from weilu.planning.queries import conflicts
from weilu.process.models import Event, WorkItem


@pytest.fixture
def freeze(cast):
    return make_freeze(cast.jz)


@pytest.fixture
def booked(cast, plan) -> Booking:
    """A change whose plan is for a night within the freeze."""
    made = plan("09-30T22:00", "10-01T01:00")
    WorkItem.objects.filter(id=made.item_id).update(subject=SUBJECT)
    made.item.refresh_from_db()
    return made


def ask(cast, booked, freeze, **over):
    return ask_exception(over.get("by", cast.chen), booked.item, freeze, why=over.get("why", "漏洞已被利用"))


def in_the_way(booked) -> list[str]:
    return [one.kind.value for one in conflicts(booked.item, booked.system, booked.starts, booked.ends)]


def test_what_one_asks_for_another_approves_and_the_plan_goes_through(cast, booked, freeze):
    made = ask(cast, booked, freeze)
    assert (in_the_way(booked), may_answer(cast.wu, made)) == (["freeze"], "")
    approve_exception(cast.wu, made, words="值班到位")
    made.refresh_from_db()
    assert (made.subject, made.starts, made.ends, made.asked_by, made.approved_by, made.words) == (
        SUBJECT, booked.starts, booked.ends, cast.chen, cast.wu, "值班到位",
    )  # fmt: skip
    assert in_the_way(booked) == []


def test_asking_and_answering_are_on_record_on_the_item_and_told(cast, booked, freeze):
    approve_exception(cast.wu, ask(cast, booked, freeze))
    kinds = list(Staged.objects.filter(item=str(booked.item.uid)).order_by("id").values_list("kind", flat=True))
    assert kinds[-2:] == ["planning.exception_asked", "planning.exception_approved"]
    assert [one.words for one in Event.objects.filter(item=booked.item).order_by("id")][-2:] == [
        "申请破例「国庆封网」：漏洞已被利用", "批准破例「国庆封网」",
    ]  # fmt: skip
    number = booked.item.number
    assert {(one.person.name, one.title) for one in Notice.objects.filter(item=str(booked.item.uid))} == {
        ("吴静", f"陈航 申请封网破例：{number}"),
        ("钱文远", f"陈航 申请封网破例：{number}"),
        ("陈航", f"吴静 批准了破例：{number}"),
    }


def test_an_exception_holds_for_its_plan_and_its_time_only(cast, booked, freeze, plan):
    approve_exception(cast.wu, ask(cast, booked, freeze))
    longer = plan("09-30T22:00", "10-01T02:00", item=booked.item)
    assert in_the_way(longer) == ["freeze"]
    again = plan("09-30T22:00", "10-01T01:00", item=booked.item)
    assert in_the_way(again) == []
    WorkItem.objects.filter(id=booked.item_id).update(subject="6" * 64)
    assert in_the_way(again) == ["freeze"]


def test_what_was_refused_holds_nothing_and_may_be_asked_again(cast, booked, freeze):
    made = ask(cast, booked, freeze)
    assert refusal_of(lambda: refuse_exception(cast.wu, made, words=" ")) == Refusal(
        "不同意的理由没有填写。填好后再提交", "", "words"
    )
    refuse_exception(cast.wu, made, words="等节后")
    made.refresh_from_db()
    assert (made.refused_by, made.words, in_the_way(booked)) == (cast.wu, "等节后", ["freeze"])
    assert ask(cast, booked, freeze, why="节后太晚").id != made.id


@pytest.mark.parametrize("who", ["wang", "li", "wu", "zheng", "sun", "he"])
def test_who_plans_asks(cast, booked, freeze, who):
    assert refusal_of(lambda: ask(cast, booked, freeze, by=getattr(cast, who))) == Refusal(
        "封网破例由维护工程师或技术部门负责人申请", "CHG-3"
    )


@pytest.mark.parametrize("who", ["wang", "li", "zhao", "zheng", "chen", "zhou", "sun", "he"])
def test_the_security_office_and_the_leader_answer(cast, booked, freeze, who):
    made, by = ask(cast, booked, freeze), getattr(cast, who)
    words = "破例由信息安全领导办公室或用户领导批准"
    assert may_answer(by, made) == words
    assert refusal_of(lambda: approve_exception(by, made)) == Refusal(words, "CHG-3")
    assert refusal_of(lambda: refuse_exception(by, made, words="不")) == Refusal(words, "CHG-3")


def test_nobody_answers_what_they_asked_for_whatever_they_hold(cast, booked, freeze):
    give_role(None, cast.chen, cast.jz, "security_office", source="试验")
    chen = Person.objects.get(id=cast.chen.id)
    made = ask(cast, booked, freeze, by=chen)
    assert may_answer(chen, made) == "破例不能由您批准：是您申请的"
    assert refusal_of(lambda: approve_exception(chen, made)) == Refusal("破例不能由您批准：是您申请的", "ROL-1")


def test_nobody_answers_for_their_own_work(cast, booked, freeze):
    give_role(None, cast.wang, cast.jz, "security_office", source="试验")
    wang, made = Person.objects.get(id=cast.wang.id), ask(cast, booked, freeze)
    assert refusal_of(lambda: approve_exception(wang, made)) == Refusal(
        "破例不能由您批准：这张工单是您提出或安排的", "ROL-1"
    )
    assert {one.person.name for one in Notice.objects.filter(item=str(booked.item.uid))} == {"吴静", "钱文远"}


def test_it_is_not_asked_where_nobody_could_answer(cast, booked, freeze):
    end_role(cast.zheng, cast.wu, cast.jz, "security_office", anyway="试验")
    end_role(cast.zheng, cast.qian, cast.jz, "leader", anyway="试验")
    assert refusal_of(lambda: ask(cast, booked, freeze)) == Refusal("没有人能批准破例", "ROL-1")


def test_it_is_asked_once_and_answered_once(cast, booked, freeze):
    made = ask(cast, booked, freeze)
    assert refusal_of(lambda: ask(cast, booked, freeze)) == Refusal("这一版方案已经申请过破例，在等批准", "CHG-3")
    approve_exception(cast.wu, made)
    assert refusal_of(lambda: ask(cast, booked, freeze)) == Refusal(
        "这张工单的时间不在这个封网期里，或已获破例", "CHG-3"
    )
    assert refusal_of(lambda: refuse_exception(cast.qian, made, words="不")) == Refusal("这次破例已经有答复", "CHG-3")


def test_a_plan_outside_the_freeze_or_none_at_all_needs_no_exception(cast, freeze, plan):
    made = plan("10-09T22:00", "10-10T01:00")
    assert refusal_of(lambda: ask(cast, made, freeze)) == Refusal("方案还没有送审，没有可破例的内容", "CHG-3")
    WorkItem.objects.filter(id=made.item_id).update(subject=SUBJECT)
    assert refusal_of(lambda: ask(cast, made, freeze)) == Refusal("这张工单的时间不在这个封网期里，或已获破例", "CHG-3")
    Booking.objects.filter(id=made.id).update(released_at=at("01-01T00:00"))
    assert refusal_of(lambda: ask(cast, made, freeze)) == Refusal("这张工单还没有排期", "CHG-3")


@pytest.mark.parametrize("changed", ["plan", "time", "freeze"])
def test_what_is_no_longer_so_is_not_answered(cast, booked, freeze, plan, changed):
    made = ask(cast, booked, freeze)
    match changed:
        case "plan":
            WorkItem.objects.filter(id=booked.item_id).update(subject="6" * 64)
        case "time":
            plan("09-30T23:00", "10-01T01:00", item=booked.item)
        case "freeze":
            freeze.ended_at = at("09-01T00:00")
            freeze.save()
    reason = (
        "这个封网期已经结束，不需要破例" if changed == "freeze" else "方案或时间已经改了，这次申请作废。按新方案再申请"
    )
    assert refusal_of(lambda: approve_exception(cast.wu, made)) == Refusal(reason, "CHG-3")
    assert FreezeException.objects.get().approved_at is None
