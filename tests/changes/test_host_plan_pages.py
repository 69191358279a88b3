"""The pages of a change about hosts: asked for, written without JavaScript, read, rehearsed; hidden from strangers."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import lxml.html
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, make_environment, make_group, make_host
from tests.changes.host_steps import approve, designed, host_plan, host_plan_fields, keep
from tests.changes.steps import item_of, signed_in
from tests.support.unchanged import every_row
from weilu.changes import host_forms
from weilu.changes.actions import order_upgrade
from weilu.changes.host_plan import hosts_of, rehearse_hosts
from weilu.changes.models import Change, PlanFile, PlanVersion
from weilu.changes.plan import lines
from weilu.execution.masking import known_secrets
from weilu.execution.models import Cell, Run
from weilu.kernel.canonical import digest
from weilu.kernel.ids import uuid7
from weilu.kernel.times import now
from weilu.process.actions import record_fact
from weilu.systems.models import Host, System


@pytest.fixture
def system(cast: Cast, installation: Any) -> System:
    """The system with three hosts of 应用 in 现网."""
    found: System = installation.system
    group = make_group(make_environment(found, kind="production"))
    for _n in range(3):
        make_host(group)
    return found


@pytest.fixture
def change(cast: Cast, system: System) -> Change:
    return designed(cast, system)


@pytest.fixture
def chen(cast: Cast) -> Client:
    return signed_in(cast.chen)


def typed(change: Change, do: str, **over: Any) -> dict[str, Any]:
    """The form as 陈 has filled it in: all hosts by their group, one canary, one package, one check."""
    hosts = hosts_of(change.item)
    fields = {
        "do": do, "turn": str(item_of(change).turn), "groups": [str(hosts[0].group.uid)], "canary": [str(hosts[1].uid)],
        "steps": "1", "s1-kind": "package", "s1-title": "升级 jzhello", "s1-name": "jzhello", "s1-version": "1.1.0",
        "s1-sha256": "", "s1-seconds": "１２０", "s1-crash": "probe", "s1-back": "auto",
        "then_kind": "percent", "then": "50%、100%", "stop_done": "3", "stop_below": "80", "at_once": "10",
        "minutes": "30", "at_window_end": "go_back", "backup": "none", "no_backup": "随时可退",
        "health_title": ["应答", ""], "health_port": ["8080", ""], "health_path": ["/", ""],
        "health_expect": ["1.1.0", ""], "window_from": host_forms.local(now()),
        "window_to": host_forms.local(now() + timedelta(hours=3)), "impact": "逐台停 1 分钟。", "risk": "不应答。",
        "way_back": "逐台恢复。", "upgrade_notes": "已更新。",
    }  # fmt: skip
    return fields | over


def post(chen: Client, change: Change, do: str, **over: Any) -> Any:
    return chen.post(f"/changes/{change.item.uid}/plan", typed(change, do, **over))


def value_of(page: str, name: str) -> list[str]:
    """What stands in the inputs of this name."""
    return [
        found.group(1) for tag in re.findall(r"<input[^>]*>", page)
        if f'name="{name}"' in tag and (found := re.search(r'value="([^"]*)"', tag))
    ]  # fmt: skip


def wrong_at(page: str) -> dict[str, str]:
    """What is said to be wrong, by the entry under which it stands."""
    fields = lxml.html.fromstring(page).xpath("//*[contains(@class, 'has-wrong')]")
    return {
        field.xpath(".//*[@aria-invalid]/@name")[0]: field.xpath("string(.//*[@class='wrong']/span)").strip()
        for field in fields
    }  # fmt: skip


def test_somebody_asks_for_a_change_of_a_system_s_hosts(cast, system):
    wang = signed_in(cast.wang)
    page = wang.get("/changes/new").content.decode()
    assert f'<option value="{system.uid}">网上预约平台 · 在它的主机上做</option>' in page
    answer = wang.post(
        "/changes/new", {"kind": "normal", "installation": str(system.uid), "title": "换包", "need": "换成新版。"}
    )
    made = Change.objects.get(item__title="换包")
    assert answer.headers["Location"] == f"/changes/{made.item.uid}/"
    assert (made.installation, made.item.system) == (None, system)
    assert "方案里选" in wang.get(f"/changes/{made.item.uid}/").content.decode()


def test_a_plan_is_written_on_the_page_and_put_forward(chen, change):
    answer = post(chen, change, "submit")
    assert (answer.status_code, answer.content.decode()[:200]) == (302, "")
    told = PlanVersion.objects.get(change=change).content["orders"]
    assert [entry["name"] for entry in told["hosts"]] == ["app-02", "app-01", "app-03"]
    assert (told["batches"]["canary"], told["batches"]["then"]) == (1, ["50%", "100%"])
    assert told["steps"][0]["seconds"] == 120
    assert told["batches"]["health"] == [{"title": "应答", "port": 8080, "path": "/", "expect": "1.1.0"}]


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


def test_an_earlier_plan_stands_in_the_form_and_is_the_same_plan_when_sent_again(cast, chen, change):
    digest_of_file, undo = keep(cast, change, "echo 1\n"), keep(cast, change, "echo 0\n", "恢复.sh")
    steps = [
        {
            "kind": "script", "title": "脚本", "seconds": 60, "crash": "ask",
            "back": {"sha256": undo, "arguments": ["-x"]},
            "with": {
                "sha256": digest_of_file, "arguments": ["a", "b"], "environment": {"A": "1"}, "probe": {"sha256": undo},
            },
        },
        {"kind": "service", "title": "重启", "seconds": 30, "crash": "idempotent", "back": None,
         "with": {"name": "jzhello", "state": "restarted"}},
        {"kind": "signature", "title": "签", "seconds": 43200, "crash": "ask", "back": None,
         "with": {"words": "看过", "role": "technical_head"}},
    ]  # fmt: skip
    kept = host_plan(cast, change, steps=steps, backup_step=1, no_backup="", canary=2)
    given = host_forms.from_plan(kept.content)
    hosts = hosts_of(change.item)
    fields, before = host_forms.entries(given, hosts), host_plan_fields(change, steps=steps)
    assert fields["steps"] == steps
    assert fields["hosts"] == before["hosts"]
    assert fields["written"].backup_step == 1
    page = chen.get(f"/changes/{change.item.uid}/plan").content.decode()
    assert "方案已经送审。改了它，这一版上的签名与关口都失效" in page
    assert value_of(page, "s1-title") == ["脚本"]


BY_PROGRAM = {
    "then": ["group:应用", "group:库"], "canary": 0,
    "health": [{"title": "应答", "port": 8080, "path": "/", "expect": "", "status": 204}],
}  # fmt: skip


def steps_by_program(one: str, other: str) -> list[dict[str, Any]]:
    """Steps with all that the API can write of them."""
    script = {
        "sha256": one, "interpreter": "/bin/bash", "arguments": [" -v", "a b", "", '"x"', "两\n行"],
        "environment": {"A": " 1 ", "B": ""},
    }  # fmt: skip
    probe = {"sha256": other, "interpreter": "/bin/sh", "arguments": ["-q"], "environment": {"P": "2"}}
    back = {"sha256": other, "interpreter": "/bin/dash", "arguments": ["undo"], "environment": {"U": "3"}}
    usual = {"seconds": 60, "crash": "ask"}
    return [
        usual | {"kind": "script", "title": "脚本", "with": script | {"probe": probe}, "back": back},
        usual | {"kind": "script", "title": "什么都不写", "with": {"sha256": one, "arguments": [], "environment": {}},
                 "back": {"sha256": other, "arguments": []}},
        usual | {"kind": "http", "title": "首页", "with": {"port": 80, "path": "/", "status": 301}, "back": None},
        {"kind": "manual", "title": "看灯", "with": {"words": "看", "role": "engineer"}, "seconds": 9, "crash": "probe",
         "back": None},
        {"kind": "signature", "title": "签", "with": {"words": "签", "role": "security_office"},
         "seconds": 9, "crash": "probe", "back": None},
    ]  # fmt: skip


def test_a_plan_written_by_the_api_is_the_same_plan_when_the_page_sends_it_again(cast, chen, change, system):
    group = make_group(make_environment(system, kind="standby"), name="库")
    make_host(group)
    hosts = [str(host.uid) for host in hosts_of(change.item)][::-1]
    steps = steps_by_program(keep(cast, change, "echo 1\n"), keep(cast, change, "echo 0\n", "恢复.sh"))
    over = {name: BY_PROGRAM[name] for name in ("then", "canary", "health")}
    begin = now().replace(second=30, microsecond=7)
    before = host_plan(cast, change, hosts=hosts, steps=steps, window_from=begin, **over)
    url = f"/changes/{change.item.uid}/plan"
    page = chen.get(url).content.decode()
    answer = chen.post(url, sent(page) | {"do": "submit"})
    after = PlanVersion.objects.filter(change=change).latest("number")
    assert (answer.status_code, after.number) == (302, 2)
    assert {key: value for key, value in after.content.items() if key != "number"} == {
        key: value for key, value in before.content.items() if key != "number"
    }
    assert digest(after.content["orders"]) == digest(before.content["orders"])


def sent(page: str) -> dict[str, Any]:
    """What a browser would send of the plan's form as it stands in the page."""
    form = lxml.html.fromstring(page).xpath("//form[contains(@class, 'host-form')]")[0]
    found: dict[str, Any] = {}
    for name, value in form.form_values():
        found.setdefault(name, []).append(value)
    return found


