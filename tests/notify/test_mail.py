"""Notices leave as mail over a real SMTP server: once, to those who want them, with nothing that is protected."""

import dataclasses
import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cast import Cast
from tests.notify.conftest import configure, reads_mail
from tests.support.mailbox import Mailbox, mail_server
from weilu.config import Smtp
from weilu.jobs import worker
from weilu.jobs.actions import try_again
from weilu.jobs.models import Job
from weilu.kernel.times import now
from weilu.notify import kinds, smtp
from weilu.notify import mailing as mails
from weilu.notify.actions import mark_read, put
from weilu.notify.models import Mail, Notice

pytestmark = pytest.mark.django_db
ABOUT = {"number": "JZ-BG-2026-0001", "title": "预约平台升级", "step": "需求确认", "due": "2026-09-28T02:50:00Z"}
SECRET = "回退方案里的主机名 app-01"


def tell(cast: Cast, *people: object, kind: str = "waits", **more: object) -> list[Notice]:
    given = {"owner": cast.jz, "link": "/changes/1/", "about": ABOUT, "body": SECRET} | more
    return put(people, "待您办理：JZ-BG-2026-0001 需求确认", kind=kind, **given)


def work(times: int = 1) -> None:
    for _turn in range(times):
        Job.objects.exclude(key="repeated").update(at=now() - timedelta(seconds=1))
        worker.work_once("test")


def parts(message: EmailMessage) -> tuple[str, str]:
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert page is not None
    return plain.get_content(), page.get_content()


def jobs() -> list[tuple[str, str]]:
    return list(Job.objects.filter(kind="notify.mail").order_by("id").values_list("state", "reason"))


def test_a_notice_reaches_the_mailbox_in_chinese_as_text_and_html_with_a_link(mailing: Mailbox, cast: Cast):
    tell(cast, cast.wang)
    work()

    (sender, recipients, message), *others = mailing.envelopes
    plain, page = parts(message)
    assert (sender, recipients, others) == ("weilu@jz.example.cn", ["wangmin@jz.example.cn"], [])
    assert message["Subject"] == "待您办理：JZ-BG-2026-0001 需求确认"
    assert "=?utf-8?" in message.as_string()
    assert [line for line in plain.splitlines() if line][:7] == [
        "王敏，您好：",
        "待您办理：JZ-BG-2026-0001 需求确认",
        "单号：JZ-BG-2026-0001",
        "标题：预约平台升级",
        "步骤：需求确认",
        "到期：2026-09-28 10:50",
        "https://weilu.example.cn/changes/1/",
    ]
    assert 'href="https://weilu.example.cn/changes/1/"' in page
    assert [word for word in (SECRET, "app-01", "sessionid", "token") if word in plain + page] == []
    mail = Mail.objects.get()
    assert (message["Message-ID"], mail.sent_at is not None) == (f"<{mail.uid}@jz.example.cn>", True)


def test_html_in_a_title_is_text(mailing: Mailbox, cast: Cast):
    put([cast.wang], "待您办理：<b>&", kind="waits", owner=cast.jz, about=ABOUT | {"title": "<script>"})
    work()
    plain, page = parts(mailing.mails[0])
    assert ("标题：<script>" in plain, "<script>" in page, "&lt;script&gt;" in page) == (True, False, True)


def test_english_readers_get_english(mailing: Mailbox, cast: Cast):
    cast.wang.language = "en"
    cast.wang.save()
    tell(cast, cast.wang)
    work()
    assert "Number: JZ-BG-2026-0001" in parts(mailing.mails[0])[0]


def test_mail_goes_to_those_who_want_it_and_never_for_ones_own_act(mailing: Mailbox, cast: Cast):
    reads_mail(cast.li, waits="inbox")
    tell(cast, cast.wang, cast.li, cast.qian)
    tell(cast, cast.wang, by=cast.wang)
    work(4)
    assert [to for _sender, to, _message in mailing.envelopes] == [["wangmin@jz.example.cn"]]
    assert Notice.objects.count() == 4


def test_without_a_mail_server_notices_stay_in_the_inbox(cast: Cast):
    reads_mail(cast.wang)
    tell(cast, cast.wang)
    assert (Notice.objects.count(), Mail.objects.count(), Job.objects.count()) == (1, 0, 0)


