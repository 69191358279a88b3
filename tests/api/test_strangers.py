"""孙 and 何 belong to another tenant: by page, API, file or guessing they find nothing of 江州."""

import json
import re
import uuid
from itertools import chain
from typing import Any

import pytest
from django.test import Client

from tests.api.conftest import Told, body_of
from tests.api.walk import PARAMETER, addresses, bodies, filled, operations
from tests.support.unchanged import every_row
from weilu.kernel.rights import ANYONE

CSRF = re.compile(r"""csrfmiddlewaretoken" value="\w+"|csrftoken=\w+|csrf[^"']*["'][^"']{64}["']""")
CLOCK = re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?")  # a refusal says when it was
LENGTH = re.compile(r"'Content-Length': '\d+'")  # an id in the page is as long as it was asked
REFERENCE = re.compile(r"\b[0-9a-f]{4}-[0-9a-f]{4}\b(?!-)")
PUBLIC = {
    "healthz",
    "language",
    "theme",
    "login",
    "login/second",
    "login/oidc",
    "login/oidc/back",
    "s/<slug:token>",
    "api/v1/openapi.json",
} | {
    "proof/",
    "proof/proof.py",
}
# Each of them on one database's turn: together they try every address on both.
STRANGERS = (pytest.param("sun", marks=pytest.mark.served), pytest.param("he", marks=pytest.mark.once))
# What an operation without any id of a row may answer to a stranger: their own inbox, or a refusal.
OF_NOBODY = {
    "/api/v1/notify/mark_all_read": 200,
    "/api/v1/notify/choose": 409,
    "/api/v1/notify/confirm_address": 409,
    "/api/v1/accounts/make_token": 409,
    "/api/v1/accounts/change_password": 409,
    "/api/v1/accounts/enrol_second_factor": 409,
    "/api/v1/accounts/confirm_second_factor": 409,
    "/api/v1/accounts/drop_second_factor": 409,
    "/api/v1/accounts/end_other_visits": 200,
    "/api/v1/evidence/enrol_witness": 409,
    "/api/v1/evidence/reopen_log": 409,
    "/api/v1/process/save_filter": 409,
    "/api/v1/process/choose_columns": 200,
}


def signed_in(person: Any) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def real(told: Told) -> dict[str, list[Any]]:
    """Values for every parameter an address can have, from 江州's rows."""
    uids = list(told.uids.values())
    return {
        "uuid:uid": uids, "uuidstr:uid": uids, "str:uid": [*uids, *told.numbers, *told.digests, str(told.closed.id)],
        "int:index": told.indexes, "uuid:scan": [told.uids["scan"]],
        "uuid:version": [told.uids["version"]], "uuid:docx": [told.uids["docx"]], "slug:name": ["cancel"],
    }  # fmt: skip


def guessed() -> dict[str, list[Any]]:
    return {
        "uuid:uid": [uuid.uuid4()],
        "uuidstr:uid": [uuid.uuid4()],
        "str:uid": [uuid.uuid4(), "JZ-BG-2031-9999"],
        "int:index": [9_999_999],
        "uuid:scan": [uuid.uuid4()],
        "uuid:version": [uuid.uuid4()],
        "uuid:docx": [uuid.uuid4()],
        "slug:name": ["cancel"],
    }


def protected() -> list[str]:
    """Every route that is not open to anyone."""
    routes = [(route, getattr(view, "weilu_right", None)) for route, view in addresses()]
    assert {route for route, right in routes if right == ANYONE} == PUBLIC
    return [route for route, right in routes if right != ANYONE]


def leaks(told: Told, answer: Any) -> list[str]:
    said = body_of(answer)
    return [word for word in told.words if word in said]


def test_the_test_would_see_a_leak(told: Told):
    page = signed_in(told.cast.wang).get(f"/changes/{told.closed.item.uid}/")
    assert {"网上预约平台", "王敏", told.closed.item.number} <= set(leaks(told, page))
    data = signed_in(told.cast.wang).get(f"/api/v1/changes/{told.closed.item.uid}")
    assert {"预约平台升级到 1.1.0", told.run.subject} <= set(leaks(told, data))


