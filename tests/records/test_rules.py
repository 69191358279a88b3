"""Who may sign what, as pure rules; what a drawn signature is."""

import pytest

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
    rules.check_may_sign(SHEET, who, side, SHEET.digest)


@pytest.mark.parametrize(
    ("who", "side", "clause"),
    [(QIAN, "customer", "REC-2"), (CHEN, "customer", "REC-2"), (WANG, "vendor", "REC-1"), (SUN, "vendor", "REC-1")],
)
def test_nobody_signs_for_the_other_side(who, side, clause):
    with pytest.raises(Refused, match=clause):
        rules.check_may_sign(SHEET, who, side, SHEET.digest)


def test_nobody_signs_both_sides():
    both = Signer(1, True, frozenset({"engineer"}))

    with pytest.raises(Refused, match="ROL-1"):
        rules.check_may_sign(facts(signed={"customer": 1}), both, "vendor", SHEET.digest)


def test_a_side_signs_once():
    with pytest.raises(Stale, match="刚刚已由别人签署"):
        rules.check_may_sign(facts(signed={"customer": 1}), LI, "customer", SHEET.digest)


def test_another_digest_than_the_frozen_one_is_stale():
    with pytest.raises(Stale, match="不是现在这一份"):
        rules.check_may_sign(SHEET, WANG, "customer", "e" * 64)


@pytest.mark.parametrize("state", ["draft", "signed", "refused", "cancelled"])
def test_only_a_frozen_sheet_is_acted_on(state):
    sheet = facts(state=state)

    with pytest.raises(Stale):
        rules.check_may_sign(sheet, WANG, "customer", SHEET.digest)
    with pytest.raises(Stale):
        rules.check_may_refuse(sheet, WANG, SHEET.digest)
    with pytest.raises(Stale):
        rules.check_may_cancel(sheet, True)


def test_a_signed_number_is_not_cancelled():
    with pytest.raises(Refused, match="REC-3"):
        rules.check_may_cancel(facts(signed={"vendor": 7}), True)


def test_only_an_administrator_cancels():
    with pytest.raises(Refused, match="REC-3"):
        rules.check_may_cancel(SHEET, False)


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
