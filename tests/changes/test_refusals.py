"""The page of a refusal names who can do it; a closed gate names who can open it, and how."""

import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.changes.steps import bring, item_of, plan
from tests.support.unchanged import every_row
from weilu.accounts.actions import add_person
from weilu.accounts.models import Person
from weilu.changes.actions import order_upgrade
from weilu.changes.models import Change
from weilu.changes.pages import change_page
from weilu.changes.queries import change_view
from weilu.execution.models import Run
from weilu.process.models import Fact

HELPER = re.compile(r"<li>(?:<a class=\"chip\" href=\"([^\"]*)\">|<span class=\"chip\">)(.*?)</li>", re.DOTALL)


def client_of(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def helpers(page: str) -> list[tuple[str, str]]:
    """Each person under 谁能办: where the chip leads, and the words of the line (its mark left out)."""
    lines = [
        (link, re.sub(r"<span class=\"avatar.*?</span>", "", line, flags=re.DOTALL))
        for link, line in HELPER.findall(page)
    ]
    return [(link, " ".join(re.sub(r"<[^>]+>", " ", line).split())) for link, line in lines]


def line_of(person: Person, words: str) -> tuple[str, str]:
    return f"/people/#person-{person.uid}", f"{person.name} {person.organisation.short_name} {words}"


def gates_shown(person: Person, change: Change) -> list[tuple[str, bool, list[str], str, Run | None]]:
    """Each gate of the present step as the page of the change shows it to `person`."""
    lines = change_page(change_view(person, change.item.uid), person)["gates"]
    return [
        (gate.key, gate.open, [one.person.name for one in mend.helpers] if mend else [], mend.words if mend else "",
         mend.run if mend else None)
        for _title, gate, mend in lines
    ]  # fmt: skip


def spoil(change: Change, key: str) -> None:
    """The fact on record names another digest: what it proved was changed since."""
    Fact.objects.filter(item_id=change.item_id, key=key).update(subject="0" * 64)


def test_who_may_not_sign_reads_where_the_item_stands_who_can_and_who_names_others(cast: Cast, change: Change):
    bring(cast, change, "plan_check")
    item, before = item_of(change), every_row()

    response = client_of(cast.chen).post(f"/changes/{item.uid}/sign", {"turn": item.turn, "subject": item.subject})
    page = response.content.decode()

    assert (response.status_code, every_row()) == (409, before)
    assert helpers(page) == [line_of(cast.zhou, "软件开发负责人"), line_of(cast.zheng, "可指定有资格的人")]
    assert re.findall(r"什么都没有改变。<div>(工单仍在「[^」]*」)", page) == ["工单仍在「方案确认」"]
    assert re.findall(r'class="btn primary" href="([^"]*)"', page) == [f"/changes/{item.uid}/"]
    assert f"{item.number} {item.title}" in page


def test_the_chip_leads_to_the_line_of_that_person(cast: Cast):
    page = client_of(cast.chen).get("/people/").content.decode()

    assert [page.count(f'id="person-{one.uid}"') for one in (cast.zhou, cast.zheng, cast.sun)] == [1, 1, 0]


def test_a_closed_gate_that_refuses_a_signature_names_who_can_open_it(cast: Cast, change: Change):
    bring(cast, change, "plan_check")
    spoil(change, "integrity.verified")
    item, before = item_of(change), every_row()

    response = client_of(cast.zhou).post(f"/changes/{item.uid}/sign", {"turn": item.turn, "subject": item.subject})

    assert (response.status_code, every_row()) == (409, before)
    assert helpers(response.content.decode()) == [line_of(cast.chen, "重新提交方案，升级包随即再核对")]


def test_whoever_lacks_a_right_reads_who_can_give_it(cast: Cast):
    before = every_row()
    response = client_of(cast.zhou).get("/changes/new")

    assert (response.status_code, every_row()) == (403, before)
    assert helpers(response.content.decode()) == [line_of(cast.zheng, "系统管理员")]


def test_whoever_sees_no_customer_yet_reads_who_administers_their_own_organisation(cast: Cast):
    new = add_person(None, cast.jz, username="newcomer", name="新来", password="weilu-demo-2026", title="")
    new.grants.all().delete()
    page = client_of(new).get("/people/").content.decode()

    assert helpers(page) == [("", "郑洁 江州社保中心 系统管理员")]


def test_a_refusal_about_what_one_may_not_see_names_nobody(cast: Cast, change: Change):
    bring(cast, change, "plan_check")
    page = client_of(cast.sun).post(f"/changes/{change.item.uid}/sign", {"turn": "1"}).content.decode()

    assert helpers(page) == []
    assert [name for name in ("周毅", "郑洁", change.item.title) if name in page] == []


def test_a_gate_of_the_plan_names_its_engineers_while_it_is_closed_and_nobody_once_it_is_open(
    cast: Cast, change: Change
):
    bring(cast, change, "plan_check")
    assert gates_shown(cast.zhou, change) == [("time", True, [], "", None), ("integrity.verified", True, [], "", None)]

    spoil(change, "integrity.verified")

    words = "重新提交方案，升级包随即再核对"
    told = [("integrity.verified", False, ["陈航"], words, None), ("time", True, [], "", None)]
    assert gates_shown(cast.zhou, change) == told
    page = client_of(cast.zhou).get(f"/changes/{change.item.uid}/").content.decode()
    mend = re.findall(r'<small class="mend">(.*?)</small>', page, re.DOTALL)
    assert [" ".join(re.sub(r"<[^>]+>", "", one).split()) for one in mend] == [f"谁能办 陈航：{words}"]


def test_a_gate_of_the_run_follows_the_run(cast: Cast, change: Change):
    bring(cast, change, "release")
    assert gates_shown(cast.chen, change) == [("run.concluded", False, ["陈航"], "开始执行，由执行证明", None)]

    run = order_upgrade(cast.chen, change, turn=item_of(change).turn)
    for state, words in (
        (Run.State.RUNNING, f"{run.number} 正在执行，做到这一步就有结论"),
        (Run.State.ASKS, f"{run.number} 在等人判断，判断后继续"),
        (Run.State.FAILED, f"{run.number} 没有证明它。退回「设计与方案」改方案，再执行"),
    ):
        Run.objects.filter(id=run.id).update(state=state)
        assert gates_shown(cast.chen, change) == [("run.concluded", False, ["陈航"], words, run)]


def test_who_may_not_touch_a_run_reads_how_it_stands_and_in_whose_hands_it_is(cast: Cast, change: Change):
    bring(cast, change, "release")
    run, before = order_upgrade(cast.chen, change, turn=item_of(change).turn), every_row()

    response = client_of(cast.wang).post(f"/runs/{run.uid}/cancel")
    page = response.content.decode()

    assert (response.status_code, every_row()) == (409, before)
    assert helpers(page) == [line_of(cast.chen, "维护工程师")]
    assert re.findall(r"什么都没有改变。<div>([^<]*)</div>", page) == [f"{run.number} 现在：等待执行。"]
    assert re.findall(r'class="btn primary" href="([^"]*)">.*?</svg>([^<]*)<', page) == [
        (f"/runs/{run.uid}/", "回到执行")
    ]


def test_an_engineer_to_whom_a_run_refuses_something_is_sent_to_nobody(cast: Cast, change: Change):
    bring(cast, change, "release")
    run, before = order_upgrade(cast.chen, change, turn=item_of(change).turn), every_row()

    response = client_of(cast.chen).post(f"/runs/{run.uid}/answer", {"answer": "done"})

    assert (response.status_code, every_row(), helpers(response.content.decode())) == (409, before, [])


def test_the_digest_beside_the_plan_and_the_button_is_the_one_that_is_signed(cast: Cast, change: Change):
    bring(cast, change, "design")
    kept = plan(cast, change)
    item = item_of(change)
    page = client_of(cast.zhou).get(f"/changes/{item.uid}/").content.decode()
    shown = re.findall(r'(SHA-256|SM3) <span class="mono digest" title="([0-9a-f]{64})">', page)

    assert item.subject == kept.digest
    assert f'name="subject" value="{kept.digest}"' in page
    assert shown == [("SHA-256", kept.digest), ("SM3", kept.sm3), ("SHA-256", kept.digest)]


def test_a_gate_closed_or_open_costs_the_page_one_question_more(cast: Cast, change: Change):
    bring(cast, change, "plan_check")
    client, asked = client_of(cast.zhou), []
    client.get(f"/changes/{change.item.uid}/")
    for spoilt in (False, True):
        if spoilt:
            spoil(change, "integrity.verified")
        with CaptureQueriesContext(connection) as seen:
            client.get(f"/changes/{change.item.uid}/")
        asked.append(len(seen))

    assert asked[1] - asked[0] == 1
