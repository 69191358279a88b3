"""Lines between two joints: they begin together, run side by side, and the step after them waits for the last."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.cast import Cast
from tests.process.test_actions import LAST, opened, steps_of
from tests.process.test_hand import reason, waiting
from weilu.kernel.refused import Refused
from weilu.process import hand, rules
from weilu.process.actions import refuse_step, return_item, sign_step
from weilu.process.chart import draw
from weilu.process.flow import parse_flow
from weilu.process.models import Opinion, Seat, StepVisit, WorkItem
from weilu.process.queries import acted, item_view

LINES = (
    "  - {key: data, title: 数据准备, who: role(technical_head), branch: 数据}\n"
    "  - {key: data_check, title: 数据复核, who: role(leader), branch: 数据, not_also: [data]}\n"
    "  - {key: net, title: 网络准备, who: role(security_office), branch: 网络}\n"
)


def test_lines_begin_together_and_join_when_the_last_is_done(cast):
    item = opened(cast, LINES + LAST)
    assert waiting(item) == {"赵立新", "吴静"}

    item = sign_step(cast.wu, item, turn=item.turn)
    assert waiting(item) == {"赵立新"}
    item = sign_step(cast.zhao, item, turn=item.turn)
    assert waiting(item) == {"钱文远"}
    item = sign_step(cast.qian, item, turn=item.turn)

    assert waiting(item) == {"王敏"}
    assert steps_of(item) == [
        ("ask", 1, "done"), ("data", 1, "done"), ("net", 1, "done"), ("data_check", 1, "done"), ("last", 1, "open"),
    ]  # fmt: skip


def test_an_act_on_one_line_does_not_make_the_page_of_the_other_stale(cast):
    item = opened(cast, LINES + LAST)
    shown = item.turn

    sign_step(cast.zhao, item, turn=shown)
    item = sign_step(cast.wu, item, turn=shown)

    assert waiting(item) == {"钱文远"}


def test_a_return_within_a_line_leaves_the_other_alone(cast):
    item = opened(cast, LINES + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn)

    item = return_item(cast.qian, item, turn=item.turn, to="data", words="少一张表。")

    assert waiting(item) == {"赵立新", "吴静"}
    assert (
        reason(lambda: return_item(cast.wu, item, turn=item.turn, to="data", words="退。"))
        == "只能退回到前面走过的步骤"
    )


def test_a_return_to_before_the_lines_closes_them_all(cast):
    item = opened(cast, LINES + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn)

    item = return_item(cast.wu, item, turn=item.turn, to="ask", words="没有写影响。")
    assert waiting(item) == {"王敏"}
    assert steps_of(item)[1:4] == [("data", 1, "done"), ("net", 1, "returned"), ("data_check", 1, "voided")]
    item = sign_step(cast.wang, item, turn=item.turn)

    assert waiting(item) == {"赵立新", "吴静"}


def test_a_signature_before_the_lines_is_taken_back_until_one_of_them_has_moved(cast):
    item = opened(cast, LINES + LAST)
    back = hand.withdraw(cast.wang, item, turn=item.turn)
    assert waiting(back) == {"王敏"}
    item = sign_step(cast.wang, back, turn=back.turn)
    item = sign_step(cast.wu, item, turn=item.turn)

    assert reason(lambda: hand.withdraw(cast.wang, item, turn=item.turn)) == "已经不能撤回：吴静已在「网络准备」签过"


def test_after_the_joint_a_signature_on_another_line_stays(cast):
    item = opened(cast, LINES + LAST)
    for person in (cast.wu, cast.zhao, cast.qian):
        item = sign_step(person, item, turn=item.turn)

    assert reason(lambda: hand.withdraw(cast.wu, item, turn=item.turn)) == "已经不能撤回：「确认」已经开始"
    assert waiting(hand.withdraw(cast.qian, item, turn=item.turn)) == {"钱文远"}


def test_the_chart_draws_lines_under_one_another_and_each_shows_its_own_progress(cast):
    item = sign_step(cast.zhao, opened(cast, LINES + LAST), turn=2)
    view = item_view(item, cast.qian)

    assert [(one.step.key, one.state) for one in view.steps] == [
        ("ask", "done"), ("data", "done"), ("data_check", "present"), ("net", "present"), ("last", "future"),
    ]  # fmt: skip
    assert view.step.key == "data_check"
    drawing = str(draw(view))
    assert [place in drawing for place in ('cx="162" cy="62"', 'cx="270" cy="62"', 'cx="162" cy="158"')] == [True] * 3


@pytest.mark.once
@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        (LINES[LINES.index("  - {key: net") :] + LAST, "第 5 行：分支「网络」只有一条，至少要两条"),
        (LINES.replace("branch: 网络", "branch: 网络, not_also: [data]") + LAST,
         "第 7 行：「data」在另一条分支上，两边不分先后，不能提到它"),
        (LINES.replace("title: 数据准备,", "title: 数据准备, then: last,") + LAST, "第 5 行：分支里的步骤不能写 then"),
    ],
)  # fmt: skip
def test_lines_that_could_never_join_are_refused_with_their_line(steps, fault):
    with pytest.raises(Refused) as problem:
        parse_flow("flow: test.flow\ntitle: 试验\nsteps:\n  - {key: ask, title: 申请, who: requester}\n" + steps)

    assert fault in problem.value.reason


WALK = (
    "  - {key: check, title: 审核, who: [role(technical_head), role(leader), role(security_office)],"
    " sign: 2, veto: false, not_also: [ask]}\n"
    + LINES.replace("data_check, title: 数据复核", "data_check, title: 数据复核, back: [data]")
    + "  - {key: all, title: 会签, who: [role(technical_head), role(leader)], sign: all, resume: direct}\n"
    + LAST
)
ACTS = ("sign", "refuse", "return", "withdraw", "transfer", "before", "after", "give")


class Walk(RuleBasedStateMachine):
    """Random acts by random people, most of them turned down; what holds holds after each."""

    cast: Cast

    @initialize()
    def open(self) -> None:
        self.savepoint = transaction.savepoint()
        self.people = [self.cast.wang, self.cast.li, self.cast.zhao, self.cast.qian, self.cast.wu, self.cast.zheng]
        self.item = opened(self.cast, WALK)
        self.said: dict[int, tuple[object, ...]] = {}

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.savepoint)

    @rule(act=st.sampled_from(ACTS), by=st.integers(0, 5), other=st.integers(0, 5), place=st.integers(0, 3))
    def act(self, act: str, by: int, other: int, place: int) -> None:
        item = WorkItem.objects.select_related("flow", "owner").get(id=self.item.id)
        person, whom, turn = self.people[by], self.people[other], item.turn
        seats = list(Seat.objects.filter(item=item, open=True).order_by("id").select_related("person"))
        if act in ("sign", "return", "refuse") and seats and place:  # mostly somebody who is waited for
            person = seats[other % len(seats)].person
        before = Opinion.objects.count()
        try:
            match act:
                case "sign":
                    sign_step(person, item, turn=turn)
                case "refuse":
                    refuse_step(person, item, turn=turn, words="不赞成。")
                case "return":
                    to = parse_flow(item.flow.source).steps[place].key
                    return_item(person, item, turn=turn, to=to, words="退。")
                case "withdraw":
                    hand.withdraw(person, item, turn=turn)
                case "transfer":
                    hand.transfer(person, item, turn=turn, to=whom, words="转。")
                case "give":
                    holder = seats[place % len(seats)].person if seats else person
                    hand.transfer(self.cast.zheng, item, turn=turn, to=whom, words="转。", of=holder)
                case _:
                    hand.add_signer(person, item, turn=turn, person=whom, before=act == "before", words="看看。")
        except Refused:
            assert Opinion.objects.count() == before

    @invariant()
    def opinions_never_change(self) -> None:
        now = {
            one.id: (one.visit_id, one.person_id, one.act, one.words, one.at, one.evidence)
            for one in Opinion.objects.filter(item=self.item)
        }
        assert {key: now.get(key) for key in self.said} == self.said
        self.said = now

    @invariant()
    def one_open_visit_for_each_step_and_one_seat_for_each_person(self) -> None:
        opened = list(StepVisit.objects.filter(item=self.item, outcome="open").values_list("step", flat=True))
        assert len(opened) == len(set(opened))
        flow = parse_flow(self.item.flow.source)
        if not all(flow.together(flow.step(opened[0]), flow.step(key)) for key in opened[1:]):
            raise AssertionError(opened)
        seats = list(Seat.objects.filter(item=self.item, open=True).values_list("visit", "person"))
        assert len(seats) == len(set(seats))
        effective = Opinion.objects.filter(item=self.item, withdrawal=None, visit__outcome__in=["open", "done"])
        voices = list(effective.values_list("visit", "person"))
        assert len(voices) == len(set(voices))

    @invariant()
    def it_ends_or_waits_for_somebody_named(self) -> None:
        item = WorkItem.objects.get(id=self.item.id)
        visits = StepVisit.objects.filter(item=item, outcome="open")
        closed = item.state == "closed"
        assert closed == (not visits.exists())
        for visit in visits:
            assert Seat.objects.filter(visit=visit, open=True).exists()
        assert item.step in set(visits.values_list("step", flat=True)) | {""}

    @invariant()
    def nobody_barred_has_signed(self) -> None:
        flow = parse_flow(self.item.flow.source)
        for visit in StepVisit.objects.filter(item=self.item, outcome__in=["open", "done"]):
            step = flow.step(visit.step)
            shut_out = rules.barred(step, acted(self.item, step.not_also))
            voices = Opinion.objects.filter(visit=visit, withdrawal=None).values_list("person_id", flat=True)
            if visit.outcome == "open":
                assert not shut_out & set(voices)


def test_whatever_people_do_the_item_ends_or_waits_for_somebody_named(cast):
    class Here(Walk):
        pass

    Here.cast = cast
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
