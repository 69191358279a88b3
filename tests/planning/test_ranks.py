"""Who booked first goes first: for the time, the hosts and the people that were booked, for nothing else (CHG-3)."""

import pytest
from django.test import Client

from tests.cast import make_environment, make_group, make_host, system_of
from tests.planning.builders import at
from tests.support.unchanged import Refusal, refusal_of
from weilu.planning.models import Booking
from weilu.planning.moving import move_booking
from weilu.planning.queries import check_free, conflicts

FRIDAY, SATURDAY = ("10-10T22:00", "10-11T01:00"), ("10-11T22:00", "10-12T01:00")


def yields(booking, span=None, hosts=(), people=()) -> list[bool]:
    """Of everything in the way of this booking, or of its item at another time, whether it gives way."""
    starts, ends = map(at, span) if span else (booking.starts, booking.ends)
    return [one.yields for one in conflicts(booking.item, booking.system, starts, ends, hosts, people)]


def free(booking) -> None:
    """What stands before an approval and the start."""
    hosts, people = list(booking.hosts.all()), list(booking.people.all())
    check_free(booking.item, booking.system, booking.starts, booking.ends, hosts, people, at("10-01T00:00"))


def test_who_comes_to_a_time_that_is_taken_stands_behind_whoever_took_it(cast, plan, movable):
    """A has had its Friday for longer than B its Saturday: that gives it nothing on the Saturday."""
    mine, theirs = plan(*FRIDAY, title="甲"), plan(*SATURDAY, title="乙")
    taken = Refusal(f"同一系统已有安排：{theirs.item.number} 乙，2031-10-11 周六 22:00–01:00", "CHG-3")
    assert yields(mine, SATURDAY) == [False]
    assert refusal_of(lambda: move_booking(cast.chen, mine, starts=at(SATURDAY[0]))) == taken
    assert Booking.objects.kept().get(item=mine.item).starts == at(FRIDAY[0])


def test_the_calendar_does_not_offer_to_save_what_would_stand_behind(cast, plan, movable):
    mine = plan(*FRIDAY)
    plan(*SATURDAY)
    client = Client()
    client.force_login(cast.chen)
    page = client.get(f"/calendar/check?booking={mine.uid}&starts=2031-{SATURDAY[0]}").content.decode()
    assert ("冲突 1 处" in page, 'class="cal-save"' in page) == (True, False)


@pytest.fixture
def machines(other):
    group = make_group(make_environment(other))
    return [make_host(group, name=name) for name in ("db-11", "db-12")]


def test_a_host_more_at_the_same_time_is_a_new_place_in_the_order(cast, plan, other, machines):
    """B took the second host on Tuesday; A, who comes to it on Wednesday, does not push B aside."""
    mine = plan(*FRIDAY, hosts=(machines[0],), title="甲")
    theirs = plan(*FRIDAY, on=other, hosts=(machines[1],), title="乙")
    assert yields(mine, hosts=machines) == [False]
    again = plan(*FRIDAY, hosts=machines, item=mine.item)
    free(theirs)
    assert refusal_of(lambda: free(again)) == Refusal(
        f"主机 db-12 已占用：{theirs.item.number} 乙，2031-10-10 周五 22:00–01:00", "CHG-3"
    )
    assert (again.id == mine.id, Booking.objects.kept().filter(item=mine.item).count()) == (False, 1)


def test_a_person_more_at_the_same_time_is_a_new_place_in_the_order(cast, plan, other):
    mine = plan(*FRIDAY, people=(cast.chen,), title="甲")
    theirs = plan(*FRIDAY, on=other, people=(cast.zhou,), title="乙")
    both = (cast.chen, cast.zhou)
    assert yields(mine, people=both) == [False]
    again = plan(*FRIDAY, people=both, item=mine.item)
    free(theirs)
    assert refusal_of(lambda: free(again)).reason.startswith("周毅 已有安排")


def test_fewer_hosts_and_people_keep_the_place_in_the_order(cast, plan, machines):
    mine = plan(*FRIDAY, hosts=machines, people=(cast.chen, cast.zhou))
    theirs = plan(*FRIDAY, hosts=(machines[0],))
    again = plan(*FRIDAY, hosts=(machines[0],), people=(cast.chen,), item=mine.item)
    assert (again.id, yields(again, hosts=(machines[0],), people=(cast.chen,)), yields(theirs)) == (
        mine.id, [True], [False],
    )  # fmt: skip


def test_another_system_at_the_same_time_is_a_new_place_in_the_order(cast, plan, other):
    mine, theirs = plan(*FRIDAY), plan(*FRIDAY, on=other)
    starts, ends = map(at, FRIDAY)
    assert [one.yields for one in conflicts(mine.item, other, starts, ends)] == [False]
    plan(*FRIDAY, on=system_of(cast, "WL"), item=mine.item)
    assert yields(theirs) == []
