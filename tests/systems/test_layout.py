"""What stands around hosts: environments, groups, dependencies and limits."""

from typing import Any

import pytest

from tests.cast import Cast, make_environment, make_group, make_host, system_of
from tests.support.unchanged import Refusal, refusal_of
from weilu.evidence.models import Staged
from weilu.systems.layout_actions import (
    add_dependency,
    add_environment,
    add_group,
    change_group,
    drop_environment,
    drop_group,
    remove_dependency,
    remove_limit,
    rename_environment,
    set_limit,
)
from weilu.systems.models import Dependency, Environment, HostGroup, Limit, System


def told() -> list[tuple[str, Any]]:
    """What the acts of a test put on evidence."""
    said = [(one.kind, one.said) for one in Staged.objects.filter(kind__startswith="systems.").order_by("id")]
    assert {(one["actor"], one["org"]) for _kind, one in said} <= {("郑洁 <zhengjie@JZ>", "JZ")}
    return [(kind, one["data"]) for kind, one in said]


@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "wu", "chen", "zhou", "sun", "he"])
def test_only_the_administrator_of_this_customer_lays_out_a_system(cast: Cast, who: str):
    by, system, other = getattr(cast, who), system_of(cast), system_of(cast, "YL")
    environment = make_environment(system)
    group = make_group(environment)
    limit = Limit.objects.create(owner=cast.jz, kind="site", name="主机房", at_once=1)
    Dependency.objects.create(system=other, on=system)
    refused = Refusal("系统档案由系统管理员维护")
    assert refusal_of(lambda: add_environment(by, system, kind="test", name="甲")) == refused
    assert refusal_of(lambda: rename_environment(by, environment, name="甲")) == refused
    assert refusal_of(lambda: drop_environment(by, environment)) == refused
    assert refusal_of(lambda: add_group(by, environment, name="甲")) == refused
    assert refusal_of(lambda: change_group(by, group, name="甲")) == refused
    assert refusal_of(lambda: drop_group(by, group)) == refused
    assert refusal_of(lambda: add_dependency(by, system, on=other)) == refused
    assert refusal_of(lambda: remove_dependency(by, other, on=system)) == refused
    assert refusal_of(lambda: set_limit(by, cast.jz, kind="site", name="甲", at_once=1)) == refused
    assert refusal_of(lambda: remove_limit(by, limit)) == refused


def test_an_environment_is_added_renamed_and_dropped_and_each_is_on_record(cast: Cast):
    system = system_of(cast)
    made = add_environment(cast.zheng, system, kind="production", name=" 现网 ")
    rename_environment(cast.zheng, made, name="现网　甲")
    rename_environment(cast.zheng, made, name="现网 甲")
    assert list(system.environments.values_list("kind", "name", "owner")) == [("production", "现网 甲", cast.jz.id)]
    drop_environment(cast.zheng, made)
    assert list(system.environments.all()) == []
    assert told() == [
        ("systems.environment_added", {"system": "CS", "environment": "现网", "kind": "production"}),
        ("systems.environment_renamed", {"system": "CS", "environment": "现网 甲", "before": "现网"}),
        ("systems.environment_dropped", {"system": "CS", "environment": "现网 甲"}),
    ]


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"kind": "prod"}, "环境的种类没有选", "kind"),
        ({"kind": ""}, "环境的种类没有选", "kind"),
        ({"name": ""}, "环境名称没有填写。填好后再提交", "name"),
        ({"name": "实验机"}, "这个系统已有环境「实验机」", "name"),
        ({"name": "实验\u200b机"}, "环境名称里有看不见的字符 U+200B。删去后再提交", "name"),
        ({"name": "机" * 61}, "环境名称有 61 字，最多 60 字。删短后再提交", "name"),
    ],
)
def test_an_environment_that_is_typed_wrong_is_not_added(cast: Cast, over: dict[str, str], reason: str, field: str):
    system = system_of(cast)
    make_environment(system)
    said = {"kind": "test", "name": "又一台"} | over
    assert refusal_of(lambda: add_environment(cast.zheng, system, **said)) == Refusal(reason, "", field)


