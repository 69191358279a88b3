"""Who may act and when a step is done: the pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.unchanged import Refusal, ruling
from weilu.kernel.refused import Stale
from weilu.process import rules
from weilu.process.flow import parse_flow

FLOW = parse_flow(
    """
flow: t
title: 试
steps:
  - {key: ask, title: 申请, who: requester}
  - {key: plan, title: 方案, who: contract_engineer}
  - {key: check, title: 审核, who: role(leader), not_also: [ask, plan], back: [plan]}
  - {key: vote, title: 表决, who: role(leader), sign: 2, veto: false}
"""
)


def step(sign, veto=True):
    row = f"{{key: a, title: 甲, who: requester, sign: {sign}, veto: {str(veto).lower()}}}"
    return parse_flow(f"flow: t\ntitle: 试\nsteps:\n  - {row}\n").steps[0]


@pytest.mark.parametrize(
    ("sign", "veto", "agreed", "refused", "expected"),
    [
        ("all", True, {1, 2}, set(), "open"),
        ("all", True, {1, 2, 3}, set(), "done"),
        ("any", True, {2}, set(), "done"),
        ("any", True, set(), set(), "open"),
        (2, True, {1}, set(), "open"),
        (2, True, {1, 3}, set(), "done"),
        (2, True, {1}, {2}, "returned"),
        (2, False, {1}, {2}, "open"),
        (2, False, {1, 3}, {2}, "done"),
        (2, False, set(), {2, 3}, "returned"),
        ("all", False, {1}, {2}, "returned"),
    ],
)
def test_a_step_is_done_when_enough_agree_and_returned_when_they_cannot(sign, veto, agreed, refused, expected):
    assert rules.outcome(step(sign, veto), {1, 2, 3}, agreed, refused) == expected


@given(
    sign=st.one_of(st.sampled_from(["all", "any"]), st.integers(1, 6)),
    veto=st.booleans(),
    votes=st.lists(st.sampled_from(["agree", "refuse", None]), min_size=1, max_size=6),
)
def test_when_everybody_has_spoken_no_step_stays_open(sign, veto, votes):
    asked = set(range(len(votes)))
    agreed = {i for i, vote in enumerate(votes) if vote == "agree"}
    refused = {i for i, vote in enumerate(votes) if vote == "refuse"}
    result = rules.outcome(step(sign, veto), asked, agreed, refused)
    if len(agreed) + len(refused) == len(asked):
        assert result in ("done", "returned")
    if result == "done":
        assert len(agreed) >= 1


def test_nobody_signs_what_they_planned():
    assert ruling(lambda: rules.check_not_barred(FLOW, FLOW.step("check"), 7, {"plan": {7}})) == Refusal(
        "这一步不能由您签：「方案」是您办的", "ROL-1"
    )


def test_who_did_not_take_part_may_sign():
    assert ruling(lambda: rules.check_not_barred(FLOW, FLOW.step("check"), 8, {"plan": {7}})) is None
    assert rules.barred(FLOW.step("check"), {"ask": {1}, "plan": {7}, "vote": {9}}) == {1, 7}


@pytest.mark.parametrize(
    ("at", "to", "visited", "told"),
    [
        ("check", "ask", {"ask", "plan"}, Refusal("这一步只能退回到：方案", "CHG-1", "to")),
        ("plan", "check", {"ask", "plan", "check"}, Refusal("只能退回到前面走过的步骤", "CHG-1", "to")),
        ("check", "plan", {"ask"}, Refusal("只能退回到前面走过的步骤", "CHG-1", "to")),
        ("check", "nowhere", {"ask", "plan"}, Refusal("只能退回到前面走过的步骤", "CHG-1", "to")),
        ("check", "plan", {"ask", "plan"}, None),
    ],
)
def test_a_return_goes_only_where_the_step_allows(at, to, visited, told):
    assert ruling(lambda: rules.check_return(FLOW, FLOW.step(at), to, visited)) == told


def test_a_closed_gate_stops_a_signature_and_says_why():
    gates = [rules.Gate("a", False, "备份可恢复还没有记录"), rules.Gate("b", True, "好")]

    assert ruling(lambda: rules.check_gates(gates)) == Refusal("还差 1 项关口：备份可恢复还没有记录", "CHG-1")
    assert ruling(lambda: rules.check_gates(gates[1:])) is None


def test_an_old_page_and_an_old_digest_are_stale():
    with pytest.raises(Stale) as page:
        rules.check_turn(3, 4)
    with pytest.raises(Stale) as plan:
        rules.check_subject("a" * 64, "b" * 64)

    assert page.value.reason == "工单在您打开页面之后已有变动。您写的内容还在，看过新内容再提交"
    assert plan.value.reason == "方案在您打开页面之后已改。看过新方案再签"


def test_a_step_that_too_few_could_take_is_not_entered():
    told = Refusal("「表决」没有够格的人可办（要 2 人）", "CHG-1")

    assert ruling(lambda: rules.check_enough(FLOW.step("vote"), {1})) == told
    assert ruling(lambda: rules.check_enough(FLOW.step("vote"), {1, 2})) is None
