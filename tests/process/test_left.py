"""Somebody has left while an item waits for them: the administrator hands on what was theirs, and it goes on."""

import pytest

from tests.process.test_actions import CHECK, LAST, opened
from tests.process.test_hand import reason, waiting
from weilu.accounts.models import Person, RoleHolding
from weilu.process.actions import sign_step
from weilu.process.hand import add_signer, transfer
from weilu.process.models import Event


def gone(person: Person) -> Person:
    Person.objects.filter(id=person.id).update(is_active=False)
    return Person.objects.get(id=person.id)


def test_what_waits_for_a_requester_who_has_left_goes_to_a_colleague(cast):
    item = opened(cast, LAST)
    acts = {"turn": item.turn, "words": "王敏离职。", "of": cast.wang}
    assert reason(lambda: transfer(cast.zheng, item, to=cast.li, **acts)) == "李建国没有「确认」要求的角色"

    item = transfer(cast.zheng, item, to=cast.li, **acts | {"of": gone(cast.wang)})

    assert waiting(item) == {"李建国"}
    assert Event.objects.get(item=item, kind="hand").words == "把「确认」从王敏转给李建国：王敏离职。"
    assert sign_step(cast.li, item, turn=item.turn).state == "closed"


@pytest.mark.parametrize("who", ["actor(check)", "person(zhaolixin)"])
def test_so_does_what_waits_for_who_did_a_step_or_is_named(cast, who):
    RoleHolding.objects.create(person=cast.qian, owner=cast.jz, role="technical_head")
    only = "  - {key: check, title: 审核, who: role(technical_head), sign: any}\n"
    item = opened(cast, only + LAST.replace("who: requester", f"who: {who}"))
    item = sign_step(cast.zhao, item, turn=item.turn)

    item = transfer(cast.zheng, item, turn=item.turn, to=cast.wu, words="赵立新离职。", of=gone(cast.zhao))

    assert sign_step(cast.wu, item, turn=item.turn).state == "closed"


def test_a_place_asked_by_role_still_goes_to_its_holders_only(cast):
    item = opened(cast, CHECK + LAST)
    left = gone(cast.zhao)
    acts = {"turn": item.turn, "words": "赵立新离职。", "of": left}

    assert reason(lambda: transfer(cast.zheng, item, to=cast.wu, **acts)) == "吴静没有「审核」要求的角色"


def test_what_is_done_by_oneself_is_handed_on_only_after_its_holder_has_left_and_stays_so(cast):
    item = opened(cast, CHECK.replace("}\n", ", personal: true}\n") + LAST)
    RoleHolding.objects.create(person=cast.wu, owner=cast.jz, role="technical_head")
    acts = {"turn": item.turn, "words": "赵立新离职。"}
    assert reason(lambda: transfer(cast.zheng, item, to=cast.wu, of=cast.zhao, **acts)) == "「审核」要本人办，不能转办"

    item = transfer(cast.zheng, item, to=cast.wu, of=gone(cast.zhao), **acts)

    assert reason(lambda: transfer(cast.wu, item, turn=item.turn, to=cast.li, words="代办。")) == (
        "「审核」要本人办，不能转办"
    )
    item = sign_step(cast.wu, item, turn=item.turn)
    assert waiting(item) == {"钱文远"}


def test_the_place_of_an_added_signer_who_has_left_goes_to_any_colleague(cast):
    item = opened(cast, CHECK + LAST)
    item = add_signer(cast.zhao, item, turn=item.turn, person=cast.wu, before=False, words="请会签。")

    item = transfer(cast.zheng, item, turn=item.turn, to=cast.li, words="吴静离职。", of=gone(cast.wu))

    assert waiting(item) == {"赵立新", "钱文远", "李建国"}
