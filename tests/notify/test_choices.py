"""Each person chooses where and how they are told."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.cast import Cast
from tests.notify.conftest import configure, reads_mail
from tests.support.mailbox import Mailbox
from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.models import Person
from weilu.evidence.models import Staged
from weilu.jobs import worker
from weilu.jobs.models import Job
from weilu.kernel.times import now
from weilu.notify.actions import choose
from weilu.notify.addresses import confirm_address
from weilu.notify.kinds import KINDS
from weilu.notify.mailing import wanted
from weilu.notify.models import Choice, Mail

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("served")]


@pytest.fixture
def served(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, smtp=box.settings(), public_url="https://weilu.example.cn")


def work() -> None:
    Job.objects.exclude(key="repeated").update(at=now() - timedelta(seconds=1))
    worker.work_once("test")


def code_in(box: Mailbox) -> str:
    """The code of the newest mail."""
    found = re.search(r"确认码：([0-9A-Z]{4}-[0-9A-Z]{4})", box.mails[-1].get_body(("plain",)).get_content())
    assert found is not None
    return found[1]


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
    assert (kept.email, kept.pending, kept.digest_hour, kept.choices) == (
        "",
        "wang@jz.example.cn",
        17,
        {"waits": "digest", "copy": "inbox"},
    )
    kept.email = "wang@jz.example.cn"
    assert {kind: wanted(kept, kind) for kind in KINDS} == {
        "waits": "digest", "reminder": "now", "escalation": "now", "requested": "digest", "copy": "inbox",
        "system": "digest",
        "security": "now",
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


def choice_of(person: Person) -> Choice:
    return Choice.objects.get(person=person)


def test_an_address_is_used_when_the_code_that_was_sent_there_comes_back(cast: Cast, box: Mailbox):
    client = signed_in(cast.wang)
    client.post("/notices/settings", {"email": "wang@jz.example.cn", "digest_hour": "9"})
    work()
    assert [(one["To"], one["Subject"]) for one in box.mails] == [("wang@jz.example.cn", "维录：确认这个邮件地址")]
    code = code_in(box)
    assert (choice_of(cast.wang).email, code.replace("-", "") in str(vars(choice_of(cast.wang)))) == ("", False)
    assert "wang@jz.example.cn，确认之后才往那里发" in client.get("/notices/settings").content.decode()

    answer = client.post("/notices/settings", {"code": f" {code.lower()} "})
    kept = choice_of(cast.wang)
    assert (answer.status_code, kept.email, kept.pending, kept.code) == (302, "wang@jz.example.cn", "", "")
    records = b"".join(bytes(one.record) for one in Staged.objects.filter(kind__startswith="notify."))
    assert (b"wang@jz" in records, code.encode() in records) == (False, False)


def test_the_old_address_is_used_until_the_new_one_is_confirmed(cast: Cast, box: Mailbox):
    reads_mail(cast.wang)
    choose(cast.wang, email="new@jz.example.cn", digest_hour=9, choices={})
    assert (choice_of(cast.wang).email, choice_of(cast.wang).pending) == ("wangmin@jz.example.cn", "new@jz.example.cn")
    work()
    confirm_address(cast.wang, code=code_in(box))
    assert (choice_of(cast.wang).email, choice_of(cast.wang).pending) == ("new@jz.example.cn", "")


def test_saving_again_without_a_new_address_sends_nothing_and_an_empty_one_ends_all(cast: Cast):
    reads_mail(cast.wang)
    choose(cast.wang, email="wangmin@jz.example.cn", digest_hour=10, choices={})
    assert (Mail.objects.count(), choice_of(cast.wang).email) == (0, "wangmin@jz.example.cn")
    choose(cast.wang, email="", digest_hour=10, choices={})
    assert (Mail.objects.count(), choice_of(cast.wang).email) == (0, "")


def test_a_code_for_an_address_that_was_changed_is_neither_sent_nor_taken(cast: Cast, box: Mailbox):
    choose(cast.wang, email="first@jz.example.cn", digest_hour=9, choices={})
    work()
    first = code_in(box)
    choose(cast.wang, email="second@jz.example.cn", digest_hour=9, choices={})
    choose(cast.wang, email="third@jz.example.cn", digest_hour=9, choices={})
    work()
    work()
    assert [one["To"] for one in box.mails] == ["first@jz.example.cn", "third@jz.example.cn"]
    wrong = Refusal("确认码不对。看邮件里的 8 个字符", "", "code")
    for typed in (first, "", "x" * 99):
        assert refusal_of(lambda typed=typed: confirm_address(cast.wang, code=typed)) == wrong


def test_a_code_that_is_old_unsent_or_not_asked_for_is_refused(cast: Cast, box: Mailbox):
    none = Refusal("没有等待确认的邮件地址", "", "code")
    over = Refusal("确认码已过期或还没有发出。再保存一次，会再发一封", "", "code")
    assert refusal_of(lambda: confirm_address(cast.wang, code="")) == none
    choose(cast.wang, email="wang@jz.example.cn", digest_hour=9, choices={})
    assert refusal_of(lambda: confirm_address(cast.wang, code="")) == over
    work()
    Choice.objects.update(code_at=now() - timedelta(hours=24, seconds=1))
    assert refusal_of(lambda: confirm_address(cast.wang, code=code_in(box))) == over


def test_nobody_is_flooded_with_codes(cast: Cast):
    for number in range(5):
        choose(cast.wang, email=f"a{number}@jz.example.cn", digest_hour=9, choices={})
    refused = refusal_of(lambda: choose(cast.wang, email="a5@jz.example.cn", digest_hour=9, choices={}))
    assert refused == Refusal("今天已发过 5 次确认码，明天再试", "", "email")


def test_without_a_mail_server_no_address_is_taken(cast: Cast, monkeypatch: pytest.MonkeyPatch):
    configure(monkeypatch, smtp=None)
    refused = refusal_of(lambda: choose(cast.wang, email="a@jz.example.cn", digest_hour=9, choices={}))
    assert refused == Refusal("这里还没有设置邮件服务器，不能核对地址", "", "email")
