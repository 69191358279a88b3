"""Signing in: one sentence for every wrong name or password, and the waits by name and by address."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from tests.support.unchanged import every_row
from weilu.accounts import rules
from weilu.accounts.actions import check_password, sign_in
from weilu.accounts.models import Person, SignInTry
from weilu.demo import PASSWORD
from weilu.evidence.models import Staged
from weilu.kernel.refused import Refused

HERE, THERE = "10.0.0.1", "10.0.0.2"
FOUR_LEFT = "工号或密码不对，还可试 4 次。之后要等 15 分钟"
LAST = "工号或密码不对。现在要等 15 分钟才能再试"
WAIT = "密码错了太多次，约 15 分钟后可再试"


def answer(username: str, password: str = "wrong", address: str = HERE) -> str:
    """What sign-in says; `in` when it lets the person in. A refusal changes nothing but the count."""
    before, met = every_row("SignInTry"), None
    try:
        sign_in(username, password, address)
    except Refused as refused:
        met = refused
    if met is None:
        return "in"
    assert (met.field, every_row("SignInTry")) == ("password", before)
    return met.reason


def pass_by(**length: int) -> None:
    """Let time pass for every failure on record."""
    SignInTry.objects.update(at=F("at") - timedelta(**length))


def test_the_right_password_signs_in_and_is_on_record(cast):
    assert sign_in(" wangmin ", PASSWORD, HERE) == cast.wang
    assert sign_in("ｗａｎｇｍｉｎ", PASSWORD, HERE) == cast.wang
    kinds = Staged.objects.filter(kind="accounts.signed_in").values_list("actor", "org")
    assert list(kinds) == [(cast.wang.actor, "JZ")] * 2


def test_each_failure_says_how_many_are_left_and_then_one_waits(cast):
    said = [answer("wangmin") for _ in range(7)]

    assert said == [
        *(f"工号或密码不对，还可试 {left} 次。之后要等 15 分钟" for left in (4, 3, 2, 1)), LAST, WAIT, WAIT,
    ]  # fmt: skip
    assert answer("wangmin", PASSWORD) == WAIT  # the right one waits too
    assert SignInTry.objects.count() == 5  # waiting adds no failure
    assert answer("wangmin", PASSWORD, THERE) == "in"  # nobody is locked out of another place
    assert answer("lijianguo", PASSWORD) == "in"  # nor is a colleague here


def test_the_wait_ends_by_itself(cast):
    for _ in range(5):
        answer("wangmin")
    pass_by(minutes=10)
    assert answer("wangmin", PASSWORD) == "密码错了太多次，约 5 分钟后可再试"
    pass_by(minutes=5)
    assert answer("wangmin", PASSWORD) == "in"


def test_signing_in_forgets_the_failures_of_this_name_here(cast):
    for _ in range(4):
        answer("wangmin")
    answer("lijianguo")
    assert answer("wangmin", PASSWORD) == "in"
    assert answer("wangmin") == FOUR_LEFT
    assert list(SignInTry.objects.values_list("username", flat=True)) == ["lijianguo", "wangmin"]


def test_an_address_waits_after_thirty_failures_whatever_the_names(cast):
    for number in range(rules.TRIES_OF_ADDRESS):
        assert answer(f"nobody{number}") == FOUR_LEFT

    assert answer("wangmin", PASSWORD) == WAIT
    assert answer("wangmin", PASSWORD, THERE) == "in"
    pass_by(minutes=15)
    assert answer("wangmin", PASSWORD) == "in"


def test_a_name_that_does_not_exist_or_has_left_gets_the_very_same_sentences(cast):
    Person.objects.filter(id=cast.li.id).update(is_active=False)

    def said(username: str, password: str) -> list[str]:
        return [answer(username, password) for _ in range(6)]

    wrong = said("wangmin", "wrong")
    assert said("nobody", "wrong") == wrong
    assert said("lijianguo", PASSWORD) == wrong


@pytest.mark.parametrize("username", ["", "wang\x00min", "wang\ud800", "王" * 500, "wangmin' OR 1=1 --", "WANGMIN "])
def test_a_name_that_no_name_can_be_is_a_wrong_name(cast, username):
    assert answer(username, PASSWORD) == FOUR_LEFT


@pytest.mark.parametrize("password", ["", "\x00", "\ud800", "密" * 10_000, PASSWORD + " "])
def test_a_password_that_no_password_can_be_is_a_wrong_password(cast, password):
    assert answer("wangmin", password) == FOUR_LEFT


def test_the_password_before_a_signature_is_throttled_as_well(cast):
    def said(password: str) -> str:
        try:
            check_password(cast.wang, password, HERE)
        except Refused as refused:
            return refused.reason
        return "right"

    assert said(PASSWORD) == "right"
    assert [said("wrong") for _ in range(5)][-1] == LAST
    assert said(PASSWORD) == WAIT
    assert answer("wangmin", PASSWORD) == WAIT  # one count for both


def test_the_page_says_it_with_401_and_keeps_nobody_signed_in(cast):
    client = Client()
    page: Any = None
    for _ in range(6):
        page = client.post("/login", {"username": "wangmin", "password": "wrong"})
    assert (page.status_code, WAIT in page.content.decode()) == (401, True)
    assert client.get("/")["Location"] == "/login?next=%2F"


def test_after_signing_out_a_page_asks_again(cast):
    client = Client()
    client.post("/login", {"username": "wangmin", "password": PASSWORD})
    assert client.get("/people/").status_code == 200
    assert client.get("/logout").status_code == 405  # a link cannot sign anybody out
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/people/")["Location"] == "/login?next=%2Fpeople%2F"
