"""The builders of hosts that tests and the demo share."""

from tests.cast import made_up_key, make_environment, make_group, make_host, system_of
from weilu.demo import register_hosts
from weilu.systems.host_queries import tree_of


def test_a_host_stands_in_a_group_of_an_environment_and_its_key_is_its_own(cast):
    group = make_group(make_environment(system_of(cast)), at_once=2)
    first, second, third = make_host(group), make_host(group, name="数据库 一", key=""), make_host(group, port=2222)
    assert [one.name for one in group.hosts.order_by("id")] == ["app-01", "数据库 一", "app-03"]
    assert [first.key, second.key, third.key] == [made_up_key("app-01"), "", made_up_key("app-03")]
    assert [(one.address, one.port) for one in (first, second, third)] == [
        ("192.0.2.1", 22), ("192.0.2.2", 22), ("192.0.2.3", 2222),
    ]  # fmt: skip
    assert (group.environment.name, group.environment.kind, group.at_once) == ("实验机", "test", 2)


def test_the_demo_s_administrator_has_machines_on_record(cast):
    system = system_of(cast)
    register_hosts(cast.zheng, system)
    tree = {
        lines.environment.name: {one.group.name: [host.name for host in one.hosts] for one in lines.groups}
        for lines in tree_of(system)
    }
    assert tree == {
        "实验机": {"应用": ["lab-01"]},
        "现网": {"应用": ["yy-app-01", "yy-app-02", "受理大厅 叫号机"], "数据库": ["yy-db-01", "yy-db-02"]},
    }
