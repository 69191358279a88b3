"""Inventories of Ansible are read as data: the same hosts that Ansible finds, and nothing that runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.unchanged import Refusal, ruling
from weilu.systems.importing.files import LARGEST_TEXT, read_file
from weilu.systems.importing.inventory import DEEPEST, _depths
from weilu.systems.importing.reading import MOST_KEPT, MOST_TOLD, Reading, Remark, Row, from_data

INI = """\
# 江州
lone ansible_host=192.0.2.50

[web]
web[01:03].example ansible_user=deploy http_port=80  # 前台
web09:2222
[2001:db8::5]:2022

[db]
db-[a:b] ansible_port=23 ansible_host="192.0.2.7"

[prod:children]
web
db # 数据库

[prod:vars]
ansible_become=true
weilu_site = "东 机房"  # 备注
weilu_zone = 内网
ansible_user=ops
ansible_python_interpreter=auto

[db:vars]
ansible_python_interpreter=/opt/python/bin/python3

[all:vars]
ansible_user=root
ansible_connection=ssh
weilu_zone=外网
"""
YAML = """\
all:
  vars: {ansible_user: root, ansible_connection: ssh, weilu_zone: 外网}
  hosts:
    lone: {ansible_host: 192.0.2.50}
  children:
    prod:
      vars: {ansible_become: yes, weilu_site: 东 机房, weilu_zone: 内网, ansible_user: ops}
      children:
        web:
          hosts:
            web[01:03].example: {ansible_user: deploy, http_port: 80}
            web09: {ansible_port: 2222}
            叫号机 一: {ansible_host: 192.0.2.60}
        db:
          vars:
            ansible_python_interpreter: /opt/python/bin/python3
          hosts:
            db-[a:b]:
              ansible_port: 23
              ansible_host: 192.0.2.7
    empty:
