"""Moving an open item to the newest version of its flow: what is turned down, what stays, who is asked then."""

import random

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.cast import Cast, system_of
from tests.support.unchanged import Refusal, every_row, refusal_of
from weilu.accounts.actions import end_role, give_role
from weilu.evidence.models import Staged
from weilu.kernel.refused import Refused
from weilu.notify.models import Notice
from weilu.process import hand
from weilu.process.actions import open_item, record_fact, return_item, set_subject, sign_step
from weilu.process.drafted import FlowMove
from weilu.process.flow import Flow, parse_flow
from weilu.process.flow_actions import install_flow
from weilu.process.models import Event, FlowVersion, Opinion, Seat, StepVisit, WorkItem
from weilu.process.move_actions import move_item, pasts
from weilu.process.moving import Past, in_the_way
from weilu.process.queries import acted
from weilu.process.rules import barred

HEAD = "flow: test.flow\ntitle: 试验\nsteps:\n"
ASK = "  - {key: ask, title: 申请, who: requester}\n"
PLAN = "  - {key: plan, title: 方案, who: contract_engineer, sign: any}\n"
CHECK = "  - {key: check, title: 审核, who: role(leader), not_also: [plan]}\n"
LAST = "  - {key: last, title: 确认, who: requester}\n"
WORDS = "按新制度办。"


def flow(*steps: str) -> Flow:
    return parse_flow(HEAD + "".join(steps))


def opened(cast: Cast, *steps: str, running: bool = True) -> WorkItem:
    install_flow(cast.jz, HEAD + "".join(steps))
    system = system_of(cast, code=f"S{WorkItem.objects.count()}")
    with transaction.atomic():
        return open_item(
            cast.wang, system=system, kind="test", series="CS", title="试一试", flow="test.flow",
            facets={"running": running, "importance": "normal"}, words="",
        )  # fmt: skip


def at_check(cast: Cast) -> WorkItem:
    item = opened(cast, ASK, PLAN, CHECK, LAST)
    return sign_step(cast.chen, item, turn=item.turn)


def newer(cast: Cast, *steps: str) -> FlowVersion:
    return install_flow(cast.jz, HEAD + "".join(steps))


def moved(cast: Cast, item: WorkItem) -> WorkItem:
    return move_item(cast.zheng, item, turn=item.turn, words=WORDS)


def refused_move(cast: Cast, item: WorkItem) -> Refusal:
    item.refresh_from_db()
    return refusal_of(lambda: move_item(cast.zheng, item, turn=item.turn, words=WORDS))


def waiting(item: WorkItem) -> list[str]:
    return sorted(Seat.objects.filter(item=item, open=True).values_list("person__name", flat=True))


def test_an_item_goes_on_under_the_new_version_and_keeps_what_was_said(cast: Cast):
    item = at_check(cast)
    said = list(Opinion.objects.values())
    version = newer(cast, ASK, PLAN, CHECK.replace("leader", "security_office").replace("}", ", hours: 8}"), LAST)

    item = moved(cast, item)

    assert (item.flow, item.step, waiting(item)) == (version, "check", ["吴静"])
    assert list(Opinion.objects.values()) == said
    visit = StepVisit.objects.get(item=item, outcome="open")
    assert item.due_at == visit.due_at == Seat.objects.get(item=item, open=True).due_at
    item = sign_step(cast.wu, item, turn=item.turn)
    assert (item.step, waiting(item)) == ("last", ["王敏"])


def test_a_move_is_on_record_on_the_timeline_and_told_to_whom_it_asks(cast: Cast):
    item = at_check(cast)
    before, version = item.flow, newer(cast, ASK, PLAN, CHECK.replace("leader", "security_office"), LAST)

    item = moved(cast, item)

    row = FlowMove.objects.get()
    assert (row.item, row.before, row.after, row.by, row.words) == (item, before, version, cast.zheng, WORDS)
    assert Staged.objects.get(ref=row.evidence).kind == "process.item_moved"
    assert Event.objects.get(item=item, kind="flow").words == "从流程第 1 版迁到第 2 版：按新制度办。"
    told = Notice.objects.filter(person=cast.wu).values_list("title", flat=True)
    assert list(told) == [f"郑洁 请您办：{item.number} 审核"]


