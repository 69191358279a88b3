"""Each person chooses where and how they are told."""

import json

import pytest
from django.test import Client

from tests.cast import Cast
from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.models import Person
from weilu.evidence.models import Staged
from weilu.notify.actions import choose
from weilu.notify.kinds import KINDS
from weilu.notify.mailing import wanted
from weilu.notify.models import Choice

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_page_keeps_what_was_chosen_and_evidence_has_no_address(cast: Cast):
    client = signed_in(cast.wang)
    sent = {"email": " wang@jz.example.cn ", "digest_hour": "17", "waits": "digest", "copy": "inbox"}
    answer = client.post("/notices/settings", sent)

    kept = Choice.objects.get(person=cast.wang)
    assert (answer.status_code, answer["Location"]) == (302, "/notices/settings")
    assert (kept.email, kept.digest_hour, kept.choices) == (
        "wang@jz.example.cn",
        17,
        {"waits": "digest", "copy": "inbox"},
    )
    assert {kind: wanted(kept, kind) for kind in KINDS} == {
        "waits": "digest", "reminder": "now", "escalation": "now", "requested": "digest", "copy": "inbox",
        "system": "digest",
    }  # fmt: skip
    record = json.loads(bytes(Staged.objects.get(kind="notify.chosen").record))
    assert record["data"]["domain"] == "jz.example.cn"
    assert "wang@" not in json.dumps(record)
    page = client.get("/notices/settings").content.decode()
    assert ('value="wang@jz.example.cn"' in page, '<option value="17" selected>' in page) == (True, True)


def test_without_an_address_there_is_no_mail_whatever_else_was_chosen(cast: Cast):
    kept = choose(cast.wang, email="", digest_hour=9, choices={"waits": "now"})
    assert {wanted(kept, kind) for kind in KINDS} | {wanted(None, "waits")} == {"inbox"}


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"email": "王敏"}, "邮件地址应形如 name@example.cn", "email"),
        ({"email": "a@b@c"}, "邮件地址应形如 name@example.cn", "email"),
        ({"email": "a@b.cn\r\nBcc: x@y.cn"}, "邮件地址应形如 name@example.cn", "email"),
        ({"email": "a" * 60 + "@" + "b" * 200}, "邮件地址应形如 name@example.cn", "email"),
        ({"digest_hour": 24}, "汇总的钟点应是 0 到 23 的整数", "digest_hour"),
        ({"choices": {"waits": "never"}}, "没有这样的通知方式", "waits"),
        ({"choices": {"weather": "now"}}, "没有这样的通知方式", ""),
    ],
)
def test_what_cannot_be_chosen_is_refused(cast: Cast, over: dict[str, object], reason: str, field: str):
    given = {"email": "wang@jz.example.cn", "digest_hour": 9, "choices": {}} | over
    assert refusal_of(lambda: choose(cast.wang, **given)) == Refusal(reason, "", field)


def test_a_refused_entry_stays_on_the_page(cast: Cast):
    page = signed_in(cast.wang).post("/notices/settings", {"email": "nowhere", "digest_hour": "8", "waits": "inbox"})
    shown = page.content.decode()
    assert (page.status_code, 'value="nowhere"' in shown, "邮件地址应形如" in shown) == (422, True, True)
    assert '<option value="inbox" selected>' in shown
    assert Choice.objects.count() == 0


@pytest.mark.parametrize("hour", ["", "x", "-1", "99999", "٣"])
def test_a_strange_hour_is_refused(cast: Cast, hour: str):
    answer = signed_in(cast.wang).post("/notices/settings", {"email": "", "digest_hour": hour})
    assert (answer.status_code, Choice.objects.count()) == (422, 0)
