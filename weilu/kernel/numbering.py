"""Numbers without gaps (REC-3)."""

from datetime import datetime

from django.db import connection

from weilu.kernel.models import Series
from weilu.kernel.times import SHANGHAI


def take_number(owner: str, kind: str, at: datetime) -> str:
    """`{owner}-{kind}-{yyyy}-{nnnn}`, the next of its series; the year is that of Asia/Shanghai.

    Runs inside the caller's transaction: rolled back, the number is free again; committed, the
    row lock has kept everybody else waiting, so no number is skipped or given twice.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a number is taken only inside an action")
    year = at.astimezone(SHANGHAI).year
    Series.objects.bulk_create([Series(owner=owner, kind=kind, year=year)], ignore_conflicts=True)
    series = Series.objects.select_for_update().get(owner=owner, kind=kind, year=year)
    series.last += 1
    series.save(update_fields=["last"])
    return f"{owner}-{kind}-{year}-{series.last:04d}"