BRANCHED = (
    "  - {key: a, title: 甲, who: role(leader), branch: 一}\n  - {key: b, title: 乙, who: requester, branch: 二}\n"
)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([ASK, CHECK.replace(", not_also: [plan]", ""), LAST], "新版没有「方案」，这张工单走过那里"),
        ([ASK, PLAN, LAST], "新版没有「审核」，这张工单走过那里"),
        ([ASK, PLAN, "  - {key: new, title: 复核, who: role(leader)}\n", CHECK, LAST],
         "新版在前面多了「复核」，这张工单没有办过"),
        ([ASK, CHECK.replace(", not_also: [plan]", ""), PLAN, LAST],
         "走过的步骤在新版里顺序不同"),
        ([ASK, PLAN.replace("sign: any", "sign: all"), CHECK, LAST], "「方案」要更多人同意，签过的不够"),
        ([ASK, PLAN.replace("contract_engineer", "role(development_head)"), CHECK, LAST],
         "「方案」请的人改了，签过的不能算数"),
        ([ASK, PLAN.replace("sign: any", "sign: any, form: note"), CHECK, LAST], "「方案」的办法改了"),
        ([ASK, PLAN.replace("who: contract_engineer, sign: any", "auto: test.tell"),
          CHECK.replace(", not_also: [plan]", ""), LAST], "「方案」的办法改了"),
        ([ASK, PLAN.replace("sign: any", "sign: any, gates: [backup.restored]"), CHECK, LAST],
         "「方案」多了关口，还没有记录：备份可恢复"),
        ([ASK, PLAN, CHECK.replace("check, title", "check, branch: 一, title"),
          "  - {key: b, title: 乙, who: requester, branch: 二}\n", LAST], "「审核」所在的分支改了"),
        ([ASK, PLAN, BRANCHED, CHECK, LAST],
         "新版在前面多了「甲」，这张工单没有办过；新版在前面多了「乙」，这张工单没有办过"),
    ],
)  # fmt: skip
def test_what_was_passed_must_be_so_in_the_new_version(cast: Cast, steps: list[str], why: str):
    item = at_check(cast)
    newer(cast, *steps)

    told = refused_move(cast, item)

    assert told == Refusal(told.reason, "CHG-1")
    assert told.reason.startswith("不能迁到新版：" + why), told.reason


def test_signatures_given_keep_the_new_separation_of_duties(cast: Cast):
    second = "  - {key: second, title: 二审, who: contract_engineer, sign: any}\n"
    item = opened(cast, ASK, PLAN, second, LAST)
    for _step in range(2):
        item = sign_step(cast.chen, item, turn=item.turn)
    give_role(None, cast.zhou, cast.jz, "engineer", source="合同")
    newer(cast, ASK, PLAN, second.replace("any}", "any, not_also: [plan]}"), LAST)

    told = refused_move(cast, item)

    assert told == Refusal("不能迁到新版：「二审」是陈航签的，新版要办过「方案」的人回避", "CHG-1")


def test_a_step_that_was_not_required_and_now_is_stands_in_the_way(cast: Cast):
    safe = "  - {key: safe, title: 安全, who: role(security_office), when: running == true}\n"
    item = opened(cast, ASK, safe, LAST, running=False)
    newer(cast, ASK, safe.replace(", when: running == true", ""), LAST)

    assert refused_move(cast, item) == Refusal("不能迁到新版：新版要办「安全」，这张工单没有办过", "CHG-1")


def test_a_new_gate_on_a_signed_step_is_met_by_a_fact_for_the_present_subject(cast: Cast):
    item = at_check(cast)
    set_subject(item, "b" * 64)
    newer(cast, ASK, PLAN.replace("sign: any", "sign: any, gates: [backup.restored]"), CHECK, LAST)
    evidence = Staged.objects.first().ref

    record_fact(item, "backup.restored", "a" * 64, True, "x", "试", evidence)
    assert "多了关口" in refused_move(cast, item).reason
    record_fact(item, "backup.restored", "b" * 64, True, "x", "试", evidence)
    item.refresh_from_db()
    assert moved(cast, item).flow.number == 2


def test_who_has_signed_in_the_open_step_and_is_not_asked_any_more_stops_the_move(cast: Cast):
    both = CHECK.replace("role(leader)", "[role(leader), role(security_office)]")
    item = opened(cast, ASK, PLAN, both, LAST)
    item = sign_step(cast.chen, item, turn=item.turn)
    item = sign_step(cast.qian, item, turn=item.turn)
    newer(cast, ASK, PLAN, both.replace("role(leader)", "role(technical_head)"), LAST)

    assert refused_move(cast, item) == Refusal("不能迁到新版：钱文远签了「审核」，新版不请他签", "CHG-1")


