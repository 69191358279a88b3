"""The log: entries waiting, entries placed, the tree over them in tiles, and what was signed."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Self

from django.db import models

from weilu.evidence.tree import leaf_hash
from weilu.kernel.ids import uuid7
from weilu.kernel.times import now


class Written(models.Model):
    """One record with its digests; the columns repeat what the record's bytes say, so that it can be found."""

    ref = models.UUIDField(default=uuid7, unique=True, editable=False)
    kind = models.CharField(max_length=60)  # process.signed
    at = models.DateTimeField(default=now)
    actor = models.CharField(max_length=200)
    org = models.CharField(max_length=20)  # code of the customer organisation; "" belongs to the installation
    item = models.CharField(max_length=40, default="")  # uid of the work item
    urgent = models.BooleanField(default=False)  # wants a checkpoint at once
    record = models.BinaryField()  # RFC 8785 bytes, as hashed
    sha256 = models.BinaryField(max_length=32)
    sm3 = models.BinaryField(max_length=32)

    class Meta:
        abstract = True

    @property
    def leaf(self) -> bytes:
        """SHA-256(record) ‖ SM3(record): what the tree commits to."""
        return bytes(self.sha256) + bytes(self.sm3)

    @property
    def leaf_hash(self) -> bytes:
        return leaf_hash(self.leaf)

    @property
    def said(self) -> dict[str, Any]:
        """The record, read."""
        return dict(json.loads(bytes(self.record)))


class Staged(Written):
    """An entry written with its action, waiting for its place."""


class Entries(models.QuerySet["Entry"]):
    def visible_to(self, codes: Collection[str]) -> Self:
        """Entries of the customer organisations with these codes; never those of the installation itself."""
        return self.filter(org__in=set(codes) - {""})


class Entry(Written):
    """An entry at its place in the log; written once, never changed."""

    index = models.BigIntegerField(primary_key=True)

    objects = Entries.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["item", "index"], name="entries_of_item"),
            models.Index(fields=["org", "-index"], name="entries_of_org"),
        ]

    def __str__(self) -> str:
        return f"{self.index} {self.kind}"


class Tile(models.Model):
    """Up to 256 hashes of one level of the tree (C2SP tlog-tiles)."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="one_tile")]


class Checkpoint(models.Model):
    """A size and a root that the log's key has signed; `note` is the signed text."""

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField(max_length=32)
    at = models.DateTimeField(default=now)
    note = models.TextField()

    @property
    def hex(self) -> str:
        """The root, in hex."""
        return bytes(self.root).hex()

    def __str__(self) -> str:
        return f"checkpoint {self.size}"
