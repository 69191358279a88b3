"""Reading the log."""

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from django.db import connection
from django.db.models import Max, QuerySet

from weilu.evidence import tree
from weilu.evidence.models import Checkpoint, Entry, Witness
from weilu.evidence.tiles import reader
from weilu.kernel.refused import NotVisible

READ_AT_ONCE = 20_000


def tree_size() -> int:
    """How many entries have their place."""
    highest = Entry.objects.aggregate(highest=Max("index"))["highest"]
    return 0 if highest is None else int(highest) + 1


def indexes(refs: Iterable[uuid.UUID]) -> dict[uuid.UUID, int]:
    """The place of each entry that has one already, by its ref."""
    return dict(Entry.objects.filter(ref__in=list(refs)).values_list("ref", "index"))


def entries_of(item: str) -> QuerySet[Entry]:
    """The entries of a work item, by its uid, in the order of the log."""
    return Entry.objects.filter(item=item).order_by("index")


def last_checkpoint() -> Checkpoint | None:
    """The newest checkpoint."""
    return Checkpoint.objects.order_by("-size").first()


def visible_entries(codes: Collection[str]) -> QuerySet[Entry]:
    """What these organisations own, the newest first."""
    return Entry.objects.visible_to(codes).order_by("-index")


def fetch_entry(codes: Collection[str], index: int) -> Entry:
    """The entry at `index` if one of these organisations owns it; raises NotVisible otherwise."""
    found = Entry.objects.visible_to(codes).filter(index=index).first() if 0 <= index < 2**63 else None
    if found is None:
        raise NotVisible(str(index))
    return found


def fetch_entries_of(codes: Collection[str], item: str) -> list[Entry]:
    """The visible entries of a work item; raises NotVisible when there are none."""
    found = list(Entry.objects.visible_to(codes).filter(item=item).order_by("index")) if item else []
    if not found:
        raise NotVisible(item)
    return found


def fetch_witness(uid: uuid.UUID) -> Witness:
    """The witness with this uid; raises NotVisible when there is none."""
    found = Witness.objects.filter(uid=uid).first()
    if found is None:
        raise NotVisible(str(uid))
    return found


@dataclass(frozen=True)
class Proof:
    """How an entry leads to the root of a checkpoint."""

    index: int
    size: int
    path: list[bytes]


def prove(index: int, size: int) -> Proof:
    """The inclusion proof of entry `index` in the log's first `size` entries."""
    return Proof(index, size, tree.inclusion_proof(reader(), index, size))


def stored_leaves(size: int) -> Iterator[bytes]:
    """The leaves of the first `size` entries, in order, as stored."""
    for start in range(0, size, READ_AT_ONCE):
        with connection.cursor() as cursor:
            cursor.execute(
                'SELECT sha256, sm3 FROM evidence_entry WHERE "index" >= %s AND "index" < %s ORDER BY "index"',
                [start, min(size, start + READ_AT_ONCE)],
            )
            for sha256, sm3 in cursor.fetchall():
                yield bytes(sha256) + bytes(sm3)


def recomputed_root(size: int) -> bytes:
    """The root of the first `size` entries, computed anew from their stored leaves, without the tiles."""
    found, value = tree.recompute(stored_leaves(size))
    if found != size:
        raise ValueError(f"{size - found} entries are missing")
    return value
