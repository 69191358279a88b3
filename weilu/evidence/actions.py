"""Writing the log: an action stages its entry, one sequencer gives it its place, the log's key signs."""

import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from django.conf import settings
from django.db import connection, transaction

from weilu.evidence import tree
from weilu.evidence.checkpoint import Head, VerifierKey, open_note, sign
from weilu.evidence.files import FileRef
from weilu.evidence.keys import log_key
from weilu.evidence.models import Checkpoint, Entry, Staged, Tile
from weilu.evidence.queries import tree_size
from weilu.evidence.tiles import read_tile
from weilu.kernel.canonical import canonical
from weilu.kernel.statements import insert
from weilu.kernel.times import iso, now

VERSION = 1
SEQUENCER_LOCK = 0x7765696C75  # "weilu", the key of PostgreSQL's advisory lock
BATCH = 2000


class LogDamaged(Exception):
    """The stored tree no longer continues what was signed; nothing more is placed or signed until it is restored."""


def stage(
    kind: str,
    data: dict[str, Any],
    *,
    actor: str,
    org: str,
    item: str = "",
    urgent: bool = False,
    files: Sequence[FileRef] = (),
) -> uuid.UUID:
    """Write an entry with the caller's transaction and return its ref: rolled back, it never was.

    `org` is the customer organisation's code, `item` the work item's uid, `urgent` asks for a
    checkpoint at once.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("evidence is staged only inside an action")
    staged = draft(kind, data, actor=actor, org=org, item=item, urgent=urgent, files=files)
    insert(staged)
    return staged.ref


def draft(
    kind: str, data: dict[str, Any], *, actor: str, org: str, item: str, urgent: bool, files: Sequence[FileRef]
) -> Staged:
    """The entry as it will be stored; the nonce keeps a guess at the record from being tested by its digest."""
    at = now()
    record = canonical(
        {
            "v": VERSION,
            "kind": kind,
            "at": iso(at),
            "actor": actor,
            "org": org,
            "item": item,
            "data": data,
            "files": [file.facts() for file in files],
            "nonce": secrets.token_hex(16),
        }
    )
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(record)
    return Staged(
        kind=kind, at=at, actor=actor, org=org, item=item, urgent=urgent,
        record=record, sha256=sha256(record).digest(), sm3=sm3.finalize(),
    )  # fmt: skip


@contextmanager
def sequencer() -> Iterator[None]:
    """One transaction that nobody else sequences or signs in.

    PostgreSQL: an advisory lock, held to the end of the transaction. SQLite: BEGIN IMMEDIATE (see the
    settings) is that lock already.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SEQUENCER_LOCK])
        yield


def sequence(limit: int = BATCH) -> int:
    """Give up to `limit` staged entries their place, in one transaction; returns how many."""
    with sequencer():
        waiting = list(Staged.objects.order_by("id")[:limit])
        if not waiting:
            return 0
        size = tree_size()
        opening = [] if size else [_opening()]
        place(size, opening + waiting)
        Staged.objects.filter(id__in=[staged.id for staged in waiting]).delete()
    return len(waiting)


def _opening() -> Staged:
    """Entry 0: the log names itself and its key."""
    vkey = log_key()[1]
    data = {"origin": vkey.name, "vkey": str(vkey)}
    return draft("log.opened", data, actor="weilu", org="", item="", urgent=False, files=())


def place(size: int, waiting: Sequence[Staged]) -> None:
    """Append entries and their leaf hashes to a log of `size`."""
    names = [field.attname for field in Staged._meta.concrete_fields if field.attname != "id"]
    entries = [
        Entry(index=size + at, **{name: getattr(staged, name) for name in names}) for at, staged in enumerate(waiting)
    ]
    Entry.objects.bulk_create(entries)
    changed = tree.append(read_tile, size, [entry.leaf_hash for entry in entries])
    Tile.objects.bulk_create(
        [Tile(level=level, index=index, hashes=hashes) for (level, index), hashes in changed.items()],
        update_conflicts=True, unique_fields=["level", "index"], update_fields=["hashes"],
    )  # fmt: skip


def sign_checkpoint() -> Checkpoint:
    """Sign the log as it stands (or return the checkpoint that already does so).

    Raises LogDamaged when the stored tree does not continue the last checkpoint, or that one is not ours.
    """
    with sequencer():
        size = tree_size()
        private, vkey = log_key()
        last = Checkpoint.objects.order_by("-size").first()
        if last is not None:
            check_continues(last, size, vkey)
            if last.size == size:
                return last
        head = Head(vkey.name, size, tree.root(read_tile, size))
        return Checkpoint.objects.create(size=size, root=head.root, note=sign(head, private))


def seal(kind: str, data: dict[str, Any], *, actor: str, org: str, item: str = "") -> tuple[Entry, Checkpoint]:
    """Place an entry at once and sign a checkpoint that ends with it: nothing stands between the two."""
    with sequencer():
        size = tree_size()
        place(size, [draft(kind, data, actor=actor, org=org, item=item, urgent=True, files=())])
        return Entry.objects.get(index=size), sign_checkpoint()


def check_continues(last: Checkpoint, size: int, vkey: VerifierKey) -> None:
    try:
        head = open_note(last.note, vkey)
    except ValueError as problem:
        raise LogDamaged(f"checkpoint {last.size}: {problem}") from None
    if (head.size, head.root) != (last.size, bytes(last.root)) or last.size > size:
        raise LogDamaged(f"the log of {size} entries is older than checkpoint {last.size}")
    if tree.root(read_tile, last.size) != head.root:
        raise LogDamaged(f"the stored tree does not lead to the root of checkpoint {last.size}")


def tick() -> int:
    """What the worker does every half second: place what waits, sign when it is time; returns how many were placed."""
    placed = 0
    while Staged.objects.exists():
        placed += sequence()
    last = Checkpoint.objects.order_by("-size").first()
    covered = last.size if last else 0
    if tree_size() > covered and (last is None or _is_time(last)):
        sign_checkpoint()
    return placed


def _is_time(last: Checkpoint) -> bool:
    old = now() - last.at >= timedelta(seconds=settings.CONFIG.checkpoint_seconds)
    return old or Entry.objects.filter(index__gte=last.size, urgent=True).exists()
