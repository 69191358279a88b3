"""An act sent twice with one `Idempotency-Key` is carried out once, by whoever sent it, for a day."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.cast import Cast
from tests.support.unchanged import every_row
from weilu.accounts.models import Organisation, Person
from weilu.kernel.models import Answered
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db

ADD = "/api/v1/accounts/add_person"
NEW = {"organisation": "JZ", "username": "liuyang", "name": "刘洋", "password": "a long pass phrase"}


def signed_in(person: Person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def post(client: Client, body: dict[str, Any], key: str | None = "k-1", path: str = ADD) -> tuple[int, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = client.post(path, body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def people() -> int:
    return Person.objects.filter(username__startswith="liuyang").count()


def test_the_second_request_gets_the_first_answer_and_does_nothing(cast: Cast):
    zheng = signed_in(cast.zheng)
    first = post(zheng, NEW)
    before = every_row()

    second = post(zheng, NEW)

    assert first == (200, {"uid": str(Person.objects.get(username="liuyang").uid), "number": ""})
    assert second == first
    assert every_row() == before


def test_without_a_key_the_act_is_asked_for_anew(cast: Cast):
    zheng = signed_in(cast.zheng)

    assert [post(zheng, NEW, None)[0] for _turn in range(2)] == [200, 409]
    assert Answered.objects.count() == 0


def test_another_request_with_the_same_key_is_turned_down(cast: Cast):
    zheng = signed_in(cast.zheng)
    post(zheng, NEW)
    before = every_row()

    status, said = post(zheng, NEW | {"username": "liuyang2"})

    assert (status, said["reason"]) == (422, "这个 Idempotency-Key 已用于另一个请求。换一个再调用")
    assert every_row() == before


def test_a_key_is_one_s_own(cast: Cast):
    role = {"person": "wangmin", "owner": "JZ", "role": "leader"}
    post(signed_in(cast.zheng), role, path="/api/v1/accounts/give_role")

    status, _said = post(signed_in(cast.wang), role, path="/api/v1/accounts/give_role")

    assert status == 409


def test_a_refusal_keeps_no_key(cast: Cast):
    zheng = signed_in(cast.zheng)
    refused = post(zheng, NEW | {"password": "short"})[0]
    kept = Answered.objects.count()

    assert (refused, kept) == (409, 0)
    assert post(zheng, NEW)[0] == 200
    assert people() == 1


@pytest.mark.parametrize("key", ["", " ", "钥匙", "x" * 201])
def test_a_key_that_is_none_is_said_so(cast: Cast, key: str):
    before = every_row()

    status, said = post(signed_in(cast.zheng), NEW, key)

    assert (status, said["reason"]) == (400, "Idempotency-Key 应是 1 到 200 个可见的 ASCII 字符。换一个再调用")
    assert every_row() == before


def test_after_a_day_the_key_is_free(cast: Cast):
    zheng = signed_in(cast.zheng)
    post(zheng, NEW)
    Answered.objects.update(at=now() - timedelta(hours=24, seconds=1))

    assert post(zheng, NEW | {"username": "liuyang2"})[0] == 200
    assert people() == 2


@pytest.mark.django_db(transaction=True)
def test_two_at_once_become_one(cast: Cast):
    zheng, found, ready = cast.zheng, [], threading.Barrier(2)

    def send() -> None:
        client = signed_in(zheng)
        ready.wait()
        found.append(post(client, NEW))
        connection.close()

    both = [threading.Thread(target=send) for _turn in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert [status for status, _said in found] == [200, 200]
    assert found[0] == found[1]
    assert people() == 1
    assert Organisation.objects.filter(code="JZ").count() == 1
