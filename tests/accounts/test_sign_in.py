"""Signing in: one sentence for every wrong name or password; locks that grow, end, and spare known browsers."""

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client, RequestFactory

from tests.cast import Cast
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts import rules
from weilu.accounts.actions import check_password, sign_in, unlock
from weilu.accounts.credentials import Guesses
from weilu.accounts.guesses import device_cookie, locks_of
from weilu.accounts.models import Person
from weilu.accounts.reader import address_of
from weilu.accounts.rules import lock_length
from weilu.accounts.visits import set_password
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged
from weilu.kernel.refused import Refused

HERE, THERE = "10.0.0.1", "10.0.0.2"
FOUR_LEFT = "工号或密码不对，还可试 4 次。之后会锁定"
WRONG_LOCKED = "工号或密码不对，已锁定 {} 分钟"
WAIT = "密码错了太多次，约 {} 分钟后可再试"


def answer(username: str, password: str = "wrong", address: str = HERE, device: str = "") -> str:
    """What sign-in says; `in` when it lets the person in. A refusal changes nothing but counts and their locks."""
    before, met = every_row("Guesses", "Staged"), None
    before.pop("staged")
    try:
        sign_in(username, password, address, device=device)
    except Refused as refused:
        met = refused
    if met is None:
        return "in"
    after = every_row("Guesses", "Staged")
    after.pop("staged")
    assert (met.field, after) == ("password", before)
    return met.reason


def pass_by(**length: int) -> None:
    """Let time pass for every count and lock."""
    Guesses.objects.update(at=F("at") - timedelta(**length), until=F("until") - timedelta(**length))


def locked_entries() -> list[tuple[str, str]]:
    rows = Staged.objects.filter(kind__in=["accounts.sign_in_locked", "accounts.sign_in_unlocked"]).order_by("id")
    return [(row.kind.rpartition("_")[2], row.org) for row in rows]


def test_the_right_password_signs_in_and_is_on_record(cast: Cast):
    assert sign_in(" wangmin ", PASSWORD, HERE) == cast.wang
    assert sign_in("ｗａｎｇｍｉｎ", PASSWORD, HERE) == cast.wang
    kinds = Staged.objects.filter(kind="accounts.signed_in").values_list("actor", "org")
    assert list(kinds) == [(cast.wang.actor, "JZ")] * 2


@pytest.mark.once
def test_a_lock_doubles_from_one_minute_to_thirty():
    lengths = [lock_length(failures, 5) for failures in (4, 5, 6, 7, 8, 9, 10, 11, 5000)]
    assert lengths == [None, *(timedelta(minutes=one) for one in (1, 2, 4, 8, 16, 30, 30, 30))]


def test_each_failure_says_how_many_are_left_and_then_it_locks(cast: Cast):
    said = [answer("wangmin") for _ in range(7)]

    assert said == [
        *(f"工号或密码不对，还可试 {left} 次。之后会锁定" for left in (4, 3, 2, 1)),
        WRONG_LOCKED.format(1), WAIT.format(1), WAIT.format(1),
    ]  # fmt: skip
    assert answer("wangmin", PASSWORD) == WAIT.format(1)  # the right one waits too
    assert Guesses.objects.get(key=f"here:wangmin|{HERE}").failures == 5  # waiting adds no failure
    assert answer("wangmin", PASSWORD, THERE) == "in"  # nobody is locked out of another place
    assert answer("lijianguo", PASSWORD) == "in"  # nor is a colleague here
    assert locked_entries() == [("locked", "JZ")]


def test_the_lock_ends_by_itself_and_the_next_is_twice_as_long(cast: Cast):
    for _ in range(5):
        answer("wangmin")
    said = []
    for minutes in (1, 2, 4, 8, 16, 30):
        assert answer("wangmin") == WAIT.format(minutes)
        pass_by(minutes=minutes)
        said.append(answer("wangmin"))
    assert said == [WRONG_LOCKED.format(minutes) for minutes in (2, 4, 8, 16, 30, 30)]
    pass_by(minutes=30)
    assert answer("wangmin", PASSWORD) == "in"
    assert answer("wangmin") == FOUR_LEFT  # who got in begins anew


