"""What is watched of Weilu itself (OPS-9): processes, ports and calls outward, what is out of use."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.accounts.test_people_pages import signed_in
from tests.accounts.test_tokens import made
from tests.cast import Cast
from tests.evidence.helpers import ITEM, stage_some
from tests.evidence.witnesses import enrol, new_witness
from weilu.accounts.equipment import doors, out_of_use, processes
from weilu.accounts.models import Person
from weilu.accounts.tokens import revoke_token
from weilu.config import Smtp, read_config
from weilu.evidence.actions import tick
from weilu.evidence.checkpoint import parse_vkey
from weilu.evidence.keys import public_vkey
from weilu.evidence.models import Checkpoint, Entry, Staged
from weilu.evidence.witnesses import retire_witness
from weilu.jobs.models import Process
from weilu.kernel.times import now

pytestmark = pytest.mark.django_db
PAGE = "/security/equipment"


@pytest.fixture(autouse=True)
def place(settings, tmp_path: Path) -> None:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")


def anew(person: Person) -> Person:
    return Person.objects.select_related("organisation").get(id=person.id)


def test_processes_that_live_and_that_fell_silent_are_told_apart():
    assert [(one.place, one.word) for one in processes()[:1]] == [("—", "没有一个在运行")]
    Process.objects.create(holder="app-01:7:ab")
    Process.objects.create(holder="app-01:6:cd", seen=now() - timedelta(minutes=5))
    Process.objects.create(holder="app-01:5:ef", seen=now() - timedelta(minutes=5), ended_at=now())

    assert [(one.place, one.state, one.word) for one in processes()[:-1]] == [
        ("app-01:7:ab", "passed", "在运行"), ("app-01:6:cd", "watch", "没有正常结束"),
    ]  # fmt: skip


def test_the_log_keeps_up_while_nothing_waits_longer_for_a_checkpoint_than_the_setting_says(cast: Cast, settings):
    stage_some(2, item=ITEM)
    assert processes()[-1].word == "跟上"
    late = now() - timedelta(seconds=settings.CONFIG.checkpoint_seconds + 61)
    Staged.objects.update(at=late)
    assert (processes()[-1].state, processes()[-1].word) == ("watch", "有记录等检查点过久")

    tick()
    assert processes()[-1].word == "跟上"
    Checkpoint.objects.all().delete()
    Entry.objects.update(at=late)
    assert processes()[-1].word == "有记录等检查点过久"


def test_ports_and_calls_outward_are_those_of_the_settings_and_show_no_secret(settings, cast: Cast, tmp_path: Path):
    given = {
        "WEILU_DATA_DIR": str(tmp_path / "data"), "PORT": "8123", "WEILU_SECRET_KEY": "x", "WEILU_DEBUG": "1",
        "WEILU_DATABASE_URL": "postgresql://weilu:hidden-1@db.example.cn/weilu",
        "WEILU_LDAP_URL": "ldaps://ldap.example.cn:636", "WEILU_LDAP_BASE": "dc=example",
        "WEILU_WITNESS_HOSTS": "w1.example.cn:443,w2.example.cn:443",
    }  # fmt: skip
    mail = Smtp("mail.example.cn", 587, "starttls", "weilu", None, "weilu@example.cn")
    settings.CONFIG = dataclasses.replace(read_config(given), smtp=mail, log_origin=settings.CONFIG.log_origin)
    enrol(new_witness(tmp_path / "w", parse_vkey(public_vkey()), "w1.test/witness"), url="https://w1.example.cn/log")

    assert [(one.title, one.place, one.state) for one in doors()] == [
        ("网页与接口", "127.0.0.1:8123", "passed"),
        ("远程诊断", "WEILU_DEBUG", "refused"),
        ("数据库", "db.example.cn:5432", "passed"),
        ("邮件服务器", "mail.example.cn:587", "passed"),
        ("单位目录", "ldap.example.cn:636", "passed"),
        ("见证", "w1.example.cn:443", "passed"),
        ("见证", "w2.example.cn:443", "idle"),
    ]
    page = signed_in(cast.wu).get(PAGE).content.decode()
    assert ("db.example.cn:5432" in page, "hidden-1" in page) == (True, False)


def test_what_was_put_out_of_use_is_listed_for_the_customer_s_own_people(cast: Cast, settings, tmp_path: Path):
    home = new_witness(tmp_path / "w", parse_vkey(public_vkey()), "w1.test/witness")
    retire_witness(None, enrol(home), why="换了机器")
    for person in (cast.wang, cast.he):
        token, _secret = made(anew(person))
        revoke_token(anew(person), token)
    Person.objects.filter(id=cast.qian.id).update(is_active=False)

    assert [(one.title, one.place.split(" ")[0], one.word) for one in out_of_use(anew(cast.wu))] == [
        ("访问令牌", "王敏", "已撤销"), ("见证", "w1.test/witness", "已停用：换了机器"), ("账号", "钱文远", "已停用"),
    ]  # fmt: skip


@pytest.mark.parametrize(("who", "status"), [("wu", 200), ("zheng", 200), ("wang", 403), ("chen", 403), ("sun", 403)])
def test_who_looks_after_security_sees_it(cast: Cast, who: str, status: int):
    assert signed_in(getattr(cast, who)).get(PAGE).status_code == status


def test_the_page_asks_as_often_for_three_as_for_one(cast: Cast, settings, tmp_path: Path):
    client = signed_in(cast.wu)

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(PAGE).status_code == 200
        return len(seen)

    def more(name: str) -> None:
        Process.objects.create(holder=name)
        Process.objects.create(holder=f"{name}-old", seen=now() - timedelta(minutes=5))
        retire_witness(None, enrol(new_witness(tmp_path / name, parse_vkey(public_vkey()), f"{name}.test/w")), why="旧")

    more("a")
    asked()
    one = asked()
    more("b")
    more("c")
    assert asked() == one
