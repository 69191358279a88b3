"""The pages on which windows, freezes and exceptions are kept: by forms, without losing what was typed."""

import pytest
from django.test import Client

from tests.planning.builders import SUBJECT, at, make_freeze, make_window
from tests.support.unchanged import every_row
from weilu.accounts.models import Grant, Person
from weilu.kernel.times import now
from weilu.planning.exceptions import ask_exception
from weilu.planning.models import Freeze, FreezeException, Window
from weilu.planning.pages import exceptions_waiting, kept_systems
from weilu.process.models import WorkItem

WINDOW = {
    "name": "周五夜间", "starts": "2031-01-03T22:00", "minutes": "480", "repeat": "weekly", "weekdays": ["FR", "SA"],
    "days": "any", "left_out": "2031-10-03\n2031-10-04",
}  # fmt: skip
FREEZE = {"name": "国庆封网", "starts": "2031-09-30T18:00", "ends": "2031-10-08T08:00", "reason": "节日保障"}


def client_of(person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def test_a_window_is_added_changed_and_ended_by_the_pages(cast, system):
    client = client_of(cast.zheng)
    assert client.post("/calendar/windows/new", WINDOW | {"system": str(system.uid)}).status_code == 302
    made = Window.objects.get(name="周五夜间")
    assert (made.system, made.rule, made.starts, made.minutes, made.left_out) == (
        system, "FREQ=WEEKLY;BYDAY=FR,SA", at("01-03T22:00"), 480, ["2031-10-03", "2031-10-04"],
    )  # fmt: skip
    page = client.get(f"/calendar/windows/{made.uid}/").content.decode()
    assert ("每周的周五、周六" in page, 'value="FR" checked' in page, "2031-10-04" in page) == (True, True, True)
    changed = WINDOW | {"repeat": "monthly_weekday", "which": "2", "weekday": "SA", "left_out": ""}
    assert client.post(f"/calendar/windows/{made.uid}/", changed).status_code == 302
    made.refresh_from_db()
    assert (made.rule, made.left_out) == ("FREQ=MONTHLY;BYDAY=2SA", [])
    assert client.post(f"/calendar/windows/{made.uid}/end").status_code == 302
    assert "这个窗口不再开放" in client.get(f"/calendar/windows/{made.uid}/").content.decode()


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"system": ""}, "没有选系统"),
        ({"starts": "傍晚"}, "首次开始「傍晚」不是日期时间"),
        ({"minutes": "八小时"}, "时长应在 1 分钟到 10080 分钟之间"),
        ({"weekdays": []}, "每周哪几天没有选"),
        ({"repeat": "rule", "rule": "FREQ=SECONDLY"}, "规则的 FREQ=SECONDLY 不能用"),
        ({"repeat": "monthly_day", "month_day": "40"}, "规则的 BYMONTHDAY=40 不对"),
        ({"left_out": "国庆"}, "例外日期「国庆」不对"),
    ],
)
def test_what_is_typed_wrong_is_named_under_its_field_and_all_else_stays(cast, system, over, words):
    before = every_row("Session")
    answer = client_of(cast.zheng).post("/calendar/windows/new", WINDOW | {"system": str(system.uid)} | over)
    page = answer.content.decode()
    assert (answer.status_code, words in page, "周五夜间" in page, 'value="SA" checked' in page) == (
        422, True, True, over.get("weekdays") != [],
    )  # fmt: skip
    assert every_row("Session") == before


@pytest.mark.parametrize("who", ["wang", "chen"])
def test_who_does_not_keep_windows_reads_them(cast, system, who):
    window, client = make_window(system), client_of(getattr(cast, who))
    page = client.get(f"/calendar/windows/{window.uid}/").content.decode()
    assert ("夜间" in page, "保存窗口" in page) == (True, False)
    assert "登记窗口" not in client.get("/calendar/windows/").content.decode()
    assert client.get("/calendar/windows/new").status_code == 403


@pytest.mark.parametrize("many", [1, 3])
def test_the_lists_ask_as_often_for_three_as_for_one(cast, system, many, django_assert_num_queries):
    for number in range(many):
        make_window(system, name=f"窗口 {number}")
        make_freeze(cast.jz, name=f"封网 {number}")
    client = client_of(cast.zheng)
    client.get("/calendar/windows/")
    with django_assert_num_queries(13):
        client.get("/calendar/windows/")
    with django_assert_num_queries(13):
        client.get("/calendar/freezes/")


