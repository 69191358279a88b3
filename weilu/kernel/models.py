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
