"""People and roles: who manages them, what a role lets one see, and every wrong person's attempt."""

from datetime import timedelta

import pytest

from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.actions import add_person, end_role, found_organisation, give_role, sign_in
from weilu.accounts.house import name_head
from weilu.accounts.models import Department, Grant, Organisation, Person, RoleHolding
from weilu.accounts.queries import customers_with_people
from weilu.accounts.roles import ROLES
from weilu.evidence.models import Staged
from weilu.kernel.times import now
from weilu.systems.models import System

NOT_YOURS = "管理人员与角色要由系统管理员办"
NEW = {"username": "xinren", "name": "新人", "password": "long-enough-1"}


def anew(person: Person) -> Person:
    """The person as the next request meets them."""
    return Person.objects.get(id=person.id)


def act(name: str, by: Person, cast) -> None:
    """One of the actions of this room, towards 江州."""
    department = Department.objects.get(organisation=cast.jz, name="养老待遇科")
    {
        "add_person": lambda: add_person(by, cast.jz, **NEW),
        "give_role": lambda: give_role(by, cast.sun, cast.jz, "engineer"),
        "end_role": lambda: end_role(by, cast.li, cast.jz, "department_head"),
        "name_head": lambda: name_head(by, department, cast.wang),
        "found_organisation": lambda: found_organisation(by, code="XX", name="新单位", short_name="新"),
    }[name]()


@pytest.mark.parametrize("name", ["add_person", "give_role", "end_role", "name_head", "found_organisation"])
@pytest.mark.parametrize("who", ["wang", "li", "zhao", "qian", "wu", "chen", "zhou", "sun", "he"])
def test_everybody_but_the_administrator_of_this_customer_is_refused(cast, name, who):
    assert refusal_of(lambda: act(name, getattr(cast, who), cast)) == Refusal(NOT_YOURS)


@pytest.mark.parametrize("name", ["add_person", "give_role", "end_role", "name_head"])
def test_the_administrator_of_this_customer_may(cast, name):
    kinds = {
        "add_person": ["accounts.person_added"],
        "give_role": ["accounts.role_given"],
        "end_role": ["accounts.role_ended"],
        "name_head": ["accounts.head_named"],
    }
    before = Staged.objects.count()

    act(name, cast.zheng, cast)

    staged = Staged.objects.order_by("id")[before:]
    assert [(row.kind, row.actor) for row in staged] == [(kind, cast.zheng.actor) for kind in kinds[name]]


def test_nobody_who_signs_in_founds_an_organisation(cast):
    assert refusal_of(lambda: act("found_organisation", cast.zheng, cast)) == Refusal(NOT_YOURS)


def test_an_administrator_whose_role_has_ended_manages_nothing(cast):
    give_role(cast.zheng, cast.wu, cast.jz, "administrator")
    end_role(cast.wu, cast.zheng, cast.jz, "administrator")
    assert refusal_of(lambda: give_role(anew(cast.zheng), cast.sun, cast.jz, "engineer")) == Refusal(NOT_YOURS)


def test_a_role_of_the_future_carries_no_right_yet(cast):
    RoleHolding.objects.create(person=cast.wang, owner=cast.jz, role="administrator", since=now() + timedelta(days=1))
    assert refusal_of(lambda: give_role(anew(cast.wang), cast.sun, cast.jz, "engineer")) == Refusal(NOT_YOURS)


def test_a_person_of_a_vendor_sees_a_customer_by_role_and_loses_sight_with_the_last_one(cast):
    System.objects.create(owner=cast.jz, code="CS", name="测试系统")
    assert System.objects.visible_to(anew(cast.sun)).count() == 0

    give_role(cast.zheng, cast.sun, cast.jz, "engineer", source="合同 JZ-HT-2026-009")
    give_role(cast.zheng, cast.sun, cast.jz, "development_head")
    assert System.objects.visible_to(anew(cast.sun)).count() == 1
    end_role(cast.zheng, cast.sun, cast.jz, "engineer")
    assert System.objects.visible_to(anew(cast.sun)).count() == 1
    end_role(cast.zheng, cast.sun, cast.jz, "development_head")

    assert System.objects.visible_to(anew(cast.sun)).count() == 0
    assert anew(cast.sun).owner_codes == frozenset({"HN"})
    assert Grant.objects.filter(person=cast.sun, organisation=cast.jz, until=None).count() == 0


