"""An item on its way: signing, returning, gates, conditions, and what a refusal leaves untouched."""

import threading

import pytest
from django.db import connection, transaction

from tests.cast import state_of_everything, system_of
from tests.support.unchanged import Refusal, refusal_of
from weilu.kernel.ids import uuid7
from weilu.kernel.refused import Refused, Stale
from weilu.process.actions import (
    conclude_step,
    open_item,
    record_fact,
    refuse_step,
    reopen_step,
    return_item,
    set_subject,
    sign_step,
)
from weilu.process.flow_actions import install_flow
from weilu.process.models import Opinion, Seat, StepVisit, WorkItem
from weilu.process.queries import counts, done, gates_of, item_view, mine, todo

HEAD = "flow: test.flow\ntitle: 试验\nsteps:\n  - {key: ask, title: 申请, who: requester}\n"
CHECK = "  - {key: check, title: 审核, who: [role(technical_head), role(leader)], sign: all, not_also: [ask]}\n"
LAST = "  - {key: last, title: 确认, who: requester}\n"


def opened(cast, steps: str, running: bool = True, by=None) -> WorkItem:
    install_flow(cast.jz, HEAD + steps)
    system = system_of(cast, running=running)
    with transaction.atomic():
        return open_item(
            by or cast.wang, system=system, kind="test", series="CS", title="试一试",
            flow="test.flow", facets={"running": running}, words="",
        )  # fmt: skip


def steps_of(item: WorkItem) -> list[tuple[str, int, str]]:
    return list(StepVisit.objects.filter(item=item).order_by("id").values_list("step", "ordinal", "outcome"))


def test_a_countersign_goes_on_only_when_everybody_has_signed(cast):
    item = opened(cast, CHECK + LAST)

    item = sign_step(cast.zhao, item, turn=item.turn)
    assert (item.step, Seat.objects.filter(item=item, open=True).get().person) == ("check", cast.qian)
    item = sign_step(cast.qian, item, turn=item.turn)
    assert (item.step, item.number) == ("last", item.number)
    item = sign_step(cast.wang, item, turn=item.turn)

    assert (item.state, item.step) == ("closed", "")
    assert steps_of(item) == [("ask", 1, "done"), ("check", 1, "done"), ("last", 1, "done")]
    assert Seat.objects.filter(item=item, open=True).count() == 0


def test_any_one_of_several_is_enough(cast):
    item = opened(cast, CHECK.replace("sign: all", "sign: any") + LAST)

    item = sign_step(cast.qian, item, turn=item.turn)

    assert item.step == "last"
    assert [row.item for row in todo(cast.zhao)] == []


def test_two_of_three_with_a_lost_vote(cast):
    voters = "[role(technical_head), role(leader), role(security_office)]"
    item = opened(cast, f"  - {{key: vote, title: 表决, who: {voters}, sign: 2, veto: false}}\n" + LAST)

    item = refuse_step(cast.zhao, item, turn=item.turn, words="不必做。")
    assert item.step == "vote"
    item = sign_step(cast.qian, item, turn=item.turn)
    item = sign_step(cast.wu, item, turn=item.turn)

    assert item.step == "last"
    assert list(Opinion.objects.filter(item=item, visit__step="vote").order_by("id").values_list("act", flat=True)) == [
        "refuse", "agree", "agree",
    ]  # fmt: skip


def test_a_return_opens_a_new_visit_and_keeps_every_opinion(cast):
    item = opened(cast, CHECK + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn, words="可以。")

    item = return_item(cast.qian, item, turn=item.turn, to="ask", words="没有写影响。")
    assert item.step == "ask"
    item = sign_step(cast.wang, item, turn=item.turn)

    assert steps_of(item) == [("ask", 1, "done"), ("check", 1, "returned"), ("ask", 2, "done"), ("check", 2, "open")]
    said = Opinion.objects.filter(item=item).order_by("id").values_list("person__name", "act", "words")
    assert list(said) == [
        ("王敏", "agree", ""), ("赵立新", "agree", "可以。"),
        ("钱文远", "return", "没有写影响。"), ("王敏", "agree", ""),
    ]  # fmt: skip
    assert {seat.person for seat in Seat.objects.filter(item=item, open=True)} == {cast.zhao, cast.qian}


def test_after_a_direct_return_the_item_comes_straight_back(cast):
    middle = "  - {key: middle, title: 复核, who: role(security_office)}\n"
    item = opened(cast, middle + CHECK.replace("}\n", ", resume: direct}\n") + LAST)
    item = sign_step(cast.wu, item, turn=item.turn)

    item = return_item(cast.zhao, item, turn=item.turn, to="ask", words="补一行。")
    item = sign_step(cast.wang, item, turn=item.turn)

    assert item.step == "check"


