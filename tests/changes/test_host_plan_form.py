"""The form of a plan for hosts: its buttons, what is wrong under its own entry, times that are taken or free."""

import re
from collections import Counter

import lxml.html
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast
from tests.changes.host_form import post, rehearsed, typed, value_of, wrong_at
from tests.changes.host_steps import approve, designed, host_plan, keep
from tests.changes.steps import item_of
from weilu.changes.actions import order_upgrade
from weilu.changes.models import Change, PlanFile, PlanVersion
from weilu.systems.models import System


@pytest.fixture
def change(cast: Cast, system: System) -> Change:
    return designed(cast, system)


def test_a_step_is_added_moved_and_taken_out_and_nothing_typed_is_lost(chen, change):
    page = post(chen, change, "add-service", impact="停 <b>一</b> 分钟").content.decode()
    assert value_of(page, "steps") == ["2"]
    assert value_of(page, "s1-version") == ["1.1.0"]
    assert 'name="s2-state"' in page
    assert "停 &lt;b&gt;一&lt;/b&gt; 分钟" in page
    assert page.count("checked") == 4  # the group, the canary, percent, no backup
    two = {"steps": "2", "s2-kind": "http", "s2-title": "首页", "s2-port": "80", "s2-path": "/"}
    page = post(chen, change, "up-2", **two).content.decode()
    assert (value_of(page, "s1-title"), value_of(page, "s2-title")) == (["首页"], ["升级 jzhello"])
    page = post(chen, change, "drop-1", **two).content.decode()
    assert (value_of(page, "steps"), value_of(page, "s1-title")) == (["1"], ["首页"])
    assert not PlanVersion.objects.exists()


def test_what_was_typed_after_the_plan_was_approved_comes_back_with_the_reason(cast, chen, change):
    host_plan(cast, change)
    approve(cast, change)
    rehearsed(cast, change)
    order_upgrade(cast.chen, change, turn=item_of(change).turn)
    answer = post(chen, change, "add-service", no_backup="写了很久")
    page = answer.content.decode()
    assert (answer.status_code, value_of(page, "no_backup"), value_of(page, "steps")) == (422, ["写了很久"], ["2"])
    assert "现在不是写方案的时候" in page