@pytest.mark.parametrize("who", STRANGERS)
def test_no_address_with_an_id_shows_a_stranger_anything_nor_tells_a_hidden_id_from_a_guessed_one(told: Told, who: str):
    client, before = signed_in(getattr(told.cast, who)), every_row()
    met: dict[str, set[tuple[int, str]]] = {}
    for route in (route for route in protected() if "<" in route):
        for path in chain(filled(route, real(told)), filled(route, guessed())):
            answer = client.get(path)
            assert leaks(told, answer) == [], path
            plain = CLOCK.sub("", CSRF.sub("", LENGTH.sub("", REFERENCE.sub("number", body_of(answer)))))
            met.setdefault(route, set()).add((answer.status_code, plain.replace(path, "path")))

    wrong = {route: answers for route, answers in met.items() if not {code for code, _ in answers} <= {403, 404, 405}}
    assert wrong == {}
    assert [route for route, answers in met.items() if len(answers) != 1] == []
    assert len(met) == sum("<" in route for route in protected())
    assert every_row() == before


@pytest.mark.parametrize("who", STRANGERS)
def test_posting_to_an_address_with_an_id_changes_nothing(told: Told, who: str):
    client, before = signed_in(getattr(told.cast, who)), every_row()
    given = {"turn": told.open.item.turn, "words": "同意", "to": "design", "reason": "不要", "answer": "done"}
    for route in (route for route in protected() if "<" in route):
        for path in filled(route, real(told) | {"int:index": told.indexes[:2]}):
            answer = client.post(path, given)
            assert answer.status_code in (403, 404, 405), path
            assert leaks(told, answer) == [], path
    assert every_row() == before


@pytest.mark.parametrize("who", STRANGERS)
def test_lists_and_searches_of_a_stranger_hold_nothing_of_ours(told: Told, who: str):
    client = signed_in(getattr(told.cast, who))
    queries = ("", "?list=all", "?list=done", "?list=mine", "?q=上预约", "?q=BG", "?q=%00", "?after=1", "?before=99999")
    for route in (route for route in protected() if "<" not in route):
        for query in queries:
            answer = client.get(f"/{route}{query}")
            assert answer.status_code in (200, 302, 400, 403, 405) or route == "api/v1/", route
            assert leaks(told, answer) == [], route + query


@pytest.mark.parametrize("who", STRANGERS)
def test_no_operation_of_the_api_takes_an_id_of_ours(told: Told, who: str):
    client, before = signed_in(getattr(told.cast, who)), every_row("Columns", "Guesses")
    document = client.get("/api/v1/openapi.json").json()
    values: dict[str, list[Any]] = {
        "uuid": list(told.uids.values()), "owner": ["JZ"], "organisation": ["JZ"], "person": ["wangmin"],
        "department": ["养老待遇科"], "string": ["x"], "integer": [told.open.item.turn], "boolean": [True],
        "date": ["2001-01-01"], "date-time": ["2031-01-01T00:00:00Z"], "people": [["wangmin"]],
        **{name: [told.uids[name]] for name in ("system", "host", "group")},  # beside ids of every kind
    }  # fmt: skip
    met: dict[str, set[int]] = {}
    for path, schema in operations(document):
        for body in bodies(schema, document, values) if schema else [None]:
            answer = client.post(path, json.dumps(body) if schema else "", content_type="application/json")
            met.setdefault(path, set()).add(answer.status_code)
            assert leaks(told, answer) == [], path

    assert met == {path: {OF_NOBODY.get(path, 404)} for path in met}
    assert len(met) > 20
    assert every_row("Columns", "Guesses") == before


def test_a_stranger_who_is_a_vendor_cannot_name_our_people_or_organisation(told: Told):
    """何 administers the other customer and could give roles there: our people do not exist for her."""
    client, before = signed_in(told.cast.he), every_row()
    for body in (
        {"owner": "HN", "person": "wangmin", "role": "engineer"},
        {"owner": "JZ", "person": "helin", "role": "engineer"},
    ):
        answer = client.post("/api/v1/accounts/give_role", json.dumps(body), content_type="application/json")
        assert (answer.status_code, leaks(told, answer)) == (404, [])
    assert every_row() == before


@pytest.mark.once
@pytest.mark.django_db
def test_whoever_has_not_signed_in_meets_only_the_sign_in(told: Told):
    client, before = Client(), every_row()
    for route in protected():
        for path in filled(route, real(told) | {"int:index": told.indexes[:1]}):
            answer = client.get(path)
            if path.startswith("/api/"):
                assert answer.status_code in (401, 405), path
            else:
                assert (answer.status_code, answer.headers["Location"].startswith("/login?next=")) == (302, True), path
            assert leaks(told, answer) == [] or answer.status_code == 302, path  # the way back holds the path itself
    assert every_row() == before


def test_a_new_kind_of_address_needs_test_data():
    with pytest.raises(KeyError):
        list(filled("things/<int:thing>/", {"uuid:uid": []}))
    assert PARAMETER.findall("a/<uuid:uid>/<b>") == [("uuid", "uid"), ("", "b")]
