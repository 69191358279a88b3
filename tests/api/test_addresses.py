"""Every address names its right, and every action is one POST of the API."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from weilu.accounts.roles import RIGHTS
from weilu.kernel.actions import ACTIONS
from weilu.kernel.rights import ANYONE, SIGNED_IN

PUBLIC = {"healthz", "login", "language", "theme", "proof/", "s/<", "api/v1/openapi.json"}


def addresses(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, object]]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern.callback
        else:
            yield from addresses(pattern, route)


@pytest.mark.once
def test_every_address_names_a_known_right():
    known = {ANYONE, SIGNED_IN, *RIGHTS}
    named = {route: getattr(view, "weilu_right", None) for route, view in addresses(get_resolver())}

    assert len(named) >= 10
    assert {route: right for route, right in named.items() if right not in known} == {}


@pytest.mark.once
def test_what_anyone_may_see_is_a_short_list():
    anyone = {r for r, view in addresses(get_resolver()) if getattr(view, "weilu_right", None) == ANYONE}

    assert {route for route in anyone if not route.startswith(tuple(PUBLIC))} == set()


@pytest.mark.django_db
def test_a_stranger_meets_only_the_sign_in():
    client = Client()
    for route, view in addresses(get_resolver()):
        if "<" in route or getattr(view, "weilu_right", None) == ANYONE:
            continue
        answer = client.get("/" + route)
        assert answer.status_code in (302, 401, 405), route
        if answer.status_code == 302:
            assert answer["Location"].startswith("/login"), route


@pytest.mark.django_db
def test_every_action_is_one_post():
    document = Client().get("/api/v1/openapi.json").json()
    posts = [path for path, operations in document["paths"].items() if "post" in operations]

    assert sorted(posts) == sorted(f"/api/v1/{name.replace('.', '/')}" for name in ACTIONS)
