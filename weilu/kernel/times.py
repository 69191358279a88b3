"""Instants: aware UTC in the store, Asia/Shanghai on the page."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def iso(instant: datetime) -> str:
    """`2026-11-23T13:44:00.123456Z`: one spelling for every record, so that digests agree."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def seconds_between(start: datetime | None, end: datetime | None) -> int:
    """Whole seconds from one instant to the other, rounded up, at least one; 0 where one is missing."""
    return max(1, -(-int((end - start).total_seconds() * 1000) // 1000)) if start and end else 0
