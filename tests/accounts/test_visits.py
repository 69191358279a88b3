"""Where one is signed in: each browser is listed and can be ended; a new password ends all others."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import sign_in
from weilu.accounts.credentials import Visit
from weilu.accounts.devices import device_words
from weilu.accounts.models import Person
from weilu.accounts.tokens import make_token
from weilu.accounts.visits import change_password, end_other_visits, end_visit, visits_of
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged
from weilu.kernel.times import SHANGHAI, now

pytestmark = pytest.mark.django_db
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19.0 Mobile Safari/604.1"
NEW = "a new pass phrase"


def browser(who: str = "wangmin", agent: str = CHROME, address: str = "10.0.0.1", password: str = PASSWORD) -> Client:
    client = Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    client.post("/login", {"username": who, "password": password})
    return client


def is_in(client: Client) -> bool:
    return client.get("/more").status_code == 200


def visit_of(client: Client) -> Visit:
    return Visit.objects.get(session_key=client.session.session_key)


def last_entry() -> tuple[str, str, str] | None:
    return Staged.objects.order_by("-id").values_list("kind", "actor", "org").first()


def test_each_browser_is_listed_with_device_address_and_times(cast: Cast):
    before = now()
    browser()
    browser(agent=IPHONE, address="10.0.0.2")
    browser("lijianguo")

    shown = visits_of(cast.wang)

    assert [(one.device, one.address) for one in shown] == [
        ("Safari · iPhone", "10.0.0.2"),
        ("Chrome · Windows", "10.0.0.1"),
    ]
    assert all(before <= one.since <= one.last_seen <= now() for one in shown)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (CHROME, "Chrome · Windows"), (CHROME + " Edg/142", "Edge · Windows"), (IPHONE, "Safari · iPhone"),
        ("x" * 5000, "不认识的设备"), ("", "不认识的设备"), ("<script>Firefox/1 Linux", "Firefox · Linux"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/120 MicroMessenger/8.0", "微信 · Android"),
    ],
)  # fmt: skip
def test_a_device_is_named_by_browser_and_system(agent: str, words: str):
    assert device_words(agent) == words


def test_a_browser_that_is_ended_is_signed_out_at_once_and_no_other(cast: Cast):
    here, there, colleague = browser(), browser(agent=IPHONE), browser("lijianguo")

    answer = here.post(f"/me/sessions/{visit_of(there).uid}/end")

    assert answer["Location"] == "/me/sessions"
    assert [is_in(one) for one in (here, there, colleague)] == [True, False, True]
    assert last_entry() == ("accounts.visit_ended", cast.wang.actor, "JZ")


def test_all_others_are_ended_and_this_one_stays(cast: Cast):
    here, there, third, colleague = browser(), browser(), browser(), browser("lijianguo")
    here.post("/me/sessions/end-others")
    assert [is_in(one) for one in (here, there, third, colleague)] == [True, False, False, True]
    assert last_entry() == ("accounts.other_visits_ended", cast.wang.actor, "JZ")

    before = every_row()
    assert end_other_visits(cast.wang, keep=str(visit_of(here).uid)) == 0
    assert every_row() == before


@pytest.mark.parametrize("who", ["lijianguo", "chenhang", "helin", "sunli"])
def test_nobody_else_ends_a_visit_or_sees_it(cast: Cast, who: str):
    mine, other = browser(address="10.77.0.7"), browser(who)
    before = every_row()
    assert other.post(f"/me/sessions/{visit_of(mine).uid}/end").status_code == 404
    body = f'{{"visit": "{visit_of(mine).uid}"}}'
    answer = other.post("/api/v1/accounts/end_visit", body, content_type="application/json")
    assert answer.status_code == 404
    assert "10.77.0.7" not in other.get("/me/sessions").content.decode()
    somebody = Person.objects.get(username=who)
    refused = refusal_of(lambda: end_visit(somebody, visit_of(mine)))
    assert refused == Refusal("管理人员与角色要由系统管理员办")
    assert (is_in(mine), every_row()) == (True, before)


def test_an_administrator_ends_the_visit_of_somebody_on_their_page(cast: Cast):
    mine, admin = browser(address="10.77.0.7"), browser("zhengjie")
    page = f"/people/{cast.wang.uid}/"
    assert "10.77.0.7" in admin.get(page).content.decode()
    assert "10.77.0.7" not in browser("lijianguo").get(page).content.decode()

    visit = visit_of(mine)
    assert admin.post(f"/me/sessions/{visit.uid}/end")["Location"] == page

    assert (is_in(mine), is_in(admin)) == (False, True)
    assert last_entry() == ("accounts.visit_ended", cast.zheng.actor, "JZ")
    assert refusal_of(lambda: end_visit(cast.zheng, visit)) == Refusal("这次登录已经结束")


def test_the_list_is_also_an_answer_of_the_api(cast: Cast):
    here, _there = browser(), browser(agent=IPHONE)
    said = here.get("/api/v1/visits").json()
    assert [(one["device"], one["present"]) for one in said] == [("Safari · iPhone", False), ("Chrome · Windows", True)]
    assert here.post("/api/v1/accounts/end_other_visits").status_code == 200
    assert len(here.get("/api/v1/visits").json()) == 1


def test_when_it_was_last_used_is_written_every_five_minutes(cast: Cast):
    client = browser()
    first = visit_of(client).last_seen
    is_in(client)
    assert visit_of(client).last_seen == first
    Visit.objects.update(last_seen=first - timedelta(minutes=6))
    is_in(client)
    assert visit_of(client).last_seen > first


def test_a_key_somebody_planted_is_not_the_key_after_signing_in(cast: Cast):
    client = Client()
    planted = client.session
    planted["x"] = 1
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    client.post("/login", {"username": "wangmin", "password": PASSWORD})
    assert is_in(client)
    assert client.session.session_key != planted.session_key
    assert Visit.objects.filter(person=cast.wang).count() == 1
    client.post("/logout")
    assert Visit.objects.count() == 0


def test_a_new_password_ends_the_other_visits_and_this_one_goes_on(cast: Cast):
    here, there = browser(), browser(agent=IPHONE)

    answer = here.post("/me/password", {"old": PASSWORD, "new": NEW, "again": NEW})

    assert answer["Location"] == "/me/sessions"
    assert (is_in(here), is_in(there)) == (True, False)
    assert sign_in("wangmin", NEW, "10.0.0.1") == cast.wang
    assert refusal_of(lambda: sign_in("wangmin", PASSWORD, "10.0.0.1")).field == "password"
    entry = Staged.objects.filter(kind="accounts.password_changed").get()
    assert (entry.actor, NEW.encode() in bytes(entry.record)) == (cast.wang.actor, False)
    assert here.get("/me/sessions").content.decode().count('id="visit-') == 1


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"old": "wrong"}, "工号或密码不对，还可试 4 次。之后会锁定"),
        ({"new": "short", "again": "short"}, "密码至少 10 个字符"),
        ({"new": PASSWORD, "again": PASSWORD}, "新密码与旧密码相同。换一个再提交"),
        ({"new": NEW + "\x00", "again": NEW + "\x00"}, "密码里有不可见的字符。换一个密码"),
        ({"again": "other"}, "两次输入的新密码不同。再输入一次"),
    ],
)
def test_what_is_wrong_with_a_new_password_is_said_and_nothing_ends(cast: Cast, over: dict[str, str], reason: str):
    here, there = browser(), browser()
    before = every_row("Guesses")
    page: Any = here.post("/me/password", {"old": PASSWORD, "new": NEW, "again": NEW} | over)
    assert (page.status_code, reason in page.content.decode(), NEW in page.content.decode()) == (422, True, False)
    assert (is_in(here), is_in(there), every_row("Guesses")) == (True, True, before)


def test_a_password_is_not_the_name_one_signs_in_with(cast: Cast):
    Person.objects.filter(id=cast.wang.id).update(username="wangmin-long")
    wang = Person.objects.get(id=cast.wang.id)
    refused = refusal_of(lambda: change_password(wang, old=PASSWORD, new="WangMin-Long", address="x", keep=""))
    assert refused == Refusal("密码不能与工号相同。换一个密码", "", "new")


def test_a_program_changes_no_password_and_ends_no_visits(cast: Cast):
    client = browser("zhengjie")
    day = now().astimezone(SHANGHAI).date() + timedelta(days=2)
    fields: Any = {"name": "x", "scope": ["people.manage"], "until": day, "password": PASSWORD, "address": "x"}
    _token, secret = make_token(cast.zheng, **fields)
    program = Client(HTTP_AUTHORIZATION=f"Bearer {secret}")
    program.get("/api/v1/items")
    before = every_row()
    for path, body in (
        ("change_password", f'{{"old": "{PASSWORD}", "new": "{NEW}"}}'),
        ("end_other_visits", "{}"),
    ):
        answer = program.post(f"/api/v1/accounts/{path}", body, content_type="application/json")
        assert (answer.status_code, answer.json()["reason"]) == (409, "访问令牌不能办这件事，要本人登录后办")
    assert (every_row(), is_in(client)) == (before, True)


def test_the_list_asks_as_often_for_three_visits_as_for_one(cast: Cast):
    client = browser()

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/me/sessions").status_code == 200
        return len(seen)

    asked()
    one = asked()
    browser(), browser()
    assert asked() == one


@pytest.mark.once
def test_passwords_are_kept_by_argon2_and_nothing_else():
    from django.contrib.auth.hashers import Argon2PasswordHasher
    from django.utils.module_loading import import_string

    from weilu import settings

    hashers = [import_string(path) for path in settings.PASSWORD_HASHERS]
    assert hashers == [Argon2PasswordHasher]
    kept = Argon2PasswordHasher().encode("a long pass phrase", "somesaltsomesalt")
    assert kept.startswith("argon2$argon2id$v=19$m=102400,t=2,p=8$")
