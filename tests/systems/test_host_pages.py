"""The pages of hosts: a system's tree, the list, one host, and the forms of every act."""

import re
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from tests.cast import Cast, made_up_key, make_environment, make_group, make_host, system_of
from tests.support.unchanged import every_row
from weilu.evidence.actions import tick
from weilu.evidence.looks import Look
from weilu.kernel.times import now
from weilu.systems.host_actions import change_host, repin_key
from weilu.systems.host_queries import PAGE
from weilu.systems.host_workbook import COLUMNS
from weilu.systems.keys import fingerprint
from weilu.systems.models import Dependency, Environment, Host, HostGroup, Limit, System

KNOWN = {"os": "Debian 12", "cpus": 4, "memory_mb": 8192, "drift_ms": -2300, "rack": "B7"}


@pytest.fixture
def group(cast: Cast) -> HostGroup:
    return make_group(make_environment(system_of(cast), kind="production"), at_once=2)


def signed_in(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text_of(page: Any) -> str:
    """What a reader reads, tags left out and spaces folded."""
    said = re.sub(r"<(style|script|option|svg).*?</\1>", " ", page.content.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", said.partition("<main")[2]).split())


def names_in(page: Any) -> list[str]:
    """The hosts of a page, in its order."""
    return re.findall(r'class="row-title" href="/systems/hosts/[^"]*">([^<]*)<', page.content.decode())


def test_a_system_shows_environment_group_and_host_with_its_state(cast: Cast, group: HostGroup):
    bare = make_group(make_environment(group.environment.system), name="数据库")
    make_host(group, facts=KNOWN, facts_at=now())
    make_host(group, name="受理大厅 叫号机", key="", port=2222)
    make_host(group, name="旧机", retired_at=now())
    page = signed_in(cast.wang).get(f"/systems/{group.environment.system.uid}/")
    said = text_of(page)

    assert names_in(page) == ["app-01", "受理大厅 叫号机"]
    assert "现网 2 台 · 1 台未固定密钥 应用 2 台 · 同时最多 2 台" in said
    assert "Debian 12 · 4 核 · 8.0 GiB" in said
    assert "时钟慢 2.3 秒" in said
    assert "root@192.0.2.2 :2222" in said.replace(":", " :")
    assert f"实验机 0 台 {bare.name} 0 台 还没有主机" in said
    assert "登记主机" not in said


def test_dependencies_are_shown_from_both_sides(cast: Cast):
    one, other = system_of(cast), System.objects.create(owner=cast.jz, code="YL", name="养老待遇系统")
    Dependency.objects.create(system=one, on=other)
    assert "它依赖 养老待遇系统 依赖它 没有" in text_of(signed_in(cast.wang).get(f"/systems/{one.uid}/"))
    assert "它依赖 没有 依赖它 测试系统" in text_of(signed_in(cast.wang).get(f"/systems/{other.uid}/"))


def test_a_host_shows_key_facts_and_history_with_old_and_new(cast: Cast, group: HostGroup):
    host = make_host(group, facts=KNOWN, facts_at=now(), site="主机房")
    twin = make_host(group, key=made_up_key("new"))
    old = fingerprint(host.key)
    change_host(cast.zheng, host, site="", become=True)
    repin_key(cast.zheng, host, key=made_up_key("new"), old=old, reason="主机重装，当面核对")
    tick()
    page = signed_in(cast.wang).get(f"/systems/hosts/{host.uid}/")
    said = re.sub(r"存证 \d+", "存证 n", text_of(page))

    assert f"指纹 {fingerprint(made_up_key('new'))} 类型 ssh-ed25519" in said
    assert f"更换主机密钥 存证 n {old} → {fingerprint(made_up_key('new'))} 主机重装，当面核对" in said
    assert "更改主机 存证 n sudo 否 → 是 机房 主机房 → 空" in said
    assert "操作系统 Debian 12 处理器 4 核 内存 8.0 GiB 时钟偏差 慢 2.3 秒 rack B7" in said
    assert f"密钥相同的主机： {twin.name} 。可能是同一台机器，或克隆后没有换密钥" in said
    assert 'action="/systems/hosts/' not in page.content.decode()


def test_a_retired_host_is_only_read(cast: Cast, group: HostGroup):
    host = make_host(group, retired_at=now())
    page = signed_in(cast.zheng).get(f"/systems/hosts/{host.uid}/")
    assert "已停用，只能查看" in text_of(page)
    assert 'action="/systems/hosts/' not in page.content.decode()


@pytest.mark.parametrize("who", ["sun", "he"])
def test_strangers_find_nothing(cast: Cast, group: HostGroup, who: str):
    host, client = make_host(group), signed_in(getattr(cast, who))
    assert client.get(f"/systems/hosts/{host.uid}/").status_code == 404
    page = client.get("/systems/hosts/")
    assert (page.status_code, names_in(page)) == (200, [])
    book = client.get("/systems/hosts/export")
    if who == "he":
        assert [len(list(sheet.rows)) for sheet in load_workbook(BytesIO(book.content))] == [1]
    else:  # an engineer of another vendor says first what for
        assert "192.0.2.1" not in text_of(book)
    assert client.get(f"/systems/hosts/?q=app&after={host.id}").status_code == 400


def test_whoever_does_not_manage_meets_no_form_and_no_act(cast: Cast, group: HostGroup):
    host, system = make_host(group), group.environment.system
    limit = Limit.objects.create(owner=cast.jz, kind="site", name="主机房", at_once=1)
    before = every_row("Look")
    for who in ("wang", "chen"):
        client = signed_in(getattr(cast, who))
        for path in (f"/systems/{system.uid}/layout", f"/systems/{system.uid}/hosts/new"):
            assert client.get(path).status_code == 403
        for path in (
            f"/systems/{system.uid}/change", "/systems/limits/set", f"/systems/limits/{limit.uid}/remove",
            f"/systems/{system.uid}/hosts/new", f"/systems/hosts/{host.uid}/change", f"/systems/hosts/{host.uid}/pin",
            f"/systems/hosts/{host.uid}/repin", f"/systems/hosts/{host.uid}/retire",
        ):  # fmt: skip
            assert client.post(path, {"reason": "下线", "act": "add-environment"}).status_code == 403
    assert every_row("Look") == before


def test_a_vendor_s_look_is_registered_and_the_house_s_own_is_not(cast: Cast, group: HostGroup):
    host = make_host(group)
    for who in (cast.wang, cast.chen):
        client = signed_in(who)
        client.get(f"/systems/hosts/{host.uid}/")
        client.get("/systems/hosts/")
    asked = signed_in(cast.chen).get("/systems/hosts/export")
    assert list(Look.objects.order_by("id").values_list("actor", "kind", "words")) == [
        (cast.chen.actor, "host", "app-01"), (cast.chen.actor, "hosts", "JZ"),
    ]  # fmt: skip
    assert "用途" in asked.content.decode()


# The list


def test_the_list_goes_on_by_the_key_of_its_last_row(cast: Cast, group: HostGroup):
    for number in range(PAGE + 3):
        make_host(group, name=f"n-{number:03d}")
    client = signed_in(cast.wang)
    first = client.get("/systems/hosts/")
    onward = re.search(r'href="(\?after=\d+)" rel="next"', first.content.decode())
    assert onward is not None
    second = client.get("/systems/hosts/" + onward[1])
    assert [names_in(first)[0], len(names_in(first)), *names_in(second)] == ["n-000", PAGE, "n-050", "n-051", "n-052"]
    assert f"本页 3 台，共 {PAGE + 3} 台" in text_of(second)
    assert 'rel="next"' not in second.content.decode()


def test_each_filter_leaves_what_it_says(cast: Cast, group: HostGroup):
    test = make_group(make_environment(group.environment.system, kind="test"))
    other = make_group(make_environment(system_of(cast, "YL"), kind="test"))
    make_host(group, name="app-01", site="主机房", facts_at=now(), facts={"drift_ms": 1500})
    make_host(group, name="app-02", zone="内网", key="", facts_at=now() - timedelta(days=8))
    make_host(test, name="lab", address="lab.example")
    make_host(other, name="yl", facts_at=now(), facts={"drift_ms": 999})
    make_host(other, name="old", retired_at=now())
    client = signed_in(cast.wang)
    found = {
        query: names_in(client.get("/systems/hosts/?" + query))
        for query in (
            "", "state=unpinned", "state=unreached", "state=late", "state=drift", "state=retired", "kind=test",
            f"system={other.environment.system.uid}", "site=主机房", "zone=内网", "q=APP", "q=LAB.ex", "q=无",
            "state=unpinned&kind=production&q=02",
        )
    }  # fmt: skip
    assert list(found.values()) == [
        ["app-01", "app-02", "lab", "yl"], ["app-02"], ["lab"], ["app-02"], ["app-01"], ["old"], ["lab", "yl"],
        ["yl"], ["app-01"], ["app-02"], ["app-01", "app-02"], ["lab"], [], ["app-02"],
    ]  # fmt: skip
    chips = text_of(client.get("/systems/hosts/")).partition("同时变更限额 ")[2]
    chips = chips[chips.index("全部") :]
    assert chips.startswith("全部 4 未固定密钥 1 从未连通 1 七天没有连通 1 时钟偏差 1 已停用 1")


@pytest.mark.parametrize(
    "query", ["state=lost", "kind=prod", "system=x", "after=x", "after=99999999", "after=²", "after=" + "9" * 30]
)
def test_an_address_that_no_page_gave_is_refused(cast: Cast, group: HostGroup, query: str):
    assert signed_in(cast.wang).get("/systems/hosts/?" + query).status_code == 400


def test_the_workbook_has_what_the_list_shows_and_reckons_nothing(cast: Cast, group: HostGroup):
    make_host(group, name="=1+1", facts=KNOWN, facts_at=now(), become=True, site="主机房")
    make_host(group, name="app-02", key="")
    book = load_workbook(BytesIO(signed_in(cast.wang).get("/systems/hosts/export?q=%3D").content))
    rows = [[cell.value for cell in row] for row in book.worksheets[0].rows]
    assert rows[0][: len(COLUMNS)] == [head for _key, head, _width, _example in COLUMNS]
    key = made_up_key("=1+1")
    assert rows[1][: len(COLUMNS)] == [
        "CS", "现网", "应用", "=1+1", "192.0.2.1", 22, "root", "是", "主机房", None, None, "/usr/bin/python3", key,
    ]  # fmt: skip
    assert rows[1][len(COLUMNS)] == fingerprint(key)
    assert [row[3] for row in rows[1:]] == ["=1+1"]
    assert book.worksheets[0]["D2"].data_type == "s"


@pytest.mark.parametrize("rows", [1, 3])
def test_pages_ask_as_often_for_three_rows_as_for_one(cast: Cast, rows: int):
    system = system_of(cast)
    for number in range(rows):
        kind = Environment.Kind.values[number]
        for name in range(rows):
            group = make_group(make_environment(system, kind=kind, name=f"{number}-{name}"))
            for _each in range(rows):
                host = make_host(group, facts=KNOWN)
                change_host(cast.zheng, host, site=f"{number}")
        Dependency.objects.create(system=system, on=system_of(cast, f"Y{number}"))
        Dependency.objects.create(system=system_of(cast, f"Z{number}"), on=system)
        Limit.objects.create(owner=cast.jz, kind="site", name=f"{number}", at_once=1)
    tick()
    client = signed_in(cast.zheng)
    queries = {
        "/systems/": 13, f"/systems/{system.uid}/": 19, "/systems/hosts/": 22, f"/systems/hosts/{host.uid}/": 18,
        f"/systems/{system.uid}/layout": 17, f"/systems/{system.uid}/hosts/new": 16, "/systems/limits/": 13,
        "/systems/hosts/export": 6,
    }  # fmt: skip
    met = {}
    for path in queries:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200, path
        met[path] = len(asked)
    assert met == queries


# The forms


def test_a_host_is_registered_changed_pinned_and_retired_on_its_pages(cast: Cast, group: HostGroup):
    client, system = signed_in(cast.zheng), group.environment.system
    form = client.get(f"/systems/{system.uid}/hosts/new?group={group.uid}").content.decode()
    assert f'<option value="{group.uid}" selected>现网 / 应用</option>' in form
    said = {"group": str(group.uid), "name": "数据库 一", "address": "192.0.2.7", "port": "2222", "user": "deploy"}
    answer = client.post(f"/systems/{system.uid}/hosts/new", said | {"become": "1"})
    host = Host.objects.get()
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/systems/hosts/{host.uid}/")
    assert (host.name, host.address, host.port, host.user, host.become) == (
        "数据库 一", "192.0.2.7", 2222, "deploy", True,
    )  # fmt: skip

    changed = said | {"name": "数据库 一号", "site": "主机房"}
    assert client.post(f"/systems/hosts/{host.uid}/change", changed).status_code == 302
    assert client.post(f"/systems/hosts/{host.uid}/pin", {"key": made_up_key("a")}).status_code == 302
    swap = {"key": made_up_key("b"), "old": fingerprint(made_up_key("a")), "reason": "重装"}
    assert client.post(f"/systems/hosts/{host.uid}/repin", swap).status_code == 302
    host.refresh_from_db()
    assert (host.name, host.become, host.site, host.key) == ("数据库 一号", False, "主机房", made_up_key("b"))
    assert client.post(f"/systems/hosts/{host.uid}/retire", {"reason": "下线"}).status_code == 302
    host.refresh_from_db()
    assert host.retired_at is not None


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"address": "app 01"}, "「app 01」不是 IP 地址或域名"),
        ({"group": ""}, "没有选主机组"),
        ({"key": "ssh-ed25519 AAAA"}, "密钥不完整或写错了，把整行原样贴进来"),
    ],
)
def test_what_was_typed_stays_when_a_host_is_refused(cast: Cast, group: HostGroup, over: dict[str, str], reason: str):
    system = group.environment.system
    said = {"group": str(group.uid), "name": "叫号机 一", "address": "192.0.2.7", "become": "1", "site": "甲"} | over
    page = signed_in(cast.zheng).post(f"/systems/{system.uid}/hosts/new", said)
    form = page.content.decode()
    assert (page.status_code, Host.objects.count()) == (409, 0)
    assert reason in text_of(page)
    assert all(f'value="{said[name]}"' in form for name in ("name", "address", "site"))
    assert 'value="1" checked' in form
    assert said.get("key", "") in form


