"""Hosts come, change and go, and each act is on record; their keys change only by an act of their own."""

from typing import Any

import pytest

from tests.cast import Cast, made_up_key, make_environment, make_group, make_host, system_of
from tests.execution.test_pages import make_run
from tests.support.unchanged import Refusal, refusal_of
from tests.systems.test_layout import told
from weilu.execution.models import RunHost
from weilu.kernel.refused import Stale
from weilu.systems.history import record
from weilu.systems.host_actions import change_host, pin_key, register_host, repin_key, retire_host
from weilu.systems.host_rules import USUAL
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host, HostGroup

NEW = {"name": "app-09", "address": "192.0.2.9"}
KEY, OTHER = made_up_key("app-09"), made_up_key("other")
HERE = {"system": "CS", "environment": "实验机", "group": "应用"}


@pytest.fixture
def group(cast: Cast) -> HostGroup:
    return make_group(make_environment(system_of(cast)))


def named(host: Host) -> dict[str, str]:
    return {"host": str(host.uid), "name": host.name} | HERE


@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "wu", "chen", "zhou", "sun", "he"])
def test_only_the_administrator_of_this_customer_keeps_hosts(cast: Cast, group: HostGroup, who: str):
    by, host, bare = getattr(cast, who), make_host(group), make_host(group, key="")
    refused, old = Refusal("系统档案由系统管理员维护"), fingerprint(host.key)
    assert refusal_of(lambda: register_host(by, group, **NEW)) == refused
    assert refusal_of(lambda: change_host(by, host, site="东")) == refused
    assert refusal_of(lambda: retire_host(by, host, reason="下线")) == refused
    assert refusal_of(lambda: pin_key(by, bare, key=KEY)) == refused
    assert refusal_of(lambda: repin_key(by, host, key=OTHER, old=old, reason="重装")) == refused


def test_a_host_is_registered_as_written_with_its_key_pinned_by_an_entry_of_its_own(cast: Cast, group: HostGroup):
    host = register_host(cast.zheng, group, **NEW, port="2222", become=True, site="主机房", key=f"{KEY} root@app-09")
    host.refresh_from_db()
    fields = USUAL | {"address": "192.0.2.9", "port": 2222, "become": True, "site": "主机房"}
    assert {name: getattr(host, name) for name in fields} == fields
    assert (host.name, host.key, host.owner, host.group, host.facts) == ("app-09", KEY, cast.jz, group, {})
    entries = [
        ("systems.host_registered", named(host) | {"fields": fields}),
        ("systems.key_pinned", named(host) | {"key": fingerprint(KEY)}),
    ]
    assert told() == entries
    assert list(host.events.order_by("id").values_list("kind", "data")) == entries
    assert set(host.events.values_list("actor", flat=True)) == {cast.zheng.actor}


def test_a_host_without_a_key_is_registered_unpinned(cast: Cast, group: HostGroup):
    assert register_host(cast.zheng, group, **NEW).key == ""
    assert [kind for kind, _data in told()] == ["systems.host_registered"]


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"name": "APP-01"}, "已有主机「APP-01」，换一个名称", "name"),
        ({"address": "192.0.2.1"}, "192.0.2.1 端口 22 已登记为「app-01」（测试系统）", "address"),
        ({"address": "::"}, ":: 不是一台主机的地址", "address"),
        ({"key": "ssh-ed25519 AAAA"}, "密钥不完整或写错了，把整行原样贴进来", "key"),
        ({"key": f"192.0.2.8 {KEY}"}, "这行密钥写的是 192.0.2.8，主机是 192.0.2.9。核对后只贴类型和密钥两段", "key"),
        ({"user": "root;id"}, "登录用户「root;id」写得不对：字母、数字和 . _ -，最多 32 字", "user"),
    ],
)
def test_a_host_that_is_typed_wrong_or_taken_is_not_registered(
    cast: Cast, group: HostGroup, over: dict[str, str], reason: str, field: str
):
    make_host(group)
    assert refusal_of(lambda: register_host(cast.zheng, group, **(NEW | over))) == Refusal(reason, "", field)


