"""A signature is taken back until a run has begun under it or a sheet carries it."""

import pytest

from tests.cast import state_of_everything
from weilu.changes import rules
from weilu.kernel.refused import Refused
from weilu.process.hand import withdraw

pytestmark = pytest.mark.django_db


def test_the_requester_takes_a_change_back_before_anybody_has_acted(cast, change):
    item = withdraw(cast.wang, change.item, turn=change.item.turn)

    assert (item.step, [seat.person for seat in item.seats.filter(open=True)]) == ("request", [cast.wang])


def test_what_a_sheet_carries_or_a_run_rests_on_stays(cast):
    before = state_of_everything()
    reasons = []
    for on_sheet, run in ((True, ""), (False, "ZX-2026-0001")):
        with pytest.raises(Refused) as problem:
            rules.check_may_take_back(on_sheet, run)
        reasons.append(problem.value.reason)

    assert reasons == ["已经不能撤回：签名已在报告单上", "已经不能撤回：执行 ZX-2026-0001 已经开始"]
    assert state_of_everything() == before