def test_what_was_typed_stays_when_a_key_or_an_end_is_refused(cast: Cast, group: HostGroup):
    host, bare, client = make_host(group), make_host(group, key=""), signed_in(cast.zheng)
    before = every_row()
    key = client.post(f"/systems/hosts/{bare.uid}/pin", {"key": "ssh-dss AAAA"})
    swap = client.post(
        f"/systems/hosts/{host.uid}/repin",
        {"key": made_up_key("b"), "old": fingerprint(host.key), "reason": ""},
    )
    end = client.post(f"/systems/hosts/{host.uid}/retire", {"reason": "x"})
    assert [one.status_code for one in (key, swap, end)] == [409, 409, 409]
    assert "ssh-dss AAAA</textarea>" in key.content.decode()
    assert "「ssh-dss」不是能用的主机密钥类型" in text_of(key)
    assert f"{made_up_key('b')}</textarea>" in swap.content.decode()
    assert "原因没有填写。填好后再提交" in text_of(swap)
    assert "原因太短，写几个字：为什么" in text_of(end)
    assert every_row() == before


def test_a_system_is_laid_out_on_its_page(cast: Cast):
    system, other, client = system_of(cast), system_of(cast, "YL"), signed_in(cast.zheng)
    place = f"/systems/{system.uid}/change"

    def act(verb: str, **said: object) -> int:
        return client.post(place, {"act": verb} | said).status_code

    assert act("add-environment", kind="production", name="现网") == 302
    environment = Environment.objects.get()
    assert act("add-group", environment=environment.uid, name="应用", at_once="2") == 302
    group = HostGroup.objects.get()
    assert act("change-group", group=group.uid, name="应用组", at_once="") == 302
    assert act("rename-environment", environment=environment.uid, name="生产") == 302
    assert act("add-dependency", on=other.uid) == 302
    assert list(HostGroup.objects.values_list("environment__name", "name", "at_once")) == [("生产", "应用组", None)]
    assert list(Dependency.objects.values_list("system__code", "on__code")) == [("CS", "YL")]
    assert act("remove-dependency", on=other.uid) == 302
    assert act("drop-group", group=group.uid) == 302
    assert act("drop-environment", environment=environment.uid) == 302
    assert (Environment.objects.count(), HostGroup.objects.count(), Dependency.objects.count()) == (0, 0, 0)
    assert act("no-such-act") == 404