def test_two_plans_that_differ_in_how_a_host_is_probed_read_differently(cast, change):
    one, other = keep(cast, change, "echo 1\n"), keep(cast, change, "echo 0\n", "恢复.sh")
    steps = steps_by_program(one, other)[:1]
    before = host_plan(cast, change, steps=steps)
    read = {line for line in lines(before.content) if "第 1 步" in line and "脚本" in line}
    steps[0]["with"] = steps[0]["with"] | {"probe": steps[0]["with"]["probe"] | {"arguments": ["-q", "all"]}}
    after = host_plan(cast, change, steps=steps)
    said = [
        f"第 1 步 脚本：执行脚本 脚本.sh（SHA-256 {one[:12]}），解释器 /bin/bash，",
        '参数 " -v" "a b" "" "\\"x\\"" "\\u4e24\\n\\u884c"，变量 A=" 1 " B=""，',
        f"是否已生效这样查：执行脚本 恢复.sh（SHA-256 {other[:12]}），解释器 /bin/sh，参数 -q all，变量 P=2；",
        "时限 60 秒；结果丢失时由人判断；",
        f"回退：执行脚本 恢复.sh（SHA-256 {other[:12]}），解释器 /bin/dash，参数 undo，变量 U=3",
    ]
    assert [line for line in lines(after.content) if line not in lines(before.content)] == ["".join(said)]
    assert len(read) == 1
    assert "python3，密钥" in next(line for line in lines(after.content) if "主机 app-01" in line)


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


