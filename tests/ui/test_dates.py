"""How instants, spans and clocks read."""

from datetime import datetime

from weilu.kernel.times import SHANGHAI
from weilu.ui import dates

NOW = datetime(2026, 9, 28, 14, 20, tzinfo=SHANGHAI)


def at(month: int, day: int, hour: int, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI)


def test_an_instant_names_the_day_as_people_do():
    assert dates.when(at(9, 28, 9, 30), NOW) == "今天 09:30"
    assert dates.when(at(9, 29, 10, 50), NOW) == "明天 10:50"
    assert dates.when(at(9, 24, 10, 15), NOW) == "09-24 10:15"
    assert dates.when(at(9, 24, 10, 15, year=2025), NOW) == "2025-09-24 10:15"


def test_a_window_over_midnight_keeps_one_date():
    assert dates.window(at(9, 29, 22), at(9, 30, 1), NOW) == "09-29 周二 22:00–01:00"


def test_working_time_is_told_in_working_days():
    assert [dates.span(minutes) for minutes in (40, 330, 600, 960)] == ["40 分", "5 小时 30 分", "1 天 2 小时", "2 天"]


def test_a_clock_tells_what_is_left_and_when_it_is_due():
    clock = dates.clock(at(9, 29, 10, 50), at(9, 28, 9, 50), NOW)

    assert (clock.state, clock.first, clock.second) == ("", "剩 5 小时 30 分", "明天 10:50 到期")
    assert clock.used == 39


def test_a_clock_warns_in_the_last_working_hour():
    assert dates.clock(at(9, 28, 15), at(9, 28, 9), NOW).state == "watch"


def test_an_overdue_clock_counts_on():
    clock = dates.clock(at(9, 28, 13), at(9, 25, 9), NOW)

    assert (clock.state, clock.first, clock.used) == ("refused", "逾期 1 小时 20 分", 100)


def test_a_clock_over_a_holiday_says_so():
    assert "国庆" in dates.clock(at(10, 9, 11, 20), at(9, 28, 9), NOW).second


def test_the_head_of_my_work_tells_what_is_left_of_today():
    assert dates.today_left(NOW) == "今天还有 3 小时 40 分工作时间"
    assert dates.today_left(at(9, 28, 20)) == "今天的工作时间已过"
