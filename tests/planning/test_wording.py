"""A window's rule in words and in the form, and back to the same rule."""

from datetime import date, datetime

import pytest

from tests.support.unchanged import Refusal, ruling
from weilu.planning.recurrence import read_rule
from weilu.planning.wording import rule_entries, rule_of, rule_words

pytestmark = pytest.mark.once
MONDAY = date(2026, 9, 28)


@pytest.mark.parametrize(
    ("rule", "words", "repeat"),
    [
        ("FREQ=DAILY", "每天", "daily"),
        ("FREQ=DAILY;INTERVAL=3", "每 3 天", "rule"),
        ("FREQ=WEEKLY;BYDAY=FR,SA", "每周的周五、周六", "weekly"),
        ("FREQ=WEEKLY", "每周的周一", "weekly"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "每 2 周的周二", "rule"),
        ("FREQ=MONTHLY;BYMONTHDAY=15", "每月 15 日", "monthly_day"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "每月 倒数第 1 天", "monthly_day"),
        ("FREQ=MONTHLY", "每月 28 日", "rule"),
        ("FREQ=MONTHLY;BYDAY=2SA", "每月第二个周六", "monthly_weekday"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "每月最后一个周五", "monthly_weekday"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "按自定的规则", "rule"),
        ("FREQ=YEARLY;BYMONTH=6;BYDAY=SA", "按自定的规则", "rule"),
        ("FREQ=DAILY;UNTIL=20271231", "每天，到 2027-12-31 为止", "daily"),
        ("FREQ=DAILY;COUNT=5", "每天，共 5 次", "rule"),
    ],
)
def test_a_rule_is_said_and_stands_in_the_form(rule, words, repeat):
    read = read_rule(rule)
    entries = rule_entries(read, rule, MONDAY)
    assert (rule_words(read, MONDAY), entries["repeat"]) == (words, repeat)
    again = read_rule(rule_of({key: str(value) for key, value in entries.items()}, entries.get("weekdays", [])))
    noon, last = datetime(2026, 9, 28, 12), date(2027, 12, 31)  # noqa: DTZ001  (a clock on the wall)
    assert again.days(noon, MONDAY, last) == read.days(noon, MONDAY, last)


@pytest.mark.parametrize(
    ("entries", "weekdays", "reason", "field"),
    [
        ({"repeat": ""}, [], "多久一次没有选", "repeat"),
        ({"repeat": "yearly"}, [], "多久一次没有选", "repeat"),
        ({"repeat": "weekly"}, ["XX"], "每周哪几天没有选。至少选一天", "weekdays"),
    ],
)
def test_a_choice_that_is_missing_is_named(entries, weekdays, reason, field):
    assert ruling(lambda: rule_of(entries, weekdays)) == Refusal(reason, "", field)
