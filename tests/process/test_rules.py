"""Who may act and when a step is done: the pure rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weilu.kernel.refused import Refused, Stale
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
    with pytest.raises(Refused, match="ROL-1"):
        rules.check_not_barred(FLOW, FLOW.step("check"), 7, {"plan": {7}})


def test_who_did_not_take_part_may_sign():
    rules.check_not_barred(FLOW, FLOW.step("check"), 8, {"plan": {7}})
    assert rules.barred(FLOW.step("check"), {"ask": {1}, "plan": {7}, "vote": {9}}) == {1, 7}


def test_a_return_goes_only_where_the_step_allows():
    with pytest.raises(Refused, match="CHG-1"):
        rules.check_return(FLOW, FLOW.step("check"), "ask", {"ask", "plan"})
    with pytest.raises(Refused, match="CHG-1"):
        rules.check_return(FLOW, FLOW.step("plan"), "check", {"ask", "plan", "check"})
    with pytest.raises(Refused, match="CHG-1"):
        rules.check_return(FLOW, FLOW.step("check"), "plan", {"ask"})
    rules.check_return(FLOW, FLOW.step("check"), "plan", {"ask", "plan"})


def test_a_closed_gate_stops_a_signature_and_says_why():
    gates = [rules.Gate("a", False, "备份可恢复还没有记录"), rules.Gate("b", True, "好")]
    with pytest.raises(Refused) as refused:
        rules.check_gates(gates)
    assert refused.value.reason == "还差 1 项关口：备份可恢复还没有记录"


def test_an_old_page_and_an_old_digest_are_stale():
    with pytest.raises(Stale):
        rules.check_turn(3, 4)
    with pytest.raises(Stale):
        rules.check_subject("a" * 64, "b" * 64)


def test_a_step_that_too_few_could_take_is_not_entered():
    with pytest.raises(Refused, match="CHG-1"):
        rules.check_enough(FLOW.step("vote"), {1})
    rules.check_enough(FLOW.step("vote"), {1, 2})
