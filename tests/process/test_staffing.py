"""Whether the people who exist could bring a flow to its end, duties kept apart (ROL-1)."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.process.conftest import TEST
from weilu.process.flow import Flow, Step, Who, parse_flow
from weilu.process.staffing import Staff, faults_of_staff, journeys

ASK = "{key: ask, title: 申请, who: requester}"


def flow(*steps: str) -> Flow:
    return parse_flow("flow: test.flow\ntitle: 试\nsteps:\n" + "".join(f"  - {step}\n" for step in steps))


# People: the requester 1 with head 2, the requester 3 with head 2; engineers 4, 5; leader 2; office 6.
STAFF = Staff(
    requesters={1: 2, 3: 2},
    holders={
        Who("contract_engineer"): frozenset({4, 5}),
        Who("role", "leader"): frozenset({2}),
        Who("role", "security_office"): frozenset({6}),
        Who("person", "gone"): frozenset(),
    },
    owners=frozenset({6}),
)
PLAN = "{key: plan, title: 方案, who: contract_engineer, sign: any}"


def staff_faults(*steps: str, staff: Staff = STAFF) -> list[str]:
    parsed = flow(ASK, *steps)
    return faults_of_staff(parsed, journeys(parsed, TEST), staff)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([PLAN, "{key: b, title: 审核, who: contract_engineer, sign: any, not_also: [plan]}"], []),
        (
            [PLAN.replace("any", "all"), "{key: b, title: 审核, who: contract_engineer, not_also: [plan]}"],
            ["第 6 行：「审核」要 1 人，除去办过「方案」的人，只剩 0 人"],
        ),
        (
            [PLAN, "{key: b, title: 审核, who: contract_engineer, sign: 2, not_also: [plan]}"],
            ["第 6 行：「审核」要 2 人，除去办过「方案」的人，只剩 1 人"],
        ),
        (  # two who planned, one after the other, leave nobody: no pair of steps shows it
            [PLAN, PLAN.replace("plan", "second").replace("any", "any, not_also: [plan]"),
             "{key: b, title: 审核, who: contract_engineer, not_also: [plan, second]}"],
            ["第 7 行：「审核」要 1 人，除去办过「方案」「方案」的人，只剩 0 人"],
        ),
        (  # each entry must lead to somebody: the leader heads the department as well
            ["{key: a, title: 初审, who: dept_head(requester)}",
             "{key: b, title: 审核, who: [role(leader), role(security_office)], not_also: [a]}"],
            ["第 6 行：「审核」要 1 人，除去办过「初审」的人，只剩 0 人"],
        ),
        (["{key: a, title: 初审, who: role(leader), sign: 2}"], ["第 5 行：「初审」要 2 人，只有 1 人够格"]),
        (["{key: a, title: 初审, who: person(gone)}"], ["第 5 行：「初审」要的 person(gone) 没有人"]),
        (["{key: a, title: 回看, who: actor(ask), not_also: [ask]}"],
         ["第 5 行：「回看」要 1 人，除去办过「申请」的人，只剩 0 人"]),
        (["{key: a, title: 备份, who: system_owner}"], []),
    ],
)  # fmt: skip
def test_separation_of_duties_is_met_by_the_people_who_exist_or_the_step_is_named(steps, told):
    assert staff_faults(*steps) == told


def test_a_step_that_is_never_visited_together_with_another_takes_nobody_from_it():
    one = "{key: one, title: 甲, who: role(leader), when: running == true}"
    other = "{key: other, title: 乙, who: role(leader), not_also: [one], when: running == false}"

    assert staff_faults(one, other) == []
    assert staff_faults(one, other.replace("false", "true")) == [
        "第 6 行：「乙」要 1 人，除去办过「甲」的人，只剩 0 人"
    ]


def test_nobody_heads_the_departments_of_those_who_may_ask():
    staff = Staff({1: None, 2: 2}, STAFF.holders, STAFF.owners)

    assert staff_faults("{key: a, title: 初审, who: dept_head(requester)}", staff=staff) == [
        "第 5 行：「初审」要的 dept_head(requester) 没有人"
    ]


def test_one_requester_for_whom_the_flow_can_end_is_enough():
    staff = Staff({2: None, 1: 2}, STAFF.holders, STAFF.owners)

    assert staff_faults("{key: a, title: 审核, who: role(leader), not_also: [ask]}", staff=staff) == []


def test_many_people_who_are_alike_are_weighed_as_one():
    crowd = frozenset(range(100, 400))
    staff = Staff(STAFF.requesters, STAFF.holders | {Who("contract_engineer"): crowd}, STAFF.owners)
    keys = [f"s{number}" for number in range(12)]
    rows = [f"{{key: {key}, title: 步, who: contract_engineer, sign: 25, not_also: [{', '.join(keys[:number])}]}}"
            for number, key in enumerate(keys)]  # fmt: skip
    last = f"{{key: last, title: 末, who: contract_engineer, not_also: [{', '.join(keys)}]}}"

    assert staff_faults(*rows, staff=staff) == []
    assert staff_faults(*rows, last, staff=staff) == [
        "第 17 行：「末」要 1 人，除去办过" + "「步」" * 12 + "的人，只剩 0 人"
    ]


def test_what_takes_too_many_choices_to_decide_is_not_turned_down():
    staff = Staff(
        STAFF.requesters, STAFF.holders | {Who("contract_engineer"): frozenset(range(100, 400))}, STAFF.owners
    )
    keys = [f"s{number}" for number in range(12)]
    rows = [f"{{key: {key}, title: 步, who: contract_engineer, sign: 3}}" for key in keys]
    never = f"{{key: z, title: 末, who: [actor(s0), actor(s1)], sign: 7, not_also: [{', '.join(keys[2:])}]}}"

    assert staff_faults(*rows, never, staff=staff) == []
    assert staff_faults(*rows[:2], never.replace(", not_also: [" + ", ".join(keys[2:]) + "]", ""), staff=staff) == [
        "第 7 行：「末」要 7 人，只有 6 人够格"
    ]


def can_end(steps: tuple[Step, ...], staff: Staff) -> bool:
    """By trying every requester, every owner and every choice of people: the reference for the search."""

    def found(who: Who, requester: int, owner: int, acted: dict[str, frozenset[int]]) -> frozenset[int]:
        match who.kind:
            case "requester":
                return frozenset({requester})
            case "dept_head":
                head = staff.requesters[requester]
                return frozenset({head}) if head and head != requester else frozenset()
            case "system_owner":
                return frozenset({owner})
            case "actor":
                return acted.get(who.name, frozenset())
            case _:
                return staff.holders[who]

    def goes_on(place: int, requester: int, owner: int, acted: dict[str, frozenset[int]]) -> bool:
        if place == len(steps):
            return True
        step = steps[place]
        barred = frozenset().union(*(acted.get(key, frozenset()) for key in step.not_also))
        groups = [found(who, requester, owner, acted) - barred for who in step.who]
        if not all(groups):
            return False
        asked = frozenset().union(*groups)
        wanted = step.sign if isinstance(step.sign, int) else len(asked) if step.sign == "all" else 1
        return any(
            goes_on(place + 1, requester, owner, acted | {step.key: frozenset(chosen)})
            for chosen in combinations(sorted(asked), wanted)
        )

    return any(
        goes_on(1, requester, owner, {steps[0].key: frozenset({requester})})
        for requester in staff.requesters
        for owner in staff.owners
    )


WHO = [
    "requester",
    "dept_head(requester)",
    "contract_engineer",
    "role(leader)",
    "system_owner",
    "actor(ask)",
    "actor(s0)",
]
ID = st.integers(1, 4)


@st.composite
def small_flows(draw: st.DrawFn) -> Flow:
    rows = []
    for number in range(draw(st.integers(1, 4))):
        who = draw(st.lists(st.sampled_from(WHO if number else WHO[:-1]), min_size=1, max_size=2, unique=True))
        before = ["ask", *(f"s{n}" for n in range(number))]
        barred = draw(st.lists(st.sampled_from(before), max_size=2, unique=True))
        sign = draw(st.sampled_from(["all", "any", 1, 2]))
        rows.append(
            f"{{key: s{number}, title: 步, who: [{', '.join(who)}], sign: {sign}, not_also: [{', '.join(barred)}]}}"
        )
    return flow(ASK, *rows)


@given(
    parsed=small_flows(),
    requesters=st.dictionaries(ID, st.one_of(st.none(), ID), min_size=1, max_size=2),
    engineers=st.frozensets(ID, max_size=3),
    leaders=st.frozensets(ID, max_size=2),
    owners=st.frozensets(ID, min_size=1, max_size=2),
)
@settings(max_examples=400, deadline=None)
def test_a_flow_is_turned_down_exactly_when_no_choice_of_people_leads_to_its_end(
    parsed, requesters, engineers, leaders, owners
):
    staff = Staff(requesters, {Who("contract_engineer"): engineers, Who("role", "leader"): leaders}, owners)

    assert (faults_of_staff(parsed, journeys(parsed, TEST), staff) == []) == can_end(parsed.steps, staff)
