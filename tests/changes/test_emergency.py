"""Emergency changes: one approval, the act, then every other step; counted, and chased until complete."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.changes.steps import analyse, bring, item_of, plan, sign_as, tell_run, visits
from tests.support.unchanged import Refusal, refusal_of
from weilu.accounts.actions import give_role
from weilu.accounts.models import RoleHolding
from weilu.changes import chase
from weilu.changes.actions import order_upgrade, request_change
from weilu.changes.approval import check_item_approved
from weilu.changes.chase import counted, figures, round_at
from weilu.changes.emergency_actions import request_emergency, set_policy, take_normal_way
from weilu.changes.models import Change, Emergency, Policy
from weilu.jobs.kinds import Doing
from weilu.jobs.models import Job
from weilu.kernel import worktime
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI, now
from weilu.notify.models import Notice
from weilu.process.actions import return_item, sign_step
from weilu.process.models import Opinion
from weilu.process.queries import item_view
from weilu.records.models import RecordSheet

OFFICE = worktime.Calendar()
ASKED = {"title": "预约平台修复登录漏洞", "need": "升级到 1.1.0。", "reason": "漏洞正在被利用，等不到明天。"}
BEFORE = ["request", "design", "confirm"]
AFTER = ["analysis", "need", "plan_check", "joint", "security", "feedback", "sheet"]


@pytest.fixture
def emergency(cast, kinds) -> Change:
    return request_emergency(cast.wang, kinds, **ASKED)


def chased(change: Change, at: datetime, monkeypatch: pytest.MonkeyPatch) -> datetime | None:
    """What the worker does for it at this instant."""
    job = Job(kind=chase.CHASE.key, payload={"emergency": change.emergency.id})
    monkeypatch.setattr("weilu.changes.chase.now", lambda: at)
    return chase.chase(Doing(job, 0))


def told(change: Change, kind: str) -> list[tuple[str, str]]:
    rows = Notice.objects.filter(item=str(change.item.uid), kind=kind).order_by("id")
    return list(rows.values_list("person__name", "title"))


def test_it_acts_after_one_approval_and_stays_open_till_every_other_step_is_done(cast, emergency):
    bring(cast, emergency, "analysis")

    item = item_of(emergency)
    assert visits(emergency) == [(step, 1, "done") for step in [*BEFORE, "release", "notice"]] + [
        ("analysis", 1, "open")
    ]
    assert (item.state, item.priority, emergency.emergency.done_at) == ("open", "urgent", None)

    bring(cast, emergency, "")

    assert visits(emergency) == [(step, 1, "done") for step in [*BEFORE, "release", "notice", *AFTER]]
    assert Emergency.objects.get().done_at is not None
    sheet = RecordSheet.objects.get(item=item).content
    assert (sheet["urgency"], sheet["done"][0]) == (
        "urgent",
        "紧急变更：经 赵立新 批准先行实施，其余步骤在实施后补办完毕。",
    )
    assert sheet["cause"].endswith("\n不能等的原因：漏洞正在被利用，等不到明天。")


def test_nothing_is_run_without_the_approval_or_that_was_not_approved_byte_for_byte(cast, emergency):
    bring(cast, emergency, "confirm")
    assert refusal_of(lambda: order_upgrade(cast.chen, emergency, turn=item_of(emergency).turn)) == Refusal(
        "「实施与发布」不由您办", "CHG-1"
    )
    item = item_of(emergency)
    assert refusal_of(lambda: sign_step(cast.wang, item, turn=item.turn, subject=item.subject)) == Refusal(
        "这一步不能由您签：「紧急申请」是您办的", "ROL-1"
    )
    type(item).objects.filter(id=item.id).update(step="release")  # somebody who moves it in the database
    assert refusal_of(lambda: check_item_approved(item_of(emergency), item.subject)) == Refusal(
        "这一版方案还没有全部批准，不能执行", "CHG-1"
    )


def test_only_the_customer_s_own_people_consent_to_an_emergency(cast, emergency):
    """SVC-7: the vendor's 周 was given the role; their word is none of the customer's."""
    give_role(None, cast.zhou, cast.jz, "technical_head", source="合同")
    bring(cast, emergency, "confirm")
    refused = Refusal("紧急变更要由甲方自己的人同意，乙方的人不能代为批准", "SVC-7")
    assert refusal_of(lambda: sign_as(cast, emergency, "zhou")) == refused
    with pytest.raises(Refused) as told:
        sign_as(cast, emergency, "zhou")
    assert told.value.help == "可由 赵立新、钱文远 同意"
    sign_as(cast, emergency, "qian")
    assert item_of(emergency).step == "release"
    order_upgrade(cast.chen, emergency, turn=item_of(emergency).turn)


def test_an_emergency_without_the_customer_s_consent_on_record_is_not_run(cast, emergency):
    """SVC-7: the worker asks who agreed, and to which plan, whatever step the item stands at."""
    bring(cast, emergency, "release")
    item = item_of(emergency)
    check_item_approved(item, item.subject)
    consent = Opinion.objects.filter(item=item, visit__step="confirm")
    refused = Refusal("紧急变更要由甲方自己的人同意，乙方的人不能代为批准", "SVC-7")
    consent.update(person=cast.zhou)  # somebody who alters it in the database
    assert refusal_of(lambda: check_item_approved(item, item.subject)) == refused
    assert refusal_of(lambda: order_upgrade(cast.chen, emergency, turn=item.turn)) == refused
    consent.update(person=cast.zhao, act="refuse")
    assert refusal_of(lambda: check_item_approved(item, item.subject)) == refused
    RoleHolding.objects.filter(role__in=["technical_head", "leader"]).update(until=now())
    with pytest.raises(Refused) as told:
        check_item_approved(item, item.subject)
    assert told.value.help == "系统管理员可以把角色授予甲方自己的人"


def test_the_way_back_and_the_backups_are_those_of_every_run(cast, emergency):
    bring(cast, emergency, "release")
    run = order_upgrade(cast.chen, emergency, turn=item_of(emergency).turn)
    keys = list(run.steps.order_by("ordinal").values_list("key", flat=True))
    assert [one for one in ("backup", "prove_backup", "rehearse", "hold_writes") if one not in keys] == []
    assert tell_run(run, fails="accept").state == "went_back"
    sign_as(cast, emergency, "chen")
    assert item_of(emergency).step == "analysis"  # what went back is followed up as well


@pytest.mark.parametrize("step", AFTER)
def test_it_is_not_closed_with_a_step_left(cast, emergency, step):
    """Each step left waits for somebody named, and only goes back within the follow-up."""
    bring(cast, emergency, step)
    item = item_of(emergency)
    assert (item.state, item.seats.filter(open=True).exists(), Emergency.objects.get().done_at) == ("open", True, None)
    names = {"analysis": "chen", "need": "li", "plan_check": "zhou", "joint": "qian", "security": "wu"}
    if step in names:
        back = {one.key for one in item_view(item, getattr(cast, names[step])).targets}
        assert back == ({"release"} if step == "analysis" else {"analysis"})


def test_who_disagrees_afterwards_sends_it_back_to_the_analysis_not_to_the_act(cast, emergency):
    bring(cast, emergency, "joint")
    item = item_of(emergency)
    assert refusal_of(
        lambda: return_item(cast.qian, item, turn=item.turn, to="design", words="不该这么急。")
    ) == Refusal("这一步只能退回到：补可行性分析", "CHG-1", "to")

    return_item(cast.qian, item, turn=item.turn, to="analysis", words="说明为什么不能等到夜里。")
    analyse(cast, emergency, analysis="当天已有人利用，夜里再办会丢数据。")

    assert item_of(emergency).step == "need"
    bring(cast, emergency, "")
    assert item_of(emergency).state == "closed"


def test_an_emergency_says_why_it_cannot_wait(cast, kinds):
    assert refusal_of(lambda: request_emergency(cast.wang, kinds, **(ASKED | {"reason": " "}))) == Refusal(
        "不能等的原因没有填写。填好后再提交", "", "reason"
    )
    assert refusal_of(lambda: request_emergency(cast.chen, kinds, **ASKED)) == Refusal("发起变更需要申请人的角色")


def test_what_is_no_emergency_takes_the_normal_way_and_is_chased_no_more(cast, emergency, monkeypatch):
    bring(cast, emergency, "confirm")
    item = item_of(emergency)
    return_item(cast.qian, item, turn=item.turn, to="design", words="可以等到夜里，按正常流程办。")

    take_normal_way(cast.chen, emergency, turn=item_of(emergency).turn, reason="不算紧急。")

    item = item_of(emergency)
    assert (item.kind, item.step, item.priority) == ("change", "analysis", "normal")
    assert chased(emergency, now() + timedelta(days=30), monkeypatch) is None
    change = bring(cast, emergency, "release")
    assert change.item.kind == "change"
    order_upgrade(cast.chen, change, turn=item_of(change).turn)  # every approval was given anew


# Wednesday 2026-11-25, 10:00 in Shanghai; a working day has eight hours.
WEDNESDAY = datetime(2026, 11, 25, 10, tzinfo=SHANGHAI)
DUE = worktime.add(WEDNESDAY, 5 * OFFICE.day_minutes, OFFICE)


@pytest.mark.parametrize(
    ("at", "reminder", "escalation", "following"),
    [
        ("2026-11-25T17:00", 0, 0, "2026-11-26T10:00"),
        ("2026-11-26T10:00", 1, 0, "2026-11-27T10:00"),
        ("2026-11-28T12:00", 2, 0, "2026-11-30T10:00"),  # over the weekend nothing runs
        ("2026-12-02T09:59", 4, 0, "2026-12-02T10:00"),
        ("2026-12-02T10:00", 5, 1, "2026-12-03T10:00"),
        ("2026-12-08T17:00", 9, 1, "2026-12-09T10:00"),
        ("2026-12-09T10:00", 10, 2, "2026-12-10T10:00"),
    ],
)
def test_it_is_chased_in_working_time(at, reminder, escalation, following):
    instant = datetime.fromisoformat(at).replace(tzinfo=SHANGHAI)
    found = round_at(WEDNESDAY, DUE, 8, instant, OFFICE)
    expected = datetime.fromisoformat(following).replace(tzinfo=SHANGHAI)
    assert (found.reminder, found.escalation, found.following) == (reminder, escalation, expected)


def test_whom_it_waits_for_is_reminded_each_working_day_once(cast, emergency, monkeypatch):
    opened = emergency.emergency.opened_at
    after = [worktime.add(opened, days * OFFICE.day_minutes, OFFICE) for days in (1, 2)]
    number = emergency.item.number

    assert chased(emergency, after[0] - timedelta(minutes=1), monkeypatch) == after[0]
    assert told(emergency, "reminder") == []
    assert chased(emergency, after[0], monkeypatch) == after[1]
    chased(emergency, after[0] + timedelta(minutes=1), monkeypatch)
    assert told(emergency, "reminder") == [
        ("陈航", f"紧急变更还没有补齐：{number} 等您办「应急方案」，已过 1 个工作日")
    ]

    bring(cast, emergency, "need")
    chased(emergency, after[1], monkeypatch)
    assert told(emergency, "reminder")[1:] == [
        (name, f"紧急变更还没有补齐：{number} 等您办「补需求确认」，已过 2 个工作日") for name in ("王敏", "李建国")
    ]


def test_late_it_goes_to_the_technical_head_and_the_leader_until_it_is_complete(cast, emergency, monkeypatch):
    bring(cast, emergency, "joint")
    due, number = emergency.emergency.due_at, emergency.item.number
    assert due == worktime.add(emergency.emergency.opened_at, 5 * OFFICE.day_minutes, OFFICE)
    sign_as(cast, emergency, "zhao")

    chased(emergency, due - timedelta(minutes=1), monkeypatch)
    assert told(emergency, "escalation") == []
    chased(emergency, due, monkeypatch)
    chased(emergency, due + timedelta(minutes=2), monkeypatch)

    title = f"紧急变更逾期没有补齐：{number}，在等 钱文远"
    assert told(emergency, "escalation") == [("赵立新", title)]  # 钱 is reminded: it waits for him
    lines = item_of(emergency).events.filter(kind="notice").values_list("words", flat=True)
    assert "紧急变更逾期没有补齐，已报 赵立新" in list(lines)

    chased(emergency, worktime.add(due, 5 * OFFICE.day_minutes, OFFICE), monkeypatch)
    assert told(emergency, "escalation") == [("赵立新", title)] * 2
    sign_as(cast, emergency, "qian")
    bring(cast, emergency, "")
    assert chased(emergency, due + timedelta(days=60), monkeypatch) is None


def test_opening_it_writes_the_job_that_chases_it(cast, emergency):
    job = Job.objects.get(kind="changes.chase")
    opened = emergency.emergency.opened_at
    assert (job.payload, job.at) == ({"emergency": emergency.emergency.id}, worktime.add(opened, 8 * 60, OFFICE))


def test_the_time_given_is_the_customer_s_setting_of_the_day(cast, emergency, kinds):
    assert refusal_of(lambda: set_policy(cast.wang, cast.jz, follow_up_days=3, remind_hours=4)) == Refusal(
        "补办期限由系统管理员设定"
    )
    for given, field in (((0, 4), "follow_up_days"), ((61, 4), "follow_up_days"), ((3, 0), "remind_hours")):
        days, hours = given
        act = lambda days=days, hours=hours: set_policy(cast.zheng, cast.jz, follow_up_days=days, remind_hours=hours)  # noqa: E731
        assert refusal_of(act).field == field
    before = emergency.emergency.due_at

    set_policy(cast.zheng, cast.jz, follow_up_days=3, remind_hours=4)

    assert Policy.objects.filter(owner=cast.jz).values_list("follow_up_days", "remind_hours").get() == (3, 4)
    second = request_emergency(cast.wang, kinds, **ASKED).emergency
    assert second.due_at == worktime.add(second.opened_at, 3 * OFFICE.day_minutes, OFFICE)
    assert (second.remind_hours, Emergency.objects.get(id=emergency.emergency.id).due_at) == (4, before)


def test_emergencies_are_counted_each_customer_s_own(cast, emergency, kinds):
    for title in ("一", "二", "三"):
        request_change(cast.wang, kinds, title=title, need="要。")

    found = counted(cast.wang, now())
    assert (found.open, found.late, found.month, found.quarter, found.changes, found.share) == (1, 0, 1, 1, 4, "25%")
    assert counted(cast.wang, found.earliest + timedelta(minutes=1)).late == 1
    theirs = counted(cast.sun, now())
    assert (theirs.open, theirs.quarter, theirs.changes, theirs.share, figures(cast.sun, now())) == (0, 0, 0, "—", None)
    bring(cast, emergency, "")
    found = counted(cast.wang, now())
    assert (found.open, found.quarter) == (0, 1)


def test_a_month_and_a_quarter_begin_in_shanghai(cast, emergency):
    last_day = datetime(2026, 9, 30, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    Emergency.objects.update(opened_at=last_day)
    october = counted(cast.wang, datetime(2026, 9, 30, 16, 1, tzinfo=UTC))
    september = counted(cast.wang, last_day + timedelta(seconds=30))
    assert (october.month, october.quarter, september.month, september.quarter) == (0, 0, 1, 1)


def test_counting_asks_the_same_for_one_and_for_three(cast, emergency, kinds):
    def asked() -> int:
        with CaptureQueriesContext(connection) as said:
            counted(cast.wang, now())
        return len(said)

    assert cast.wang.owner_ids
    one = asked()
    for _turn in range(2):
        request_emergency(cast.wang, kinds, **ASKED)
    assert asked() == one == 2


def test_an_engineer_plans_anew_before_the_approval(cast, emergency):
    bring(cast, emergency, "confirm")
    second = plan(cast, emergency, risk="别的。")
    item = item_of(emergency)
    assert (item.step, item.subject, second.number) == ("confirm", second.digest, 2)
