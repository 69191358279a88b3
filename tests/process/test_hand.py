"""What people do with their place besides signing: take back, hand on, ask others, stand in, press on, let know."""

from datetime import timedelta

import pytest

from tests.cast import state_of_everything
from tests.process.test_actions import CHECK, LAST, opened, steps_of
from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.models import Grant, RoleHolding
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.notify.models import Notice
from weilu.process.about_seat import readers_of
from weilu.process.absence import delegate, end_delegation
from weilu.process.actions import refuse_step, return_item, sign_step
from weilu.process.chart import draw
from weilu.process.hand import add_signer, copy_to, transfer, urge, withdraw
from weilu.process.models import Copy, Event, Opinion, Seat, WorkItem
from weilu.process.queries import counts, item_view, todo

VOTE = "  - {key: vote, title: 表决, who: [role(technical_head), role(leader), role(security_office)], sign: 2}\n"


def waiting(item: WorkItem) -> set[str]:
    return set(Seat.objects.filter(item=item, open=True).values_list("person__name", flat=True))


def reason(act) -> str:
    """Why `act` was turned down; it has changed nothing."""
    before = state_of_everything()
    with pytest.raises(Refused) as problem:
        act()
    assert state_of_everything() == before
    return problem.value.reason


def test_the_requester_takes_the_item_back_before_anybody_has_acted(cast):
    item = opened(cast, CHECK + LAST)

    item = withdraw(cast.wang, item, turn=item.turn)

    assert (item.step, waiting(item)) == ("ask", {"王敏"})
    assert steps_of(item) == [("ask", 1, "open"), ("check", 1, "voided")]
    item = sign_step(cast.wang, item, turn=item.turn, words="补充了影响。")
    assert (item.step, waiting(item)) == ("check", {"赵立新", "钱文远"})
    said = Opinion.objects.filter(item=item).order_by("id").values_list("act", "words", "withdrawal__opinion")
    assert [(act, words, bool(taken)) for act, words, taken in said] == [
        ("agree", "", True), ("agree", "补充了影响。", False),
    ]  # fmt: skip


def test_a_signer_takes_the_last_signature_back_and_the_next_step_is_closed_again(cast):
    item = opened(cast, CHECK.replace("sign: all", "sign: any") + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn)
    assert item.step == "last"

    item = withdraw(cast.zhao, item, turn=item.turn)

    assert (item.step, waiting(item)) == ("check", {"赵立新", "钱文远"})
    item = sign_step(cast.qian, item, turn=item.turn)
    assert (item.step, waiting(item)) == ("last", {"王敏"})


def test_nothing_is_taken_back_once_somebody_else_has_acted(cast):
    item = opened(cast, CHECK + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn)

    assert reason(lambda: withdraw(cast.wang, item, turn=item.turn)) == "已经不能撤回：赵立新已在「审核」签过"
    assert reason(lambda: withdraw(cast.qian, item, turn=item.turn)) == "这张工单上没有您可以撤回的签名"
    item = return_item(cast.qian, item, turn=item.turn, to="ask", words="没有写影响。")
    assert reason(lambda: withdraw(cast.zhao, item, turn=item.turn)) == "已经不能撤回：「审核」已退回或失效"


def test_one_signature_of_a_countersign_is_taken_back_and_given_again(cast):
    item = opened(cast, CHECK + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn)

    item = withdraw(cast.zhao, item, turn=item.turn)
    assert waiting(item) == {"赵立新", "钱文远"}
    item = sign_step(cast.qian, item, turn=item.turn)
    item = sign_step(cast.zhao, item, turn=item.turn)

    assert item.step == "last"


def test_a_signature_is_taken_back_a_second_time(cast):
    item = opened(cast, CHECK + LAST)
    for _time in range(2):
        item = withdraw(cast.wang, item, turn=item.turn)
        item = sign_step(cast.wang, item, turn=item.turn)

    assert waiting(item) == {"赵立新", "钱文远"}


