"""Who may sign what, as pure rules; what a drawn signature is."""

import pytest

from tests.support.unchanged import Refusal, ruling
from weilu.kernel.refused import Refused, Stale
from weilu.records import rules
from weilu.records.drawing import path_of, svg_of, view_box
from weilu.records.rules import SheetFacts, Signer

SHEET = SheetFacts("frozen", "d" * 64, engineer=7, customer_signers=frozenset({1, 2}), signed={})
WANG, LI, QIAN = (Signer(id, False, frozenset()) for id in (1, 2, 3))
CHEN = Signer(7, True, frozenset({"engineer"}))
ZHOU = Signer(8, True, frozenset({"development_head"}))
SUN = Signer(9, True, frozenset())
GOOD = [[[x, 100] for x in range(0, 200, 10)]]


def facts(**over):
    return SheetFacts(**(vars(SHEET) | over))


@pytest.mark.parametrize(("who", "side"), [(WANG, "customer"), (LI, "customer"), (CHEN, "vendor"), (ZHOU, "vendor")])
def test_each_side_signs_by_its_own_people(who, side):
    assert ruling(lambda: rules.check_may_sign(SHEET, who, side, SHEET.digest)) is None


NOT_CUSTOMER = Refusal("这份报告单的甲方不由您签", "REC-2")
NOT_VENDOR = Refusal("乙方由实施工程师或乙方的其他工程师、开发负责人签", "REC-1")


@pytest.mark.parametrize(
    ("who", "side", "told"),
    [(QIAN, "customer", NOT_CUSTOMER), (CHEN, "customer", NOT_CUSTOMER), (WANG, "vendor", NOT_VENDOR),
     (SUN, "vendor", NOT_VENDOR), (WANG, "third", Refusal("没有「third」这一方", "", "side"))],
)  # fmt: skip
def test_nobody_signs_for_the_other_side(who, side, told):
    assert ruling(lambda: rules.check_may_sign(SHEET, who, side, SHEET.digest)) == told


def test_nobody_signs_both_sides():
    both, sheet = Signer(1, True, frozenset({"engineer"})), facts(signed={"customer": 1})

    assert ruling(lambda: rules.check_may_sign(sheet, both, "vendor", SHEET.digest)) == Refusal(
        "您已签过这份报告单，不能再签另一方", "ROL-1"
    )


def test_a_side_signs_once():
    with pytest.raises(Stale) as told:
        rules.check_may_sign(facts(signed={"customer": 1}), LI, "customer", SHEET.digest)

    assert told.value.reason == "这一方刚刚已由别人签署，您的签名没有写入"


def test_another_digest_than_the_frozen_one_is_stale():
    with pytest.raises(Stale) as told:
        rules.check_may_sign(SHEET, WANG, "customer", "e" * 64)

    assert told.value.reason == "页面上的报告单已不是现在这一份，没有签署。重新打开再签"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("draft", "报告单还没有定稿，不能签署"),
        ("signed", "双方都已签署，报告单不能再改"),
        ("refused", "甲方已拒签，这份报告单不能再签"),
        ("cancelled", "这个编号已作废，不能再签"),
    ],
)
def test_only_a_frozen_sheet_is_acted_on(state, reason):
    sheet, told = facts(state=state), Refusal(reason, "REC-1")

    assert ruling(lambda: rules.check_may_sign(sheet, WANG, "customer", SHEET.digest)) == told
    assert ruling(lambda: rules.check_may_refuse(sheet, WANG, SHEET.digest)) == told
    assert ruling(lambda: rules.check_may_cancel(sheet, True)) == told


def test_a_signed_number_is_not_cancelled():
    told = ruling(lambda: rules.check_may_cancel(facts(signed={"vendor": 7}), True))

    assert told == Refusal("已有一方签署，编号不能作废。甲方不同意可以拒签", "REC-3")


def test_only_an_administrator_cancels():
    assert ruling(lambda: rules.check_may_cancel(SHEET, False)) == Refusal("作废编号由甲方系统管理员办", "REC-3")


def test_a_drawn_signature_is_kept_as_it_is_without_empty_strokes():
    assert rules.checked_strokes([*GOOD, []]) == GOOD


@pytest.mark.parametrize(
    "strokes",
    [
        None,
        {},
        "M0 0",
        3,
        [],
        [[]],
        [None],
        [["M0 0"]],
        [[[1, 2]]],
        [[[x, 100, 1] for x in range(20)]],
        [[[x + 0.5, 100] for x in range(0, 200, 10)]],
        [[[True, False]] * 20],
        [[["1", "2"]] * 20],
        [[[601, 100], *GOOD[0]]],
        [[[-1, 100], *GOOD[0]]],
        [[[10, 201], *GOOD[0]]],
        [[[10**30, 100], *GOOD[0]]],
        [[["<script>", 100], *GOOD[0]]],
        [[[50, 50]] * 200],
        [[[0, 0], [500, 100]] * 2001],
        [[] for _ in range(4001)],
    ],
)
def test_hostile_strokes_are_refused(strokes):
    with pytest.raises(Refused) as refused:
        rules.checked_strokes(strokes)
    assert refused.value.field == "strokes"


def test_a_drawing_is_written_from_numbers_alone():
    strokes = [[[10, 20], [30, 40]], [[50, 60]]]

    assert path_of(strokes) == "M10 20L30 40M50 60h0"
    assert view_box(strokes) == "2 12 56 56"
    assert svg_of([]) == ""
