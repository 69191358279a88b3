"""The report of running items, and moving several of them from it."""

import re
from html import unescape
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.process.test_moving import ASK, CHECK, LAST, PLAN, WORDS, at_check, newer, opened
from tests.support.unchanged import every_row
from weilu.accounts.models import Person
from weilu.process.models import FlowVersion, WorkItem


def page_of(person: Person, version: FlowVersion, query: str = "") -> tuple[Client, str]:
    client = Client()
    client.force_login(person)
    return client, f"/flows/{version.uid}/running{query}"


def said_by(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())))


def test_the_report_counts_open_items_by_version_and_step_and_says_which_can_be_moved(cast: Cast):
    first, second = at_check(cast), opened(cast, ASK, PLAN, CHECK, LAST)
    old = first.flow
    newer(cast, ASK, PLAN.replace("contract_engineer", "role(development_head)"), CHECK, LAST)
    client, path = page_of(cast.zheng, old)

    said = said_by(client.get(path))
    assert "全部 2 方案 1 审核 1" in said
    assert "「方案」请的人改了，签过的不能算数" in said
    assert "可以迁" in said
    only = said_by(client.get(path + "?step=plan"))
    assert (second.number in only, first.number in only) == (True, False)
    assert client.get(path + "?step=nothing").status_code == 400
    assert client.get(path + "?after=x").status_code == 400


def test_items_are_moved_together_each_with_its_own_result(cast: Cast):
    first, second = at_check(cast), opened(cast, ASK, PLAN, CHECK, LAST)
    old = first.flow
    version = newer(cast, ASK, PLAN.replace("contract_engineer", "role(development_head)"), CHECK, LAST)
    client, path = page_of(cast.zheng, old)
    picked = [f"{item.uid}:{WorkItem.objects.get(id=item.id).turn}" for item in (first, second)]

    answer = client.post(path, {"item": picked, "words": WORDS})

    assert "2 项中迁了 1 项" in said_by(answer)
    assert {item.number: item.flow for item in WorkItem.objects.all()} == {first.number: old, second.number: version}


def test_a_report_without_the_right_moves_nothing_and_without_a_reason_neither(cast: Cast):
    item = at_check(cast)
    old = item.flow
    newer(cast, ASK, PLAN, CHECK.replace("审核", "审批"), LAST)
    before = every_row()
    form = {"item": [f"{item.uid}:{item.turn}"], "words": WORDS}

    client, path = page_of(cast.wang, old)
    assert "迁移工单要由系统管理员办" in said_by(client.post(path, form))
    client, path = page_of(cast.zheng, old)
    assert client.post(path, form | {"words": ""}).status_code == 409
    assert client.post(path, {"words": WORDS}).status_code == 409
    client, path = page_of(cast.sun, old)
    assert client.post(path, form).status_code == 404
    assert every_row() == before


def test_the_report_asks_as_often_for_one_item_as_for_three(cast: Cast):
    item = at_check(cast)
    old = item.flow
    client, path = page_of(cast.zheng, old)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    asked()
    one = asked()
    at_check(cast)
    at_check(cast)
    assert asked() == one
