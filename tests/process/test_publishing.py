"""What publishing a flow turns down: names nobody knows, steps nobody reaches, gates nothing opens."""

from pathlib import Path

import pytest

from tests.support.unchanged import every_row
from weilu.changes.kind import CHANGE
from weilu.kernel.refused import Refused
from weilu.process.flow import Flow, parse_flow
from weilu.process.flow_actions import install_flow
from weilu.process.models import FlowVersion
from weilu.process.publishing import faults_of_names
from weilu.process.vocabulary import Kind, Required

ASK = "{key: ask, title: 申请, who: requester}"
LAST = "{key: last, title: 确认, who: requester}"
NORMAL = Path(__file__).parents[2] / "weilu" / "changes" / "flows" / "normal.yaml"
KIND = Kind(
    key="test",
    flows="test",
    page="",
    right="changes.request",
    forms=frozenset({"note", "plan"}),
    automatic=frozenset({"test.tell"}),
    facets={"running": (True, False), "importance": ("important", "normal")},
    facts={"backup.restored": "", "integrity.verified": "design", "run.concluded": "release"},
)


def flow(*steps: str, key: str = "test.flow") -> Flow:
    return parse_flow(f"flow: {key}\ntitle: 试\nsteps:\n" + "".join(f"  - {step}\n" for step in steps))


def faults(*steps: str, kind: Kind = KIND) -> list[str]:
    return faults_of_names(flow(ASK, *steps), kind)


def with_line(old: str, new: str) -> Flow:
    """The flow that ships, with one passage written otherwise."""
    source = NORMAL.read_text("utf-8")
    assert source.count(old) == 1
    return parse_flow(source.replace(old, new))


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            "{key: a, title: 甲, who: role(leader), form: plam}",
            "第 5 行：步骤 a 的 form「plam」不存在。可用：note、plan",
        ),
        ("{key: a, title: 甲, auto: test.tel}", "第 5 行：步骤 a 的 auto「test.tel」不存在。可用：test.tell"),
        (
            "{key: a, title: 甲, who: role(leader), gates: [backup.restord]}",
            "第 5 行：步骤 a 的关口「backup.restord」没有人会记录。"
            "可用：backup.restored、integrity.verified、run.concluded",
        ),
        (
            "{key: a, title: 甲, who: role(leader), when: runing == true}",
            "第 5 行：步骤 a 的 when 里的字段「runing」不存在。可用：importance、running",
        ),
        (
            "{key: a, title: 甲, who: role(leader), when: importance == 'urgent'}",
            "第 5 行：步骤 a 的 when 里 importance 不会是「'urgent'」。可用：'important'、'normal'",
        ),
        (
            "{key: a, title: 甲, who: role(leader), when: \"importance in ['normal', 'low']\"}",
            "第 5 行：步骤 a 的 when 里 importance 不会是「'low'」。可用：'important'、'normal'",
        ),
        (
            "{key: a, title: 甲, who: role(leader), when: running != 'true'}",
            "第 5 行：步骤 a 的 when 里 running 不会是「'true'」。可用：true、false",
        ),
        (
            "{key: a, title: 甲, who: role(leader), when: running == 1}",
            "第 5 行：步骤 a 的 when 里 running 不会是「1」。可用：true、false",
        ),
        (
            "{key: a, title: 甲, who: role(leader), when: running == true and running == false}",
            "第 5 行：步骤 a 的 when「running == true and running == false」从不成立，这一步永远走不到",
        ),
        (
            "{key: a, title: 甲, who: role(risk)}",
            "第 5 行：步骤 a 的 role(risk) 不存在。可用：requester、department_head、technical_head、leader、"
            "security_office、administrator、engineer、development_head",
        ),
        (
            "{key: a, title: 甲, who: role(leader), clause: CHG-99}",
            "第 5 行：步骤 a 的 clause「CHG-99」不在条款表里",
        ),
    ],
)
def test_a_name_that_nobody_knows_is_told_at_its_line_with_the_names_that_are_known(step, sentence):
    assert faults(step) == [sentence]


def test_a_step_that_names_only_what_exists_has_no_fault():
    step = (
        "{key: a, title: 甲, who: role(leader), form: note, gates: [backup.restored], clause: CHG-1, "
        "when: running == true or importance != 'normal'}"
    )
    assert faults(step, "{key: b, title: 乙, auto: test.tell}", LAST) == []