def test_a_day_without_failure_is_forgotten(cast: Cast):
    for _ in range(8):
        answer("wangmin")
        pass_by(minutes=31)
    pass_by(hours=24)
    assert answer("wangmin") == FOUR_LEFT
    assert Guesses.objects.filter(failures__gt=1).count() == 0


def test_a_stranger_who_goes_on_for_days_keeps_nobody_out_elsewhere(cast: Cast):
    known = device_cookie("", cast.wang)
    for _ in range(60):
        answer("wangmin", address="203.0.113.9")
        pass_by(minutes=31)
    answer("wangmin", address="203.0.113.9")

    assert answer("wangmin", PASSWORD, "203.0.113.9").startswith("密码错了太多次")
    assert answer("wangmin", PASSWORD, THERE) == "in"
    assert answer("wangmin", PASSWORD, "203.0.113.9", known) == "in"  # one's own browser, wherever it is


def test_strangers_at_many_addresses_lock_the_account_but_no_known_browser(cast: Cast):
    for number in range(10):
        for _ in range(5):
            answer("wangmin", address=f"203.0.113.{number}")

    assert answer("wangmin", PASSWORD, THERE).startswith("密码错了太多次")
    assert answer("wangmin", PASSWORD, THERE, device_cookie("", cast.wang)) == "in"
    assert answer("wangmin", PASSWORD, THERE, device_cookie("", cast.li)).startswith("密码错了太多次")
    check_password(cast.wang, PASSWORD, HERE)  # who is signed in goes on signing
    pass_by(minutes=31)
    assert answer("wangmin", PASSWORD, THERE) == "in"


@pytest.mark.parametrize("cookie", ["x", "x:y:z", "e30:1tz:abc", "\x00", "x" * 10_000])
def test_a_device_that_somebody_made_up_is_none(cast: Cast, cookie: str):
    for _ in range(5):
        answer("wangmin", device=cookie)
    assert answer("wangmin", PASSWORD, device=cookie) == WAIT.format(1)


def test_a_known_browser_is_counted_by_itself(cast: Cast):
    known = device_cookie("", cast.wang)
    said = [answer("wangmin", device=known) for _ in range(5)]
    assert said[-1] == WRONG_LOCKED.format(1)
    assert answer("wangmin", PASSWORD, device=known) == WAIT.format(1)
    assert answer("wangmin", PASSWORD) == "in"  # without the cookie it is a browser nobody knows
    assert locked_entries() == [("locked", "JZ")]


def test_a_browser_is_known_after_signing_in_and_for_several_people(cast: Cast):
    client = Client()
    for who in ("wangmin", "lijianguo"):
        client.post("/login", {"username": who, "password": PASSWORD})
        client.post("/logout")
    other = Client(REMOTE_ADDR="127.0.0.1")
    for _ in range(6):
        other.post("/login", {"username": "wangmin", "password": "wrong"})
        other.post("/login", {"username": "lijianguo", "password": "wrong"})

    assert other.post("/login", {"username": "wangmin", "password": PASSWORD}).status_code == 401
    assert client.post("/login", {"username": "wangmin", "password": PASSWORD}).status_code == 302
    assert client.post("/login", {"username": "lijianguo", "password": PASSWORD}).status_code == 302
    cookie = client.cookies["weilu_device"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/login", True, "Lax")


def test_an_address_locks_after_thirty_failures_whatever_the_names(cast: Cast):
    for number in range(rules.TRIES_OF_ADDRESS - 1):
        assert answer(f"nobody{number}") in (FOUR_LEFT, *(FOUR_LEFT.replace("4", str(left)) for left in (3, 2, 1)))
    assert answer("another") == WRONG_LOCKED.format(1)

    assert answer("wangmin", PASSWORD) == WAIT.format(1)
    assert answer("wangmin", PASSWORD, THERE) == "in"
    pass_by(minutes=1)
    assert answer("wangmin", PASSWORD) == "in"
    assert answer("nobody") == WRONG_LOCKED.format(2)  # one's own right password does not forgive the address
    assert locked_entries() == [("locked", ""), ("locked", "")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("2001:db8::1", "2001:db8::ffff:2", True), ("2001:db8::1", "2001:db8:0:1::1", False), ("", "x", False)],
)
def test_an_ipv6_address_counts_with_its_network(cast: Cast, one: str, other: str, same: bool):
    for _ in range(5):
        answer("wangmin", address=one)
    assert (answer("wangmin", PASSWORD, other) == WAIT.format(1)) is same


