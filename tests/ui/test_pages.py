"""Sign-in, my work, people, and the pages of a change."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, make_change, make_installation, state_of_everything
from weilu.accounts.models import Person
from weilu.changes.actions import submit_analysis
from weilu.demo import PASSWORD
from weilu.kernel.times import now
from weilu.process.actions import sign_step
from weilu.process.models import Seat, WorkItem


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def fresh(change: Any) -> Any:
    change.item = WorkItem.objects.get(id=change.item_id)
    return change


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


def test_signing_in_leads_where_one_wanted_to_go(cast: Cast):
    client = Client()
    assert client.get("/changes/")["Location"] == "/login?next=%2Fchanges%2F"
    response = client.post("/login", {"username": "wangmin", "password": PASSWORD, "next": "/changes/"})

    assert response["Location"] == "/changes/"
    assert client.get("/").status_code == 200


def test_a_wrong_password_keeps_the_name_and_says_what_is_left(cast: Cast):
    response = Client().post("/login", {"username": "wangmin", "password": "wrong"})
    page = response.content.decode()

    assert response.status_code == 401
    assert 'value="wangmin"' in page
    assert "还可试 4 次" in page


def test_signing_in_never_leads_to_another_site(cast: Cast):
    response = Client().post("/login", {"username": "wangmin", "password": PASSWORD, "next": "//evil.example"})

    assert response["Location"] == "/"


def test_signing_out_ends_the_visit(cast: Cast):
    client = signed_in(cast.wang)

    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/")["Location"].startswith("/login")


def test_people_shows_ones_own_customer_and_who_works_for_it(cast: Cast):
    page = signed_in(cast.wang).get("/people/").content.decode()

    for words in ("王敏", "陈航", "维护工程师", "系统管理员", "管理本单位的人员与角色", "JZ-HT-2026-003"):
        assert words in page
    assert "孙莉" not in page


def test_an_empty_list_says_what_to_do(cast: Cast):
    page = signed_in(cast.zheng).get("/").content.decode()

    assert "没有待办。" in page


@pytest.mark.parametrize("tab", ["todo", "mine", "done"])
def test_my_work_asks_the_same_number_of_questions_for_one_row_and_for_three(cast: Cast, tab: str):
    place = make_installation(cast)
    make_change(cast, place, "第一项")
    client = signed_in(cast.chen if tab == "todo" else cast.wang)
    client.get("/")
    one = queries_of(client, f"/?tab={tab}")
    make_change(cast, place, "第二项")
    make_change(cast, place, "第三项")

    assert queries_of(client, f"/?tab={tab}") == one
    assert "第三项" in client.get(f"/?tab={tab}").content.decode()


def test_the_list_goes_on_where_the_last_row_ended(cast: Cast):
    place = make_installation(cast)
    for number in range(52):
        make_change(cast, place, f"第 {number:02d} 项")
    client = signed_in(cast.chen)
    first = client.get("/").context
    second = client.get(first["next_url"]).context
    titles = [line.row.item.title for line in [*first["rows"], *second["rows"]]]

    assert (len(first["rows"]), len(second["rows"]), second["next_url"]) == (50, 2, "")
    assert titles == sorted(titles)


@pytest.mark.parametrize("after", ["x", "1_", "nan_1", "99999999999999999999_1", "none_x"])
def test_a_cursor_that_is_none_is_a_bad_request(cast: Cast, after: str):
    assert signed_in(cast.chen).get("/", {"after": after}).status_code == 400


def test_overdue_is_said_in_words(cast: Cast):
    make_change(cast, make_installation(cast))
    Seat.objects.update(due_at=now() - timedelta(days=1))

    assert "逾期" in signed_in(cast.chen).get("/").content.decode()


def test_another_vendor_finds_nothing(cast: Cast):
    change = make_change(cast, make_installation(cast))
    sun = signed_in(cast.sun)
    uid = change.item.uid

    for path in ("", "need", "plan", "compare", "return", "feedback"):
        assert sun.get(f"/changes/{uid}/{path}").status_code == 404, path
    for path in ("sign", "return", "need", "plan", "run", "feedback"):
        assert sun.post(f"/changes/{uid}/{path}", {"turn": "1"}).status_code == 404, path
    assert change.item.title not in sun.get("/changes/").content.decode()
    assert change.item.title not in sun.get("/changes/", {"q": change.item.title}).content.decode().replace(
        f'value="{change.item.title}"', ""
    ).replace(f"「{change.item.title}」", "")


def test_a_change_is_asked_for_on_its_page(cast: Cast):
    place = make_installation(cast)
    wang = signed_in(cast.wang)
    response = wang.post("/changes/new", {"installation": str(place.uid), "title": "升级", "need": "要能写备注"})
    item = WorkItem.objects.get()

    assert response["Location"] == f"/changes/{item.uid}/"
    assert "JZ-BG-" in wang.get(response["Location"]).content.decode()


def test_what_was_typed_stays_beside_what_is_wrong(cast: Cast):
    place = make_installation(cast)
    before = state_of_everything()
    response = signed_in(cast.wang).post(
        "/changes/new", {"installation": str(place.uid), "title": "升\u0007级", "need": "要能写备注"}
    )
    page = response.content.decode()

    assert response.status_code == 422
    assert "不可见的控制字符" in page
    assert 'id="w-title"' in page
    assert "要能写备注" in page
    assert state_of_everything() == before


def test_signing_on_the_page_opens_the_next_item(cast: Cast):
    place = make_installation(cast)
    first, second = make_change(cast, place, "第一项"), make_change(cast, place, "第二项")
    for change in (first, second):
        submit_analysis(
            cast.chen, fresh(change), turn=fresh(change).item.turn, feasible=True, analysis="可行", need="备注"
        )
    wang = signed_in(cast.wang)
    item = fresh(first).item
    response = wang.post(f"/changes/{item.uid}/sign", {"turn": item.turn, "subject": "", "words": "是"})

    assert response["Location"] == f"/changes/{second.item.uid}/"


def test_a_stale_page_keeps_the_words_and_changes_nothing(cast: Cast):
    change = make_change(cast, make_installation(cast))
    submit_analysis(cast.chen, fresh(change), turn=fresh(change).item.turn, feasible=True, analysis="可行", need="备注")
    shown = fresh(change).item.turn
    sign_step(cast.wang, fresh(change).item, turn=shown)
    WorkItem.objects.filter(id=change.item_id).update(turn=shown + 1)
    before = state_of_everything()
    response = signed_in(cast.li).post(
        f"/changes/{change.item.uid}/sign", {"turn": shown, "subject": "", "words": "属实，需要"}
    )
    page = response.content.decode()

    assert response.status_code == 409
    assert "已有变动" in page
    assert "属实，需要</textarea>" in page
    assert f'name="turn" value="{shown + 1}"' in page
    assert state_of_everything() == before


def test_who_is_not_asked_meets_a_refusal(cast: Cast):
    change = make_change(cast, make_installation(cast))
    item = fresh(change).item
    response = signed_in(cast.zhou).post(
        f"/changes/{item.uid}/return", {"turn": item.turn, "to": "request", "words": "不行"}
    )

    assert response.status_code == 409
    assert "没有执行" in response.content.decode()
    assert "陈航" in response.content.decode()


def test_a_plan_with_a_wrong_window_comes_back_as_typed(cast: Cast):
    change = make_change(cast, make_installation(cast))
    submit_analysis(cast.chen, fresh(change), turn=fresh(change).item.turn, feasible=True, analysis="可行", need="备注")
    for person in (cast.wang, cast.li):
        sign_step(person, fresh(change).item, turn=fresh(change).item.turn)
    entries = {
        "turn": fresh(change).item.turn, "version": "1.1.0",
        "impact": "停止 1 分钟", "risk": "低", "way_back": "还原备份",
        "window_from": "2030-01-01T22:00", "window_to": "明天", "upgrade_notes": "可写备注",
        "criteria_title": ["版本"], "criteria_path": ["/healthz"], "criteria_expect": ["1.1.0"],
    }  # fmt: skip
    chen = signed_in(cast.chen)
    before = state_of_everything()
    response = chen.post(f"/changes/{change.item.uid}/plan", entries)
    page = response.content.decode()

    assert response.status_code == 422
    assert "窗口结束「明天」不是日期时间" in page
    for words in ("停止 1 分钟", "还原备份", 'value="/healthz"', 'value="2030-01-01T22:00"'):
        assert words in page
    assert state_of_everything() == before


def test_the_page_of_a_change_asks_a_fixed_number_of_questions(cast: Cast):
    change = make_change(cast, make_installation(cast))
    wang = signed_in(cast.wang)
    path = f"/changes/{change.item.uid}/"
    wang.get(path)
    early = queries_of(wang, path)
    submit_analysis(cast.chen, fresh(change), turn=fresh(change).item.turn, feasible=True, analysis="可行", need="备注")
    sign_step(cast.li, fresh(change).item, turn=fresh(change).item.turn)

    assert queries_of(wang, path) - early <= 1