def test_nothing_is_taken_back_once_its_place_was_handed_on(cast):
    item = opened(cast, CHECK + LAST)
    item = transfer(cast.zhao, item, turn=item.turn, to=cast.wu, words="出差。")

    assert reason(lambda: withdraw(cast.wang, item, turn=item.turn)) == "已经不能撤回：「审核」已转办或加签"


def test_who_asked_stays_barred_though_they_took_it_back_and_a_colleague_asked_again(cast):
    RoleHolding.objects.create(person=cast.wang, owner=cast.jz, role="technical_head")
    item = opened(cast, CHECK + LAST)
    item = withdraw(cast.wang, item, turn=item.turn)
    item = transfer(cast.wang, item, turn=item.turn, to=cast.li, words="请您提。")

    item = sign_step(cast.li, item, turn=item.turn)

    assert waiting(item) == {"赵立新", "钱文远"}


def test_another_person_takes_the_place_and_both_names_stay(cast):
    item = opened(cast, CHECK + LAST)

    item = transfer(cast.zhao, item, turn=item.turn, to=cast.wu, words="出差。")

    assert waiting(item) == {"吴静", "钱文远"}
    assert Event.objects.get(item=item, kind="hand").words == "把「审核」从赵立新转给吴静：出差。"
    assert Notice.objects.get(person=cast.wu).title == f"赵立新 请您办：{item.number} 审核"
    item = sign_step(cast.qian, item, turn=item.turn)
    item = sign_step(cast.wu, item, turn=item.turn)
    assert item.step == "last"


def test_a_place_is_not_handed_to_whom_separation_of_duties_bars_nor_to_another_organisation(cast):
    item = opened(cast, CHECK + LAST)

    assert reason(lambda: transfer(cast.zhao, item, turn=item.turn, to=cast.wang, words="代办。")) == (
        "王敏办过这张工单的前面步骤，不能再办「审核」"
    )
    assert (
        reason(lambda: transfer(cast.zhao, item, turn=item.turn, to=cast.chen, words="代办。")) == "只能转给本单位的人"
    )
    assert reason(lambda: transfer(cast.zhao, item, turn=item.turn, to=cast.sun, words="代办。")) == (
        "孙看不到这张工单，不能办".replace("孙", cast.sun.name)
    )
    assert (
        reason(lambda: transfer(cast.zhao, item, turn=item.turn, to=cast.qian, words="代办。"))
        == "钱文远已经在办这一步"
    )
    assert reason(lambda: transfer(cast.wu, item, turn=item.turn, to=cast.li, words="代办。")) == "「审核」不由您办"


def test_who_no_longer_holds_the_role_cannot_pass_it_on_through_another(cast):
    item = opened(cast, CHECK + LAST)
    item = transfer(cast.zhao, item, turn=item.turn, to=cast.wu, words="出差。")
    RoleHolding.objects.filter(person=cast.zhao).update(until=now())

    assert reason(lambda: sign_step(cast.wu, item, turn=item.turn)) == "赵立新现在已没有「审核」要求的角色"


def test_a_step_by_oneself_is_not_handed_on(cast):
    item = opened(cast, CHECK.replace("}\n", ", personal: true}\n") + LAST)

    assert reason(lambda: transfer(cast.zhao, item, turn=item.turn, to=cast.wu, words="出差。")) == (
        "「审核」要本人办，不能转办"
    )


def test_the_administrator_gives_the_place_of_another_to_who_is_meant_by_the_step(cast):
    item = opened(cast, CHECK + LAST)
    acts = {"turn": item.turn, "words": "赵立新离职。", "of": cast.zhao}

    assert reason(lambda: transfer(cast.zheng, item, to=cast.wu, **acts)) == "吴静没有「审核」要求的角色"
    assert reason(lambda: transfer(cast.wu, item, to=cast.wu, **acts)) == "指定别人来办要由系统管理员办"
    RoleHolding.objects.create(person=cast.wu, owner=cast.jz, role="technical_head")
    item = transfer(cast.zheng, item, to=cast.wu, **acts)

    assert waiting(item) == {"吴静", "钱文远"}


