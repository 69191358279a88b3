"""The pure rules of a change: CHG-1, CHG-5, CHG-6, CHG-7 and the window."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.unchanged import ruling
from weilu.changes import rules
from weilu.changes.rules import Approval
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.once
NOON = datetime(2026, 9, 28, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIGEST, OTHER = "a" * 64, "b" * 64
ROW = {"title": "版本正确", "path": "/healthz", "expect": "1.1.0"}


def said(refused: pytest.ExceptionInfo[Refused]) -> tuple[str, str, str]:
    return refused.value.reason, str(refused.value.clause or ""), refused.value.field


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (NOON, NOON, "结束时间不晚于开始时间。把结束时间改到开始之后"),
        (NOON + HOUR, NOON, "结束时间不晚于开始时间。把结束时间改到开始之后"),
        (NOON - 2 * HOUR, NOON - HOUR, "窗口已经过去。选一个还没结束的窗口"),
        (NOON - HOUR, NOON, "窗口已经过去。选一个还没结束的窗口"),
    ],
)
def test_a_window_that_ends_before_it_begins_or_before_now_is_refused(start, end, reason):
    with pytest.raises(Refused) as refused:
        rules.check_window(start, end, NOON)
    assert said(refused) == (reason, "", "window_to")


def test_a_window_that_is_open_now_or_later_is_accepted():
    windows = [(NOON - HOUR, NOON + HOUR), (NOON + HOUR, NOON + 2 * HOUR)]

    assert [ruling(lambda pair=pair: rules.check_window(*pair, NOON)) for pair in windows] == [None, None]


def test_criteria_are_kept_with_their_path_in_half_width_and_empty_rows_left_out():
    blank = {"title": " ", "path": "", "expect": ""}
    rows = [blank, ROW | {"path": "／ｈｅａｌｔｈｚ"}, blank]

    assert rules.check_criteria(rows) == [ROW]


@pytest.mark.parametrize(
    ("rows", "reason", "clause"),
    [
        ([], "没有验收准则。至少写一条，实施前定好", "CHG-5"),
        ([{"title": "", "path": " ", "expect": ""}], "没有验收准则。至少写一条，实施前定好", "CHG-5"),
        ([ROW] * 21, "验收准则最多 20 条", "CHG-5"),
        ([ROW, ROW | {"title": ""}], "第 2 条准则的名称没有填写。填好后再提交", ""),
        ([ROW | {"path": ""}], "第 1 条准则的路径没有填写。填好后再提交", ""),
        ([ROW | {"expect": ""}], "第 1 条准则的应含内容没有填写。填好后再提交", ""),
        ([ROW | {"expect": "字" * 201}], "第 1 条准则的应含内容有 201 字，最多 200 字。删短后再提交", ""),
        ([ROW | {"title": "版\x07本"}], "第 1 条准则的名称第 2 个字是不可见的控制字符。删去后再提交", ""),
        ([ROW | {"path": "healthz"}], "第 1 条准则的路径应以 / 开头，例如 /healthz", "CHG-5"),
        ([ROW | {"path": "http://127.0.0.1/"}], "第 1 条准则的路径应以 / 开头，例如 /healthz", "CHG-5"),
        ([ROW | {"path": "//127.0.0.1/"}], "第 1 条准则的路径应以 / 开头，例如 /healthz", "CHG-5"),
        ([ROW | {"path": "/\\127.0.0.1/"}], "第 1 条准则的路径应以 / 开头，例如 /healthz", "CHG-5"),
    ],
)
def test_criteria_that_say_too_little_or_lead_elsewhere_are_refused(rows, reason, clause):
    with pytest.raises(Refused) as refused:
        rules.check_criteria(rows)
    assert said(refused) == (reason, clause, "criteria")


def test_an_upgrade_leads_to_another_version():
    rules.check_newer("1.0.0", "1.1.0")
    with pytest.raises(Refused) as refused:
        rules.check_newer("1.1.0", "1.1.0")
    assert said(refused) == ("现在运行的就是 1.1.0。选另一个版本", "", "version")


DONE = Approval("done", frozenset({DIGEST}))
ALL = {"plan_check": DONE, "confirm": DONE, "security": DONE}


def approved(digest=DIGEST, recomputed=DIGEST, subject=DIGEST, step="release", running=True, **approvals):
    given = {key: value for key, value in (ALL | approvals).items() if value is not None}
    rules.check_approved(digest, recomputed, subject, step, running, given)


def test_a_plan_that_everybody_signed_stands_approved():
    assert ruling(approved) is None


def test_a_system_that_does_not_run_needs_no_security_office():
    passed = Approval("not-required", frozenset())
    approved(running=False, security=passed)
    with pytest.raises(Refused) as refused:
        approved(running=True, security=passed)
    assert said(refused) == ("这一版方案还没有全部批准，不能执行", "CHG-7", "")


@pytest.mark.parametrize(
    ("over", "reason", "clause"),
    [
        ({"recomputed": OTHER}, "方案在批准后被改动，不能执行。重新送审后再开始", "CHG-1"),
        ({"subject": OTHER}, "方案在批准后被改动，不能执行。重新送审后再开始", "CHG-1"),
        ({"step": "security"}, "工单不在「实施与发布」，不能执行", "CHG-1"),
        ({"plan_check": None}, "这一版方案还没有全部批准，不能执行", "CHG-1"),
        ({"confirm": Approval("open", frozenset({DIGEST}))}, "这一版方案还没有全部批准，不能执行", "CHG-1"),
        ({"confirm": Approval("returned", frozenset({DIGEST}))}, "这一版方案还没有全部批准，不能执行", "CHG-1"),
        ({"confirm": Approval("done", frozenset({OTHER}))}, "这一版方案还没有全部批准，不能执行", "CHG-1"),
        ({"confirm": Approval("done", frozenset({DIGEST, OTHER}))}, "这一版方案还没有全部批准，不能执行", "CHG-1"),
        ({"confirm": Approval("done", frozenset())}, "这一版方案还没有全部批准，不能执行", "CHG-1"),
        ({"security": None}, "这一版方案还没有全部批准，不能执行", "CHG-7"),
        ({"security": Approval("voided", frozenset({DIGEST}))}, "这一版方案还没有全部批准，不能执行", "CHG-7"),
        ({"security": None, "running": False}, "这一版方案还没有全部批准，不能执行", "CHG-7"),
    ],
)
def test_anything_less_than_every_approval_of_this_very_plan_is_refused(over, reason, clause):
    with pytest.raises(Refused) as refused:
        approved(**over)
    assert said(refused) == (reason, clause, "")


def test_every_user_is_told():
    rules.check_everybody_told(2, 2)
    with pytest.raises(Refused) as refused:
        rules.check_everybody_told(3, 2)
    assert said(refused) == ("还有 1 名用户没有通知到", "CHG-6", "")
