"""The register of systems: who keeps it, and what is typed wrong."""

import pytest

from tests.cast import make_installation, system_of
from tests.support.unchanged import Refusal, refusal_of
from weilu.systems.actions import name_users, register_installation, register_system
from weilu.systems.models import Installation, System

NEW = {"code": "XT", "name": "新系统", "importance": "normal"}
PLACE = {
    "name": "jzdesk", "host": "app-01", "root": "/srv/app", "url": "http://127.0.0.1:8310", "channel": "/srv/channel",
    "keyring": "/srv/keyring.gpg", "version": "1.0.0",
}  # fmt: skip


@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "wu", "chen", "zhou", "sun", "he"])
def test_only_the_administrator_of_this_customer_keeps_the_register(cast, who):
    by, system = getattr(cast, who), system_of(cast)
    assert refusal_of(lambda: register_system(by, cast.jz, **NEW)) == Refusal("系统档案由系统管理员维护")
    assert refusal_of(lambda: register_installation(by, system, **PLACE)) == Refusal("系统档案由系统管理员维护")
    assert refusal_of(lambda: name_users(by, system, [])) == Refusal("系统档案由系统管理员维护")


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"code": "CS"}, "代号 CS 已被使用，换一个", "code"),
        ({"code": "ＣＳ"}, "代号 CS 已被使用，换一个", "code"),
        ({"code": ""}, "系统代号没有填写。填好后再提交", "code"),
        ({"importance": "vital"}, "重要程度没有选", "importance"),
        ({"name": "系" * 101}, "系统名称有 101 字，最多 100 字。删短后再提交", "name"),
        ({"name": "系\x00统"}, "系统名称第 2 个字是不可见的控制字符。删去后再提交", "name"),
    ],
)
def test_a_system_that_is_typed_wrong_is_not_registered(cast, over, reason, field):
    system_of(cast)
    assert refusal_of(lambda: register_system(cast.zheng, cast.jz, **(NEW | over))) == Refusal(reason, "", field)
    assert System.objects.count() == 1


ADDRESS = "地址应形如 http://主机:端口，不带用户名"


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"url": "ftp://a/"}, ADDRESS, "url"),
        ({"url": "http://"}, ADDRESS, "url"),
        ({"url": "http://["}, ADDRESS, "url"),
        ({"url": "http://a:99999/"}, ADDRESS, "url"),
        ({"url": "http://root:secret@a/"}, ADDRESS, "url"),
        ({"url": "http://" + "a" * 200}, "地址有 207 字，最多 200 字。删短后再提交", "url"),
        ({"root": "srv/app"}, "srv/app 应是完整路径，不含 ..", "root"),
        ({"channel": "/srv/../etc"}, "/srv/../etc 应是完整路径，不含 ..", "channel"),
        ({"keyring": "/" + "a" * 300}, "密钥环有 301 字，最多 300 字。删短后再提交", "keyring"),
        ({"channel": "/srv/\x00"}, "渠道第 6 个字是不可见的控制字符。删去后再提交", "channel"),
        ({"version": ""}, "版本没有填写。填好后再提交", "version"),
    ],
)
def test_an_installation_that_is_typed_wrong_is_not_recorded(cast, over, reason, field):
    system = system_of(cast)
    assert refusal_of(lambda: register_installation(cast.zheng, system, **(PLACE | over))) == Refusal(reason, "", field)
    assert Installation.objects.count() == 0


def test_an_installation_is_kept_as_typed(cast):
    made = register_installation(cast.zheng, system_of(cast), **(PLACE | {"url": "http://127.0.0.1:8310/"}))
    assert {key: getattr(made, key) for key in PLACE} == PLACE


def test_users_are_people_of_the_house(cast, tmp_path):
    system = make_installation(cast, tmp_path).system
    assert refusal_of(lambda: name_users(cast.zheng, system, [cast.wang, cast.chen, cast.sun])) == Refusal(
        "陈航、孙莉 不是本单位的人", "", "users"
    )
    name_users(cast.zheng, system, [cast.qian])
    assert list(system.users.all()) == [cast.qian]


def test_a_stranger_sees_no_system(cast, tmp_path, client):
    system = make_installation(cast, tmp_path).system
    client.force_login(cast.he)
    assert client.get(f"/systems/{system.uid}/").status_code == 404
    client.force_login(cast.wang)
    assert client.get(f"/systems/{system.uid}/").status_code == 200
