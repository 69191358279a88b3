"""The language somebody reads in: chosen on a page, kept with the person."""

import pytest
from django.test import Client

from weilu.accounts.models import Person
from weilu.demo import PASSWORD

pytestmark = pytest.mark.django_db


def signed_in(username: str, client: Client) -> Client:
    client.post("/login", {"username": username, "password": PASSWORD})
    return client


def language_of(client: Client) -> str:
    cookie = client.cookies.get("django_language")
    return cookie.value if cookie else ""


def kept(username: str) -> str:
    return Person.objects.values_list("language", flat=True).get(username=username)


def test_the_chosen_language_follows_the_person_to_another_browser(cast):
    here = signed_in("wangmin", Client())
    here.post("/language", {"language": "en", "next": "/"})

    there = signed_in("wangmin", Client())

    assert (kept("wangmin"), language_of(there)) == ("en", "en")
    assert "Sign out" in there.get("/more").content.decode()


def test_the_language_chosen_before_signing_in_is_kept(cast):
    client = Client()
    client.post("/language", {"language": "en", "next": "/login"})

    signed_in("wangmin", client)

    assert kept("wangmin") == "en"


def test_signing_out_leaves_the_language_to_the_next_person(cast):
    client = signed_in("wangmin", Client())
    client.post("/language", {"language": "en", "next": "/"})
    client.post("/logout")

    signed_in("lijianguo", client)

    assert (language_of(client), kept("lijianguo"), kept("wangmin")) == ("", "", "en")