def test_what_is_wrong_stands_at_its_step_and_everything_typed_comes_back(chen, change):
    answer = post(chen, change, "submit", **{"s1-version": "坏 版本"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert wrong_at(page) == {"s1-version": "第 1 步：版本写得不对：坏 版本"}
    assert value_of(page, "s1-version") == ["坏 版本"]
    assert value_of(page, "no_backup") == ["随时可退"]
    answer = post(chen, change, "submit", window_to="")
    assert answer.status_code == 422
    assert "窗口结束没有填写。填好后再提交" in answer.content.decode()


SCRIPT = {
    "s1-kind": "script", "s1-title": "清缓存", "s1-seconds": "60", "s1-crash": "ask", "s1-file": "", "s1-probe": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("over", "entry", "words"),
    [
        ({"s1-title": " "}, "s1-title", "第 1 步的名称没有填写。填好后再提交"),
        ({"s1-name": "坏 包"}, "s1-name", "第 1 步：软件包写得不对：坏 包"),
        ({"s1-seconds": "0"}, "s1-seconds", "第 1 步：时限应是 1 秒到 12 小时"),
        (SCRIPT, "s1-file", "第 1 步：没有选文件"),
        ({"s1-kind": "http", "s1-port": "0", "s1-path": "/"}, "s1-port", "第 1 步：端口应是 1 到 65535"),
        (
            {"s1-kind": "http", "s1-port": "80", "s1-path": "/", "s1-status": "7"}, "s1-status",
            "第 1 步的应答码应是 100 到 599",
        ),
        ({"s1-kind": "manual", "s1-words": ""}, "s1-words", "第 1 步的要人做什么没有填写。填好后再提交"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_step_stands_under_its_own_entry_which_has_the_cursor(chen, change, over, entry, words):
    answer = post(chen, change, "submit", **over)
    page = answer.content.decode()
    assert (answer.status_code, wrong_at(page)) == (422, {entry: words})
    assert lxml.html.fromstring(page).xpath("//*[@autofocus]/@name") == [entry]
    assert not PlanVersion.objects.exists()


def test_what_is_wrong_with_the_script_that_probes_or_undoes_stands_at_that_script(cast, chen, change):
    kept = keep(cast, change, "echo 1\n")
    for over, entry, words in (
        ({"s1-probe_arguments": "\x01"}, "s1-probe_arguments", "第 1 步：参数里有不能用的字符，或太多"),
        ({"s1-back_environment": "PATH=/x"}, "s1-back_environment", "第 1 步：变量名写得不对：PATH"),
        ({"s1-back_environment": "LEVEL"}, "s1-back_environment", "第 1 步：变量「LEVEL」应写成 名称=值"),
    ):
        script = SCRIPT | {"s1-file": kept, "s1-probe": kept, "s1-back_file": kept} | over
        page = post(chen, change, "submit", **script).content.decode()
        assert wrong_at(page) == {entry: words}
        assert lxml.html.fromstring(page).xpath("//details[contains(@class, 'more')]/@open") == [""]
    assert not PlanVersion.objects.exists()


def test_an_upload_is_kept_even_when_the_plan_is_refused(chen, change):
    script = {
        "steps": "1", "s1-kind": "script", "s1-title": "清缓存", "s1-seconds": "60", "s1-crash": "ask",
        "s1-environment": "LEVEL", "s1-file-upload": SimpleUploadedFile("清 缓存.sh", b"rm -rf /var/cache/jz\n"),
    }  # fmt: skip
    answer = post(chen, change, "submit", **script)
    kept = PlanFile.objects.get(change=change)
    page = answer.content.decode()
    assert (answer.status_code, kept.name) == (422, "清 缓存.sh")
    assert "第 1 步：变量「LEVEL」应写成 名称=值" in page
    assert f'<option value="{kept.sha256}" selected>' in page
    again = {key: value for key, value in script.items() if "upload" not in key}
    answer = post(
        chen,
        change,
        "submit",
        **(again | {"s1-file": kept.sha256, "s1-environment": "LEVEL=a=b\n", "s1-arguments": "-v\n"}),
    )
    step = PlanVersion.objects.get(change=change).content["orders"]["steps"][0]
    assert answer.status_code == 302
    assert step["with"] == {"sha256": kept.sha256, "arguments": ["-v"], "environment": {"LEVEL": "a=b"}}


def test_free_times_are_offered_and_one_fills_the_window(chen, change):
    page = post(chen, change, "time", window_from="", window_to="").content.decode()
    offered = re.findall(r'value="slot-([^"/]*)/([^"]*)"', page)
    page = post(chen, change, "slot-" + "/".join(offered[0])).content.decode()
    assert (value_of(page, "window_from"), value_of(page, "window_to")) == ([offered[0][0]], [offered[0][1]])


def test_what_is_in_the_way_is_shown_before_the_plan_is_put_forward(cast, chen, change, system):
    host_plan(cast, designed(cast, system))
    page = post(chen, change, "time").content.decode()
    assert "同一系统已有安排" in page
    assert post(chen, change, "submit").status_code == 422
    assert not PlanVersion.objects.filter(change=change).exists()


@pytest.mark.parametrize("do", ["", "add-service", "up-1", "drop-1", "time"])
def test_one_press_of_a_button_asks_nothing_twice(cast, chen, change, system, do):
    other = designed(cast, system)
    host_plan(cast, other)  # what stands in the way is on the page
    url, given = f"/changes/{change.item.uid}/plan", typed(change, do)
    with CaptureQueriesContext(connection) as seen:
        answer = chen.post(url, given) if do else chen.get(url)
    asked = Counter(one["sql"] for one in seen if one["sql"].startswith("SELECT"))
    assert answer.status_code == 200
    assert ("同一系统已有安排" in answer.content.decode()) == bool(do)
    assert [sql for sql, number in asked.items() if number > 1] == []
