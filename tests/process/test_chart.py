"""The chart of an item: what stands under a step."""

import pytest
from django.utils import translation

from weilu.process.chart import _fitting

pytestmark = pytest.mark.once
WAITING = "在等 %(names)s"


def test_names_stand_under_a_step_as_long_as_they_fit():
    assert _fitting(WAITING, ["赵立新"]) == "在等 赵立新"
    assert _fitting(WAITING, ["王敏", "周毅"]) == "在等 王敏、周毅"
    assert _fitting("%(names)s", ["赵立新", "钱文远"]) == "赵立新、钱文远"
    assert _fitting(WAITING, ["赵立新", "钱文远"]) == "在等 赵立新、钱文远"
    assert _fitting(WAITING, ["赵立新", "钱文远", "吴静"]) == "在等 赵立新 +2"


def test_names_in_english_have_a_comma_and_a_count():
    with translation.override("en"):
        assert _fitting("%(names)s", ["王敏", "周毅"]) == "王敏, 周毅"
        assert _fitting("Awaits %(names)s", ["赵立新", "钱文远", "吴静"]) == "Awaits 赵立新 +2"