def test_another_port_is_another_host_and_another_customer_s_names_are_its_own(cast: Cast, group: HostGroup):
    first = make_host(group)
    register_host(cast.zheng, group, name="app-02", address=first.address, port=2222)
    theirs = make_group(make_environment(system_of(cast, "GJJ")))
    for row in (theirs.environment.system, theirs.environment, theirs):
        row.owner = cast.hn
        row.save()
    register_host(cast.he, theirs, name="app-01", address=first.address)
    assert sorted(Host.objects.values_list("owner__code", "name", "port")) == [
        ("HN", "app-01", 22), ("JZ", "app-01", 22), ("JZ", "app-02", 2222),
    ]  # fmt: skip


def test_a_change_says_old_and_new_and_leaves_the_key_alone(cast: Cast, group: HostGroup):
    host, other = make_host(group), make_group(group.environment, name="数据库")
    change_host(cast.zheng, host, group=other, address="192.0.2.77", become=True)
    host.refresh_from_db()
    assert (host.address, host.become, host.group, host.key) == ("192.0.2.77", True, other, made_up_key("app-01"))
    changed = {
        "address": ["192.0.2.1", "192.0.2.77"], "become": [False, True], "group": ["实验机 / 应用", "实验机 / 数据库"],
    }  # fmt: skip
    said = ("systems.host_changed", named(host) | {"group": "数据库", "changed": changed})
    assert told() == [said]
    assert list(host.events.values_list("kind", "data")) == [said]


def test_nothing_changed_is_nothing_on_record(cast: Cast, group: HostGroup):
    host = make_host(group)
    change_host(cast.zheng, host, group=group, name=" app-01 ", port="22")
    assert told() == []


def test_a_change_that_is_wrong_or_takes_another_host_s_place_is_refused(cast: Cast, group: HostGroup):
    host, other = make_host(group), make_host(group)
    elsewhere = make_group(make_environment(system_of(cast, "YL")))
    wrong: list[tuple[dict[str, Any], Refusal]] = [
        ({"name": other.name}, Refusal("已有主机「app-02」，换一个名称", "", "name")),
        ({"address": other.address}, Refusal("192.0.2.2 端口 22 已登记为「app-02」（测试系统）", "", "address")),
        ({"python": "python3"}, Refusal("「python3」应是 Python 的完整路径，如 /usr/bin/python3", "", "python")),
        ({"group": elsewhere}, Refusal("主机只在本系统内换组。换系统：停用后在那边重新登记", "", "group")),
    ]
    for over, refusal in wrong:
        assert refusal_of(lambda over=over: change_host(cast.zheng, host, **over)) == refusal  # type: ignore[misc]


def test_a_retired_host_leaves_its_name_and_takes_no_further_act(cast: Cast, group: HostGroup):
    host = make_host(group)
    assert refusal_of(lambda: retire_host(cast.zheng, host, reason="旧")) == Refusal(
        "原因太短，写几个字：为什么", "", "reason"
    )
    gone = retire_host(cast.zheng, host, reason="机柜改造，下线")
    assert gone.retired_at is not None
    assert told() == [("systems.host_retired", named(host) | {"reason": "机柜改造，下线"})]
    over = Refusal("「app-01」已停用，只能查看")
    assert refusal_of(lambda: change_host(cast.zheng, host, site="东")) == over
    assert refusal_of(lambda: retire_host(cast.zheng, host, reason="再次")) == over
    assert refusal_of(lambda: repin_key(cast.zheng, host, key=OTHER, old="", reason="重装")) == over
    again = register_host(cast.zheng, group, name=host.name, address=host.address)
    assert again.id != host.id


def test_a_host_that_a_live_run_holds_is_not_retired(cast: Cast):
    run = make_run(cast)
    host = make_host(make_group(make_environment(system_of(cast))))
    held = RunHost.objects.create(run=run, ordinal=1, host=host, name=host.name, entry={}, batch=1, holds=host)
    assert refusal_of(lambda: retire_host(cast.zheng, host, reason="下线")) == Refusal(
        f"现在不能停用：执行 {run.number}（等待执行）正占用它，等它结束"
    )
    RunHost.objects.filter(id=held.id).update(holds=None)
    assert retire_host(cast.zheng, host, reason="下线").retired_at is not None


@pytest.mark.parametrize(
    "over", [{"address": "192.0.2.77"}, {"port": 2222}, {"user": "ops"}, {"become": True}, {"python": "/usr/bin/py"}]
)
def test_a_host_that_a_live_run_holds_is_entered_as_before(cast: Cast, group: HostGroup, over: dict[str, Any]):
    run, host = make_run(cast), make_host(group)
    RunHost.objects.create(run=run, ordinal=1, host=host, name=host.name, entry={}, batch=1, holds=host)
    held = Refusal(f"现在不能换组或更改怎样登录：执行 {run.number}（等待执行）正占用它，等它结束")
    assert refusal_of(lambda: change_host(cast.zheng, host, site="东", **over)) == held