def test_what_was_typed_stays_when_the_layout_is_refused(cast: Cast, group: HostGroup):
    environment, client = group.environment, signed_in(cast.zheng)
    make_group(environment, name="数据库")
    place, before = f"/systems/{environment.system.uid}/change", every_row()
    said: list[tuple[dict[str, Any], str]] = [
        ({"act": "add-environment", "kind": "test", "name": "现网"}, "这个系统已有环境「现网」"),
        ({"act": "add-environment", "kind": "", "name": "甲"}, "环境的种类没有选"),
        ({"act": "rename-environment", "environment": environment.uid, "name": " "}, "环境名称没有填写。填好后再提交"),
        ({"act": "add-group", "environment": environment.uid, "name": "应用"}, "这个环境已有主机组「应用」"),
        ({"act": "change-group", "group": group.uid, "name": "数据库"}, "这个环境已有主机组「数据库」"),
        ({"act": "change-group", "group": group.uid, "name": "甲", "at_once": "x"}, "「x」应是 1 到 10000 的整数"),
        ({"act": "add-dependency", "on": environment.system.uid}, "系统不能依赖自己"),
        ({"act": "add-dependency", "on": ""}, "没有选依赖哪个系统"),
        ({"act": "drop-environment", "environment": environment.uid}, "「现网」里还有主机组，先删去空的组"),
    ]
    for entry, reason in said:
        page = client.post(place, entry)
        assert (page.status_code, reason in text_of(page)) == (409, True), entry
        assert not entry.get("name") or f'value="{entry["name"]}"' in page.content.decode(), entry
    assert every_row() == before


def test_limits_are_set_and_removed_on_their_page(cast: Cast):
    client = signed_in(cast.zheng)
    said = {"owner": "JZ", "kind": "site", "name": "主机房", "at_once": "3"}
    assert client.post("/systems/limits/set", said).status_code == 302
    assert "主机房 机房 江州社保中心 3 台" in text_of(client.get("/systems/limits/"))
    wrong = client.post("/systems/limits/set", said | {"at_once": "三"})
    assert (wrong.status_code, "同时最多「三」应是 1 到 10000 的整数" in text_of(wrong)) == (409, True)
    assert 'value="三"' in wrong.content.decode()
    assert client.post("/systems/limits/set", said | {"owner": "HN"}).status_code == 404
    assert client.post(f"/systems/limits/{Limit.objects.get().uid}/remove").status_code == 302
    assert Limit.objects.count() == 0
    assert "主机房" not in text_of(signed_in(cast.he).get("/systems/limits/"))