def test_the_same_name_may_stand_in_another_system(cast: Cast):
    make_environment(system_of(cast))
    assert add_environment(cast.zheng, system_of(cast, "YL"), kind="test", name="实验机").name == "实验机"


def test_an_environment_takes_no_name_that_is_another_s(cast: Cast):
    first = make_environment(system_of(cast))
    second = make_environment(first.system, kind="production")
    taken = Refusal("这个系统已有环境「实验机」", "", "name")
    assert refusal_of(lambda: rename_environment(cast.zheng, second, name="实验机")) == taken


def test_a_group_is_added_changed_and_dropped_and_each_is_on_record(cast: Cast):
    environment = make_environment(system_of(cast))
    made = add_group(cast.zheng, environment, name="应用", at_once="2")
    change_group(cast.zheng, made, name="应用组", at_once=None)
    change_group(cast.zheng, made, name="应用组", at_once="")
    assert list(environment.groups.values_list("name", "at_once", "owner")) == [("应用组", None, cast.jz.id)]
    drop_group(cast.zheng, made)
    assert list(environment.groups.all()) == []
    place = {"system": "CS", "environment": "实验机"}
    before, after = {"name": "应用", "at_once": 2}, {"name": "应用组", "at_once": None}
    assert told() == [
        ("systems.group_added", place | {"group": "应用", "at_once": 2}),
        ("systems.group_changed", place | {"group": "应用组", "before": before, "after": after}),
        ("systems.group_dropped", place | {"group": "应用组"}),
    ]


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"name": " "}, "主机组名称没有填写。填好后再提交", "name"),
        ({"name": "web"}, "这个环境已有主机组「web」", "name"),
        ({"at_once": "-1"}, "同时最多「-1」应是 1 到 10000 的整数", "at_once"),
        ({"at_once": "0"}, "同时最多「0」应是 1 到 10000 的整数", "at_once"),
        ({"at_once": "99999"}, "同时最多「99999」应是 1 到 10000 的整数", "at_once"),
    ],
)
def test_a_group_that_is_typed_wrong_is_neither_added_nor_changed(
    cast: Cast, over: dict[str, str], reason: str, field: str
):
    environment = make_environment(system_of(cast))
    make_group(environment, name="WEB")
    other = make_group(environment, name="数据库", at_once=1)
    said: dict[str, Any] = {"name": "缓存", "at_once": "2"} | over
    assert refusal_of(lambda: add_group(cast.zheng, environment, **said)) == Refusal(reason, "", field)
    assert refusal_of(lambda: change_group(cast.zheng, other, **said)) == Refusal(reason, "", field)


def test_what_hosts_stand_or_stood_in_is_not_dropped(cast: Cast):
    group = make_group(make_environment(system_of(cast)))
    host = make_host(group)
    kept = Refusal("「应用」里有主机或停用的主机，不能删去")
    assert refusal_of(lambda: drop_group(cast.zheng, group)) == kept
    host.retired_at = group.environment.system.owner.people.get(username="zhengjie").holdings.get().since
    host.save()
    assert refusal_of(lambda: drop_group(cast.zheng, group)) == kept
    assert refusal_of(lambda: drop_environment(cast.zheng, group.environment)) == Refusal(
        "「实验机」里还有主机组，先删去空的组"
    )