def test_a_conditional_step_is_recorded_as_not_required(cast):
    item = opened(
        cast, "  - {key: safe, title: 审批, who: role(security_office), when: running == true}\n" + LAST, running=False
    )

    assert item.step == "last"
    visit = StepVisit.objects.get(item=item, step="safe")
    assert (visit.outcome, visit.reason) == ("not-required", "不需要，因为 running == true 不成立")


def test_an_automatic_step_waits_for_the_room_that_carries_it_out(cast):
    item = opened(cast, "  - {key: tell, title: 通知, auto: test.tell}\n" + LAST)
    assert (item.step, Seat.objects.filter(item=item, open=True).count()) == ("tell", 0)

    conclude_step(item, "tell", "已通知 2 人")

    item.refresh_from_db()
    assert item.step == "last"
    with pytest.raises(Stale):
        conclude_step(item, "tell", "已通知 2 人")


def test_a_gate_is_closed_when_its_fact_is_absent_or_stale_and_open_when_present(cast):
    item = opened(cast, "  - {key: go, title: 实施, who: contract_engineer, gates: [backup.restored]}\n" + LAST)
    set_subject(item, "a" * 64)
    step = item_view(item, cast.chen).step
    before = state_of_everything()

    with pytest.raises(Refused) as refused:
        sign_step(cast.chen, item, turn=item.turn, subject="a" * 64)
    assert refused.value.reason == "还差 1 项关口：备份可恢复还没有记录"
    assert state_of_everything() == before

    record_fact(item, "backup.restored", "b" * 64, True, "02:14 备份", "R-1", uuid7())
    assert [(gate.open, gate.stale) for gate in gates_of(item, step)] == [(False, True)]
    record_fact(item, "backup.restored", "a" * 64, True, "03:05 还原验证", "R-2", uuid7())
    assert [(gate.open, gate.words) for gate in gates_of(item, step)] == [(True, "03:05 还原验证")]

    item = sign_step(cast.chen, item, turn=item.turn, subject="a" * 64)
    assert item.step == "last"


def test_a_new_subject_voids_the_facts_that_named_the_old_one(cast):
    item = opened(cast, "  - {key: go, title: 实施, who: contract_engineer, gates: [backup.restored]}\n" + LAST)
    set_subject(item, "a" * 64)
    record_fact(item, "backup.restored", "a" * 64, True, "好", "R-1", uuid7())
    set_subject(item, "b" * 64)

    assert refusal_of(lambda: sign_step(cast.chen, item, turn=item.turn, subject="b" * 64)) == Refusal(
        "还差 1 项关口：备份可恢复已失效：它依据的是改前的方案", "CHG-1"
    )


@pytest.mark.parametrize(
    ("who", "sentence"),
    [("wu", "「审核」不由您办"), ("wang", "这一步不能由您签：「申请」是您办的")],
)
def test_who_is_not_asked_cannot_sign_and_nothing_changes(cast, who, sentence):
    item = opened(cast, CHECK + LAST)
    before = state_of_everything()

    with pytest.raises(Refused) as refused:
        sign_step(getattr(cast, who), item, turn=item.turn)

    assert refused.value.reason == sentence
    assert state_of_everything() == before


def test_whoever_asked_gets_no_seat_where_they_may_not_approve(cast):
    from weilu.accounts.actions import give_role

    give_role(None, cast.zhao, cast.jz, "leader")
    item = opened(cast, CHECK + LAST, by=cast.qian)

    assert {seat.person for seat in Seat.objects.filter(item=item, open=True)} == {cast.zhao}


def test_a_step_that_nobody_may_take_refuses_the_act_that_leads_to_it(cast):
    item_before = WorkItem.objects.count()
    with pytest.raises(Refused, match="没有够格的人可办"):
        opened(cast, CHECK + LAST, by=cast.qian)  # 钱 is the only leader and may not approve his own ask
    assert WorkItem.objects.count() == item_before


def test_signing_twice_an_old_page_and_an_old_digest_change_nothing(cast):
    item = opened(cast, CHECK + LAST)
    set_subject(item, "a" * 64)
    old_turn = item.turn
    sign_step(cast.zhao, item, turn=item.turn, subject="a" * 64)
    before = state_of_everything()

    with pytest.raises(Refused, match="您已签过这一步"):
        sign_step(cast.zhao, item, turn=item.turn, subject="a" * 64)
    with pytest.raises(Stale):
        sign_step(cast.qian, item, turn=old_turn - 1, subject="a" * 64)
    with pytest.raises(Stale):
        sign_step(cast.qian, item, turn=item.turn, subject="b" * 64)

    assert state_of_everything() == before


def test_a_change_after_approval_reopens_the_step_where_it_was_made(cast):
    plan = "  - {key: plan, title: 方案, who: contract_engineer}\n"
    item = opened(cast, plan + CHECK + LAST)
    item = sign_step(cast.chen, item, turn=item.turn)
    item = sign_step(cast.zhao, item, turn=item.turn)

    item = reopen_step(cast.chen, item, turn=item.turn, to="plan", reason="改了窗口")

    assert steps_of(item)[-2:] == [("check", 1, "voided"), ("plan", 2, "open")]


