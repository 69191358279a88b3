"""What may be written of a host."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.unchanged import Refusal, ruling
from weilu.systems.host_rules import USUAL, checked_address, checked_bound, checked_host

HOST = {"name": "数据库 一号机", "address": "192.0.2.1"}


def test_what_is_left_open_takes_its_usual_value():
    assert checked_host(HOST) == HOST | USUAL
    assert checked_host(HOST | dict.fromkeys(USUAL, "")) == HOST | USUAL
    assert checked_host(HOST | dict.fromkeys(USUAL)) == HOST | USUAL


def test_full_width_entry_and_loose_spaces_are_made_plain():
    given = {"name": " ＡＰＰ-０１　 东区 ", "address": "１９２.0.2.1", "port": "２２２２", "user": "ｄｅｐｌｏｙ"}
    kept = checked_host(given)
    assert {key: kept[key] for key in given} == {
        "name": "APP-01 东区", "address": "192.0.2.1", "port": 2222, "user": "deploy",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("App-01.JZ.example.", "app-01.jz.example"),
        ("db_1.internal", "db_1.internal"),
        ("localhost", "localhost"),
        ("2001:0db8::0001", "2001:db8::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("10.231.0.2", "10.231.0.2"),
    ],
)
def test_an_address_has_one_spelling(given, kept):
    assert ip_or_name(checked_address(given)) == ip_or_name(kept)


def ip_or_name(text: str) -> object:
    try:
        return ip_address(text)
    except ValueError:
        return text


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"name": ""}, "主机名没有填写。填好后再提交", "name"),
        ({"name": "主" * 101}, "主机名有 101 字，最多 100 字。删短后再提交", "name"),
        ({"name": "app\x0001"}, "主机名第 4 个字是不可见的控制字符。删去后再提交", "name"),
        ({"name": "app\n01"}, "主机名第 4 个字是不可见的控制字符。删去后再提交", "name"),
        ({"name": "app\u202e10"}, "主机名里有看不见的字符 U+202E。删去后再提交", "name"),
        ({"name": "app\u200b"}, "主机名里有看不见的字符 U+200B。删去后再提交", "name"),
        ({"address": ""}, "地址没有填写。填好后再提交", "address"),
        ({"address": "192.0.2"}, "「192.0.2」不是 IP 地址或域名", "address"),
        ({"address": "192.0.2.256"}, "「192.0.2.256」不是 IP 地址或域名", "address"),
        ({"address": "010.0.0.1"}, "「010.0.0.1」不是 IP 地址或域名", "address"),
        ({"address": "-oProxyCommand=x"}, "「-oproxycommand=x」不是 IP 地址或域名", "address"),
        ({"address": "root@app-01"}, "「root@app-01」不是 IP 地址或域名", "address"),
        ({"address": "app 01"}, "「app 01」不是 IP 地址或域名", "address"),
        ({"address": "应用一"}, "「应用一」不是 IP 地址或域名", "address"),
        ({"address": "{{ x }}"}, "「{{ x }}」不是 IP 地址或域名", "address"),
        ({"address": "a..b"}, "「a..b」不是 IP 地址或域名", "address"),
        ({"address": "a" * 64}, f"「{'a' * 64}」不是 IP 地址或域名", "address"),
        ({"address": "0.0.0.0"}, "0.0.0.0 不是一台主机的地址", "address"),
        ({"address": "::"}, ":: 不是一台主机的地址", "address"),
        ({"address": "224.0.0.1"}, "224.0.0.1 不是一台主机的地址", "address"),
        ({"address": "255.255.255.255"}, "255.255.255.255 不是一台主机的地址", "address"),
        ({"address": "fe80::1%eth0"}, "fe80::1%eth0 不是一台主机的地址", "address"),
        ({"port": 0}, "端口「0」应是 1 到 65535 的整数", "port"),
        ({"port": 65536}, "端口「65536」应是 1 到 65535 的整数", "port"),
        ({"port": True}, "端口「True」应是 1 到 65535 的整数", "port"),
        ({"port": "22; rm"}, "端口「22; rm」应是 1 到 65535 的整数", "port"),
        ({"port": "²²"}, "端口「²²」应是 1 到 65535 的整数", "port"),
        ({"user": "-l"}, "登录用户「-l」写得不对：字母、数字和 . _ -，最多 32 字", "user"),
        ({"user": "root\tx"}, "登录用户第 5 个字是不可见的控制字符。删去后再提交", "user"),
        ({"user": "a" * 33}, f"登录用户「{'a' * 33}」写得不对：字母、数字和 . _ -，最多 32 字", "user"),
        ({"site": "东" * 61}, "机房有 61 字，最多 60 字。删短后再提交", "site"),
        ({"zone": "内网\u2066"}, "网络区里有看不见的字符 U+2066。删去后再提交", "zone"),
        ({"pool": "a b"}, "工作机标签「a b」写得不对：字母、数字和 . _ -，最多 40 字", "pool"),
        ({"python": "python3"}, "「python3」应是 Python 的完整路径，如 /usr/bin/python3", "python"),
        ({"python": "/usr/../bin/sh"}, "「/usr/../bin/sh」应是 Python 的完整路径，如 /usr/bin/python3", "python"),
        ({"python": "/usr/bin/"}, "「/usr/bin/」应是 Python 的完整路径，如 /usr/bin/python3", "python"),
        ({"python": "/bin/env python"}, "「/bin/env python」应是 Python 的完整路径，如 /usr/bin/python3", "python"),
    ],
)  # fmt: skip
def test_what_is_typed_wrong_is_named_with_its_value(over, reason, field):
    assert ruling(lambda: checked_host(HOST | over)) == Refusal(reason, "", field)


@given(st.dictionaries(st.sampled_from(["name", "address", *USUAL]), st.text(max_size=80) | st.integers() | st.none()))
def test_anything_written_of_a_host_is_kept_in_one_form_or_refused_with_its_field(said):
    refused = ruling(lambda: checked_host(said))
    if refused:
        assert refused.field in ("name", "address", *USUAL)
        return
    kept = checked_host(said)
    assert checked_host(kept) == kept
    assert not kept["address"].startswith("-")


def test_a_bound_is_left_open_or_a_number():
    assert [checked_bound(given) for given in (None, "", "3", 10_000)] == [None, None, 3, 10_000]
    assert ruling(lambda: checked_bound("0")) == Refusal("同时最多「0」应是 1 到 10000 的整数", "", "at_once")
    assert ruling(lambda: checked_bound("many")) == Refusal("同时最多「many」应是 1 到 10000 的整数", "", "at_once")