def test_a_signature_in_the_open_step_counts_on_and_only_the_others_are_asked_anew(cast: Cast):
    both = CHECK.replace("role(leader)", "[role(leader), role(security_office)]")
    item = opened(cast, ASK, PLAN, both, LAST)
    item = sign_step(cast.chen, item, turn=item.turn)
    item = sign_step(cast.qian, item, turn=item.turn)
    newer(cast, ASK, PLAN, both.replace("security_office", "technical_head"), LAST)

    item = moved(cast, item)
    assert waiting(item) == ["赵立新"]
    assert sign_step(cast.zhao, item, turn=item.turn).step == "last"


def test_a_move_ends_no_step(cast: Cast):
    both = CHECK.replace("role(leader)", "[role(leader), role(security_office)]")
    item = opened(cast, ASK, PLAN, both, LAST)
    item = sign_step(cast.chen, item, turn=item.turn)
    item = sign_step(cast.qian, item, turn=item.turn)
    newer(cast, ASK, PLAN, CHECK, LAST)

    assert refused_move(cast, item) == Refusal("不能迁到新版：「审核」按新版已经有结果", "CHG-1")


def test_nobody_is_left_for_the_open_step_under_the_new_version(cast: Cast):
    give_role(None, cast.zhou, cast.jz, "engineer", source="合同")
    item = at_check(cast)
    newer(cast, ASK, PLAN, CHECK.replace("role(leader)", "contract_engineer").replace("}", ", sign: any}"), LAST)
    end_role(cast.zheng, cast.zhou, cast.jz, "engineer", anyway="已离职。")

    assert refused_move(cast, item) == Refusal("「审核」没有够格的人可办（要 1 人）", "CHG-1")


def test_a_place_handed_on_stays_where_its_giver_is_still_asked(cast: Cast):
    item = at_check(cast)
    item = hand.transfer(cast.qian, item, turn=item.turn, to=cast.wu, words="出差。")
    newer(cast, ASK, PLAN, CHECK.replace("审核", "审批"), LAST)

    assert waiting(moved(cast, item)) == ["吴静"]


def test_a_place_handed_on_goes_where_its_giver_is_asked_no_more(cast: Cast):
    item = at_check(cast)
    item = hand.transfer(cast.qian, item, turn=item.turn, to=cast.wu, words="出差。")
    newer(cast, ASK, PLAN, CHECK.replace("leader", "technical_head"), LAST)

    assert waiting(moved(cast, item)) == ["赵立新"]


def test_a_place_handed_on_is_no_place_where_the_new_version_wants_oneself(cast: Cast):
    item = at_check(cast)
    item = hand.transfer(cast.qian, item, turn=item.turn, to=cast.wu, words="出差。")
    newer(cast, ASK, PLAN, CHECK.replace("}", ", personal: true}"), LAST)

    assert refused_move(cast, item) == Refusal("不能迁到新版：「审核」转办过，新版要本人办", "ROL-1")


def test_added_signers_go_with_who_added_them(cast: Cast):
    item = at_check(cast)
    hand.add_signer(cast.qian, item, turn=item.turn, person=cast.li, before=True, words="请看一眼。")
    newer(cast, ASK, PLAN, CHECK.replace("leader", "technical_head"), LAST)
    item.refresh_from_db()

    assert waiting(moved(cast, item)) == ["赵立新"]


def test_nobody_takes_a_signature_back_across_a_move(cast: Cast):
    item = at_check(cast)
    newer(cast, ASK, PLAN, CHECK.replace("审核", "审批"), LAST)
    item = moved(cast, item)

    told = refusal_of(lambda: hand.withdraw(cast.chen, item, turn=item.turn))

    assert told == Refusal("已经不能撤回：工单已迁到流程第 2 版", "CHG-1")


def test_a_returned_item_is_moved_from_where_it_is_now(cast: Cast):
    item = at_check(cast)
    item = return_item(cast.qian, item, turn=item.turn, to="plan", words="再写。")
    newer(cast, ASK, PLAN.replace("contract_engineer", "role(development_head)"), CHECK, LAST)

    assert waiting(moved(cast, item)) == ["周毅"]


@pytest.mark.parametrize("who", ["wang", "zhao", "chen", "sun", "he"])
def test_only_who_holds_the_right_moves_an_item(cast: Cast, who: str):
    item = at_check(cast)
    newer(cast, ASK, PLAN, CHECK.replace("审核", "审批"), LAST)

    told = refusal_of(lambda: move_item(getattr(cast, who), item, turn=item.turn, words=WORDS))

    assert told == Refusal("迁移工单要由系统管理员办")


