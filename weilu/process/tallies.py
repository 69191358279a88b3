"""Counters of the overview: kept by triggers as things happen, read as sums, folded by a job."""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection
from django.db.models import Sum
from django.utils.translation import gettext_noop

from weilu.jobs.kinds import Doing, Kind
from weilu.jobs.rules import Minutes
from weilu.process.kept import Tally


def sums(owners: Collection[int]) -> dict[str, dict[str, int]]:
    """For each name what its keys count, over the customers `owners`; what counts nothing is left out."""
    rows = Tally.objects.filter(owner_id__in=owners).values_list("name", "key").annotate(sum=Sum("n"))
    found: dict[str, dict[str, int]] = {"system": {}, "step": {}, "opened": {}, "closed": {}, "kind": {}}
    for name, key, count in rows.exclude(sum=0).order_by("name", "key"):
        found[name][key] = count
    return found


def fold() -> None:
    """One row for each sum, in the caller's transaction; rows that are added meanwhile stay as they are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM process_tally")
        last = cursor.fetchone()[0] or 0
        if connection.vendor == "postgresql":
            # What this statement deletes is what it adds up, whatever is written beside it.
            cursor.execute(
                "WITH gone AS (DELETE FROM process_tally WHERE id <= %s RETURNING owner_id, name, key, n)"
                " INSERT INTO process_tally (owner_id, name, key, n)"
                " SELECT owner_id, name, key, sum(n) FROM gone GROUP BY 1, 2, 3 HAVING sum(n) <> 0",
                [last],
            )
            return
        cursor.execute(
            "INSERT INTO process_tally (owner_id, name, key, n)"
            " SELECT owner_id, name, key, sum(n) FROM process_tally WHERE id <= %s GROUP BY 1, 2, 3 HAVING sum(n) <> 0",
            [last],
        )
        cursor.execute("DELETE FROM process_tally WHERE id <= %s", [last])


def _fold(_doing: Doing) -> None:
    fold()


FOLD = Kind("process.fold_tallies", gettext_noop("合并总览的计数"), _fold, times=Minutes(5))
