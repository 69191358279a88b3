"""Alarms (OPS-9): the security office is told once, not again and again; thresholds are the organisation's."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from tests.accounts.test_people_pages import signed_in
from tests.cast import Cast
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import end_role, sign_in
from weilu.accounts.alarms import LOOK, close_alarm, raise_alarms, rules_of, set_alarms
from weilu.accounts.models import Organisation, Person
from weilu.accounts.register import note
from weilu.accounts.watched import Alarm, SecurityEvent
from weilu.evidence.models import Staged, Witness
from weilu.jobs.models import Job, Process
from weilu.jobs.worker import plan_repeated, work_once
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.notify.models import Notice

pytestmark = pytest.mark.django_db
Kind = SecurityEvent.Kind
USUAL = {"refused": 5, "refused_minutes": 10, "failed": 10, "failed_minutes": 10, "devices": False}


def anew(person: Person) -> Person:
    return Person.objects.select_related("organisation").get(id=person.id)


def turned_down(person: Person, times: int) -> None:
    for _time in range(times):
        note(Kind.REFUSED, person=person, address="10.0.0.1", act="POST /x CHG-1")


def told(person: Person) -> list[str]:
    return list(Notice.objects.filter(person=person).order_by("id").values_list("title", flat=True))


def raised(owner: Organisation) -> list[tuple[str, str, str, int]]:
    return [(one.rule, one.person.name if one.person else "", one.about, one.count) for one in raise_alarms(owner)]


def test_the_fifth_refusal_within_ten_minutes_is_told_once(cast: Cast):
    turned_down(cast.wang, 4)
    assert raised(cast.jz) == []
    turned_down(cast.wang, 1)
    assert raised(cast.jz) == [("refused", "王敏", "", 5)]
    turned_down(cast.wang, 3)
    assert raised(cast.jz) == []
    assert raised(cast.jz) == []

    assert told(cast.wu) == ["安全告警：王敏 短时间内 5 次被拒"]
    assert told(cast.zheng) == told(cast.wang) == []
    assert Alarm.objects.get().count == 8
    assert [one.said["data"]["count"] for one in Staged.objects.filter(kind="accounts.alarm_raised")] == [5]


def test_what_was_long_ago_or_elsewhere_raises_nothing(cast: Cast):
    turned_down(cast.wang, 5)
    SecurityEvent.objects.update(at=now() - timedelta(minutes=11), last_at=now() - timedelta(minutes=11))
    assert raised(cast.jz) == []
    turned_down(cast.sun, 9)
    assert (raised(cast.jz), raised(cast.hn)) == ([], [("refused", "孙莉", "", 9)])
    assert told(cast.he) == ["安全告警：孙莉 短时间内 9 次被拒"]  # nobody is the security office there


def test_a_lock_and_many_failures_from_one_address_are_told(cast: Cast):
    for _guess in range(6):
        with pytest.raises(Refused):
            sign_in("wangmin", "wrong", "10.0.0.9")
    assert raised(cast.jz) == [("locked", "王敏", "10.0.0.9", 1)]
    for number in range(10):
        with pytest.raises(Refused):
            sign_in(f"nobody{number}", "wrong", "10.0.0.10")
    assert raised(cast.jz) == [("failed", "", "10.0.0.10", 10)]
    assert raised(cast.jz) == []


def test_a_closed_alarm_is_raised_again_only_by_what_comes_later(cast: Cast):
    turned_down(cast.wang, 5)
    (alarm,) = raise_alarms(cast.jz)
    close_alarm(anew(cast.wu), alarm, verdict="harmless", words="王敏不熟悉新流程，已教")
    said = {"verdict": "harmless", "words": "王敏不熟悉新流程，已教"}
    assert Staged.objects.filter(kind="accounts.alarm_closed").get().said["data"] == said | {
        "alarm": str(alarm.uid), "rule": "refused", "count": 5,
    }  # fmt: skip
    assert raised(cast.jz) == []

    SecurityEvent.objects.update(last_at=now() - timedelta(minutes=1))  # before it was closed
    SecurityEvent.objects.all().delete()
    turned_down(cast.wang, 5)
    assert raised(cast.jz) == [("refused", "王敏", "", 5)]
    assert len(told(cast.wu)) == 2
    again = refusal_of(lambda: close_alarm(anew(cast.wu), alarm, verdict="attack", words="再说一次"))
    assert again == Refusal("这个告警已经处理过")


def test_an_alarm_that_was_quiet_for_an_hour_is_raised_anew(cast: Cast):
    turned_down(cast.wang, 5)
    assert len(raise_alarms(cast.jz)) == 1
    Alarm.objects.update(last_at=now() - timedelta(minutes=61))
    turned_down(cast.wang, 1)
    assert len(raise_alarms(cast.jz)) == 1


def test_a_new_device_is_told_where_that_is_set(cast: Cast):
    note(Kind.DEVICE, person=cast.wang, address="10.0.0.1", act="Chrome · Windows")
    assert raised(cast.jz) == []
    set_alarms(anew(cast.wu), cast.jz, **(USUAL | {"devices": True}))
    assert raised(cast.jz) == [("device", "王敏", "10.0.0.1", 1)]


def test_a_witness_that_disagrees_or_is_silent_is_every_customers_matter(cast: Cast):
    witness = Witness.objects.create(
        side="customer", organisation="江州", name="w.example/jz", vkey="x", enrolled_by="x", finding="no_answer",
        finding_since=now() - timedelta(minutes=30),
    )  # fmt: skip
    assert raised(cast.jz) == []
    Witness.objects.filter(id=witness.id).update(finding_since=now() - timedelta(minutes=61))
    assert raised(cast.jz) == [("witness", "", "w.example/jz", 1)]
    assert raised(cast.jz) == []
    assert told(cast.wu) == ["安全告警：见证 w.example/jz：见证没有应答"]
    Witness.objects.filter(id=witness.id).update(finding="not_continued", finding_since=now())
    assert raised(cast.hn) == [("witness", "", "w.example/jz", 1)]


def test_thresholds_are_set_by_the_security_office_on_record_and_told(cast: Cast):
    set_alarms(anew(cast.zheng), cast.jz, **(USUAL | {"refused": 2}))
    turned_down(cast.wang, 2)
    assert raised(cast.jz) == [("refused", "王敏", "", 2)]
    assert told(cast.wu) == ["郑洁 改了告警阈值", "安全告警：王敏 短时间内 2 次被拒"]
    entry = Staged.objects.get(kind="accounts.alarms_set")
    assert (entry.actor, entry.said["data"]) == (cast.zheng.actor, USUAL | {"refused": 2})


@pytest.mark.parametrize(
    ("over", "field"),
    [({"refused": 0}, "refused"), ({"failed": 1001}, "failed"), ({"failed_minutes": 0}, "failed_minutes")],
)
def test_a_threshold_that_would_turn_an_alarm_off_is_refused(cast: Cast, over: dict[str, int], field: str):
    told_so = refusal_of(lambda: set_alarms(anew(cast.wu), cast.jz, **(USUAL | over)))  # type: ignore[arg-type]
    assert (told_so.clause, told_so.field, told_so.changed) == ("OPS-9", field, ())


@pytest.mark.parametrize("who", ["wang", "li", "chen", "he", "sun"])
def test_nobody_else_sets_thresholds_or_closes_alarms(cast: Cast, who: str):
    turned_down(cast.wang, 5)
    (alarm,) = raise_alarms(cast.jz)
    by = anew(getattr(cast, who))
    sentence = Refusal("安全监测要由信息安全办或系统管理员看")
    assert refusal_of(lambda: set_alarms(by, cast.jz, **USUAL)) == sentence  # type: ignore[arg-type]
    assert refusal_of(lambda: close_alarm(by, alarm, verdict="harmless", words="没事")) == sentence
    before = every_row()
    form = {"verdict": "harmless", "words": "没事"}
    assert signed_in(by).post(f"/security/alarms/{alarm.uid}/close", form).status_code in (403, 404)
    assert every_row() == before


def test_the_pages_show_close_and_set(cast: Cast):
    turned_down(cast.wang, 5)
    (alarm,) = raise_alarms(cast.jz)
    wu = signed_in(cast.wu)
    assert "王敏 短时间内 5 次被拒" in wu.get("/security/alarms").content.decode()

    close = f"/security/alarms/{alarm.uid}/close"
    empty = wu.post(close, {"verdict": "misuse", "words": " "})
    assert (empty.status_code, "处理结果没有填写。填好后再提交" in empty.content.decode()) == (422, True)
    assert '<option value="misuse" selected>' in empty.content.decode()
    unsaid = wu.post(close, {"verdict": "worst", "words": "已教"})
    assert (unsaid.status_code, "没有选性质，选一项再处理" in unsaid.content.decode()) == (422, True)
    assert 'value="已教"' in unsaid.content.decode()
    assert '<form class="filter-form btn-row" method="get" action="/security/alarms">' in unsaid.content.decode()
    assert Alarm.objects.get().closed_at is None
    assert wu.post(close, {"verdict": "misuse", "words": "已教"}).status_code == 302
    assert "已教" in wu.get("/security/alarms").content.decode()

    given: dict[str, Any] = {"owner": cast.jz.uid} | {name: value for name, value in USUAL.items() if name != "devices"}
    wrong = wu.post("/security/settings", given | {"refused": "0"})
    assert (wrong.status_code, "应是 1 到 1000 的整数" in wrong.content.decode()) == (422, True)
    assert wu.post("/security/settings", given | {"refused": "3", "devices": "on"}).status_code == 302
    assert (rules_of(cast.jz).refused, rules_of(cast.jz).devices) == (3, True)
    assert wu.post("/security/settings", given | {"owner": cast.hn.uid}).status_code == 404


def test_what_was_found_to_be_an_attack_or_a_misuse_is_kept_apart_and_exported(cast: Cast):
    for person, verdict in ((cast.wang, "attack"), (cast.li, "harmless"), (cast.qian, "attack")):
        turned_down(person, 5)
        (alarm,) = raise_alarms(cast.jz)
        close_alarm(anew(cast.wu), alarm, verdict=verdict, words=f"问过{person.name}")
    wu = signed_in(cast.wu)

    page = wu.get("/security/alarms?kind=attack").content.decode()
    assert [f"问过{name}" in page for name in ("王敏", "李国华", "钱文远")] == [True, False, True]
    assert wu.get("/security/alarms?kind=worst").status_code == 400

    wu.post("/looks/purpose", {"key": "security:JZ.xlsx", "purpose": "季度检查", "onward": "/security/alarms"})
    answer = wu.get("/security/export?list=alarms&kind=attack")
    rows = list(load_workbook(BytesIO(answer.content)).active.iter_rows(min_row=2, values_only=True))
    assert [row[5:8] for row in rows] == [
        ("渗透或攻击", "问过钱文远", "吴静"), ("渗透或攻击", "问过王敏", "吴静"),
    ]  # fmt: skip


def test_a_process_that_stops_without_saying_so_is_told_once(cast: Cast):
    Process.objects.create(holder="app-01:7:ab", seen=now() - timedelta(minutes=1))
    Process.objects.create(holder="app-01:6:cd", seen=now() - timedelta(minutes=9), ended_at=now())
    Process.objects.create(holder="app-01:5:ef", seen=now() - timedelta(days=2))
    assert raised(cast.jz) == []

    Process.objects.filter(holder="app-01:7:ab").update(seen=now() - timedelta(minutes=3))
    assert raised(cast.jz) == [("process", "", "app-01:7:ab", 1)]
    assert raised(cast.jz) == []
    assert told(cast.wu) == ["安全告警：工作进程 app-01:7:ab 没有正常结束就停了"]
    close_alarm(anew(cast.wu), Alarm.objects.get(), verdict="fault", words="断电")
    assert raised(cast.jz) == []


def test_a_worker_looks_every_minute(cast: Cast):
    turned_down(cast.wang, 5)
    plan_repeated()
    Job.objects.exclude(kind=LOOK.key).delete()
    Job.objects.update(at=now() - timedelta(seconds=1))
    assert work_once("test") is True
    assert told(cast.wu) == ["安全告警：王敏 短时间内 5 次被拒"]


def test_without_a_security_office_the_administrator_is_told(cast: Cast):
    end_role(cast.zheng, cast.wu, cast.jz, "security_office", anyway="空缺")
    turned_down(cast.wang, 5)
    raise_alarms(cast.jz)
    assert "安全告警：王敏 短时间内 5 次被拒" in told(cast.zheng)


def test_the_page_asks_as_often_for_three_alarms_as_for_one(cast: Cast):
    client = signed_in(cast.wu)

    def asked() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get("/security/alarms").status_code == 200
        return len(seen)

    turned_down(cast.wang, 5)
    raise_alarms(cast.jz)
    asked()
    one = asked()
    for person in (cast.li, cast.qian, cast.chen):
        turned_down(person, 5)
    raise_alarms(cast.jz)
    assert asked() == one