def rehearsed(cast: Cast, change: Change) -> Run:
    """A rehearsal as a worker leaves it: a change on two hosts alike, another on the third, a script not tried."""
    run = rehearse_hosts(cast.chen, change, turn=item_of(change).turn)
    for step in run.steps.filter(key__in=("s1", "s2")):
        for host in run.hosts.filter(batch=step.batch):
            would = ["/etc/jz.conf 修改", "-level=1", "+level=2"] if host.ordinal < 3 else ["/etc/jz.conf 新建"]
            result = {"would": would, "rehearsed": True, "back": ""}
            if step.key == "s2":
                result = {"would": [], "rehearsed": False, "back": "方案没有写这一步的回退"}
            Cell.objects.create(step=step, host=host, state="done", result=result)
    Run.objects.filter(id=run.id).update(state="succeeded", ended_at=now())
    item = item_of(change)
    record_fact(item, "rehearsal.matched", item.subject, True, "演练通过", run.number, uuid7())
    return run


def test_approvers_read_steps_batches_hosts_and_what_the_rehearsal_said(cast, change):
    script = {
        "kind": "script", "title": "清缓存", "seconds": 60, "crash": "ask", "back": None,
        "with": {"sha256": keep(cast, change, "true\n")},
    }  # fmt: skip
    setting = {
        "kind": "file", "title": "换配置", "seconds": 30, "crash": "probe", "back": "auto",
        "with": {"path": "/etc/jz.conf", "sha256": keep(cast, change, "level=2\n", "jz.conf")},
    }  # fmt: skip
    host_plan(cast, change, steps=[setting, script])
    zhou = signed_in(cast.zhou)
    page = zhou.get(f"/changes/{change.item.uid}/").content.decode()
    assert "还没有演练" in page
    assert "没有回退：清缓存" in page
    run = rehearsed(cast, change)
    page = zhou.get(f"/changes/{change.item.uid}/").content.decode()
    assert f'<a href="/runs/{run.uid}/">{run.number}</a>' in page
    report = page[page.index('id="rehearsal"') : page.index("</section>", page.index('id="rehearsal"'))]
    text = re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]*>", "", report))
    assert "换配置 app-01、app-02 /etc/jz.conf 修改 -level=1 +level=2" in text
    assert "app-03 /etc/jz.conf 新建" in text
    assert "清缓存 app-01、app-02、app-03 不能演练 方案没有写这一步的回退" in text
    assert "重新演练" not in text  # 周 is no engineer