def test_a_freeze_of_all_or_of_one_system_is_set_and_lifted_by_the_pages(cast, system):
    client = client_of(cast.wu)
    assert client.post("/calendar/freezes/new", FREEZE | {"system": "all:JZ"}).status_code == 302
    assert client.post("/calendar/freezes/new", FREEZE | {"system": str(system.uid), "name": "观察"}).status_code == 302
    assert [(one.name, one.system) for one in Freeze.objects.order_by("id")] == [("国庆封网", None), ("观察", system)]
    first = Freeze.objects.order_by("id")[0]
    without = client.post(f"/calendar/freezes/{first.uid}/end", {"reason": ""})
    assert (without.status_code, "原因没有填写" in without.content.decode()) == (422, True)
    assert client.post(f"/calendar/freezes/{first.uid}/end", {"reason": "提前完成"}).status_code == 302
    first.refresh_from_db()
    assert first.ended_at is not None


@pytest.mark.parametrize(
    ("over", "words"),
    [({"system": "all:HN"}, "没有选系统"), ({"ends": "2031-09-30T18:00"}, "结束时间不晚于开始时间")],
)
def test_a_freeze_that_is_typed_wrong_is_not_set(cast, over, words):
    before = every_row("Session")
    answer = client_of(cast.wu).post("/calendar/freezes/new", FREEZE | {"system": "all:JZ"} | over)
    assert (answer.status_code, words in answer.content.decode(), "节日保障" in answer.content.decode()) == (
        422, True, True,
    )  # fmt: skip
    assert every_row("Session") == before


@pytest.fixture
def asked(cast, plan) -> FreezeException:
    freeze, booked = make_freeze(cast.jz), plan("09-30T22:00", "10-01T01:00", title="堵漏洞")
    WorkItem.objects.filter(id=booked.item_id).update(subject=SUBJECT)
    return ask_exception(cast.chen, booked.item, freeze, why="漏洞已被利用")


def test_an_exception_is_asked_for_and_approved_by_the_pages(cast, plan):
    freeze, booked = make_freeze(cast.jz), plan("09-30T22:00", "10-01T01:00", title="堵漏洞")
    WorkItem.objects.filter(id=booked.item_id).update(subject=SUBJECT)
    chen, wu = client_of(cast.chen), client_of(cast.wu)
    place = f"/calendar/freezes/{freeze.uid}/ask?item={booked.item.uid}"
    assert "申请破例" in chen.get(f"/calendar/?booking={booked.uid}").content.decode()
    short = chen.post(place, {"why": ""})
    assert (short.status_code, "破例的理由没有填写" in short.content.decode()) == (422, True)
    assert chen.post(place, {"why": "漏洞已被利用"}).status_code == 302
    assert "等您答复的破例" in wu.get("/calendar/").content.decode()
    made = FreezeException.objects.get()
    page = wu.get(f"/calendar/exceptions/{made.uid}/").content.decode()
    assert ("漏洞已被利用" in page, "批准破例" in page) == (True, True)
    assert wu.post(f"/calendar/exceptions/{made.uid}/", {"answer": "approve", "words": "值班到位"}).status_code == 302
    made.refresh_from_db()
    assert (made.approved_by, made.words) == (cast.wu, "值班到位")


def test_refusing_needs_a_reason_and_whoever_asked_reads_it(cast, asked):
    wu, place = client_of(cast.wu), f"/calendar/exceptions/{asked.uid}/"
    without = wu.post(place, {"answer": "refuse", "words": ""})
    assert (without.status_code, "不同意的理由没有填写" in without.content.decode()) == (422, True)
    assert wu.post(place, {"answer": "refuse", "words": "等节后"}).status_code == 302
    assert "等节后" in client_of(cast.chen).get(place).content.decode()


@pytest.mark.parametrize("who", ["chen", "wang"])
def test_who_may_not_answer_reads_why(cast, asked, who):
    page = client_of(getattr(cast, who)).get(f"/calendar/exceptions/{asked.uid}/").content.decode()
    assert ("破例由信息安全领导办公室或用户领导批准" in page, "批准破例" in page) == (True, False)


def test_the_page_of_a_freeze_lists_what_is_planned_within_it_and_the_exceptions(cast, asked):
    page = client_of(cast.wang).get(f"/calendar/freezes/{asked.freeze.uid}/").content.decode()
    assert (page.count("堵漏洞"), "漏洞已被利用" in page, "等批准" in page) == (2, True, True)


def test_a_role_that_outlives_the_grant_shows_nothing_of_the_customer(cast, system, plan):
    booked = plan("09-30T22:00", "10-01T01:00")
    WorkItem.objects.filter(id=booked.item_id).update(subject=SUBJECT)
    booked.item.refresh_from_db()
    made = ask_exception(cast.chen, booked.item, make_freeze(cast.jz), why="漏洞已被利用")

    def shown() -> tuple[bool, list[FreezeException]]:
        zheng = Person.objects.get(id=cast.zheng.id)
        return system in kept_systems(zheng), exceptions_waiting(Person.objects.get(id=cast.wu.id))

    assert shown() == (True, [made])
    Grant.objects.filter(person__in=[cast.zheng, cast.wu]).update(until=now())
    assert shown() == (False, [])
