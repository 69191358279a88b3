"""Write `weilu/kernel/holidays.toml` from the package `chinesecalendar` (`make holidays`)."""

from collections import defaultdict
from datetime import date
from pathlib import Path

from chinese_calendar.constants import Holiday, holidays, workdays

PLACE = Path(__file__).parents[1] / "weilu" / "kernel" / "holidays.toml"
FIRST_YEAR = 2020
CHINESE = {h.value: h.chinese for h in Holiday}
SHORT = {"清明": "清明节", "端午": "端午节", "中秋": "中秋节"}


def main() -> None:
    years: dict[int, dict[str, dict[date, str]]] = defaultdict(lambda: {"off": {}, "work": {}})
    for kind, table in (("off", holidays), ("work", workdays)):
        for day, name in table.items():
            if day.year >= FIRST_YEAR:
                years[day.year][kind][day] = SHORT.get(CHINESE[name], CHINESE[name])
    lines = ["# The State Council's yearly notices: days off and make-up workdays. Made by tools/holidays.py."]
    for year in sorted(years):
        for kind in ("off", "work"):
            lines += ["", f"[{year}.{kind}]"]
            lines += [f'{day:%m-%d} = "{name}"' for day, name in sorted(years[year][kind].items())]
    PLACE.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