def test_every_fault_is_told_at_once_each_at_its_own_line():
    assert faults("{key: a, title: 甲, who: role(leader), form: x}", "{key: b, title: 乙, auto: y}") == [
        "第 5 行：步骤 a 的 form「x」不存在。可用：note、plan",
        "第 6 行：步骤 b 的 auto「y」不存在。可用：test.tell",
    ]


def test_a_flow_of_no_known_kind_is_told_what_its_key_may_begin_with():
    told = faults_of_names(flow(ASK, key="chagnes.normal"), None)

    assert told == ["flow「chagnes.normal」不属于任何一类工单，应以其中一个开头：changes、test"]


@pytest.mark.parametrize(
    ("first", "fault"),
    [
        ("{key: a, title: 甲, who: role(leader)}", "who 应是 requester"),
        ("{key: a, title: 甲, auto: test.tell}", "who 应是 requester"),
        ("{key: a, title: 甲, who: requester, when: running == true}", "不能有 when"),
        ("{key: a, title: 甲, who: requester, gates: [backup.restored]}", "不能有 gates"),
        ("{key: a, title: 甲, who: requester, sign: 2}", "不能要多人"),
    ],
)
def test_the_first_step_is_the_requesters_because_opening_signs_it(first, fault):
    assert faults_of_names(flow(first, LAST), KIND) == [f"第 4 行：步骤 a 是第一步，由发起人在发起时签：{fault}"]


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (
            ["{key: design, title: 设计, who: requester, gates: [run.concluded]}",
             "{key: release, title: 实施, who: requester}"],
            "第 5 行：步骤 design 的关口「run.concluded」要到步骤 release 才会有记录，不能早于它",
        ),
        (
            ["{key: a, title: 甲, who: requester, gates: [integrity.verified]}",
             "{key: design, title: 设计, who: requester}"],
            "第 5 行：步骤 a 的关口「integrity.verified」要到步骤 design 才会有记录，不能早于它",
        ),
        (
            ["{key: a, title: 甲, who: requester, gates: [integrity.verified]}"],
            "第 5 行：步骤 a 的关口「integrity.verified」要有步骤 design 才会有记录",
        ),
    ],
)  # fmt: skip
def test_a_gate_stands_no_earlier_than_what_opens_it(steps, sentence):
    assert faults(*steps) == [sentence]


@pytest.mark.parametrize("gate", ["integrity.verified", "run.concluded"])
def test_a_gate_may_stand_at_the_step_that_opens_it(gate):
    steps = [f"{{key: {key}, title: 步, who: requester, gates: [{gate}]}}" for key in ("design", "release")]

    assert faults("{key: design, title: 步, who: requester}", steps[1]) == []
    assert faults(steps[0], "{key: release, title: 步, who: requester}") == (
        [] if gate == "integrity.verified"
        else ["第 5 行：步骤 design 的关口「run.concluded」要到步骤 release 才会有记录，不能早于它"]
    )  # fmt: skip


def test_a_return_never_leads_to_an_automatic_step():
    tell = "{key: tell, title: 通知, auto: test.tell}"

    assert faults(tell, "{key: b, title: 乙, who: requester, back: [tell, ask]}") == [
        "第 6 行：步骤 b 的 back「tell」是自动步骤，不能退回到那里。可用：ask"
    ]


SAFE = "{key: safe, title: 审批, who: role(security_office), when: running == true}"


def test_a_return_leads_to_a_step_that_every_such_item_has_been_at():
    assert faults(SAFE, "{key: b, title: 乙, who: requester, back: [safe]}") == [
        "第 6 行：步骤 b 只能退回到 safe，而有的工单不走那里。可再写：ask"
    ]
    assert faults(SAFE, "{key: b, title: 乙, who: requester, back: [safe], when: running == true}") == []
    assert faults(SAFE, "{key: b, title: 乙, who: requester, back: [safe, ask]}") == []


def test_who_acted_in_a_step_is_asked_only_where_every_such_item_has_been_there():
    assert faults(SAFE, "{key: b, title: 乙, who: actor(safe)}") == [
        "第 6 行：步骤 b 的 actor(safe) 可能没有人：有的工单不走步骤 safe"
    ]
    assert faults("{key: tell, title: 通知, auto: test.tell}", "{key: b, title: 乙, who: actor(tell)}") == [
        "第 6 行：步骤 b 的 actor(tell) 没有人：步骤 tell 是自动步骤"
    ]
    assert faults(SAFE, "{key: b, title: 乙, who: actor(safe), when: running == true}") == []


