"""When systems may be worked on, when not, and what is planned."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Owned, OwnedRows, Person
from weilu.kernel.times import now
from weilu.planning.recurrence import read_rule
from weilu.planning.rules import MOST_MINUTES, Days, Recurring, Span
from weilu.process.models import WorkItem
from weilu.systems.models import Host, System


class LiveRows(OwnedRows):
    def live(self) -> LiveRows:
        """Those that nobody has ended."""
        return self.filter(ended_at=None)


class Window(Owned):
    """维护窗口: a time that comes again and again in which changes of a system have the least effect (CHG-3)."""

    DAYS = (
        (Days.ANY.value, _("规则说的每一天")),
        (Days.WORKING.value, _("只在工作日")),
        (Days.OFF.value, _("只在休息日")),
    )

    system = models.ForeignKey(System, models.PROTECT, related_name="windows")
    name = models.CharField(max_length=60)
    rule = models.CharField(max_length=200)  # RFC 5545, without dtstart; days of Asia/Shanghai
    starts = models.DateTimeField()  # when it opens first, in UTC
    minutes = models.PositiveIntegerField()
    left_out = models.JSONField(default=list)  # days of Asia/Shanghai on which it does not open: 2026-10-01
    days = models.CharField(max_length=10, choices=DAYS, default=Days.ANY.value)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = LiveRows.as_manager()

    class Meta:
        indexes = [models.Index(fields=["system"], condition=Q(ended_at=None), name="live_windows")]

    def __str__(self) -> str:
        return self.name

    @property
    def recurring(self) -> Recurring:
        """Its facts, as the rules take them."""
        left_out = frozenset(date.fromisoformat(day) for day in self.left_out)
        return Recurring(read_rule(self.rule), self.starts, self.minutes, left_out, self.days)


class Freezes(LiveRows):
    def touching(self, span: Span) -> Freezes:
        """Live ones that overlap `span`."""
        return self.filter(ended_at=None, starts__lt=span.end, ends__gt=span.start)


class Freeze(Owned):
    """封网期: a time in which a system, or every system of the customer, is not to be changed (CHG-3)."""

    system = models.ForeignKey(System, models.PROTECT, null=True, related_name="freezes")  # None: all of the customer
    name = models.CharField(max_length=60)
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    reason = models.CharField(max_length=300)
    ended_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = Freezes.as_manager()

    class Meta:
        indexes = [models.Index(fields=["owner", "ends"], condition=Q(ended_at=None), name="live_freezes")]

    def __str__(self) -> str:
        return self.name

    @property
    def span(self) -> Span:
        return Span(self.starts, self.ends)


class Exceptions(OwnedRows):
    def holding(self, item: int, span: Span) -> Exceptions:
        """Those approved for this item's present plan, and for the whole of `span`: another plan is not excepted."""
        return self.filter(
            item=item, approved_at__isnull=False, subject=F("item__subject"),
            starts__lte=span.start, ends__gte=span.end,
        )  # fmt: skip

    def waiting(self) -> Exceptions:
        """Those about the item's present plan that nobody has answered."""
        return self.filter(approved_at=None, refused_at=None, subject=F("item__subject"), freeze__ended_at=None)


class FreezeException(Owned):
    """封网破例: one plan may be carried out in a freeze; asked for by one person, approved by another (ROL-1)."""

    freeze = models.ForeignKey(Freeze, models.PROTECT, related_name="exceptions")
    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="freeze_exceptions")
    subject = models.CharField(max_length=64)  # digest of the plan; another plan needs another exception
    starts = models.DateTimeField()  # the time that was planned when it was asked for
    ends = models.DateTimeField()
    why = models.CharField(max_length=500)
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=now)
    approved_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    refused_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    refused_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=500, default="")  # of whoever approved or refused
    evidence = models.UUIDField()  # ref of the entry of the asking

    objects: ClassVar[Any] = Exceptions.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["freeze", "item", "subject", "starts", "ends"],
                condition=Q(refused_at=None),
                name="one_exception",
            )
        ]

    @property
    def answered(self) -> bool:
        return self.approved_at is not None or self.refused_at is not None


class Bookings(OwnedRows):
    def kept(self) -> Bookings:
        """Those that still hold their time."""
        return self.filter(released_at=None)

    def shown(self) -> Bookings:
        """Those that hold their time, and those released once it had begun: what took place stays on the calendar."""
        return self.filter(Q(released_at=None) | Q(released_at__gt=F("starts")))

    def touching(self, span: Span) -> Bookings:
        """Those that overlap `span`."""
        earliest = span.start - timedelta(minutes=MOST_MINUTES)  # no booking is longer: bounds the index on both sides
        return self.filter(starts__gt=earliest, starts__lt=span.end, ends__gt=span.start)

    def holding(
        self, item: WorkItem, system: System, span: Span, hosts: Collection[Host] = (), people: Collection[Person] = ()
    ) -> Bookings:
        """The kept one of the item, if it holds this very time of the system, and each of these hosts and people.

        Only then does its rank say anything of them: what it does not hold yet, it would stand last for.
        """
        found = self.kept().filter(item=item, system=system, starts=span.start, ends=span.end)
        for through, name, rows in (
            (Booking.hosts.through, "host", hosts),
            (Booking.people.through, "person", people),
        ):
            ids = {one.id for one in rows}
            if ids:
                of_it = through.objects.filter(**{"booking": OuterRef("id"), f"{name}__in": ids}).order_by()
                count = of_it.values("booking").annotate(count=Count("id")).values("count")  # type: ignore[misc]
                found = found.filter(Exact(Subquery(count), len(ids)))
        return found


class Booking(Owned):
    """排期: the planned time of a change, with the hosts and people it takes.

    Kept with the plan, released when the item ends or is taken back. Whoever booked first goes first: of two that
    clash the later one (`since`) gives way. Who wants another time, or a host or person more, stands last for it.
    """

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="bookings")
    system = models.ForeignKey(System, models.PROTECT, related_name="bookings")
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    hosts = models.ManyToManyField(Host, related_name="bookings")
    people = models.ManyToManyField(Person, related_name="bookings")
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    since = models.DateTimeField(default=now)  # since when it has held this time
    released_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = Bookings.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item"], condition=Q(released_at=None), name="one_kept_booking")]
        indexes = [
            models.Index(fields=["starts"], condition=Q(released_at=None), name="kept_bookings"),
            models.Index(fields=["owner", "starts"], name="bookings_of_owner"),
        ]

    @property
    def span(self) -> Span:
        return Span(self.starts, self.ends)

    def precedes(self, other: tuple[datetime, int]) -> bool:
        """Whether it has held its time for longer than the booking with this `since` and id."""
        return (self.since, self.id) < other
