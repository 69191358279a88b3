"""The pages of a change about hosts: asked for, written without JavaScript, read, rehearsed; hidden from strangers."""

import re
from collections.abc import Callable
from typing import Any

import lxml.html
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, make_environment, make_group, make_host
from tests.changes.host_form import post, rehearsed, typed, value_of
from tests.changes.host_steps import approve, designed, host_plan, host_plan_fields, keep
from tests.changes.steps import item_of, signed_in
from tests.support.unchanged import every_row
from weilu.changes import host_forms
from weilu.changes.host_plan import hosts_of
from weilu.changes.models import Change, PlanVersion
from weilu.changes.plan import lines
from weilu.execution.masking import known_secrets
from weilu.execution.models import Cell, Run
from weilu.kernel.canonical import digest
from weilu.kernel.times import now
from weilu.systems.models import Host, System


@pytest.fixture
def change(cast: Cast, system: System) -> Change:
    return designed(cast, system)


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