@pytest.mark.parametrize(("who", "barred"), [("actor(safe)", "safe"), ("requester", "ask")])
def test_nobody_is_both_asked_and_shut_out(who, barred):
    always = SAFE.replace(", when: running == true", "")

    assert faults(always, f"{{key: b, title: 乙, who: {who}, not_also: [{barred}]}}") == [
        f"第 6 行：步骤 b 请 {who}，又用 not_also「{barred}」把同一个人排除，永远没有人可办"
    ]


def test_the_flow_that_ships_has_no_fault():
    assert faults_of_names(parse_flow(NORMAL.read_text("utf-8")), CHANGE) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "  - key: notice\n", "  - key: told\n",
            ["流程缺步骤 notice。这一类流程都要有：request、analysis、need、design、plan_check、confirm、"
             "security、release、notice、feedback、sheet",
             "第 80 行：步骤 told 不能用 auto「changes.notify_users」，它只用在步骤 notice"],
        ),
        (
            "    form: analysis\n", "",
            ["第 12 行：步骤 analysis 的 form 应是 analysis"],
        ),
        (
            "    form: plan\n", "    form: feedback\n",
            ["第 29 行：步骤 design 不能用 form「feedback」，它只用在步骤 feedback",
             "第 29 行：步骤 design 的 form 应是 plan"],
        ),
        (
            "    when: running == true\n", "    when: importance == 'important'\n",
            ["第 57 行：步骤 security 在 running == true 时不能跳过，when 要包含它"],
        ),
        (
            "    title: 方案确认\n", "    title: 方案确认\n    when: running == true\n",
            ["第 37 行：步骤 plan_check 不能跳过，不能有 when"],
        ),
        (
            "    act: 实施完成并签名\n", "    form: sheet\n",
            ["第 69 行：步骤 release 不能用 form「sheet」，它只用在步骤 sheet",
             "第 69 行：步骤 release 不能有 form"],
        ),
    ],
)  # fmt: skip
def test_a_change_keeps_the_steps_that_its_clauses_and_its_code_rest_on(old, new, told):
    assert faults_of_names(with_line(old, new), CHANGE) == told


def test_required_steps_stand_in_their_order():
    kind = Kind(key="test", flows="test", page="", required=(Required("plan"), Required("check")))

    assert faults_of_names(
        flow(ASK, *(f"{{key: {key}, title: 步, who: requester}}" for key in ("check", "plan"))), kind
    ) == ["第 5 行：步骤 check 应在步骤 plan 之后"]


def test_a_customer_may_add_a_step_of_their_own():
    added = "  - key: audit\n    title: 审计\n    who: role(leader)\n    not_also: [request]\n\n  - key: release\n"

    assert faults_of_names(with_line("  - key: release\n", added), CHANGE) == []


HEAD = f"flow: test.flow\ntitle: 试\nsteps:\n  - {ASK}\n"


@pytest.mark.parametrize(
    ("steps", "reason", "help"),
    [
        (
            "  - {key: a, title: 甲, who: role(leader), form: plam}\n",
            "第 5 行：步骤 a 的 form「plam」不存在。可用：note",
            "改正后再发布",
        ),
        (
            "  - {key: a, title: 方案, who: contract_engineer}\n"
            "  - {key: b, title: 审核, who: contract_engineer, not_also: [a]}\n",
            "第 6 行：「审核」要 1 人，除去办过「方案」的人，只剩 0 人",
            "先指定人员，再发布",
        ),
        (
            "  - {key: a, title: 甲, who: role(leader), sign: 3}\n",
            "第 5 行：「甲」要 3 人，只有 1 人够格",
            "先指定人员，再发布",
        ),
    ],
)
def test_a_flow_with_a_fault_is_not_published_and_nothing_changes(cast, steps, reason, help):
    before = every_row()

    with pytest.raises(Refused) as refused:
        install_flow(cast.jz, HEAD + steps)

    told = refused.value
    assert (told.reason, str(told.clause), told.field, told.help) == (reason, "CHG-1", "source", help)
    assert every_row() == before


def test_a_flow_without_a_fault_is_published_for_its_customer(cast):
    version = install_flow(cast.jz, HEAD + "  - {key: a, title: 甲, who: role(leader)}\n")

    kept = FlowVersion.objects.filter(key="test.flow").values_list("owner__code", "number", "digest")
    assert list(kept) == [("JZ", 1, version.digest)]