def test_what_is_read_or_waits_no_more_is_left_out_at_sending_time(
    mailing: Mailbox, cast: Cast, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(
        kinds._relevance, "waits", lambda rows, person: {number for number, item, _about in rows if item == "here"}
    )
    tell(cast, cast.wang, item="gone")
    (read,) = tell(cast, cast.wang, item="here")
    mark_read(cast.wang, read)
    tell(cast, cast.wang, item="here", about=ABOUT | {"number": "JZ-BG-2026-0003"})
    work(4)
    assert ["JZ-BG-2026-0003" in parts(one)[0] for one in mailing.mails] == [True]
    assert [bool(one.left_out_at) for one in Mail.objects.order_by("id")] == [True, True, False]


def test_whoever_no_longer_sees_the_customer_gets_no_mail(mailing: Mailbox, cast: Cast):
    tell(cast, cast.wang)
    cast.wang.grants.update(until=now())
    work()
    assert (mailing.mails, jobs()) == ([], [("done", "")])


@pytest.mark.parametrize(
    ("place", "answer", "state", "reason"),
    [
        ("rcpt", "451 later", "waiting", "邮件服务器拒收这个地址（451）"),
        ("rcpt", "550 unknown", "given-up", "邮件服务器拒收这个地址（550）"),
        ("before_data", "452 full", "waiting", "邮件服务器现在不收邮件（452）"),
        ("before_data", "drop", "waiting", "邮件服务器 127.0.0.1:%(port)d 中途断开"),
        ("after_data", "451 busy", "waiting", "邮件服务器没有收下（451）"),
        ("after_data", "554 spam", "given-up", "邮件服务器没有收下（554）"),
    ],
)
def test_a_failing_server_is_tried_again_and_the_mail_arrives_once(
    mailing: Mailbox, cast: Cast, place: str, answer: str, state: str, reason: str
):
    tell(cast, cast.wang)
    setattr(mailing, place, answer)
    work()
    assert (jobs(), mailing.mails) == ([(state, reason % {"port": mailing.port})], [])

    setattr(mailing, place, "")
    if state == "given-up":
        try_again(cast.zheng, Job.objects.get(kind="notify.mail"))
    work(3)
    assert (jobs(), len(mailing.mails)) == ([("done", "")], 1)


def test_a_server_that_is_away_is_tried_again(mailing: Mailbox, cast: Cast, monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    configure(monkeypatch, smtp=mailing.settings(port=free))
    tell(cast, cast.wang)
    work()
    assert jobs() == [("waiting", f"邮件服务器 127.0.0.1:{free} 连不上")]


@pytest.mark.parametrize("greeting", [b"220-x\r\n", b"2"], ids=["flood", "drip"])
def test_a_server_that_talks_without_end_keeps_no_other_work_waiting(
    mailing: Mailbox, cast: Cast, monkeypatch: pytest.MonkeyPatch, greeting: bytes
):
    """One worker carries out what waits: a byte now and then, or words without end, must not hold it for good."""
    monkeypatch.setattr(smtp, "ALL", 0.6 if greeting == b"2" else 20.0)

    def talk(listener: socket.socket) -> None:
        line, _address = listener.accept()
        began = time.monotonic()
        with line, suppress(OSError):
            while time.monotonic() - began < 30:
                line.sendall(greeting if greeting == b"2" else greeting * 10_000)
                time.sleep(0.1 if greeting == b"2" else 0)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, args=(listener,), daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        configure(monkeypatch, smtp=mailing.settings(port=port))
        tell(cast, cast.wang)
        began = time.monotonic()
        work()
        assert (jobs(), time.monotonic() - began < 10) == ([("waiting", f"邮件服务器 127.0.0.1:{port} 连不上")], True)
        thread.join()


def test_an_answer_that_never_came_is_not_answered_by_a_second_mail(mailing: Mailbox, cast: Cast):
    tell(cast, cast.wang)
    mailing.after_data = "drop"  # the server has taken it, its answer is lost
    work(3)

    unknown = "发送中断，不知道对方是否已收到，没有再发。「再试一次」会再发一封"
    assert (len(mailing.mails), jobs()) == (1, [("given-up", unknown)])
    mailing.after_data = ""
    try_again(cast.zheng, Job.objects.get(kind="notify.mail"))  # only a person's own order sends it again
    work(2)
    assert (len(mailing.mails), jobs()) == (2, [("done", "")])
    assert mailing.mails[0]["Message-ID"] == mailing.mails[1]["Message-ID"]


def test_a_worker_that_lost_its_job_hands_nothing_over(mailing: Mailbox, cast: Cast):
    tell(cast, cast.wang)
    first = worker.claim("paused")
    assert first is not None
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    work()
    Mail.objects.update(sent_at=None, handed_at=None)  # even if the second one had not come so far
    with pytest.raises(worker.Fenced):
        mails.send(first)
    assert len(mailing.mails) == 1


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context for 127.0.0.1; `ca.pem` in the folder is what vouches for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now() - timedelta(days=1)).not_valid_after(now() + timedelta(days=1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made.add_extension(here, critical=False).sign(key, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "both.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


def deliver(server: Smtp) -> str:
    """What comes of one delivery: "" when it arrived, else the sentence."""
    message = EmailMessage()
    message.set_content(".\n.. two\nlast")
    try:
        smtp.deliver(server, message, "a@b.cn", lambda: None)
    except mails.Later as problem:
        return str(problem)
    return ""


def test_the_password_comes_from_its_file_and_travels_only_inside_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    place, context = tmp_path / "password", certificate(tmp_path)
    with mail_server(tls=context, password="right-secret") as box:
        server = box.settings(user="weilu", password_file=place, tls="starttls")
        where = f"邮件服务器 127.0.0.1:{box.port}"
        said = [deliver(server)]
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        said.append(deliver(server))
        place.write_text("wrong-secret\n")
        said.append(deliver(server))
        place.write_text("right-secret\n")
        said.append(deliver(server))
        said.append(deliver(dataclasses.replace(server, tls="none")))

    assert said == [
        f"{where} 的证书不能核对",
        "邮件密码文件不存在。检查 WEILU_SMTP_PASSWORD_FILE",
        f"{where} 不接受用户名或密码",
        "",
        f"{where} 不支持所设的加密或登录方式",
    ]
    assert box.users[-1] == ("weilu", "right-secret")
    assert [one.get_content().splitlines() for one in box.mails] == [[".", ".. two", "last"]]


MONDAY, HOUR = date(2026, 9, 28), 9


def digest(hour: int = HOUR) -> None:
    mails.begin_digests_at(MONDAY, hour)
    work(3)


def test_a_digest_holds_what_was_chosen_for_it_and_comes_once_a_day(mailing: Mailbox, cast: Cast):
    tell(cast, cast.wang, kind="copy", about=ABOUT | {"number": "JZ-BG-2026-0001"})
    tell(cast, cast.wang, kind="requested", about=ABOUT | {"number": "JZ-BG-2026-0002"})
    (read,) = tell(cast, cast.wang, kind="copy", about=ABOUT | {"number": "JZ-BG-2026-0003"})
    mark_read(cast.wang, read)
    digest(8)
    assert mailing.mails == []

    digest()
    digest()
    plain = parts(mailing.mails[0])[0]
    assert [one["Subject"] for one in mailing.mails] == ["维录每日汇总：2 条通知"]
    assert [f"JZ-BG-2026-000{n}" in plain for n in (1, 2, 3)] == [True, True, False]


def test_there_is_no_digest_of_nothing_and_nothing_comes_in_two(mailing: Mailbox, cast: Cast):
    digest()
    tell(cast, cast.wang, kind="copy")
    digest()
    mails.begin_digests_at(MONDAY + timedelta(days=1), HOUR)
    work(2)
    assert len(mailing.mails) == 1


def test_a_digest_that_failed_keeps_its_notices(mailing: Mailbox, cast: Cast):
    tell(cast, cast.wang, kind="copy")
    mailing.after_data = "451 busy"
    mails.begin_digests_at(MONDAY, HOUR)
    work()
    assert mailing.mails == []
    mailing.after_data = ""
    work(2)
    assert ["JZ-BG-2026-0001" in parts(one)[0] for one in mailing.mails] == [True]


@pytest.mark.parametrize(("count", "more"), [(1, 2)])
def test_a_digest_of_three_asks_as_often_as_one_of_one(
    mailing: Mailbox, cast: Cast, count: int, more: int, django_assert_max_num_queries
):
    asked = []
    choice = cast.wang.choice
    for number in (count, more):
        for _notice in range(number):
            tell(cast, cast.wang, kind="copy")
        with django_assert_max_num_queries(10) as queries:
            mails._for_digest(cast.wang, choice)
        asked.append(len(queries))
        vars(cast.wang).pop("owner_ids", None)
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("instant", "sent"),
    [
        (datetime(2026, 9, 28, 1, 0, tzinfo=UTC), 1),  # Monday, 09:00 in Shanghai
        (datetime(2026, 9, 28, 1, 59, 59, tzinfo=UTC), 1),
        (datetime(2026, 9, 28, 2, 0, tzinfo=UTC), 0),
        (datetime(2026, 9, 28, 0, 59, tzinfo=UTC), 0),
        (datetime(2026, 9, 26, 1, 0, tzinfo=UTC), 0),  # Saturday
        (datetime(2026, 10, 1, 1, 0, tzinfo=UTC), 0),  # National Day
        (datetime(2026, 10, 10, 1, 0, tzinfo=UTC), 1),  # a Saturday that is worked
    ],
)
def test_the_digest_comes_at_its_hour_of_working_days(
    mailing: Mailbox, cast: Cast, monkeypatch: pytest.MonkeyPatch, instant: datetime, sent: int
):
    tell(cast, cast.wang, kind="copy")
    monkeypatch.setattr(mails, "now", lambda: instant)
    mails.DIGESTS.do(worker.Doing(Job(), 0))
    assert Mail.objects.count() == sent
