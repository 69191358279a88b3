"""Bodies that can go 销毁正文: kept files, each with a key of its own, and records; destroying takes two people."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy

from weilu.kernel.ids import uuid7
from weilu.kernel.times import now


class Body(models.Model):
    """A kept file: where its sealed bytes lie, and its key, wrapped under the one outside the database."""

    sha256 = models.CharField(max_length=64, unique=True)  # of the file as people know it
    stored = models.CharField(max_length=64, default="", db_index=True)  # of the sealed bytes: their name; "" when gone
    wrapped = models.BinaryField(default=bytes)
    at = models.DateTimeField(default=now)
    shredded_at = models.DateTimeField(null=True, default=None)

    def __str__(self) -> str:
        return self.sha256


def destroyed(digests: Collection[str]) -> list[str]:
    """Those of the files with these digests that were destroyed by law."""
    gone = Body.objects.filter(sha256__in=digests, shredded_at__isnull=False)
    return list(gone.values_list("sha256", flat=True))


class Shreddings(models.QuerySet[Any]):
    def visible_to(self, codes: Collection[str]) -> Self:
        return self.filter(org__in=set(codes) - {""}).order_by("-id")


class Shredding(models.Model):
    """That somebody asks for a file or a record to be destroyed, and what a second person of the customer decided."""

    class State(models.TextChoices):
        ASKED = "asked", gettext_lazy("待批准")
        DONE = "done", gettext_lazy("已销毁")
        REFUSED = "refused", gettext_lazy("不同意")

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    org = models.CharField(max_length=20)
    entry = models.BigIntegerField()  # place of the entry whose record it is, or that names the file
    item = models.CharField(max_length=40, default="")
    sha256 = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    reason = models.CharField(max_length=500)
    ground = models.CharField(max_length=300)  # by which law or contract it must go
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField(default=now)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    decided_by = models.CharField(max_length=200, default="")
    decided_at = models.DateTimeField(null=True, default=None)
    words = models.CharField(max_length=500, default="")
    wiped_at = models.DateTimeField(null=True, default=None)  # cleared from the free space of the database too

    objects = Shreddings.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256"], condition=Q(state="asked"), name="one_shredding_asked")
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {self.state}"
