"""A real mail server, and people with an address."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from tests.cast import Cast
from tests.support.mailbox import Mailbox, mail_server
from weilu.accounts.models import Person
from weilu.notify.models import Choice


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as found:
        yield found


@pytest.fixture
def mailing(box: Mailbox, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """Weilu mails by `box`; 王 and 李 have an address, nobody else."""
    monkeypatch.setattr("weilu.notify.kinds._relevance", {})  # these notices are about no seat that could be open
    configure(monkeypatch, smtp=box.settings(), public_url="https://weilu.example.cn")
    for person in (cast.wang, cast.li):
        reads_mail(person)
    return box


def configure(monkeypatch: pytest.MonkeyPatch, **over: Any) -> None:
    monkeypatch.setattr(settings, "CONFIG", dataclasses.replace(settings.CONFIG, **over))


def reads_mail(person: Person, **choices: str) -> Choice:
    """The person has a confirmed address, and has chosen."""
    kept = {"email": f"{person.username}@jz.example.cn", "digest_hour": 9, "choices": choices}
    return Choice.objects.update_or_create(person=person, defaults=kept)[0]
