"""A window's rule in words, as a form's entries, and back: 每周五、周六, FREQ=WEEKLY;BYDAY=FR,SA."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused
from weilu.planning.recurrence import WEEKDAYS, Recurrence

REPEATS = ("weekly", "daily", "monthly_weekday", "monthly_day", "rule")
WHICH = (1, 2, 3, 4, -1)


def weekday_names() -> tuple[str, ...]:
    """周一 to 周日, in the language of the page."""
    return (_("周一"), _("周二"), _("周三"), _("周四"), _("周五"), _("周六"), _("周日"))


def which_names() -> dict[int, str]:
    return {1: _("第一个"), 2: _("第二个"), 3: _("第三个"), 4: _("第四个"), -1: _("最后一个")}


def rule_words(rule: Recurrence, first: date) -> str:
    """The rule as people say it; one that no short sentence says is told as such."""
    said = _shape(rule, first)
    if said is None:
        said = _("按自定的规则")
    if rule.until is not None:
        said = _("%(rule)s，到 %(day)s 为止") % {"rule": said, "day": rule.until.date().isoformat()}
    if rule.count is not None:
        said = _("%(rule)s，共 %(count)d 次") % {"rule": said, "count": rule.count}
    return said


def _shape(rule: Recurrence, first: date) -> str | None:
    names = weekday_names()
    plain = replace(rule, count=None, until=None, week_start=0)
    days = _("、").join(names[day] for _which, day in rule.week_days) or names[first.weekday()]
    if plain == Recurrence("DAILY", rule.interval):
        return _("每天") if rule.interval == 1 else _("每 %(n)d 天") % {"n": rule.interval}
    if plain == Recurrence("WEEKLY", rule.interval, week_days=rule.week_days):
        words = _("每周的%(days)s") if rule.interval == 1 else _("每 %(n)d 周的%(days)s")
        return words % {"n": rule.interval, "days": days}
    if plain == Recurrence("MONTHLY", 1, month_days=rule.month_days):
        numbers = _("、").join(_month_day(day) for day in rule.month_days or (first.day,))
        return _("每月 %(days)s") % {"days": numbers}
    if plain == Recurrence("MONTHLY", 1, week_days=rule.week_days) and len(rule.week_days) == 1:
        which, day = rule.week_days[0]
        if which in which_names():
            return _("每月%(which)s%(day)s") % {"which": which_names()[which], "day": names[day]}
    return None


def _month_day(day: int) -> str:
    return _("%(day)d 日") % {"day": day} if day > 0 else _("倒数第 %(n)d 天") % {"n": -day}


def rule_entries(rule: Recurrence, text: str, first: date) -> dict[str, object]:
    """The rule as the entries of the form: by its shape where it has one, else as text."""
    found: dict[str, object] = {"repeat": "rule", "rule": text, "until": ""}
    plain = replace(rule, until=None, week_start=0)
    if rule.until is not None:
        found["until"] = rule.until.date().isoformat()
    if plain == Recurrence("DAILY"):
        return found | {"repeat": "daily"}
    if plain == Recurrence("WEEKLY", week_days=rule.week_days):
        days = [day for _which, day in rule.week_days] or [first.weekday()]
        return found | {"repeat": "weekly", "weekdays": [WEEKDAYS[day] for day in days]}
    if plain == Recurrence("MONTHLY", month_days=rule.month_days) and len(rule.month_days) == 1:
        return found | {"repeat": "monthly_day", "month_day": str(rule.month_days[0])}
    if plain == Recurrence("MONTHLY", week_days=rule.week_days) and len(rule.week_days) == 1:
        which, day = rule.week_days[0]
        if which in WHICH:
            return found | {"repeat": "monthly_weekday", "which": str(which), "weekday": WEEKDAYS[day]}
    return found


def rule_of(entries: Mapping[str, str], weekdays: Sequence[str]) -> str:
    """The rule that the form's entries say; raises Refused where a choice is missing."""
    match entries.get("repeat", ""):
        case "daily":
            rule = "FREQ=DAILY"
        case "weekly":
            days = [day for day in WEEKDAYS if day in weekdays]
            if not days:
                raise Refused(_("每周哪几天没有选。至少选一天"), field="weekdays")
            rule = f"FREQ=WEEKLY;BYDAY={','.join(days)}"
        case "monthly_weekday":
            rule = f"FREQ=MONTHLY;BYDAY={entries.get('which', '')}{entries.get('weekday', '')}"
        case "monthly_day":
            rule = f"FREQ=MONTHLY;BYMONTHDAY={entries.get('month_day', '').strip()}"
        case "rule":
            return entries.get("rule", "")
        case _:
            raise Refused(_("多久一次没有选"), field="repeat")
    until = entries.get("until", "").strip().replace("-", "")
    return f"{rule};UNTIL={until}" if until else rule
