"""Series of numbers without gaps; answers of the API that may be asked for again."""

from django.db import models

from weilu.kernel.times import now


class Series(models.Model):
    """The last number taken in one series; a row per owner code, kind and year (Asia/Shanghai)."""

    owner = models.CharField(max_length=20)
    kind = models.CharField(max_length=10)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "kind", "year"], name="one_series")]


class Answered(models.Model):
    """The answer to an act that was sent with an `Idempotency-Key`; kept for 24 hours."""

    who = models.UUIDField()  # uid of the person; this room knows no people
    key = models.CharField(max_length=200)
    asked = models.CharField(max_length=64)  # SHA-256 over path and body
    status = models.PositiveSmallIntegerField(default=0)
    answer = models.BinaryField(default=bytes)
    at = models.DateTimeField(default=now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["who", "key"], name="one_answer")]


class Upkeep(models.Model):
    """The one row that says whether this installation is at work, or is being upgraded, or lives elsewhere now.

    It belongs to this place, not to its content: no backup holds it.
    """

    class State(models.TextChoices):
        OPEN = "open"
        DRAINING = "draining"  # workers end what they have begun and take nothing new
        CLOSED = "closed"  # web and workers end, and do not start
        MOVED = "moved"  # as closed, for good

    ONLY = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    words = models.CharField(max_length=300, default="", blank=True)  # why, or where to
    since = models.DateTimeField(default=now)
