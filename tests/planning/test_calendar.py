"""The calendar: what it shows to whom, where it stands in the drawing, and what is answered beside it."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import make_environment, make_group, make_host
from tests.planning.builders import SUBJECT, at, make_exception, make_freeze, make_window
from tests.support.unchanged import every_row
from weilu.planning import board as planning_board
from weilu.planning.board import Mark, board, register_marks
from weilu.planning.drawing import draw, open_calendar, short_number
from weilu.planning.models import Booking
from weilu.planning.queries import conflicts
from weilu.process.models import WorkItem
from weilu.systems.models import Dependency, Host, System

OCTOBER = date(2031, 9, 28)


def client_of(person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def drawn(person, first=OCTOBER, days=14, movable=()):
    return draw(board(person, open_calendar(first, days)), at("09-28T12:00"), movable)


def test_what_blocks_a_booking_on_the_board_is_what_conflicts_says_of_it(cast, system, other, host, plan):
    """A dozen bookings of every relation: the board answers for all at once what is asked of each alone."""
    Dependency.objects.create(system=system, on=other)
    make_window(other, rule="FREQ=WEEKLY;BYDAY=TH,FR", starts=at("01-03T22:00"))
    freeze = make_freeze(cast.jz)
    make_freeze(cast.jz, name="只此一个", system=other, starts=at("10-09T00:00"), ends=at("10-09T23:00"))
    plans = [
        plan("09-29T22:00", "09-30T01:00"),
        plan("09-29T23:00", "09-30T02:00"),
        plan("09-30T22:00", "10-01T01:00"),
        plan("10-09T21:00", "10-09T23:30"),
        plan("10-09T22:00", "10-10T01:00", on=other, hosts=(host,)),
        plan("10-10T00:00", "10-10T02:00", on=other, hosts=(host,), people=(cast.chen,)),
        plan("10-10T01:30", "10-10T03:00", people=(cast.chen,)),
        plan("10-11T23:00", "10-12T01:00"),
    ]
    WorkItem.objects.filter(id=plans[2].item_id).update(subject=SUBJECT)
    make_exception(freeze, plans[2], cast)
    found = board(cast.chen, open_calendar(OCTOBER, 14)).blocked
    alone = {}
    for one in plans:
        asked = (one.item, one.system, one.starts, one.ends, list(one.hosts.all()), list(one.people.all()))
        alone[one.id] = sorted(met.kind for met in conflicts(*asked) if not met.yields)
    assert {key: sorted(kinds) for key, kinds in found.items()} == alone
    assert [bool(alone[one.id]) for one in plans] == [False, True, False, True, True, True, True, False]


def test_work_stands_at_the_day_it_begins_and_never_over_other_work(system, cast, plan):
    plan("09-29T22:00", "09-30T01:00", title="一")
    plan("09-30T01:00", "09-30T02:00", title="二")
    plan("10-11T22:00", "10-12T01:00", title="三")
    [lane] = [lane for lane in drawn(cast.chen).lanes if lane.system == system]
    places = {entry.booking.item.title: (round(entry.x * 14 / 100 - 0.05), entry.y - lane.y) for entry in lane.entries}
    assert places == {"一": (1, 6), "二": (2, 46), "三": (13, 6)}
    last = lane.entries[-1]
    assert last.x + last.width <= 100


def test_days_off_and_days_worked_are_marked(cast, system):
    marks = {one.date.isoformat(): one.mark for one in drawn(cast.chen, date(2026, 9, 28)).days}
    assert {day: mark for day, mark in marks.items() if mark} == {
        **{f"2026-10-0{day}": "休" for day in range(1, 8)}, "2026-10-10": "班", "2026-10-11": "休",
    }  # fmt: skip


def test_a_freeze_covers_its_lanes_and_is_named_once(cast, system, other):
    make_freeze(cast.jz)
    make_freeze(cast.jz, name="只此一个", system=other, starts=at("09-28T12:00"), ends=at("09-29T00:00"))
    make_freeze(cast.jz, name="以后", starts=at("11-01T00:00"), ends=at("11-02T00:00"))
    found = drawn(cast.chen)
    single, whole = found.hatches
    assert (whole.y, whole.height, round(whole.x, 2), round(whole.width, 2)) == (0, found.height, 19.64, 54.17)
    [lane] = [lane for lane in found.lanes if lane.system == other]
    assert (single.y, single.height) == (lane.y, lane.height)
    assert [label.words for label in found.labels] == [
        "只此一个 09-28 12:00 至 09-29 00:00", "国庆封网 09-30 18:00 至 10-08 08:00",
    ]  # fmt: skip


def test_the_name_of_a_freeze_is_wide_enough_and_lies_over_no_work_beside_it(system, cast, plan):
    make_freeze(cast.jz)
    plan("09-29T22:00", "09-30T01:00", title="前一晚")
    found = drawn(cast.chen, days=28)
    [label], [lane] = found.labels, [one for one in found.lanes if one.system == system]
    [entry] = lane.entries
    [hatch] = found.hatches
    assert lane.y < label.y < lane.bottom  # the lane of that work: there is no other
    assert entry.x + entry.width <= label.x < hatch.x + hatch.width
    assert label.width >= 100 * 12 * 4 / 560 + 100 * 6 * len(" 09-30 18:00 至 10-08 08:00") / 560
    assert label.x + label.width <= 100


def test_windows_are_not_open_in_a_freeze(cast, system):
    before = len(drawn(cast.chen).lanes[0].openings)
    make_freeze(cast.jz)
    assert (before, len(drawn(cast.chen).lanes[0].openings)) == (15, 7)  # nights of two weeks, and the first one's end


def test_what_rooms_above_say_of_the_work_stands_on_it(cast, system, plan, monkeypatch):
    one = plan("09-29T22:00", "09-30T01:00")
    told = {one.item_id: Mark("passed", "成功", "/runs/1/")}
    monkeypatch.setattr(planning_board, "_marks", list(planning_board._marks))  # for this test alone
    register_marks(lambda items: {key: told[key] for key in items if key in told})
    [entry] = [entry for lane in drawn(cast.chen).lanes for entry in lane.entries]
    assert (entry.look, entry.title) == ("passed", f"{short_number(one.item.number)} 成功")


def test_released_work_shows_only_where_it_had_begun(cast, plan):
    never, begun = plan("10-09T22:00", "10-10T01:00"), plan("10-10T22:00", "10-11T01:00")
    Booking.objects.filter(id=never.id).update(released_at=at("10-01T00:00"))
    Booking.objects.filter(id=begun.id).update(released_at=at("10-10T23:00"))
    assert [one.id for one in board(cast.chen, open_calendar(OCTOBER, 14)).bookings] == [begun.id]


@pytest.mark.parametrize("who", ["wang", "qian", "chen", "wu", "zheng"])
def test_whoever_sees_the_customer_sees_its_calendar(cast, plan, who):
    plan("09-29T22:00", "09-30T01:00", title="升级数据库")
    page = client_of(getattr(cast, who)).get("/calendar/?from=2031-09-28").content.decode()
    assert ("升级数据库" in page, "网上预约平台" in page) == (True, True)


@pytest.mark.parametrize("who", ["sun", "he"])
def test_a_stranger_sees_nothing_of_it(cast, plan, who):
    one, client = plan("09-29T22:00", "09-30T01:00", title="升级数据库"), client_of(getattr(cast, who))
    before = every_row()
    page = client.get("/calendar/?from=2031-09-28").content.decode()
    assert ("升级数据库" in page, "网上预约平台" in page) == (False, False)
    assert client.get(f"/calendar/?booking={one.uid}").status_code == 404
    assert client.get(f"/calendar/check?booking={one.uid}").status_code == 404
    assert client.post(f"/calendar/bookings/{one.uid}/move", {"starts": "2031-10-09T22:00"}).status_code == 404
    assert every_row() == before


def test_of_another_customers_work_on_a_shared_machine_only_that_it_is_taken(cast, system, other, host, plan):
    host.key, host.facts_at = "ssh-ed25519 AAAA-the-same", at("09-01T00:00")
    host.save()
    theirs = plan("09-29T22:00", "09-30T01:00", title="公积金升级", hosts=(host,))
    Booking.objects.filter(id=theirs.id).update(owner=cast.hn)
    system.owner = cast.hn
    system.save()
    found = board(cast.wang, open_calendar(OCTOBER, 14))
    assert [(one.system, one.host, one.span.start) for one in found.elsewhere] == [
        (other.id, "db-02", at("09-29T22:00"))
    ]
    page = client_of(cast.wang).get("/calendar/?from=2031-09-28").content.decode()
    assert ("db-02 已占用" in page, "公积金升级" in page, "网上预约平台" in page) == (True, False, False)


@pytest.mark.parametrize("whose", ["theirs", "ours"])
def test_the_calendar_shows_nothing_of_a_machine_whose_key_was_only_copied(cast, system, other, host, plan, whose):
    copied = make_host(make_group(make_environment(system)), name="抄来的", key=host.key)
    Host.objects.filter(id__in=[host.id, copied.id]).update(facts_at=at("09-01T00:00"))
    theirs = plan("09-29T22:00", "09-30T01:00", hosts=(copied,))
    mine = plan("09-29T22:00", "09-30T01:00", on=other, hosts=(host,))
    for rows in (Booking.objects.filter(id=theirs.id), Host.objects.filter(id=copied.id)):
        rows.update(owner=cast.hn)
    System.objects.filter(id=system.id).update(owner=cast.hn)

    def told() -> tuple[list[str], list[str]]:
        found = board(cast.wang, open_calendar(OCTOBER, 14))
        return [one.host for one in found.elsewhere], list(map(str, found.blocked[mine.id]))

    assert told() == (["db-02"], ["host"])
    Host.objects.filter(id=host.id if whose == "ours" else copied.id).update(facts_at=None)
    assert told() == ([], [])


@pytest.mark.parametrize("query", ["from=yesterday", "days=15", "page=-1", "from=0001-01-01", "days=x"])
def test_an_address_that_no_button_has_is_a_bad_request(cast, query):
    assert client_of(cast.wang).get(f"/calendar/?{query}").status_code == 400


def test_the_panel_tells_what_is_in_the_way_and_when_it_could_be_done(cast, plan, movable):
    make_freeze(cast.jz)
    one = plan("09-30T22:00", "10-01T01:00", title="升级数据库", people=(cast.chen,))
    page = client_of(cast.chen).get(f"/calendar/?booking={one.uid}").content.decode()
    for words in ("冲突 1 处", "处在「国庆封网」", "破例须由 吴静、钱文远 批准", "需 3 小时", "夜间"):
        assert words in page, words
    assert "2031-09-30" in page  # the calendar opens where the work is


def test_the_answer_to_a_drag_says_the_same_as_the_page_and_offers_to_save_only_what_is_free(cast, plan, movable):
    one, client = plan("10-09T22:00", "10-10T01:00"), client_of(cast.chen)
    make_freeze(cast.jz)
    blocked = client.get(f"/calendar/check?booking={one.uid}&starts=2031-09-30T22:00").content.decode()
    free = client.get(f"/calendar/check?booking={one.uid}&starts=2031-10-10T22:00").content.decode()
    said = [("冲突 1 处" in page, "尚未保存" in page, 'class="cal-save"' in page) for page in (blocked, free)]
    assert said == [(True, True, False), (False, True, True)]
    assert "<html" not in free


def test_a_start_that_is_no_time_is_said_and_nothing_typed_is_lost(cast, plan):
    one, client = plan("10-09T22:00", "10-10T01:00"), client_of(cast.chen)
    page = client.get(f"/calendar/check?booking={one.uid}&starts=tomorrow")
    assert (page.status_code, "改到「tomorrow」不是日期时间" in page.content.decode()) == (200, True)
    answer = client.post(f"/calendar/bookings/{one.uid}/move", {"starts": "明天"})
    assert (answer.status_code, "改到「明天」不是日期时间" in answer.content.decode()) == (409, True)


def test_a_move_that_is_refused_says_why_beside_the_calendar(cast, plan):
    one, client = plan("10-09T22:00", "10-10T01:00"), client_of(cast.wang)
    before = every_row("Session")
    answer = client.post(f"/calendar/bookings/{one.uid}/move", {"starts": "2031-10-10T22:00"})
    assert (answer.status_code, "改期由维护工程师或技术部门负责人办" in answer.content.decode()) == (409, True)
    assert every_row("Session") == before


@pytest.mark.parametrize("many", [1, 3])
def test_the_calendar_asks_as_often_for_three_as_for_one(cast, system, other, host, plan, many):
    Dependency.objects.create(system=system, on=other)
    Host.objects.update(facts_at=at("09-01T00:00"))
    for number in range(many):
        make_freeze(cast.jz, name=f"封网 {number}")
        make_window(system, name=f"窗口 {number}")
        plan("09-30T22:00", "10-01T01:00", hosts=(host,), people=(cast.chen,))
    client = client_of(cast.chen)
    client.get("/calendar/?from=2031-09-28")
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/calendar/?from=2031-09-28").status_code == 200
    assert len(asked) == 24


@pytest.mark.parametrize("many", [1, 3])
def test_whoever_answers_exceptions_is_asked_no_more_often_for_three(cast, plan, many):
    freeze = make_freeze(cast.jz)
    for number in range(many):
        one = plan("09-30T22:00", "10-01T01:00", title=f"升级 {number}")
        WorkItem.objects.filter(id=one.item_id).update(subject=SUBJECT)
        make_exception(freeze, one, cast, approved_by=None, approved_at=None)
    client = client_of(cast.wu)
    client.get("/calendar/?from=2031-09-28")
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/calendar/?from=2031-09-28").content.decode()
    assert (len(asked), page.count("/calendar/exceptions/")) == (26, many)


def test_a_day_of_the_list_holds_what_begins_on_it(cast, plan):
    make_freeze(cast.jz)
    plan("09-29T22:00", "09-30T01:00", title="升级数据库")
    page = client_of(cast.chen).get("/calendar/?from=2031-09-28&as=list").content.decode()
    days = page.split('class="cal-day"')[1:]
    assert [("09-29" in day, "升级数据库" in day) for day in days] == [(True, True), (False, False)]
    assert ("09-30" in days[1], "国庆封网" in days[1]) == (True, True)


def test_moved_by_the_form_the_work_stands_at_its_new_day(cast, plan, movable):
    one = plan("10-09T22:00", "10-10T01:00", people=(cast.chen,))
    answer = client_of(cast.chen).post(f"/calendar/bookings/{one.uid}/move", {"starts": "2031-10-10T22:00"})
    moved = Booking.objects.kept().get(item=one.item)
    assert (answer.status_code, moved.starts, moved.ends - moved.starts) == (
        302, at("10-10T22:00"), timedelta(hours=3),
    )  # fmt: skip
