"""Background work as rows: written with the act that asks for it, taken by whichever worker is free."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from weilu.kernel.ids import uuid7
from weilu.kernel.times import now


class Jobs(models.QuerySet[Any]):
    def due(self, at: datetime, kinds: Collection[str]) -> Self:
        """What a worker that knows `kinds` may take at the instant `at`, the longest due first."""
        free = Q(lease_until=None) | Q(lease_until__lt=at)
        return self.filter(free, state=Job.State.WAITING, at__lte=at, kind__in=kinds).order_by("at", "id")

    def visible_to(self, codes: Collection[str]) -> Self:
        """Jobs of the customers with these codes, and those of the installation itself, which name nobody."""
        return self.filter(org__in={*codes, ""})


class Job(models.Model):
    """One piece of background work. The payload holds ids, never a secret and nothing protected."""

    class State(models.TextChoices):
        WAITING = "waiting", "等待"
        DONE = "done", "已办"
        GIVEN_UP = "given-up", "已放弃"

    REPEATED = "repeated"  # the key of the one row of a kind that comes again by itself

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    kind = models.CharField(max_length=60)  # notify.mail
    key = models.CharField(max_length=200, default="")  # with a key, there is one such job and no second
    payload = models.JSONField(default=dict)
    org = models.CharField(max_length=20, default="")  # code of the customer; "" belongs to the installation
    at = models.DateTimeField(default=now)  # not before
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)  # grows when a worker takes it, so a death counts as well
    reason = models.CharField(max_length=300, default="")  # of the last failure, as an administrator reads it
    failed_at = models.DateTimeField(null=True)
    holder = models.CharField(max_length=120, default="")  # the worker that has the lease
    fence = models.PositiveIntegerField(default=0)  # grows whenever a worker takes it
    lease_until = models.DateTimeField(null=True)
    made_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)  # for one that comes again: when it was last done

    objects: ClassVar[Any] = Jobs.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], condition=~Q(key=""), name="one_job_of_key")]
        indexes = [
            models.Index(fields=["at", "id"], condition=Q(state="waiting"), name="jobs_due"),
            models.Index(fields=["-id"], condition=Q(state="given-up"), name="jobs_given_up"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class Process(models.Model):
    """One life of a worker process, known by a name never used again; belongs to this place, not to its content."""

    holder = models.CharField(max_length=120, unique=True)  # machine:process:chance
    since = models.DateTimeField(default=now)
    seen = models.DateTimeField(default=now)  # its last sign of life
    ended_at = models.DateTimeField(null=True)  # it said so itself

    def __str__(self) -> str:
        return self.holder