def test_a_customers_own_person_keeps_sight_without_any_role(cast):
    end_role(cast.zheng, cast.wu, cast.jz, "security_office", anyway="调走了")

    assert anew(cast.wu).owner_codes == frozenset({"JZ"})
    assert anew(cast.wu).rights == frozenset()


def test_a_role_carries_nothing_once_the_grant_to_its_customer_has_ended(cast):
    given = {cast.jz.id: ROLES["engineer"].rights}
    assert anew(cast.chen).rights_by_owner == given
    Grant.objects.filter(person=cast.chen).update(until=now() - timedelta(seconds=1))

    assert RoleHolding.objects.in_force(now()).filter(person=cast.chen).count() == 1
    assert (anew(cast.chen).rights_by_owner, anew(cast.chen).rights) == ({}, frozenset())
    Grant.objects.filter(person=cast.chen).update(until=now() + timedelta(days=1))
    assert anew(cast.chen).rights_by_owner == given


def test_a_role_that_ended_is_given_again_and_both_periods_stay(cast):
    end_role(cast.zheng, cast.chen, cast.jz, "engineer", anyway="调走了")
    assert Person.objects.holding("engineer", cast.jz).count() == 0
    between = now()

    give_role(cast.zheng, cast.chen, cast.jz, "engineer")
    give_role(cast.zheng, cast.chen, cast.jz, "engineer")  # twice is once

    assert list(Person.objects.holding("engineer", cast.jz)) == [cast.chen]
    assert list(Person.objects.holding("engineer", cast.jz, between)) == []
    assert RoleHolding.objects.filter(person=cast.chen, role="engineer").count() == 2
    assert anew(cast.chen).owner_codes == frozenset({"JZ"})


def test_a_role_that_ended_is_over_also_for_who_holds_another_one(cast):
    end_role(cast.zheng, cast.li, cast.jz, "department_head")
    assert list(Person.objects.holding("department_head", cast.jz)) == []
    assert cast.li in Person.objects.holding("requester", cast.jz)


def test_who_holds_no_such_role_cannot_lose_it(cast):
    assert refusal_of(lambda: end_role(cast.zheng, cast.wu, cast.jz, "engineer")) == Refusal(
        "吴静 现在没有这个角色", "", "role"
    )
    assert refusal_of(lambda: give_role(cast.zheng, cast.wu, cast.jz, "god")) == Refusal(
        "没有「god」这个角色", "", "role"
    )


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"password": "short-123"}, "密码至少 10 个字符", "password"),
        ({"password": "long-enough\x00"}, "密码里有不可见的字符。换一个密码", "password"),
        ({"password": "long-enough\ud800"}, "密码里有不可见的字符。换一个密码", "password"),
        ({"username": ""}, "工号没有填写。填好后再提交", "username"),
        ({"username": "x" * 41}, "工号有 41 字，最多 40 字。删短后再提交", "username"),
        ({"username": "xin\x00"}, "工号第 4 个字是不可见的控制字符。删去后再提交", "username"),
        ({"username": "ｗａｎｇｍｉｎ"}, "工号 wangmin 已有人用，换一个", "username"),
        ({"name": " "}, "姓名没有填写。填好后再提交", "name"),
        ({"name": "新" * 61}, "姓名有 61 字，最多 60 字。删短后再提交", "name"),
        ({"title": "长" * 61}, "职务有 61 字，最多 60 字。删短后再提交", "title"),
        ({"department": "科" * 61}, "部门有 61 字，最多 60 字。删短后再提交", "department"),
        ({"department": "信息\x07科"}, "部门第 3 个字是不可见的控制字符。删去后再提交", "department"),
    ],
)
def test_what_is_typed_wrong_about_a_person_is_named_and_nobody_is_added(cast, over, reason, field):
    assert refusal_of(lambda: add_person(cast.zheng, cast.jz, **(NEW | over))) == Refusal(reason, "", field)


