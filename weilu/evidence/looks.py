"""The register of reading 查阅登记: who looked at what is protected, the batches the log holds, how long they stay."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import Any, Self

from django.db import models
from django.db.models import Q

from weilu.kernel.canonical import canonical
from weilu.kernel.ids import uuid7
from weilu.kernel.times import iso, now


def new_nonce() -> str:
    """Keeps a guess at a line of the register from being tested by the digest of its batch."""
    return secrets.token_hex(16)


class LookBatch(models.Model):
    """Lines of one customer's register whose digest stands in the log; the lines may go after their time, this not."""

    org = models.CharField(max_length=20)
    number = models.PositiveIntegerField()  # of this customer, without gaps
    entry = models.UUIDField(default=uuid7, unique=True)  # ref of the log's entry
    sha256 = models.CharField(max_length=64)
    lines = models.PositiveIntegerField()
    until = models.DateTimeField()  # the last look in it
    at = models.DateTimeField(default=now)
    pruned_at = models.DateTimeField(null=True, default=None)
    broken_at = models.DateTimeField(null=True, default=None)  # when it was first found to disagree with the log

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "number"], name="one_batch_number")]

    def __str__(self) -> str:
        return f"{self.org} {self.number}"


class Looks(models.QuerySet[Any]):
    def visible_to(self, codes: Collection[str]) -> Self:
        """Looks at what the customer organisations with these codes own."""
        return self.filter(org__in=set(codes) - {""})


class Look(models.Model):
    """Somebody looked at something protected; further looks within ten minutes are counted on the same line.

    Written once and counted up until its batch is on the log, never changed after that.
    """

    org = models.CharField(max_length=20)  # code of the customer whose it is
    actor = models.CharField(max_length=200)
    side = models.CharField(max_length=20)  # code of the organisation the person acts for
    kind = models.CharField(max_length=30)  # a key of `words.LOOKS`
    what = models.CharField(max_length=64, default="")  # uid, digest or place of the thing
    words = models.CharField(max_length=200)  # its number or title, as people know it
    item = models.CharField(max_length=40, default="")  # uid of the work item it belongs to
    purpose = models.CharField(max_length=200)
    address = models.CharField(max_length=45, default="")
    at = models.DateTimeField(default=now)
    last = models.DateTimeField(default=now)
    times = models.PositiveIntegerField(default=1)
    nonce = models.CharField(max_length=32, default=new_nonce)
    batch = models.ForeignKey(LookBatch, models.PROTECT, null=True, default=None, related_name="looks")

    objects = Looks.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["org", "-id"], name="looks_of_org"),
            models.Index(fields=["what", "kind", "at"], condition=Q(batch=None), name="looks_open"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.kind} {self.words}"

    @property
    def line(self) -> bytes:
        """The line as its batch's digest covers it."""
        texts = ("org", "actor", "side", "kind", "what", "words", "item", "purpose", "address", "nonce")
        said = {name: getattr(self, name) for name in texts}
        return canonical(said | {"times": self.times, "at": iso(self.at), "last": iso(self.last)}) + b"\n"


class Retention(models.Model):
    """How many months one register of one customer is kept, where that is not the floor."""

    org = models.CharField(max_length=20)
    register = models.CharField(max_length=20)  # a key of `keeping.REGISTERS`
    months = models.PositiveSmallIntegerField()
    set_by = models.CharField(max_length=200)
    set_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "register"], name="one_retention")]

    def __str__(self) -> str:
        return f"{self.org} {self.register} {self.months}"


def text_of(looks: Iterable[Look]) -> bytes:
    """A batch as a file: one line of canonical JSON for each look, in the order they came."""
    return b"".join(look.line for look in sorted(looks, key=lambda look: look.id))
