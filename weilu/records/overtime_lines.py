"""The overtime of an item as its sheet states it."""

from typing import Any

from weilu.kernel.canonical import digest
from weilu.kernel.times import iso
from weilu.process.models import WorkItem
from weilu.records.content import OvertimeLine
from weilu.records.models import Overtime, RecordSheet


def overtime_lines(item: WorkItem) -> list[OvertimeLine]:
    """What was entered for this item, in the order of time."""
    return [
        OvertimeLine(
            name=one.person.name, since=iso(one.since), until=iso(one.until), minutes=one.minutes, reason=one.reason
        )
        for one in Overtime.objects.filter(item=item).select_related("person").order_by("since", "id")
    ]


def with_overtime(item: WorkItem, content: dict[str, Any]) -> dict[str, Any]:
    """The content to freeze with the overtime entered by then; overtime on site makes it a service on site."""
    lines = overtime_lines(item)
    if not lines:
        return content
    ways = [*content["ways"], *(["onsite"] if "onsite" not in content["ways"] else [])]
    return content | {"overtime": lines, "ways": ways}


def overtime_digest(sheet: RecordSheet) -> str:
    """What an answer to the overtime is bound to: sheet and lines; "" where there is no overtime."""
    lines = sheet.content.get("overtime", [])
    return digest({"sheet": sheet.digest, "overtime": lines}) if lines and sheet.digest else ""


def hours_words(minutes: int) -> str:
    """`3 小时 30 分`, as the paper has it in every language."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} 小时"] * bool(hours) + [f"{rest} 分"] * bool(rest or not hours)
    return " ".join(parts)
