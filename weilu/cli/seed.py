"""`weilu seed`: very many plausible work items, for measuring; goes on where it was interrupted."""

import time
from typing import Any

from django.db import connection, transaction

from weilu.cli.seed_cast import customers, is_ours
from weilu.cli.seed_rows import batches, midnight
from weilu.cli.telling import tell
from weilu.kernel.models import Series
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.process.tallies import fold

BATCH = 2_000
MARK: dict[str, Any] = {"owner": "*", "kind": "seed", "year": 0}  # how far it has come: one row, kept with each batch
PLAIN = "这些工单是编造的，只为测量：没有存证、执行记录和报告单，不能拿来证明什么。"


def seed(items: int) -> int:
    """Bring the made-up items to `items`; a call that finds so many already writes nothing.

    Raises Refused in a database that somebody works in.
    """
    if not is_ours():
        raise Refused("编造的工单只写进空库或演示库。这个库里有别的单位，换一个数据目录再运行")
    start, made = time.monotonic(), 0
    with_people = customers()
    done = Series.objects.filter(**MARK).values_list("last", flat=True).first() or 0
    _prepare()
    for batch in batches(with_people, done, items, midnight(now()), BATCH):
        with transaction.atomic():
            numbers = {
                (row.owner, row.year): row.last
                for row in Series.objects.select_for_update().filter(kind="BG", owner__in=["JZ", "HN"])
            }
            batch.make(numbers)
            batch.write()
            fold()
            for (owner, year), last in numbers.items():
                Series.objects.update_or_create(owner=owner, kind="BG", year=year, defaults={"last": last})
            Series.objects.update_or_create(**MARK, defaults={"last": batch.last})
        made += batch.last - batch.first
        if batch.last % 50_000 == 0 or batch.last == items:
            tell(f"已有 {batch.last:,} 件，用时 {time.monotonic() - start:.0f} 秒")
    _settle()
    tell(f"编造的工单共 {max(done, items):,} 件，这次写了 {made:,} 件，用时 {time.monotonic() - start:.0f} 秒")
    tell(PLAIN)
    return 0


def _prepare() -> None:
    """A larger cache while so much is written; the commits stay durable."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA cache_size=-400000")


def _settle() -> None:
    """Let the database know what it holds now."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
