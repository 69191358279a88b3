"""Instants and rows that the tests of planning share; they play in the autumn of 2031, whose days are all to come."""

from datetime import UTC, datetime

from django.db import transaction

from weilu.kernel.times import SHANGHAI
from weilu.planning.bookings import book
from weilu.planning.models import Booking, Freeze, FreezeException, Window
from weilu.systems.models import System

YEAR = 2031
SUBJECT = "5" * 64


def at(text: str) -> datetime:
    """`10-09T22:00` in Asia/Shanghai, as stored."""
    return datetime.fromisoformat(f"{YEAR}-{text}").replace(tzinfo=SHANGHAI).astimezone(UTC)


def make_window(system: System, **over: object) -> Window:
    """每天 22:00 for eight hours, unless said otherwise."""
    fields = {"name": "夜间", "rule": "FREQ=DAILY", "starts": at("01-01T22:00"), "minutes": 480} | over
    return Window.objects.create(owner=system.owner, system=system, **fields)


def make_freeze(owner, **over: object) -> Freeze:
    """国庆封网, of all systems."""
    fields = {"name": "国庆封网", "starts": at("09-30T18:00"), "ends": at("10-08T08:00"), "reason": "节日保障"} | over
    return Freeze.objects.create(owner=owner, **fields)


def book_for(cast, item, starts: str = "10-09T22:00", ends: str = "10-10T01:00") -> Booking:
    """陈 keeps this time for the item, on its own system."""
    with transaction.atomic():
        return book(cast.chen, item, item.system, at(starts), at(ends))


def make_exception(freeze: Freeze, booking, cast, **over: object) -> FreezeException:
    """陈 asks for the planned time of `booking`, 吴 has approved it."""
    fields = {
        "subject": SUBJECT, "starts": booking.starts, "ends": booking.ends, "why": "漏洞已被利用",
        "asked_by": cast.chen, "approved_by": cast.wu, "approved_at": at("01-02T09:00"), "evidence": freeze.uid,
    } | over  # fmt: skip
    return FreezeException.objects.create(owner=freeze.owner, freeze=freeze, item=booking.item, **fields)