def test_a_running_item_stays_on_the_version_it_began_with(cast):
    item = opened(cast, CHECK + LAST)
    newer = install_flow(cast.jz, HEAD + LAST)

    assert (newer.number, item.flow.number) == (2, 1)
    item = sign_step(cast.zhao, item, turn=item.turn)
    assert item.step == "check"


def test_the_same_bytes_are_the_same_version(cast):
    assert install_flow(cast.jz, HEAD + LAST) == install_flow(cast.jz, HEAD + LAST)


@pytest.mark.parametrize("rows", [1, 3])
def test_lists_ask_as_often_for_three_rows_as_for_one(cast, rows, django_assert_num_queries):
    install_flow(cast.jz, HEAD + CHECK + LAST)
    system = system_of(cast)
    for number in range(rows):
        open_item(
            cast.wang,
            system=system,
            kind="test",
            series="CS",
            title=f"第 {number} 件",
            flow="test.flow",
            facets={},
            words="",
        )

    assert (len(cast.zhao.owner_ids), len(cast.wang.owner_ids)) == (1, 1)  # asked once for each request

    with django_assert_num_queries(6):  # one more for whom one stands in
        assert len(todo(cast.zhao)) == rows
    with django_assert_num_queries(5):
        assert len(mine(cast.wang)) == rows
    with django_assert_num_queries(5):
        assert len(done(cast.wang)) == rows
    assert counts(cast.zhao)["todo"] == rows


def test_pages_of_a_list_join_without_gap_or_repetition(cast):
    install_flow(cast.jz, HEAD + CHECK.replace("}\n", ", hours: 8}\n") + LAST)
    system = system_of(cast)
    for number in range(5):
        open_item(
            cast.wang,
            system=system,
            kind="test",
            series="CS",
            title=f"第 {number} 件",
            flow="test.flow",
            facets={},
            words="",
        )

    first = todo(cast.zhao, limit=2)
    second = todo(cast.zhao, after=first[-1].cursor, limit=2)
    third = todo(cast.zhao, after=second[-1].cursor, limit=2)

    assert [row.item.title for row in first + second + third] == [f"第 {n} 件" for n in range(5)]


@pytest.mark.django_db(transaction=True)
def test_two_who_sign_at_once_both_count_and_the_step_is_done_once(transactional_db):
    from tests.cast import cast_again

    cast = cast_again()
    item = opened(cast, CHECK + LAST)
    troubles: list[Exception] = []

    def sign(person) -> None:
        try:
            sign_step(person, WorkItem.objects.get(id=item.id), turn=item.turn)
        except Exception as problem:
            troubles.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign, args=(person,)) for person in (cast.zhao, cast.qian)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert troubles == []
    assert steps_of(item) == [("ask", 1, "done"), ("check", 1, "done"), ("last", 1, "open")]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_race_for_one_seat_the_second_reads_that_it_is_over(transactional_db):
    from tests.cast import cast_again

    cast = cast_again()
    item = opened(cast, CHECK.replace("sign: all", "sign: any") + LAST)
    answers: list[str] = []

    def sign(person) -> None:
        try:
            sign_step(person, WorkItem.objects.get(id=item.id), turn=item.turn)
            answers.append("signed")
        except Stale as stale:
            answers.append(stale.reason)
        finally:
            connection.close()

    threads = [threading.Thread(target=sign, args=(person,)) for person in (cast.zhao, cast.qian)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["signed", "工单在您打开页面之后已有变动。您写的内容还在，看过新内容再提交"]
    assert Opinion.objects.filter(item=item, visit__step="check").count() == 1


def test_who_has_lost_the_role_no_longer_signs_and_nothing_changes(cast):
    from weilu.accounts.actions import end_role

    item = opened(cast, CHECK + LAST)
    end_role(cast.zheng, cast.qian, cast.jz, "leader", anyway="调走了")
    before = state_of_everything()

    with pytest.raises(Refused, match="ROL-1") as refused:
        sign_step(cast.qian, item, turn=item.turn)

    assert refused.value.reason == "您现在已没有「审核」要求的角色"
    assert state_of_everything() == before


def test_whose_grant_has_ended_sees_no_work_of_that_customer(cast):
    from weilu.accounts.actions import end_role
    from weilu.accounts.models import Person

    item = opened(cast, "  - {key: plan, title: 方案, who: contract_engineer}\n" + CHECK + LAST)
    assert [row.item for row in todo(cast.chen)] == [item]
    end_role(cast.zheng, cast.chen, cast.jz, "engineer", anyway="调走了")

    chen = Person.objects.get(id=cast.chen.id)
    assert (todo(chen), done(chen), counts(chen)) == ([], [], {"todo": 0, "done": 0, "mine": 0})
