"""Lines between two joints: they begin together, run side by side, and the step after them waits for the last."""

import pytest

from tests.process.test_actions import LAST, opened, steps_of
from tests.process.test_hand import reason, waiting
from weilu.kernel.refused import Refused
from weilu.process import hand
from weilu.process.actions import return_item, sign_step
from weilu.process.chart import draw
from weilu.process.flow import parse_flow
from weilu.process.queries import item_view

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


def test_a_page_older_than_the_visit_is_stale_and_one_from_the_future_too(cast):
    item = opened(cast, LINES + LAST)
    stale = "工单在您打开页面之后已有变动。您写的内容还在，看过新内容再提交"

    assert reason(lambda: sign_step(cast.wu, item, turn=0)) == stale
    assert reason(lambda: sign_step(cast.wu, item, turn=item.turn + 1)) == stale


def test_a_signature_from_before_the_lines_began_anew_stays(cast):
    item = opened(cast, LINES + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn)
    item = sign_step(cast.qian, item, turn=item.turn)
    item = return_item(cast.wu, item, turn=item.turn, to="ask", words="没有写影响。")
    item = sign_step(cast.wang, item, turn=item.turn)
    assert waiting(item) == {"赵立新", "吴静"}

    assert reason(lambda: hand.withdraw(cast.qian, item, turn=item.turn)) == "已经不能撤回：「申请」已经开始"


def test_a_step_that_the_flow_does_not_know_is_refused(cast):
    item = opened(cast, LINES + LAST)

    assert reason(lambda: sign_step(cast.wu, item, turn=item.turn, step="nothing")) == "这张工单没有步骤「nothing」"


def test_the_chart_draws_lines_under_one_another_and_each_shows_its_own_progress(cast):
    item = opened(cast, LINES + LAST)
    item = sign_step(cast.zhao, item, turn=item.turn)
    view = item_view(item, cast.qian)

    assert [(one.step.key, one.state) for one in view.steps] == [
        ("ask", "done"), ("data", "done"), ("data_check", "present"), ("net", "present"), ("last", "future"),
    ]  # fmt: skip
    assert view.step.key == "data_check"
    drawing = str(draw(view))
    assert [place in drawing for place in ('cx="405" cy="62"', 'cx="675" cy="62"', 'cx="405" cy="158"')] == [True] * 3


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
