"""Who keeps windows and freezes, what is typed wrong, and what the log says of it (CHG-3)."""

import pytest

from tests.planning.builders import at, make_freeze, make_window
from tests.support.unchanged import Refusal, refusal_of
from weilu.evidence.models import Staged
from weilu.planning.actions import add_freeze, add_window, change_window, end_freeze, end_window
from weilu.planning.models import Freeze, Window
from weilu.planning.queries import conflicts

WINDOW = {"name": "周五夜间", "rule": "FREQ=WEEKLY;BYDAY=FR", "starts": at("01-03T22:00"), "minutes": 480}
FREEZE = {"name": "国庆封网", "starts": at("09-30T18:00"), "ends": at("10-08T08:00"), "reason": "节日保障"}
NOT_YOURS = Refusal("窗口与封网期由系统管理员、技术部门负责人或信息安全办维护", "CHG-3")


def said(kind: str) -> dict:
    """What the last entry of this kind says."""
    return Staged.objects.filter(kind=kind).order_by("-id")[0].said["data"]


@pytest.mark.parametrize("who", ["wang", "li", "qian", "chen", "zhou", "sun", "he"])
def test_windows_and_freezes_are_kept_by_who_holds_the_right(cast, system, who):
    by, window, freeze = getattr(cast, who), make_window(system), make_freeze(cast.jz)
    assert refusal_of(lambda: add_window(by, system, **WINDOW)) == NOT_YOURS
    assert refusal_of(lambda: change_window(by, window, **WINDOW)) == NOT_YOURS
    assert refusal_of(lambda: end_window(by, window)) == NOT_YOURS
    assert refusal_of(lambda: add_freeze(by, cast.jz, **FREEZE)) == NOT_YOURS
    assert refusal_of(lambda: end_freeze(by, freeze, reason="不需要了")) == NOT_YOURS


@pytest.mark.parametrize("who", ["zheng", "zhao", "wu"])
def test_a_window_is_kept_as_typed_and_is_on_record(cast, system, who):
    made = add_window(getattr(cast, who), system, **WINDOW, left_out=["2031-10-03"], days="off")
    kept = Window.objects.get()
    assert (kept.id, kept.owner, kept.name, kept.rule, kept.starts, kept.minutes, kept.left_out, kept.days) == (
        made.id, cast.jz, "周五夜间", "FREQ=WEEKLY;BYDAY=FR", at("01-03T22:00"), 480, ["2031-10-03"], "off",
    )  # fmt: skip
    assert said("planning.window_added") == {
        "window": str(made.uid), "system": "YYPT", "name": "周五夜间", "rule": "FREQ=WEEKLY;BYDAY=FR",
        "starts": "2031-01-03T14:00:00.000000Z", "minutes": 480, "left_out": ["2031-10-03"], "days": "off",
    }  # fmt: skip


def test_a_window_is_changed_as_a_whole_and_holds_at_once(cast, system):
    window = make_window(system)
    change_window(cast.zheng, window, **WINDOW)
    assert said("planning.window_changed")["rule"] == "FREQ=WEEKLY;BYDAY=FR"
    assert [one.words for one in conflicts(None, system, at("10-09T22:00"), at("10-09T23:00"))] == ["不在维护窗口之内"]
    assert conflicts(None, system, at("10-10T22:00"), at("10-10T23:00")) == []


def test_a_window_that_was_ended_is_not_changed_or_ended_again(cast, system):
    window = end_window(cast.zheng, make_window(system))
    gone = Refusal("这个窗口已经停用。另登记一个", "CHG-3")
    assert said("planning.window_ended")["name"] == "夜间"
    assert refusal_of(lambda: change_window(cast.zheng, window, **WINDOW)) == gone
    assert refusal_of(lambda: end_window(cast.zheng, window)) == gone


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"name": " "}, "名称没有填写。填好后再提交", "name"),
        ({"name": "窗" * 61}, "名称有 61 字，最多 60 字。删短后再提交", "name"),
        ({"rule": "FREQ=SECONDLY"}, "规则的 FREQ=SECONDLY 不能用。只能是 DAILY、WEEKLY、MONTHLY、YEARLY", "rule"),
        ({"minutes": 0}, "时长应在 1 分钟到 10080 分钟之间", "minutes"),
        ({"left_out": ["10-01"]}, "例外日期「10-01」不对。写成 2026-10-01", "left_out"),
        ({"days": "x"}, "开放的日子没有选", "days"),
    ],
)
def test_a_window_that_is_typed_wrong_is_not_kept(cast, system, over, reason, field):
    window = make_window(system)
    assert refusal_of(lambda: add_window(cast.zheng, system, **(WINDOW | over))) == Refusal(reason, "", field)
    assert refusal_of(lambda: change_window(cast.zheng, window, **(WINDOW | over))) == Refusal(reason, "", field)


def test_a_freeze_of_one_system_or_of_all_is_kept_as_typed_and_is_on_record(cast, system):
    add_freeze(cast.wu, cast.jz, **FREEZE)
    made = add_freeze(cast.wu, cast.jz, system=system, **(FREEZE | {"name": "升级后观察"}))
    kept = [(one.name, one.system, one.starts, one.ends, one.reason) for one in Freeze.objects.order_by("id")]
    assert kept == [
        ("国庆封网", None, at("09-30T18:00"), at("10-08T08:00"), "节日保障"),
        ("升级后观察", system, at("09-30T18:00"), at("10-08T08:00"), "节日保障"),
    ]
    assert said("planning.freeze_added") == {
        "freeze": str(made.uid), "system": "YYPT", "name": "升级后观察", "reason": "节日保障",
        "starts": "2031-09-30T10:00:00.000000Z", "ends": "2031-10-08T00:00:00.000000Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("over", "reason", "field"),
    [
        ({"name": ""}, "名称没有填写。填好后再提交", "name"),
        ({"reason": ""}, "原因没有填写。填好后再提交", "reason"),
        ({"ends": at("09-30T18:00")}, "结束时间不晚于开始时间。把结束时间改到开始之后", "ends"),
        (
            {"starts": at("09-30T18:00").replace(year=2020), "ends": at("10-08T08:00").replace(year=2020)},
            "这段时间已经过去。选一个还没结束的时间",
            "ends",
        ),
    ],
)
def test_a_freeze_that_is_typed_wrong_is_not_kept(cast, over, reason, field):
    assert refusal_of(lambda: add_freeze(cast.wu, cast.jz, **(FREEZE | over))) == Refusal(reason, "", field)


def test_a_freeze_is_of_the_customers_own_systems(cast, system):
    by = cast.he  # administers 海宁
    assert refusal_of(lambda: add_freeze(by, cast.hn, system=system, **FREEZE)) == Refusal(
        "这个系统不是这个单位的", "", "system"
    )


def test_a_freeze_is_lifted_with_a_reason_once(cast, system):
    freeze = make_freeze(cast.jz)
    assert refusal_of(lambda: end_freeze(cast.wu, freeze, reason="")) == Refusal(
        "原因没有填写。填好后再提交", "", "reason"
    )
    end_freeze(cast.wu, freeze, reason="保障任务提前完成")
    assert said("planning.freeze_ended")["reason"] == "保障任务提前完成"
    assert conflicts(None, system, at("09-30T22:00"), at("09-30T23:00")) == []
    assert refusal_of(lambda: end_freeze(cast.wu, freeze, reason="再来")) == Refusal("这个封网期已经结束", "CHG-3")