def test_a_move_needs_a_reason_the_present_turn_and_a_newer_version(cast: Cast):
    item = at_check(cast)
    assert refused_move(cast, item) == Refusal("这张工单已经走最新的一版")
    newer(cast, ASK, PLAN, CHECK.replace("审核", "审批"), LAST)

    no_words = refusal_of(lambda: move_item(cast.zheng, item, turn=item.turn, words=" "))
    assert no_words == Refusal("迁移原因没有填写。填好后再提交", field="words")
    stale = refusal_of(lambda: move_item(cast.zheng, item, turn=item.turn - 1, words=WORDS))
    assert stale.reason.startswith("工单在您打开页面之后已有变动")


def test_a_line_of_a_section_is_moved_with_the_section(cast: Cast):
    item = opened(cast, ASK, BRANCHED, LAST)
    newer(cast, ASK, BRANCHED.replace("role(leader)", "role(security_office)"), LAST)

    item = moved(cast, item)

    assert waiting(item) == ["吴静", "王敏"]
    item = sign_step(cast.wu, item, turn=item.turn, step="a")
    item = sign_step(cast.wang, item, turn=item.turn, step="b")
    assert item.step == "last"


def test_a_step_that_is_led_straight_back_to_must_exist():
    past = Past({}, [("ask", "open"), ("check", "returned")], resumes=["check"])

    assert in_the_way(flow(ASK, PLAN, CHECK, LAST), flow(ASK, PLAN, LAST), past) == [
        "新版没有「审核」，这张工单走过那里"
    ]


def test_what_lies_behind_many_items_takes_as_many_queries_as_for_one(cast: Cast):
    items = [at_check(cast)]
    install_flow(cast.jz, HEAD + ASK + PLAN + CHECK + LAST)
    items += [at_check(cast), at_check(cast)]

    def asked(some: list[WorkItem]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(pasts(some)) == len(some)
        return len(queries)

    assert asked(items[:1]) == asked(items) == 3


def variation(chance: random.Random, steps: list[str]) -> list[str]:
    """The steps, each perhaps otherwise, removed, doubled under another key, or exchanged with its neighbour."""
    made = []
    for place, step in enumerate(steps):
        fate = chance.random()
        if place and fate < 0.12:
            continue
        if place and fate < 0.24:
            made.append(f"  - {{key: n{place}, title: 新, who: role(security_office)}}\n")
        if place and fate > 0.75:
            wanted = chance.choice(["role(leader)", "role(technical_head)", "[role(leader), role(security_office)]"])
            step = step.replace("role(leader)", wanted)
        made.append(step)
    return made


@pytest.mark.parametrize("seed", range(24))
def test_however_versions_differ_a_move_loses_nothing_and_a_refusal_changes_nothing(cast: Cast, seed: int):
    chance = random.Random(seed)
    more = (
        CHECK.replace("check", "more")
        .replace("审核", "会审")
        .replace("role(leader)", "[role(leader), role(technical_head)]")
    )
    steps = [ASK, PLAN, CHECK, more, LAST]
    item = opened(cast, *steps)
    people = [cast.chen, cast.qian, cast.qian, cast.zhao]
    for person in people[: chance.randint(0, 4)]:
        item = sign_step(person, item, turn=item.turn)
    try:
        version = newer(cast, *variation(chance, steps))
    except Refused:
        return  # not a flow at all: a step names one that is gone
    before = every_row()
    said, open_visits = (
        list(Opinion.objects.values()),
        list(StepVisit.objects.filter(outcome="open").values("id", "step")),
    )
    try:
        item = move_item(cast.zheng, item, turn=item.turn, words=WORDS)
    except Refused:
        assert every_row() == before
        return
    new = parse_flow(version.source)
    assert list(Opinion.objects.values()) == said
    assert list(StepVisit.objects.filter(outcome="open").values("id", "step")) == open_visits
    for visit in StepVisit.objects.filter(item=item, outcome="open"):
        seats = Seat.objects.filter(visit=visit, open=True)
        shut = barred(new.step(visit.step), acted(item, new.step(visit.step).not_also))
        assert seats.exists()
        assert not shut & set(seats.values_list("person_id", flat=True))
    assert {visit.step for visit in StepVisit.objects.filter(item=item)} <= {step.key for step in new.steps}
    assert (item.state, item.flow) == ("open", version)