def test_who_is_added_before_gives_an_opinion_first(cast):
    item = opened(cast, CHECK + LAST)

    item = add_signer(cast.zhao, item, turn=item.turn, person=cast.wu, before=True, words="看看安全。")
    assert reason(lambda: sign_step(cast.zhao, item, turn=item.turn)) == "您请 吴静 先签，还没有签"
    assert [one.name for one in item_view(item, cast.zhao).first] == ["吴静"]
    item = sign_step(cast.qian, item, turn=item.turn)
    item = refuse_step(cast.wu, item, turn=item.turn, words="我不赞成。")
    item = sign_step(cast.zhao, item, turn=item.turn)

    assert item.step == "last"  # the opinion asked for is heard, and outside the number who must agree


def test_who_is_added_after_signs_before_the_step_is_over(cast):
    item = opened(cast, CHECK.replace("sign: all", "sign: any") + LAST)

    item = add_signer(cast.zhao, item, turn=item.turn, person=cast.wu, before=False, words="请会签。")
    item = sign_step(cast.zhao, item, turn=item.turn)
    assert (item.step, waiting(item)) == ("check", {"吴静"})
    item = sign_step(cast.wu, item, turn=item.turn)

    assert item.step == "last"


def test_an_added_signer_who_refuses_returns_the_item(cast):
    item = opened(cast, CHECK.replace("sign: all", "sign: any") + LAST)
    item = add_signer(cast.zhao, item, turn=item.turn, person=cast.wu, before=False, words="请会签。")

    item = return_item(cast.wu, item, turn=item.turn, to="ask", words="风险没有写。")

    assert (item.step, waiting(item)) == ("ask", {"王敏"})


def test_nobody_barred_is_added(cast):
    item = opened(cast, CHECK + LAST)

    assert (
        reason(lambda: add_signer(cast.zhao, item, turn=item.turn, person=cast.wang, before=True, words="看看。"))
        == "王敏办过这张工单的前面步骤，不能再办「审核」"
    )


def absence(cast, by=None, person=None, other=None, **over):
    period = {"since": now() - timedelta(hours=1), "until": now() + timedelta(days=3), "reason": "出差"} | over
    return delegate(by or cast.zhao, owner=cast.jz, person=person or cast.zhao, delegate=other or cast.wu, **period)


def test_somebody_stands_in_for_an_absence_and_both_names_are_on_record(cast):
    item = opened(cast, CHECK + LAST)
    absence(cast)

    assert [row.item for row in todo(cast.wu)] == [item]
    assert counts(cast.wu)["todo"] == 1
    assert item_view(item, cast.wu).behalf == cast.zhao
    item = sign_step(cast.wu, item, turn=item.turn, words="代签。")
    item = sign_step(cast.qian, item, turn=item.turn)

    assert item.step == "last"
    said = Opinion.objects.get(item=item, person=cast.wu)
    assert (said.on_behalf, said.words) == (cast.zhao, "代签。")


def test_separation_of_duties_counts_both_who_stand_in_and_the_absent(cast):
    later = "  - {key: later, title: 复核, who: role(security_office), not_also: [check]}\n"
    item = opened(cast, CHECK + later + LAST)
    absence(cast, person=cast.qian, by=cast.qian, other=cast.li)
    item = sign_step(cast.zhao, item, turn=item.turn)
    item = sign_step(cast.li, item, turn=item.turn)

    assert waiting(item) == {"吴静"}
    absence(cast, person=cast.wu, by=cast.wu, other=cast.li)
    assert reason(lambda: sign_step(cast.li, item, turn=item.turn)) == "这一步不能由您签：「审核」是您办的"


def test_one_voice_does_not_count_twice(cast):
    item = opened(cast, CHECK + LAST)
    absence(cast, other=cast.qian)

    item = sign_step(cast.qian, item, turn=item.turn)

    assert waiting(item) == {"赵立新"}
    assert reason(lambda: sign_step(cast.qian, item, turn=item.turn)) == "您已签过这一步"


