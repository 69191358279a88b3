"""The log: what was staged, what was placed, the tree's tiles and the checkpoints signed over it."""

from django.db import models

from weilu.kernel.ids import uuid7


class Staged(models.Model):
    """A record written by an action in its own transaction, waiting for its place in the log."""

    ref = models.UUIDField(default=uuid7, unique=True)
    kind = models.CharField(max_length=60)
    at = models.DateTimeField()
    actor = models.CharField(max_length=160)
    org = models.CharField(max_length=20)
    item = models.CharField(max_length=40, default="")
    record = models.BinaryField()  # RFC 8785 bytes, as hashed
    urgent = models.BooleanField(default=False)  # a checkpoint is due as soon as it is placed


class Entry(models.Model):
    """A record in its place; its leaf is SHA-256 ‖ SM3 of the record."""

    index = models.PositiveBigIntegerField(primary_key=True)
    ref = models.UUIDField(unique=True)
    kind = models.CharField(max_length=60)
    at = models.DateTimeField()
    actor = models.CharField(max_length=160)
    org = models.CharField(max_length=20)
    item = models.CharField(max_length=40, default="")
    record = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    sm3 = models.CharField(max_length=64)

    class Meta:
        indexes = [
            models.Index(fields=["item", "index"], name="entries_of_item"),
            models.Index(fields=["org", "-index"], name="entries_of_org"),
        ]


class Tile(models.Model):
    """Up to 256 hashes of one level of the tree, as C2SP tlog-tiles lays them out."""

    level = models.PositiveSmallIntegerField()
    index = models.PositiveBigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="one_tile")]


class Checkpoint(models.Model):
    """A signed note on the log's size and root (C2SP tlog-checkpoint)."""

    size = models.PositiveBigIntegerField(unique=True)
    root = models.CharField(max_length=64)
    at = models.DateTimeField()
    note = models.TextField()
