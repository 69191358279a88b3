"""Asking for a change, and the lists it then stands in."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.changes.steps import bring, plan
from tests.support.unchanged import Refusal, refusal_of
from weilu.changes.actions import request_change
from weilu.changes.models import Change


@pytest.mark.parametrize(
    ("who", "title", "need", "reason", "field"),
    [
        ("chen", "升级", "要。", "发起变更需要申请人的角色", ""),
        ("sun", "升级", "要。", "发起变更需要申请人的角色", ""),
        ("he", "升级", "要。", "发起变更需要申请人的角色", ""),
        ("wang", "　 ", "要。", "标题没有填写。填好后再提交", "title"),
        ("wang", "升" * 101, "要。", "标题有 101 字，最多 100 字。删短后再提交", "title"),
        ("wang", "升\x00级", "要。", "标题第 2 个字是不可见的控制字符。删去后再提交", "title"),
        ("wang", "升\n级", "要。", "标题第 2 个字是不可见的控制字符。删去后再提交", "title"),
        ("wang", "升级", "", "需求没有填写。填好后再提交", "need"),
        ("wang", "升级", "要" * 4001, "需求有 4001 字，最多 4000 字。删短后再提交", "need"),
        ("wang", "升级", "要\x1b[2J", "需求第 2 个字是不可见的控制字符。删去后再提交", "need"),
        ("wang", "升级", "要\ud800", "需求第 2 个字是不可见的控制字符。删去后再提交", "need"),
    ],
)
def test_a_request_that_says_too_little_or_too_much_leaves_nothing(cast, installation, who, title, need, reason, field):
    assert refusal_of(lambda: request_change(getattr(cast, who), installation, title=title, need=need)) == Refusal(
        reason, "", field
    )
    assert Change.objects.count() == 0


def test_full_width_and_combining_characters_are_kept_as_one_would_write_them(cast, installation):
    change = request_change(cast.wang, installation, title="  升级到 ｅ\u0301 版  ", need="第一行\r\n第二行")

    assert (change.item.title, change.needs.get().text) == ("升级到 ｅ\u0301 版", "第一行\n第二行")


def asked_by(client, path: str) -> int:
    """How many queries the page asks."""
    with CaptureQueriesContext(connection) as asked:
        assert client.get(path).status_code == 200
    return len(asked)


def test_lists_of_changes_ask_as_often_for_three_rows_as_for_one(cast, installation, change, client):
    client.force_login(cast.wang)
    paths = ("/changes/", "/api/v1/items?list=mine", "/api/v1/items?list=all", "/?list=mine")
    first = {path: asked_by(client, path) for path in paths}
    for number in (2, 3):
        request_change(cast.wang, installation, title=f"第 {number} 件", need="要。")

    assert len(client.get("/api/v1/items?list=all").json()["items"]) == 3
    assert {path: asked_by(client, path) for path in paths} == first


def test_the_page_of_a_change_asks_as_often_for_three_versions_as_for_one(cast, change, client):
    client.force_login(cast.zhou)
    bring(cast, change, "plan_check")
    paths = [f"/changes/{change.item.uid}/{page}" for page in ("", "need", "plan", "compare")]
    client.get(paths[0])  # the first look of somebody from outside is written down
    first = {path: asked_by(client, path) for path in paths}
    for risk in ("一", "二"):
        plan(cast, change, risk=risk)

    assert change.plans.count() == 3
    later = {path: asked_by(client, path) for path in paths}
    assert later == first
