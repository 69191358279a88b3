"""Numbers without gaps (REC-3)."""

from datetime import datetime

from django.db import connection

from weilu.kernel.models import Series
from weilu.kernel.statements import Prepared, change, slot
from weilu.kernel.times import SHANGHAI

SERIES = Prepared(
    lambda: Series.objects.select_for_update().filter(owner=slot("owner"), kind=slot("kind"), year=slot("year"))
)


def take_number(owner: str, kind: str, at: datetime) -> str:
    """`{owner}-{kind}-{yyyy}-{nnnn}`, the next of its series; the year is that of Asia/Shanghai.

    Runs inside the caller's transaction: rolled back, the number is free again; committed, the
    row lock has kept everybody else waiting, so no number is skipped or given twice.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a number is taken only inside an action")
    year = at.astimezone(SHANGHAI).year
    found = SERIES(owner=owner, kind=kind, year=year)
    if not found:
        Series.objects.bulk_create([Series(owner=owner, kind=kind, year=year)], ignore_conflicts=True)
        found = SERIES(owner=owner, kind=kind, year=year)
    last = found[0].last + 1
    change(Series, {"id": found[0].id}, last=last)
    return f"{owner}-{kind}-{year}-{last:04d}"