def test_a_new_person_of_the_customer_signs_in_and_sees_only_their_own_customer(cast):
    add_person(cast.zheng, cast.jz, **(NEW | {"username": "ｘｉｎ", "name": "㛃䶮𬀩𬘭", "department": " 信息科 "}))

    person = sign_in("xin", NEW["password"], "10.0.0.1")
    assert (person.name, person.department.name, person.owner_codes) == ("㛃䶮𬀩𬘭", "信息科", frozenset({"JZ"}))
    assert Department.objects.filter(organisation=cast.jz, name="信息科").count() == 1


def test_a_new_person_of_a_vendor_sees_nothing_until_a_customer_gives_a_role(cast):
    person = add_person(None, cast.bl, **NEW)
    assert (anew(person).owner_ids, anew(person).rights) == (frozenset(), frozenset())


def test_the_head_of_a_department_is_one_of_the_house(cast):
    department = Department.objects.get(organisation=cast.jz, name="养老待遇科")
    assert refusal_of(lambda: name_head(cast.zheng, department, cast.sun)) == Refusal(
        "孙莉 不是本单位的人", "", "person"
    )
    name_head(cast.zheng, department, cast.wang)
    department.refresh_from_db()
    assert department.head == cast.wang


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"code": "JZ"}, "代号 JZ 已被使用，换一个", "code"),
        ({"code": "ＪＺ"}, "代号 JZ 已被使用，换一个", "code"),
        ({"code": ""}, "单位代号没有填写。填好后再提交", "code"),
        ({"name": ""}, "单位名称没有填写。填好后再提交", "name"),
        ({"short_name": "长" * 31}, "单位简称有 31 字，最多 30 字。删短后再提交", "short_name"),
    ],
)
def test_an_organisation_that_is_typed_wrong_is_not_founded(cast, over, reason, field):
    assert refusal_of(
        lambda: found_organisation(None, **({"code": "XX", "name": "新单位", "short_name": "新"} | over))
    ) == Refusal(reason, "", field)
    assert Organisation.objects.count() == 4


def test_the_people_page_shows_only_customers_one_sees(cast):
    def shown(person: Person) -> list[tuple[str, list[str], list[str]]]:
        return [
            (one.organisation.code, [line.person.name for line in one.own], [line.person.name for line in one.vendors])
            for one in customers_with_people(anew(person))
        ]

    own = ["王敏", "李建国", "赵立新", "钱文远", "吴静", "郑洁"]
    assert shown(cast.wang) == shown(cast.chen) == [("JZ", own, ["陈航", "周毅"])]
    assert shown(cast.sun) == shown(cast.he) == [("HN", ["何琳"], ["孙莉"])]
    end_role(cast.zheng, cast.zhou, cast.jz, "development_head", anyway="调走了")
    assert shown(cast.zhou) == []
    assert shown(cast.wang) == [("JZ", own, ["陈航"])]


def test_the_people_page_asks_as_often_for_many_as_for_few(cast, django_assert_num_queries):
    def ask() -> None:
        person = anew(cast.wang)
        for customer in customers_with_people(person):
            for line in customer.own + customer.vendors:
                assert line.person.organisation.name

    with django_assert_num_queries(5):
        ask()
    for number in range(3):
        add_person(cast.zheng, cast.jz, **(NEW | {"username": f"xin{number}"}))
    with django_assert_num_queries(5):
        ask()
