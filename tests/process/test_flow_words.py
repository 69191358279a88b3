"""Two versions of a flow compared in words: steps that came, went, moved, and what a step says otherwise."""

from weilu.process.flow import Flow, parse_flow
from weilu.process.flow_words import Difference, differences

ASK = "  - {key: ask, title: 申请, who: requester}\n"
A = "  - {key: a, title: 甲, who: role(leader)}\n"
B = "  - {key: b, title: 乙, who: contract_engineer, sign: any}\n"
C = "  - {key: c, title: 丙, who: requester}\n"


def flow(*steps: str) -> Flow:
    return parse_flow("flow: test.flow\ntitle: 试\nsteps:\n" + "".join(steps))


def told(old: Flow, new: Flow) -> list[Difference]:
    return differences(old, new, {"zhengjie": "郑洁"})


def test_nothing_is_said_where_nothing_differs():
    assert told(flow(ASK, A), flow(ASK, "  # 说明\n", A)) == []


def test_what_a_step_says_otherwise_is_said_word_for_word():
    new = (
        "  - {key: a, title: 甲二, who: [role(technical_head), person(zhengjie)], sign: 2, veto: false, hours: 8, "
        "not_also: [ask], gates: [backup.restored], when: running == true, back: [ask], resume: direct, "
        "personal: true}\n"
    )

    assert told(flow(ASK, A), flow(ASK, new)) == [
        Difference(
            "changed", "甲二", "a",
            (
                ("名称", "甲", "甲二"), ("谁办", "用户领导", "技术部门负责人、郑洁"),
                ("几人同意", "会签：每个人", "其中 2 人"),
                ("不同意", "", "只少一票，不退回"), ("本人", "", "要本人办，不转办、不代办"),
                ("不能是", "", "办过申请的人"),
                ("关口", "", "备份可恢复"), ("条件", "", "running == true"), ("可退回到", "", "申请"),
                ("退回之后", "", "直接回到这一步"), ("时限", "", "8 工作小时"),
            ),
        )
    ]  # fmt: skip


def test_steps_come_go_and_move():
    said = told(flow(ASK, A, B), flow(ASK, B, C))
    assert [(one.kind, one.key, one.where) for one in said] == [("come", "c", "乙"), ("gone", "a", "")]
    assert said[0].said == (("谁办", "", "发起人"), ("几人同意", "", "会签：每个人"))

    swapped = told(flow(ASK, A, B, C), flow(ASK, B, C, A))
    assert [(one.kind, one.key, one.where) for one in swapped] == [("moved", "a", "丙")]


def test_a_new_line_between_is_no_other_next_step():
    assert [one.kind for one in told(flow(ASK, A, C), flow(ASK, A, B, C))] == ["come"]


def test_a_step_that_only_got_another_name_is_told_once_and_not_at_every_step_that_names_it():
    after = "  - {key: d, title: 丁, who: [role(technical_head), actor(a)], not_also: [b], back: [a]}\n"
    renamed = A.replace("甲", "甲二"), B.replace("乙", "乙二")

    said = told(flow(ASK, A, B, after), flow(ASK, *renamed, after))

    assert [(one.key, one.said) for one in said] == [
        ("a", (("名称", "甲", "甲二"),)), ("b", (("名称", "乙", "乙二"),)),
    ]  # fmt: skip
