"""The log: entries waiting, entries placed, the tree over them in tiles, and what was signed."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy

from weilu.evidence import bodies, looks  # noqa: F401  (its tables belong to this room's)
from weilu.evidence.checkpoint import COSIGNATURE, VerifierKey, parse_vkey
from weilu.evidence.tree import leaf_hash
from weilu.kernel.ids import uuid7
from weilu.kernel.times import iso, now


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
    def digest(self) -> str:
        """SHA-256 of the record, in hex."""
        return bytes(self.sha256).hex()

    @property
    def leaf_hash(self) -> bytes:
        return leaf_hash(self.leaf)

    @property
    def said(self) -> dict[str, Any]:
        """The record, read; of a destroyed one what its columns still say."""
        if self.destroyed:
            kept = {"kind": self.kind, "at": iso(self.at), "actor": self.actor, "org": self.org, "item": self.item}
            return kept | {"data": {}, "files": []}
        return dict(json.loads(bytes(self.record)))

    @property
    def destroyed(self) -> bool:
        """Whether its body is gone: by law where an entry of the log says so, else it is damaged."""
        return not bytes(self.record)


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
            models.Index(fields=["kind", "-index"], name="entries_of_kind"),
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


class Witnesses(models.QuerySet["Witness"]):
    def active(self) -> Self:
        """Those that are asked."""
        return self.filter(retired_at=None)


class Witness(models.Model):
    """Somebody else's program that keeps what this log has signed, known by its key; a retired one stays on record."""

    class Side(models.TextChoices):
        CUSTOMER = "customer", gettext_lazy("甲方")
        VENDOR = "vendor", gettext_lazy("乙方")

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    side = models.CharField(max_length=10, choices=Side.choices)
    organisation = models.CharField(max_length=100)  # whose it is, as people know it
    name = models.CharField(max_length=200, unique=True)  # as in its key, never used again
    vkey = models.CharField(max_length=300)
    url = models.CharField(max_length=300, default="", blank=True)  # "" is asked by file
    enrolled_by = models.CharField(max_length=200)
    enrolled_at = models.DateTimeField(default=now)
    retired_by = models.CharField(max_length=200, default="", blank=True)
    retired_at = models.DateTimeField(null=True, default=None)
    retired_why = models.CharField(max_length=300, default="", blank=True)
    asked_at = models.DateTimeField(null=True, default=None)
    answered_at = models.DateTimeField(null=True, default=None)
    finding = models.CharField(max_length=30, default="", blank=True)  # a key of words.FINDINGS; "" is well
    finding_size = models.BigIntegerField(null=True, default=None)  # the size the witness named with it
    finding_since = models.DateTimeField(null=True, default=None)

    objects = Witnesses.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> VerifierKey:
        return parse_vkey(self.vkey, COSIGNATURE)

    @property
    def fingerprint(self) -> str:
        return self.key.fingerprint


class Cosignature(models.Model):
    """A witness's word that it saw a checkpoint; `line` is the proof, `at` the time it signed."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.PROTECT, related_name="cosignatures")
    witness = models.ForeignKey(Witness, on_delete=models.PROTECT, related_name="cosignatures")
    at = models.DateTimeField()
    received_at = models.DateTimeField(default=now)
    line = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["checkpoint", "witness"], name="one_cosignature")]

    def __str__(self) -> str:
        return f"{self.witness_id} {self.checkpoint_id}"


class Reopening(models.Model):
    """A new name and key under which the log goes on after a restored backup; `first` is the entry that says so."""

    origin = models.CharField(max_length=200, unique=True)
    first = models.BigIntegerField()
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return self.origin