def test_what_a_rehearsal_found_cannot_go_back_stands_in_red_and_secrets_are_masked(cast, change, monkeypatch):
    monkeypatch.setenv("WEILU_PLANTED_SECRET", "planted-0123456789")
    known_secrets.cache_clear()
    host_plan(cast, change)
    run = rehearsed(cast, change)
    url, zhou = f"/changes/{change.item.uid}/", signed_in(cast.zhou)
    assert "台回不去" not in zhou.get(url).content.decode()
    gap = {"would": ["password=planted-0123456789"], "rehearsed": True, "back": "回不去 planted-0123456789"}
    Cell.objects.filter(step__run=run, host__ordinal=1).update(result=gap)
    page = zhou.get(url).content.decode()
    assert '<b class="refused-word">1 台回不去：app-01</b>' in page
    assert "planted-0123456789" not in page


def mends(page: str) -> list[str]:
    """Who can open what is closed at the start, and how."""
    found = lxml.html.fromstring(page).xpath("//*[contains(@class, 'starts')]//*[@class='mend']")
    return [words for one in found if (words := " ".join(one.text_content().split())).startswith("谁能办")]


def test_the_start_says_what_is_missing_and_opens_when_nothing_is(cast, chen, change):
    host_plan(cast, change)
    approve(cast, change)
    url = f"/changes/{change.item.uid}/"
    page = chen.get(url).content.decode()
    assert "开始执行：还差 1 项" in page
    assert "这一版方案还没有演练通过，不能执行。先演练" in page
    assert mends(page) == ["谁能办 陈航：演练这一版方案"]
    rehearsed(cast, change)
    assert "开始执行：还差" not in chen.get(url).content.decode()
    Host.objects.filter(name="app-02").update(key="ssh-ed25519 AAAA")
    page = chen.get(url).content.decode()
    assert "主机「app-02」的登记在批准之后改动过（主机密钥）。重新提交方案" in page
    assert mends(page) == ["谁能办 陈航：按现在的登记重新提交方案"]
    assert "开始执行：还差 1 项" in page


def test_the_button_rehearses_and_leads_to_the_run(cast, chen, change):
    host_plan(cast, change)
    assert "演练</button>" in chen.get(f"/changes/{change.item.uid}/").content.decode()
    answer = chen.post(f"/changes/{change.item.uid}/rehearse", {"turn": str(item_of(change).turn)})
    run = Run.objects.get(item=change.item)
    assert (answer.headers["Location"], run.purpose) == (f"/runs/{run.uid}/", "rehearse")


@pytest.mark.parametrize("who", ["sun", "he"])
def test_somebody_of_another_vendor_or_customer_sees_nothing_of_it(cast, change, who):
    client, url = signed_in(getattr(cast, who)), f"/changes/{change.item.uid}"
    host_plan(cast, change)
    before = every_row()
    answers = [
        client.get(f"{url}/plan"), client.post(f"{url}/plan", typed(change, "submit")), client.get(f"{url}/compare"),
        client.post(f"{url}/rehearse", {"turn": str(item_of(change).turn)}),
    ]  # fmt: skip
    assert [one.status_code for one in answers] == [404] * 4
    assert every_row() == before


def test_the_page_asks_as_often_for_three_hosts_and_steps_as_for_one(cast, chen, change):
    def asked(act: Callable[[], Any]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            act()
        return len(seen)

    hosts = hosts_of(change.item)
    step = {
        "kind": "service", "title": "重启", "seconds": 30, "crash": "idempotent", "back": None,
        "with": {"name": "jzhello", "state": "restarted"},
    }  # fmt: skip
    url = f"/changes/{change.item.uid}/plan"
    host_plan(cast, change, hosts=[str(hosts[0].uid)], steps=[step], canary=0)
    rehearsed(cast, change)
    chen.get(url)
    one = asked(lambda: chen.get(url))
    host_plan(cast, change, steps=[step] * 3)
    rehearsed(cast, change)
    assert asked(lambda: chen.get(url)) == one


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