"""


def ini(text: str, *prefer: str) -> Reading:
    return read_file("hosts", text.encode(), prefer)[1]


def yml(text: str, *prefer: str) -> Reading:
    return read_file("hosts.yml", text.encode(), prefer)[1]


def in_full(reading: Reading) -> dict[str, tuple[list[str], dict[str, str]]]:
    assert reading.faults == []
    return {row.name: (row.groups, row.fields) for row in reading.rows}


SHARED = {"become": "true", "site": "东 机房", "zone": "内网"}
WEB, DB = SHARED | {"user": "deploy"}, SHARED | {"user": "ops", "port": "23", "address": "192.0.2.7"}
HOSTS = {
    "lone": ([], {"user": "root", "zone": "外网", "address": "192.0.2.50"}),
    **{f"web0{n}.example": (["web"], WEB) for n in (1, 2, 3)},
    "web09": (["web"], SHARED | {"user": "ops", "port": "2222"}),
    **{f"db-{n}": (["db"], DB | {"python": "/opt/python/bin/python3"}) for n in "ab"},
}


def test_an_ini_inventory_gives_each_host_what_its_groups_and_its_line_say():
    found = ini(INI)
    address = {"2001:db8::5": (["web"], SHARED | {"user": "ops", "port": "2022"})}
    assert in_full(found) == HOSTS | address
    assert found.left == [Remark(5, "没有带入变量「http_port」")]
    assert {row.name: row.line for row in found.rows}["db-b"] == 10


def test_a_yaml_inventory_gives_the_same():
    found = yml(YAML)
    told = in_full(found)
    extra = told.pop("叫号机 一")
    yes = {
        name: (groups, fields | ({"become": "yes"} if "become" in fields else {}))
        for name, (groups, fields) in HOSTS.items()
    }
    assert told == yes
    assert extra == (["web"], SHARED | {"become": "yes", "user": "ops", "address": "192.0.2.60"})
    assert (yml(YAML).rows[0].line, found.left[0]) == (4, Remark(11, "没有带入变量「http_port」"))


@pytest.mark.once
@pytest.mark.parametrize(("name", "text"), [("hosts.ini", INI), ("hosts.yml", YAML)])
def test_ansible_itself_reads_the_same_hosts_and_variables(name: str, text: str, tmp_path: Path):
    (tmp_path / name).write_text(text)
    program = Path(sys.executable).with_name("ansible-inventory")
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    told = subprocess.run(
        [program, "-i", tmp_path / name, "--list"], capture_output=True, text=True, check=True, env=env
    )
    variables = json.loads(told.stdout)["_meta"]["hostvars"]
    named = {"ansible_host": "address", "ansible_user": "user", "ansible_port": "port", "weilu_zone": "zone"}
    theirs = {
        host: {ours: str(said[name]) for name, ours in named.items() if name in said}
        for host, said in variables.items()
    }
    found = read_file(name, text.encode())[1]
    ours = {row.name: {key: row.fields[key] for key in named.values() if key in row.fields} for row in found.rows}
    assert ours == theirs


def test_the_nearest_group_says_last_and_groups_of_one_level_by_name():
    said = {"b": "of_b", "a": "of_a", "c": "of_c"}
    text = "[b]\nx\n[a]\nx\n[c:children]\na\n"
    text += "".join(f"[{group}:vars]\nansible_user={user}\n" for group, user in said.items())
    assert in_full(ini(text)) == {"x": (["b", "a"], {"user": "of_a"})}


def test_a_host_in_several_groups_stands_in_the_one_that_is_preferred():
    text = "[web]\nx\n[beijing]\nx\ny\n"
    assert [row.groups for row in ini(text).rows] == [["web", "beijing"], ["beijing"]]
    assert [row.groups for row in ini(text, "nowhere", "web").rows] == [["web"], ["beijing"]]


def test_what_was_read_is_kept_and_read_back():
    found = Reading([Row(3, "a", ["g"], {"user": "x"})], [Remark(1, "甲")] * 2, [Remark(9, "丁")])
    assert from_data(found.as_data()) == Reading(found.rows, [Remark(1, "甲")], found.left)
    many = Reading([], [Remark(n, "甲") for n in range(60)], [])
    assert from_data(many.as_data()).faults[-1] == Remark(0, "还有 10 条同类问题没有列出")


# What may not be there


def faults(reading: Reading) -> list[tuple[int, str]]:
    return [(one.line, one.words) for one in reading.faults]


SECRET = "像是密码或私钥。放进保险库，从文件里删去"
OTHERWISE = "会改变怎样连接或执行什么，不能带入。删去它"
VAULT = "是 Ansible Vault 密文。密码和密钥放进保险库"
ONLY_SSH = "「ansible_connection」只能是 ssh、smart，现在是"
TEMPLATED = "「ansible_host」里有模板。写成固定的值"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a ansible_host={{x}}", (1, TEMPLATED)),
        ("a ansible_host='{{ lookup(\"pipe\", \"id\") }}'", (1, TEMPLATED)),
        ("a ansible_host={%if%}", (1, TEMPLATED)),
        ("[g:vars]\nfree='x {{ y }}'", (2, "「free」里有模板。写成固定的值")),
        ("a ansible_connection=local", (1, ONLY_SSH + "「local」")),
        ("[all:vars]\nansible_connection=docker", (2, ONLY_SSH + "「docker」")),
        ("a ansible_become_method=su", (1, "「ansible_become_method」只能是 sudo，现在是「su」")),
        ("a ansible_become_user=oracle", (1, "「ansible_become_user」只能是 root，现在是「oracle」")),
        ("a ansible_ssh_pass=x", (1, "「ansible_ssh_pass」" + SECRET)),
        ("a ansible_become_password=x", (1, "「ansible_become_password」" + SECRET)),
        ("a mysql_root_password=x", (1, "「mysql_root_password」" + SECRET)),
        ("[all:vars]\nk=-----BEGIN OPENSSH PRIVATE KEY-----", (2, "「k」" + SECRET)),
        ("a ansible_ssh_common_args='-o ProxyCommand=id'", (1, "「ansible_ssh_common_args」" + OTHERWISE)),
        ("a ansible_ssh_executable=/tmp/x", (1, "「ansible_ssh_executable」" + OTHERWISE)),
        ("a ansible_shell_type=csh", (1, "「ansible_shell_type」" + OTHERWISE)),
        ("a ansible_perl_interpreter=/x", (1, "「ansible_perl_interpreter」" + OTHERWISE)),
        ("[g:vars]\nx=$ANSIBLE_VAULT;1.1;AES256", (2, "「x=$ANSIBLE_VAULT;1.1」" + VAULT)),
        ("a x", (1, "「x」应写成 名称=值")),
        ("a 'x", (1, "引号没有成对")),
        ("=a", (1, "「=a」不是主机名")),
        ("-oProxyCommand=id", (1, "「-oProxyCommand=id」不是主机名")),
        ("@file", (1, "「@file」不是主机名")),
        ("[g:vars]\nx", (2, "「x」应写成 名称=值")),
        ("[g:hooks]\nx=1", (1, "不认识的段 [g:hooks]")),
        ("[g]\na[1:", (2, "「a[1:」的范围写得不对")),
        ("[g]\na[3:1]", (2, "「a[3:1]」的范围写得不对")),
        ("a&b", (1, "主机名「a&b」写得不对")),
        ("[a:children]\nb\n[b:children]\na", (2, "主机组「b」套成了圈，或套得太深")),
        ("[a:children]\na", (1, "主机组「a」套成了圈，或套得太深")),
        ("[g]\na[1:9]" + "x" * 300, (2, f"「a[1:9]{'x' * 34}」太长")),
        (f"[{'g' * 9000}]\na[1:900]", (1, f"「{'g' * 40}」太长")),
        ("[g]\n" + "x" * 301, (2, f"「{'x' * 40}」太长")),
        (f"a ansible_host={'x' * 201}", (1, "「ansible_host」太长")),
        (f"[g:vars]\nweilu_site={'x' * 201}", (2, "「weilu_site」太长")),
        (f"a weilu_key={'x' * 1201}", (1, "「weilu_key」太长")),
    ],
)  # fmt: skip
def test_what_would_run_decide_or_connect_otherwise_is_told_with_its_line(text: str, fault: tuple[int, str]):
    assert fault in faults(ini(text))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("all:\n  hosts:\n    a: {ansible_host: '{{ x }}'}", (3, TEMPLATED)),
        ("all:\n  vars:\n    free: [1, {x: '{{ y }}'}]", (3, "「free」里有模板。写成固定的值")),
        ("all:\n  vars:\n    x: !vault |\n      $ANSIBLE_VAULT;1.1", (3, "有" + VAULT.removeprefix("是"))),
        ("all:\n  vars:\n    x: |\n      $ANSIBLE_VAULT;1.1", (3, "「x」" + VAULT)),
        ("all:\n  vars: {x: !unsafe '{{'}", (2, "不能用标记 !unsafe")),
        ("all: !!python/object/apply:os.system [id]", (1, "不能用标记 tag:yaml.org,2002:python/object/apply:os")),
        ("all:\n  vars: &a {x: 1}\n  hosts: *a", (2, "不能用 & 和 * 代替内容，写全它")),
        ("plugin: amazon.aws.aws_ec2\nregions: []", (1, "这是清单插件的设置，不是主机清单")),
        ('{"_meta": {"hostvars": {}}}', (1, "这是动态清单的输出，不是主机清单")),
        ("all:\n  hosts: a", (2, "这里应是 名称: 内容")),
        ("all:\n  hosts: [a]", (2, "这里应是 名称: 内容")),
        ("all:\n  host: {a: }", (2, "「host」不是 hosts、vars 或 children")),
        ("all:\n  hosts:\n    a:\n    a:", (4, "「a」写了两次")),
        ("all:\n  hosts: {? [x] : }", (2, "这里应是 名称: 内容")),
        ("all:\n  hosts:\n    a: {ansible_connection: local}", (3, ONLY_SSH + "「local」")),
        ("- a", (1, "应以主机组开头，例如 all:")),
        ("all: [", (1, "不是有效的 YAML")),
        ("a: 1\n---\nb: 2", (2, "不是有效的 YAML")),
        ("all:\n\thosts:", (2, "不是有效的 YAML")),
        ("{" * 70, (1, "一层套一层太深")),
        ("a:\n  children:\n    b:\n      children:\n        a:", (3, "主机组「b」套成了圈，或套得太深")),
    ],
)  # fmt: skip
def test_the_same_in_yaml(text: str, fault: tuple[int, str]):
    assert fault in faults(yml(text))


def test_of_a_ring_every_group_is_told():
    words = "主机组「%s」套成了圈，或套得太深"
    assert faults(yml("a:\n  children:\n    b:\n      children:\n        a:")) == [(1, words % "a"), (3, words % "b")]


CHAINS = st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh"), max_size=3))


@given(CHAINS)
def test_a_group_stands_below_the_longest_chain_over_it(parents: dict[str, set[str]]):
    over = {name: sorted(parents.get(name, ())) for name in "abcdefgh"}

    def depth(name: str) -> int:
        level, count = {name}, 0
        while level and count <= DEEPEST:
            level, count = {one for each in level for one in over[each]}, count + 1
        return count

    assert _depths(over) == {name: depth(name) for name in over}


def test_groups_stand_in_one_another_as_deep_as_anybody_has_them():
    chain = "".join(f"[g{n:02}:children]\ng{n + 1:02}\n" for n in range(DEEPEST - 1))
    text = chain + f"[g{DEEPEST - 1:02}]\na\n"
    assert in_full(ini(text)) == {"a": ([f"g{DEEPEST - 1:02}"], {})}
    deeper = text.replace("g0", "h0").replace("[h00", "[top:children]\nh00\n[h00")
    assert faults(ini(deeper)) == [(DEEPEST * 2, f"主机组「g{DEEPEST - 1:02}」套成了圈，或套得太深")]


# What would take too much


def test_what_is_not_taken_over_is_carried_to_no_host_however_long_it_is():
    text = "[g]\na[1:1000]\n[g:vars]\nansible_user=u\n" + "".join(f"v{n}={'x' * 9000}\n" for n in range(20))
    found = ini(text)
    assert {tuple(row.fields.items()) for row in found.rows} == {(("user", "u"),)}
    assert (len(found.rows), found.left) == (1000, [Remark(n + 5, f"没有带入变量「v{n}」") for n in range(20)])


def test_a_name_of_a_group_too_long_is_carried_to_no_host():
    found = ini(f"[{'g' * 9000}]\na[1:900]")
    assert {tuple(row.groups) for row in found.rows} == {("g" * 300,)}


def test_the_longest_that_a_host_may_say_is_read():
    key, long = "k" * 1200, "x" * 200
    assert in_full(ini(f"a ansible_host={long} weilu_key={key}")) == {"a": ([], {"address": long, "key": key})}


def test_a_file_of_mistakes_is_told_by_its_first_ones():
    found = ini("".join(f"a{n % 9} x\n" for n in range(MOST_KEPT + 500)))
    kept = from_data(found.as_data()).faults
    assert len(found.faults) == MOST_KEPT + 1
    assert (len(kept), kept[0], kept[-1]) == (
        MOST_TOLD + 1, Remark(1, "「x」应写成 名称=值"), Remark(0, "还有很多同类问题没有列出"),
    )  # fmt: skip


WHOLE_VAULT = "整个文件是 Ansible Vault 密文。去掉密码和密钥后，把明文清单传上来"
TOO_MANY = "一次最多导入 1,000 台。分成几个文件再传"
NAMES = "".join(f"g{n}\n" for n in range(60))
EVERYTHING_IN_EVERYTHING = "".join(f"[g{n}:children]\n{NAMES}" for n in range(60))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("hosts", b"", "没有选文件，或文件是空的"),
        ("hosts", b"# nothing\n", "文件里没有主机"),
        ("hosts.yml", b"all:\n", "文件里没有主机"),
        ("hosts", b"#!/bin/sh\necho '{}'\n", "这是程序，不是主机清单。维录不运行动态清单，导出成静态清单再传"),
        ("ec2.py", b"print(1)", "这是程序，不是主机清单。维录不运行动态清单，导出成静态清单再传"),
        ("hosts", b"\x7fELF\x02", "这是程序，不是主机清单。维录不运行动态清单，导出成静态清单再传"),
        ("hosts", b"$ANSIBLE_VAULT;1.1;AES256\n6162", WHOLE_VAULT),
        ("hosts", "甲".encode("gbk"), "文件不是 UTF-8 编码。另存为 UTF-8 再传"),
        ("hosts", b"a\0b", "这不是文本文件"),
        ("hosts", b"a" * (LARGEST_TEXT + 1), "文件超过 1 MB"),
        ("hosts", b"[g]\nn[0:600]\nm[0:600]", TOO_MANY),
        ("hosts", b"[g]\na[0:99999999]", TOO_MANY),
        ("hosts", "".join(f"[g{n}]\nn[0:900]\n" for n in range(40)).encode(), TOO_MANY),
        ("hosts", "".join(f"[g{n}]\n" for n in range(400)).encode(), "主机组超过 300 个。分成几个文件再传"),
        ("hosts", EVERYTHING_IN_EVERYTHING.encode(), "主机组之间的从属关系超过 3,000 条。分成几个文件再传"),
        ("hosts", "".join(f"a&{n}[1:1000]\n" for n in range(21)).encode(), TOO_MANY),
    ],
)  # fmt: skip
def test_what_is_no_list_of_hosts_is_refused_as_a_whole(name: str, data: bytes, reason: str):
    assert ruling(lambda: read_file(name, data)) == Refusal(reason, "", "file")


def test_windows_lines_and_a_mark_at_the_beginning_are_no_matter():
    assert in_full(read_file("hosts", b"\xef\xbb\xbf[g]\r\na ansible_user=x\r\n")[1]) == {"a": (["g"], {"user": "x"})}


TEXTS = st.text("[]:=#; \n\tab01{}!*&|>-'\"ansible_hostvarschildren主", max_size=200)


@given(TEXTS, st.sampled_from(["hosts", "hosts.yml"]))
def test_any_text_is_rows_faults_or_a_refusal(text: str, name: str):
    refused = ruling(lambda: read_file(name, text.encode()))
    if refused:
        assert refused.field == "file"
        return
    found = read_file(name, text.encode())[1]
    assert all(1 <= one.line <= text.count("\n") + 1 for one in (*found.rows, *found.faults))