def test_a_name_that_does_not_exist_or_has_left_gets_the_very_same_sentences(cast: Cast):
    Person.objects.filter(id=cast.li.id).update(is_active=False)

    def said(username: str, password: str) -> list[str]:
        return [answer(username, password) for _ in range(6)]

    wrong = said("wangmin", "wrong")
    assert said("nobody", "wrong") == wrong
    assert said("lijianguo", PASSWORD) == wrong


def test_what_was_typed_as_a_name_is_not_on_record_when_it_is_nobodys(cast: Cast):
    for _ in range(5):
        answer("my secret password")
    assert locked_entries() == []


@pytest.mark.parametrize(
    "username", ["", "wang\x00min", "wang\ud800", "王" * 500, "ΐ" * 40, "ﷺ" * 40, "wangmin' OR 1=1 --", "WANGMIN "]
)
def test_a_name_that_no_name_can_be_is_a_wrong_name(cast: Cast, username: str):
    assert answer(username, PASSWORD) == FOUR_LEFT


@pytest.mark.parametrize("password", ["", "\x00", "\ud800", "密" * 10_000, PASSWORD + " "])
def test_a_password_that_no_password_can_be_is_a_wrong_password(cast: Cast, password: str):
    assert answer("wangmin", password) == FOUR_LEFT


def test_the_password_before_a_signature_has_a_count_of_its_own(cast: Cast):
    def said(password: str) -> str:
        try:
            check_password(cast.wang, password, HERE)
        except Refused as refused:
            return refused.reason
        return "right"

    assert said(PASSWORD) == "right"
    assert [said("wrong") for _ in range(5)][-1] == WRONG_LOCKED.format(1)
    assert said(PASSWORD) == WAIT.format(1)
    assert answer("wangmin", PASSWORD) == "in"


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_all_counted():
    from tests.cast import cast_again

    cast_again()
    said: list[str] = []

    def guess() -> None:
        try:
            sign_in("wangmin", "wrong", HERE)
        except Refused as refused:
            said.append(refused.reason)
        finally:
            connection.close()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    wrong = [reason for reason in said if reason.startswith("工号或密码不对")]
    assert (len(said), len(wrong)) == (12, 5)


@pytest.mark.parametrize("who", ["wang", "li", "chen", "sun", "he"])
def test_nobody_but_who_manages_them_unlocks_somebody(cast: Cast, who: str):
    for _ in range(5):
        answer("wangmin")
    by = getattr(cast, who)
    assert refusal_of(lambda: unlock(by, cast.wang)) == Refusal("管理人员与角色要由系统管理员办")
    client = Client()
    client.force_login(by)
    assert client.post(f"/people/{cast.wang.uid}/unlock").status_code in (403, 404)
    assert len(locks_of(cast.wang)) == 1


def test_an_administrator_sees_the_lock_and_ends_it(cast: Cast):
    for _ in range(5):
        answer("wangmin")
    client = Client()
    client.force_login(cast.zheng)
    page = f"/people/{cast.wang.uid}/"
    assert 'id="locked"' in client.get(page).content.decode()

    assert client.post(f"{page}unlock")["Location"] == page

    assert 'id="locked"' not in client.get(page).content.decode()
    assert answer("wangmin", PASSWORD) == "in"
    assert locked_entries() == [("locked", "JZ"), ("unlocked", "JZ")]
    assert refusal_of(lambda: unlock(cast.zheng, cast.wang)) == Refusal("王敏 的登录没有锁定")


