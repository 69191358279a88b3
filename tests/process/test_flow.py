"""The flow language: what it accepts, and what it says of what it refuses."""

import pytest

from weilu.kernel.refused import Refused
from weilu.process.conditions import WrongCondition, parse_condition
from weilu.process.flow import Who, WrongFlow, parse_flow

HEAD = "flow: t\ntitle: 试\nsteps:\n"


def flow(*steps: str):
    return parse_flow(HEAD + "".join(f"  - {step}\n" for step in steps))


def test_a_step_says_who_how_many_and_where_back():
    parsed = flow(
        "{key: ask, title: 申请, who: requester}",
        "{key: check, title: 审核, who: [role(leader), dept_head(requester)], "
        "sign: 2, back: [ask], hours: 8, not_also: [ask]}",
    )

    step = parsed.step("check")
    assert step.who == (Who("role", "leader"), Who("dept_head"))
    assert (step.sign, step.back, step.hours, step.not_also, step.then) == (2, ("ask",), 8, ("ask",), "end")
    assert parsed.step("ask").then == "check"


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (["{key: a, title: 甲, who: requester}", "{key: a, title: 乙, who: requester}"], "第 5 行：key「a」出现了两次"),
        (["{key: a, title: 甲, who: everybody}"], "第 4 行：步骤 a 的 who「everybody」不在词表里"),
        (["{key: a, title: 甲, who: requester, then: z}"], "第 4 行：then「z」不存在，或不在后面"),
        (
            [
                "{key: a, title: 甲, who: requester, then: c}",
                "{key: b, title: 乙, who: requester}",
                "{key: c, title: 丙, who: requester}",
            ],
            "第 5 行：走不到步骤「b」",
        ),
        (["{key: a, title: 甲, who: requester, back: [b]}"], "第 4 行：back「b」不存在，或不在前面"),
        (["{key: a, title: 甲, who: requester, sign: 0}"], "第 4 行：步骤 a 的 sign 应是 all、any 或不小于 1 的数"),
        (["{key: a, title: 甲, who: requester, auto: x}"], "第 4 行：步骤 a 要么写 who，要么写 auto"),
        (["{key: a, title: 甲, who: requester, colour: red}"], "第 4 行：不认识「colour」"),
        (["{key: a, title: 甲, who: requester, hours: -1}"], "第 4 行：步骤 a 的 hours 应是 0 到 2000 的工作小时数"),
        (["{key: a, title: 甲, who: requester, veto: 'no'}"], "第 4 行：步骤 a 的 veto 应是 true、false"),
        (["{key: a, title: 甲, who: requester, resume: back}"], "第 4 行：步骤 a 的 resume 应是 direct、forward"),
        (["{key: a, title: 甲, who: requester, mark: 安全}"], "第 4 行：步骤 a 的 mark 应是一个字"),
        (["{key: a, title: 甲, who: requester, when: 'x = 1'}"], "第 4 行：步骤 a 的 when：「x = 1」第 2 个字看不懂"),
    ],
)
def test_a_broken_definition_is_refused_at_its_line(steps, sentence):
    with pytest.raises(Refused) as refused:
        flow(*steps)
    assert refused.value.reason == sentence


def test_what_is_not_yaml_is_refused_with_its_line():
    with pytest.raises(Refused) as refused:
        parse_flow("flow: t\ntitle: [\n")
    assert refused.value.reason == "第 3 行不是合法的 YAML。改正后再发布"


@pytest.mark.parametrize(
    ("text", "facets", "holds"),
    [
        ("running == true", {"running": True}, True),
        ("running == true", {}, False),
        ("not running == true", {"running": False}, True),
        ("level in ['高', '中'] and count != 3", {"level": "中", "count": 2}, True),
        ("level in ['高', '中'] and count != 3", {"level": "中", "count": 3}, False),
        ("a == 1 or b == 1 and c == 1", {"a": 1}, True),
        ("(a == 1 or b == 1) and c == 1", {"a": 1}, False),
    ],
)
def test_a_condition_holds_as_it_reads(text, facets, holds):
    assert parse_condition(text).holds(facets) is holds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "「」在末尾缺 字段名"),
        ("a", "「a」在末尾缺 in"),
        ("a ==", "「a ==」在末尾缺一个常量"),
        ("a == b", "「a == b」里「b」不是常量；文字要加引号"),
        ("__import__('os')", "「__import__('os')」里「(」处应是 in"),
        ("a == 1 b == 2", "「a == 1 b == 2」在「b」处多出内容"),
        ("a in []", "「a in []」里「]」不是常量；文字要加引号"),
        ("a == 1 and", "「a == 1 and」在末尾缺 字段名"),
    ],
)
def test_what_is_no_condition_is_refused(text, reason):
    with pytest.raises(WrongCondition) as told:
        parse_condition(text)

    assert str(told.value) == reason


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("a: &x [1]\nb: *x\n", [(1, "第 1 行：不能用 & 和 * 代替内容，写全它")]),
        ("a:\n  - 2026-13-45\n", [(1, "第 1 行不是合法的 YAML。改正后再发布")]),
        ("a: " + "[" * 5000, [(1, "第 1 行：一层套一层太深")]),
        ("flow: a\n\tb: 1\n", [(2, "第 2 行不是合法的 YAML。改正后再发布")]),
        ("? [1]\n: 2\n", [(1, "第 1 行不是合法的 YAML。改正后再发布")]),
        ("a: !!python/object:os.system x\n", [(1, "第 1 行不是合法的 YAML。改正后再发布")]),
        ("a\x07b", [(1, "第 1 行不是合法的 YAML。改正后再发布")]),
        ("", [(1, "流程要有 flow、title 和至少一个 steps。改正后再发布")]),
        (
            "flow: t\ntitle: 试\nsteps:\n  - {key: a, title: 甲, who: requester, who: system_owner}\n",
            [(4, "第 4 行：「who」写了两次")],
        ),
        ("flow: t\nsteps:\n  - {key: a, title: 甲, who: requester}\n", [(1, "缺 flow 或 title")]),
    ],
)
def test_whatever_is_typed_is_told_with_its_line_and_never_breaks_the_reader(source, faults):
    with pytest.raises(WrongFlow) as wrong:
        parse_flow(source)

    assert [(fault.line, str(fault)) for fault in wrong.value.faults] == faults