def test_what_somebody_has_just_dropped_is_told(cast: Cast):
    environment = make_environment(system_of(cast))
    group = make_group(environment)
    HostGroup.objects.all().delete()
    Environment.objects.all().delete()
    for gone in (lambda: change_group(cast.zheng, group, name="甲"), lambda: drop_group(cast.zheng, group)):
        assert refusal_of(gone) == Refusal("「应用」已被别人删去")
    for gone in (
        lambda: add_group(cast.zheng, environment, name="甲"),
        lambda: rename_environment(cast.zheng, environment, name="甲"),
        lambda: drop_environment(cast.zheng, environment),
    ):
        assert refusal_of(gone) == Refusal("「实验机」已被别人删去")


def test_systems_may_need_each_other_but_none_itself(cast: Cast):
    one, other = system_of(cast), system_of(cast, "YL")
    add_dependency(cast.zheng, one, on=other)
    add_dependency(cast.zheng, other, on=one)
    assert set(Dependency.objects.values_list("system__code", "on__code")) == {("CS", "YL"), ("YL", "CS")}
    assert refusal_of(lambda: add_dependency(cast.zheng, one, on=other)) == Refusal("已登记依赖「测试系统」", "", "on")
    assert refusal_of(lambda: add_dependency(cast.zheng, one, on=one)) == Refusal("系统不能依赖自己", "", "on")
    remove_dependency(cast.zheng, other, on=one)
    assert refusal_of(lambda: remove_dependency(cast.zheng, other, on=one)) == Refusal(
        "没有登记依赖「测试系统」", "", "on"
    )
    assert told() == [
        ("systems.dependency_added", {"system": "CS", "on": "YL"}),
        ("systems.dependency_added", {"system": "YL", "on": "CS"}),
        ("systems.dependency_removed", {"system": "YL", "on": "CS"}),
    ]


def test_a_system_depends_on_none_of_another_customer(cast: Cast):
    one = system_of(cast)
    other = System.objects.create(owner=cast.hn, code="GJJ", name="公积金")
    assert refusal_of(lambda: add_dependency(cast.zheng, one, on=other)) == Refusal("依赖的系统不是本单位的", "", "on")


def test_a_limit_is_set_changed_and_removed_and_each_is_on_record(cast: Cast):
    set_limit(cast.zheng, cast.jz, kind="site", name="主机房", at_once=2)
    set_limit(cast.zheng, cast.jz, kind="zone", name="主机房", at_once="9")
    set_limit(cast.zheng, cast.jz, kind="site", name=" 主机房", at_once="3")
    limit = set_limit(cast.zheng, cast.jz, kind="site", name="主机房", at_once="3")
    assert list(Limit.objects.order_by("id").values_list("kind", "name", "at_once")) == [
        ("site", "主机房", 3), ("zone", "主机房", 9),
    ]  # fmt: skip
    remove_limit(cast.zheng, limit)
    assert refusal_of(lambda: remove_limit(cast.zheng, limit)) == Refusal("这条限额已被别人取消")
    place = {"kind": "site", "name": "主机房"}
    assert told() == [
        ("systems.limit_set", place | {"at_once": 2, "before": None}),
        ("systems.limit_set", {"kind": "zone", "name": "主机房", "at_once": 9, "before": None}),
        ("systems.limit_set", place | {"at_once": 3, "before": 2}),
        ("systems.limit_removed", place | {"before": 3}),
    ]


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"kind": "rack"}, "限额按机房还是网络区，没有选", "kind"),
        ({"name": ""}, "名称没有填写。填好后再提交", "name"),
        ({"at_once": ""}, "同时最多没有填写。填好后再提交", "at_once"),
        ({"at_once": None}, "同时最多没有填写。填好后再提交", "at_once"),
        ({"at_once": "0"}, "同时最多「0」应是 1 到 10000 的整数", "at_once"),
    ],
)
def test_a_limit_that_is_typed_wrong_is_not_set(cast: Cast, over: dict[str, Any], reason: str, field: str):
    said: dict[str, Any] = {"kind": "site", "name": "主机房", "at_once": "2"} | over
    assert refusal_of(lambda: set_limit(cast.zheng, cast.jz, **said)) == Refusal(reason, "", field)