def test_at_the_machine_a_new_password_opens_again_and_ends_every_visit(cast: Cast):
    client = Client()
    client.post("/login", {"username": "zhengjie", "password": PASSWORD})
    for _ in range(5):
        answer("zhengjie")

    set_password(cast.zheng, "a new pass phrase")

    assert client.get("/people/")["Location"] == "/login?next=%2Fpeople%2F"
    assert answer("zhengjie", "a new pass phrase") == "in"
    assert answer("zhengjie", PASSWORD) == FOUR_LEFT
    entry = Staged.objects.get(kind="accounts.password_set")
    assert (entry.actor, entry.org, b"a new pass phrase" in bytes(entry.record)) == ("weilu", "JZ", False)
    assert refusal_of(lambda: set_password(cast.zheng, "short")) == Refusal("密码至少 10 个字符", "", "new")


@pytest.mark.parametrize(
    ("sender", "told", "address"),
    [
        ("192.0.2.1", "10.9.9.9", "192.0.2.1"),
        ("127.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("127.0.0.1", "6.6.6.6, 10.9.9.9", "10.9.9.9"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "10.9.9.9, <script>", "127.0.0.1"),
    ],
)
def test_only_a_trusted_proxy_is_believed_and_only_about_its_last_hop(settings, sender: str, told: str, address: str):
    settings.TRUSTED_PROXIES = ("127.0.0.1",)
    request = RequestFactory().get("/", REMOTE_ADDR=sender, HTTP_X_FORWARDED_FOR=told)
    assert address_of(request) == address


def test_the_page_says_it_with_401_and_keeps_nobody_signed_in(cast: Cast):
    client = Client()
    page: Any = None
    for _ in range(6):
        page = client.post("/login", {"username": "wangmin", "password": "wrong"})
    assert (page.status_code, WAIT.format(1) in page.content.decode()) == (401, True)
    assert "系统管理员可提前解锁" in page.content.decode()
    assert client.get("/")["Location"] == "/login?next=%2F"


def test_after_signing_out_a_page_asks_again(cast: Cast):
    client = Client()
    client.post("/login", {"username": "wangmin", "password": PASSWORD})
    assert client.get("/people/").status_code == 200
    assert client.get("/logout").status_code == 405  # a link cannot sign anybody out
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/people/")["Location"] == "/login?next=%2Fpeople%2F"


@pytest.mark.parametrize("target", ["abc", "accounts:tokens", "index", "./people/", "?next=/", "https:/evil.example"])
def test_a_target_that_is_no_address_of_this_site_leads_to_ones_work(cast: Cast, target: str):
    client = Client()
    for path, given in (
        ("/language", {"language": "zh-hans"}),
        ("/login", {"username": "wangmin", "password": PASSWORD}),
    ):
        assert client.post(path, given | {"next": target})["Location"] == "/"
    assert client.get("/login", {"next": target})["Location"] == "/"


@pytest.mark.parametrize("username", ["ＷＡＮＧＭＩＮ", "𝐰angmin", "ⓦangmin", "  wangmin"])
def test_spellings_that_a_directory_takes_for_one_name_are_counted_as_one(cast: Cast, username: str):
    """A directory folds case, blanks and compatible letters (RFC 4518) before it compares."""
    assert answer("wangmin") == FOUR_LEFT
    assert answer(username) == "工号或密码不对，还可试 3 次。之后会锁定"


@pytest.mark.django_db(transaction=True)
def test_a_right_password_does_not_end_a_lock_that_others_began_meanwhile():
    """Whoever has an account of their own could guess at others without end by signing in beside."""
    from tests.cast import cast_again
    from weilu.accounts import guesses

    cast = cast_again()
    counts = guesses._counts("wangmin", THERE, "", False)
    held = guesses._reserve(counts)  # 王 is on the way in, the password not yet looked at
    for place in range(rules.TRIES_OF_ADDRESS):
        with suppress(Refused):
            sign_in(f"nobody{place}", "wrong", THERE)
    guesses._forgive(held)

    assert answer("zhaolixin", PASSWORD, THERE) == WAIT.format(1)
    assert answer("zhaolixin", PASSWORD, HERE) == "in"
    assert cast.zhao.username == "zhaolixin"