def test_a_host_that_a_live_run_holds_stays_in_its_group(cast: Cast, group: HostGroup):
    run, host, other = make_run(cast), make_host(group), make_group(group.environment, name="数据库")
    row = RunHost.objects.create(run=run, ordinal=1, host=host, name=host.name, entry={}, batch=1, holds=host)
    held = Refusal(f"现在不能换组或更改怎样登录：执行 {run.number}（等待执行）正占用它，等它结束")
    assert refusal_of(lambda: change_host(cast.zheng, host, group=other)) == held
    assert change_host(cast.zheng, host, site="东", zone="内网").site == "东"
    RunHost.objects.filter(id=row.id).update(holds=None)
    assert change_host(cast.zheng, host, group=other).group == other


def test_a_group_that_somebody_has_just_dropped_takes_no_host(cast: Cast, group: HostGroup):
    host, gone = make_host(group), make_group(group.environment, name="数据库")
    HostGroup.objects.filter(id=gone.id).delete()
    dropped = Refusal("「数据库」已被别人删去")
    assert refusal_of(lambda: register_host(cast.zheng, gone, **NEW)) == dropped
    assert refusal_of(lambda: change_host(cast.zheng, host, group=gone)) == dropped


def test_the_first_key_is_pinned_and_no_second_one_by_the_same_act(cast: Cast, group: HostGroup):
    host = make_host(group, key="")
    pin_key(cast.zheng, host, key=f"192.0.2.1 {KEY}")
    host.refresh_from_db()
    assert host.key == KEY
    assert told() == [("systems.key_pinned", named(host) | {"key": fingerprint(KEY)})]
    assert refusal_of(lambda: pin_key(cast.zheng, host, key=OTHER)) == Refusal(
        "这台主机已固定另一把密钥。核实后用「更换密钥」，并写明原因", "", "key"
    )
    assert refusal_of(lambda: pin_key(cast.zheng, host, key=KEY)) == Refusal(
        "已固定的就是这把密钥，没有变化", "", "key"
    )


def test_another_key_takes_its_place_with_old_and_new_fingerprint_and_the_reason(cast: Cast, group: HostGroup):
    host = make_host(group)
    old = fingerprint(host.key)
    repin_key(cast.zheng, host, key=OTHER, old=old, reason="主机重装，已当面核对")
    host.refresh_from_db()
    assert host.key == OTHER
    data = {"old": old, "new": fingerprint(OTHER), "reason": "主机重装，已当面核对"}
    assert told() == [("systems.key_repinned", named(host) | data)]


def test_a_key_is_not_changed_without_a_reason_by_a_token_or_unseen(cast: Cast, group: HostGroup):
    host, bare = make_host(group), make_host(group, key="")
    old = fingerprint(host.key)

    def changing(on: Host = host, **over: str) -> Refusal:
        said = {"key": OTHER, "old": old, "reason": "主机重装"} | over
        return refusal_of(lambda: repin_key(cast.zheng, on, **said))

    assert changing(reason="") == Refusal("原因没有填写。填好后再提交", "", "reason")
    assert changing(key=host.key) == Refusal("已固定的就是这把密钥，没有变化", "", "key")
    assert changing(bare, old="") == Refusal("这台主机还没有固定密钥，先固定", "", "key")
    assert changing(old="") == Refusal("现在固定的密钥不是您看到的那把，核对后再办", "", "key")
    with pytest.raises(Stale):
        repin_key(cast.zheng, host, key=OTHER, old=fingerprint(KEY), reason="主机重装")
    cast.zheng.limited_to = frozenset({"systems.manage"})
    del cast.zheng.rights_by_owner
    assert changing() == Refusal("更换主机密钥由人在页面上办，访问令牌不行")


def test_rooms_above_write_into_a_host_s_history(cast: Cast, group: HostGroup):
    from django.db import transaction

    host = make_host(group)
    with transaction.atomic():
        record("systems.host_changed", host, cast.zheng, {"changed": {}})
    assert list(host.events.values_list("kind", flat=True)) == ["systems.host_changed"]