def test_who_has_a_voice_in_the_visit_is_not_asked_for_the_absent_one(cast):
    item = opened(cast, CHECK + LAST)
    absence(cast, other=cast.qian)
    item = sign_step(cast.qian, item, turn=item.turn)

    assert (todo(cast.qian), item_view(item, cast.qian).seat) == ([], None)
    assert readers_of(Seat.objects.get(item=item, open=True)) == [cast.zhao]


def test_an_absence_that_is_over_or_ended_stands_for_nothing(cast):
    item = opened(cast, CHECK + LAST)
    made = absence(cast)

    end_delegation(cast.zhao, made)

    assert todo(cast.wu) == []
    assert reason(lambda: sign_step(cast.wu, item, turn=item.turn)) == "「审核」不由您办"
    assert reason(lambda: end_delegation(cast.zhao, made)) == "这次委托已经结束"


def test_an_absence_is_arranged_by_the_absent_or_the_administrator_without_chains(cast):
    absence(cast)

    assert reason(lambda: absence(cast, other=cast.li)).endswith("已委托吴静，时间重叠")
    assert reason(lambda: absence(cast, by=cast.wu, person=cast.wu, other=cast.li)).endswith("已委托吴静，时间重叠")
    assert reason(lambda: absence(cast, by=cast.li, person=cast.li, other=cast.zhao)).endswith("已委托吴静，时间重叠")
    assert reason(lambda: absence(cast, by=cast.li, person=cast.qian)) == "替别人委托要由系统管理员办"
    assert reason(lambda: absence(cast, by=cast.li, person=cast.li, other=cast.chen)) == "只能委托给本单位的另一个人"
    past = now() - timedelta(minutes=1)
    assert reason(lambda: absence(cast, by=cast.li, person=cast.li, until=past)) == (
        "委托的结束时间要晚于开始时间，也要晚于现在"
    )
    assert absence(cast, by=cast.zheng, person=cast.qian, other=cast.li).made_by == cast.zheng


def test_urging_reminds_those_waited_for_once_in_two_hours(cast):
    item = opened(cast, CHECK + LAST)

    assert {person.name for person in urge(cast.wang, item)} == {"赵立新", "钱文远"}
    assert reason(lambda: urge(cast.wang, item)) == "两小时内已经催办过一次。稍后再催"
    assert reason(lambda: urge(cast.wu, item)) == "只有发起人和办过这张工单的人可以催办"


def test_whoever_is_told_by_copy_has_nothing_to_do(cast):
    item = opened(cast, CHECK + LAST)

    copy_to(cast.wang, item, people=[cast.wu, cast.chen], words="供参考。")

    assert list(Copy.objects.filter(item=item).order_by("id").values_list("person__name", "words")) == [
        ("吴静", "供参考。"), ("陈航", "供参考。"),
    ]  # fmt: skip
    assert todo(cast.wu) == []
    assert reason(lambda: copy_to(cast.wang, item, people=[cast.wu], words="")) == "这些人都已经抄送过"
    assert reason(lambda: copy_to(cast.wang, item, people=[cast.sun], words="")) == (
        f"{cast.sun.name}看不到这张工单，不能抄送"
    )


def test_who_may_no_longer_see_the_customer_is_given_no_place(cast):
    item = opened(cast, CHECK + LAST)
    Grant.objects.filter(person=cast.wu).update(until=now())

    assert refusal_of(lambda: transfer(cast.zhao, item, turn=item.turn, to=cast.wu, words="出差。")) == Refusal(
        "吴静看不到这张工单，不能办", "ROL-1", "to"
    )


def test_the_count_of_a_countersign_leaves_added_signers_out(cast):
    item = opened(cast, CHECK + LAST)
    item = add_signer(cast.zhao, item, turn=item.turn, person=cast.wu, before=False, words="请会签。")
    item = sign_step(cast.wu, item, turn=item.turn)
    item = sign_step(cast.qian, item, turn=item.turn)

    check = item_view(item, cast.zhao).steps[1]
    assert ([one.person for one in check.agreed], check.asked) == ([cast.qian], 2)
    assert "会签 1/2" in str(draw(item_view(item, cast.zhao)))
