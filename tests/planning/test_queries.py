"""What stands in the way of planned work, and when it could be done (CHG-3)."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.cast import make_change, make_environment, make_group, make_host, system_of
from tests.planning.builders import SUBJECT, at, make_exception, make_freeze, make_window
from tests.support.unchanged import Refusal, refusal_of
from weilu.planning.bookings import book, release
from weilu.planning.queries import WITHOUT_WAITING, check_free, conflicts, free_slots
from weilu.planning.rules import Kind
from weilu.process.models import WorkItem
from weilu.systems.models import Dependency, System


def told(system, starts, ends, item=None, **more):
    """Kind and sentence of everything in the way."""
    return [(one.kind, one.sentence) for one in conflicts(item, system, at(starts), at(ends), **more)]


def test_by_night_and_alone_nothing_is_in_the_way(system):
    assert told(system, "10-09T22:00", "10-10T01:00") == []


def test_a_system_without_windows_is_changed_by_night(system):
    assert told(system, "10-09T21:00", "10-10T01:00") == [
        (Kind.OUTSIDE, "不在夜间：这个系统没有登记窗口，默认 22:00–06:00")
    ]


def test_a_system_with_windows_is_changed_inside_one(system):
    make_window(system, rule="FREQ=WEEKLY;BYDAY=SA", starts=at("01-04T08:00"))
    assert told(system, "10-09T22:00", "10-10T01:00") == [(Kind.OUTSIDE, "不在维护窗口之内")]
    assert told(system, "10-11T09:00", "10-11T12:00") == []


def test_a_window_that_has_ended_holds_no_more(system):
    make_window(system, rule="FREQ=WEEKLY;BYDAY=SA", starts=at("01-04T08:00"), ended_at=at("02-01T00:00"))
    assert told(system, "10-09T22:00", "10-10T01:00") == []


def test_two_windows_that_touch_are_one(system):
    make_window(system, minutes=120)
    make_window(system, name="后半夜", starts=at("01-02T00:00"), minutes=360)
    assert told(system, "10-09T23:00", "10-10T01:00") == []


def test_other_work_on_the_system_is_named_with_its_time_and_its_page(cast, system, plan):
    other = plan("10-09T22:30", "10-09T23:30", title="升级数据库")
    found = conflicts(None, system, at("10-09T22:00"), at("10-10T01:00"), reader=cast.wang)
    assert [(one.kind, one.sentence, str(one.clause), one.help, one.link, one.yields) for one in found] == [
        (
            Kind.SYSTEM,
            f"同一系统已有安排：{other.item.number} 升级数据库，2031-10-09 周四 22:30–23:30",
            "CHG-3",
            "与 陈航 商量，或换一个时段",
            f"/changes/{other.item.uid}/",
            False,
        )
    ]


def test_an_item_is_not_in_its_own_way(system, plan):
    mine = plan("10-09T22:00", "10-10T01:00")
    assert told(system, "10-09T23:00", "10-10T02:00", item=mine.item) == []


def test_released_time_is_free_again(system, plan):
    other = plan("10-09T22:30", "10-09T23:30")
    with transaction.atomic():
        release(other.item)
    assert told(system, "10-09T22:00", "10-10T01:00") == []


def test_a_closed_item_gives_its_time_back(system, plan):
    from weilu.process.walk import _close

    other = plan("10-09T22:30", "10-09T23:30")
    with transaction.atomic():
        _close(other.item)
    assert told(system, "10-09T22:00", "10-10T01:00") == []


@pytest.mark.parametrize(
    ("needs", "kind", "words"),
    [(True, Kind.NEEDS, "所依赖的 测试系统 已有安排"), (False, Kind.NEEDED_BY, "依赖它的 测试系统 已有安排")],
)
def test_work_on_a_system_it_needs_or_that_needs_it_is_in_the_way(system, other, plan, needs, kind, words):
    pair = (system, other) if needs else (other, system)
    Dependency.objects.create(system=pair[0], on=pair[1])
    plan("10-09T22:30", "10-09T23:30", on=other)
    found = conflicts(None, system, at("10-09T22:00"), at("10-10T01:00"))
    assert [(one.kind, one.words) for one in found] == [(kind, words)]


def test_needs_of_needs_are_not_in_the_way(cast, system, other, plan):
    third = system_of(cast, "WL")
    Dependency.objects.create(system=system, on=other)
    Dependency.objects.create(system=other, on=third)
    plan("10-09T22:30", "10-09T23:30", on=third)
    assert told(system, "10-09T22:00", "10-10T01:00") == []


def test_a_shared_host_or_person_is_in_the_way(cast, system, other, host, plan):
    plan("10-09T22:00", "10-09T23:00", on=other, hosts=(host,), title="换磁盘")
    plan("10-09T23:00", "10-10T00:00", on=system_of(cast, "WL"), people=(cast.chen,), title="改网络")
    found = conflicts(None, system, at("10-09T22:00"), at("10-10T01:00"), [host], [cast.chen, cast.zhou])
    assert [(one.kind, one.words) for one in found] == [
        (Kind.HOST, "主机 db-02 已占用"), (Kind.PERSON, "陈航 已有安排"),
    ]  # fmt: skip


@pytest.fixture
def stranger(cast, installation):
    """A planned change of the other customer, on a machine that 江州 has registered as well."""
    system = System.objects.create(owner=cast.hn, code="GJJ", name="公积金核心", backup_owner=cast.he)
    host = make_host(
        make_group(make_environment(system)), name="hn-db-01", key="ssh-ed25519 AAAA-the-same",
        facts_at=at("09-01T00:00"),
    )  # fmt: skip
    ours = make_change(cast, installation).item
    item = WorkItem.objects.create(
        owner=cast.hn, number="HN-BG-2031-0001", kind=ours.kind, title="公积金升级", system=system, requester=cast.he,
        flow=ours.flow, step=ours.step,
    )  # fmt: skip
    with transaction.atomic():
        return book(cast.sun, item, system, at("10-09T22:00"), at("10-09T23:00"), [host], [cast.chen])


def test_of_what_is_not_theirs_to_see_people_read_only_that_it_is_taken(cast, system, host, plan, stranger):
    host.key, host.facts_at = "ssh-ed25519 AAAA-the-same", at("09-01T00:00")
    host.save()
    Dependency.objects.create(system=system, on=stranger.system)
    asked = (None, system, at("10-09T22:00"), at("10-10T01:00"))
    found = conflicts(*asked, reader=cast.wang)
    assert [(one.sentence, one.help, one.link) for one in found] == [("已占用", "换一个时段", "")]
    Dependency.objects.all().delete()
    assert [one.sentence for one in conflicts(*asked, [host], reader=cast.wang)] == ["主机 db-02 已占用"]
    assert [one.sentence for one in conflicts(*asked, [], [cast.chen], reader=cast.wang)] == ["陈航 已有安排"]
    assert {one.detail + one.link for one in conflicts(*asked, [host], [cast.chen])} == {""}


@pytest.mark.parametrize("whose", ["theirs", "ours"])
def test_a_copied_key_takes_no_machine_of_another_customer_and_shows_nothing_of_it(cast, system, host, stranger, whose):
    """Anybody can read a public host key: between customers it counts once somebody got in under it, on both sides."""
    host.key, host.facts_at = "ssh-ed25519 AAAA-the-same", at("09-01T00:00")
    host.save()
    asked = (None, system, at("10-09T22:00"), at("10-10T01:00"), [host])
    assert [one.sentence for one in conflicts(*asked)] == ["主机 db-02 已占用"]
    copied = host if whose == "ours" else stranger.hosts.get()
    copied.facts_at = None
    copied.save()
    assert conflicts(*asked) == []
    assert {slot.starts for slot in free_slots(system, 60, [host], after=at("10-09T12:00"))} >= {at("10-09T22:00")}


def test_within_one_register_a_key_tells_a_machine_before_anybody_got_in(system, other, host, plan):
    again = make_host(host.group, name="db-02 的另一行", key=host.key)
    plan("10-09T22:00", "10-09T23:00", on=other, hosts=(host,))
    found = conflicts(None, system, at("10-09T22:00"), at("10-10T01:00"), [again])
    assert [one.words for one in found] == ["主机 db-02 的另一行 已占用"]


def test_a_freeze_of_all_systems_names_who_may_except(cast, system):
    freeze = make_freeze(cast.jz)
    found = conflicts(None, system, at("09-30T22:00"), at("10-01T01:00"), reader=cast.wang)
    assert [(one.kind, one.sentence, one.help, one.freeze) for one in found] == [
        (
            Kind.FREEZE,
            "处在「国庆封网」：2031-09-30 18:00 至 2031-10-08 08:00",
            "破例须由 吴静、钱文远 批准",
            freeze,
        )
    ]


def test_a_freeze_holds_for_its_system_and_for_what_it_needs(cast, system, other):
    make_freeze(cast.jz, system=other)
    assert told(system, "09-30T22:00", "10-01T01:00") == []
    Dependency.objects.create(system=other, on=system)
    assert told(system, "09-30T22:00", "10-01T01:00") == [
        (Kind.FREEZE, "依赖它的 测试系统 处在「国庆封网」：2031-09-30 18:00 至 2031-10-08 08:00")
    ]


def test_a_freeze_of_another_customer_or_one_that_ended_holds_nobody_up(cast, system):
    make_freeze(cast.hn)
    make_freeze(cast.jz, ended_at=at("09-30T19:00"))
    assert told(system, "09-30T22:00", "10-01T01:00") == []


@pytest.mark.parametrize(
    ("over", "through"),
    [
        ({}, True),
        ({"subject": "6" * 64}, False),  # the plan was changed
        ({"approved_at": None, "approved_by": None}, False),
        ({"ends": at("10-01T00:00")}, False),  # a longer time than was asked for
    ],
)
def test_an_approved_exception_lets_exactly_its_plan_through(cast, system, plan, over, through):
    freeze, mine = make_freeze(cast.jz), plan("09-30T22:00", "10-01T01:00")
    WorkItem.objects.filter(id=mine.item_id).update(subject=SUBJECT)
    make_exception(freeze, mine, cast, **over)
    kinds = [one.kind for one in conflicts(mine.item, system, mine.starts, mine.ends)]
    assert kinds == ([] if through else [Kind.FREEZE])


def test_who_books_first_goes_first(system, plan):
    first, second = plan("10-09T22:00", "10-10T00:00", title="先"), plan("10-09T23:00", "10-10T01:00", title="后")
    [mine] = conflicts(first.item, system, first.starts, first.ends)
    assert (mine.yields, mine.help) == (True, "它排在后面，由它让开")
    check_free(first.item, system, first.starts, first.ends, at=at("10-01T00:00"))
    refusal = refusal_of(lambda: check_free(second.item, system, second.starts, second.ends, at=at("10-01T00:00")))
    assert refusal == Refusal(f"同一系统已有安排：{first.item.number} 先，2031-10-09 周四 22:00–00:00", "CHG-3")


def test_a_time_that_is_kept_again_keeps_its_rank_and_another_time_does_not(system, plan):
    first, second = plan("10-09T22:00", "10-10T00:00"), plan("10-09T23:00", "10-10T01:00")
    again = plan("10-09T22:00", "10-10T00:00", item=first.item)
    assert (again.id, [one.yields for one in conflicts(again.item, system, again.starts, again.ends)]) == (
        first.id, [True],
    )  # fmt: skip
    moved = plan("10-09T22:00", "10-10T00:30", item=first.item)
    assert [one.yields for one in conflicts(moved.item, system, moved.starts, moved.ends)] == [False]
    assert [one.yields for one in conflicts(second.item, system, second.starts, second.ends)] == [True]


def test_what_blocks_is_refused_with_how_much_more_there_is(cast, system, plan):
    make_freeze(cast.jz)
    plan("09-30T22:00", "09-30T23:00")
    ask = (None, system, at("09-30T21:00"), at("10-01T01:00"))
    assert refusal_of(lambda: check_free(*ask, at=at("09-01T00:00"))) == Refusal(
        "处在「国庆封网」：2031-09-30 18:00 至 2031-10-08 08:00；另有 2 处冲突", "CHG-3"
    )
    only = refusal_of(lambda: check_free(*ask, at=at("09-01T00:00"), but=WITHOUT_WAITING))
    assert only.reason.startswith("同一系统已有安排")


def test_time_that_is_over_is_not_free(system):
    ask = (None, system, at("09-30T22:00"), at("10-01T01:00"))
    assert refusal_of(lambda: check_free(*ask, at=at("10-01T01:00"))) == Refusal(
        "安排的时间已经过去。改到以后的时段", "CHG-3"
    )


def test_free_slots_lie_in_windows_and_in_nobodys_way_best_first(cast, system, plan):
    make_freeze(cast.jz)
    make_window(system, name="周末", rule="FREQ=WEEKLY;BYDAY=SA", starts=at("01-04T22:00"))
    make_window(system, name="白天", rule="FREQ=WEEKLY;BYDAY=TU", starts=at("01-07T13:00"), minutes=240)
    plan("10-11T22:00", "10-12T01:00")
    found = free_slots(system, 180, after=at("09-27T20:00"), days=21)
    assert [(one.starts, one.ends, one.window, one.worked, one.before_freeze) for one in found] == [
        (at("09-27T22:00"), at("09-28T01:00"), "周末", 0, ""),
        (at("10-12T01:00"), at("10-12T04:00"), "周末", 0, ""),
        (at("09-30T13:00"), at("09-30T16:00"), "白天", 180, "国庆封网"),
        (at("10-14T13:00"), at("10-14T16:00"), "白天", 180, ""),
    ]


def test_a_free_slot_begins_at_a_quarter_and_not_before_it_is_asked_for(system):
    found = free_slots(system, 60, after=at("10-09T23:07"), most=1)
    assert [(one.starts, one.ends) for one in found] == [(at("10-09T23:15"), at("10-10T00:15"))]


def test_where_nothing_fits_there_is_no_slot(system):
    make_window(system, minutes=60)
    assert free_slots(system, 61, after=at("10-09T00:00")) == []


def test_every_free_slot_passes_the_check(cast, system, other, host, plan):
    make_freeze(cast.jz)
    Dependency.objects.create(system=system, on=other)
    for day in range(9, 19):
        plan(f"10-{day:02d}T22:00", f"10-{day:02d}T23:30", on=other, hosts=(host,), people=(cast.chen,))
    found = free_slots(system, 120, [host], [cast.chen], after=at("09-29T12:00"), most=50)
    assert len(found) == 50
    for slot in found:
        check_free(None, system, slot.starts, slot.ends, [host], [cast.chen], at=at("09-29T12:00"))


@pytest.mark.parametrize("many", [1, 3])
def test_the_number_of_questions_does_not_grow(cast, system, other, host, plan, many):
    Dependency.objects.create(system=system, on=other)
    for number in range(many):
        make_freeze(cast.jz, name=f"封网 {number}")
        make_window(system, name=f"窗口 {number}")
        plan("09-30T22:00", "10-01T01:00", hosts=(host,), people=(cast.chen,))
    mine = plan("09-30T22:00", "10-01T01:00")
    ask = (mine.item, system, mine.starts, mine.ends, [host], [cast.chen])
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert len(conflicts(*ask)) == 2 * many
    assert len(asked) == 11
    with CaptureQueriesContext(connection) as asked:
        free_slots(system, 60, [host], [cast.chen], after=at("09-30T12:00"), item=mine.item)
    assert len(asked) == 8
