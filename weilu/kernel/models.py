"""Series of numbers without gaps."""

from django.db import models


class Series(models.Model):
    """The last number taken in one series; a row per owner code, kind and year (Asia/Shanghai)."""

    owner = models.CharField(max_length=20)
    kind = models.CharField(max_length=10)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "kind", "year"], name="one_series")]
