"""Whether a whole log holds, from the bytes of its records up to the last signature; for any version's tables."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import hashes
from django.apps import apps as present

from weilu.evidence import tree
from weilu.evidence.actions import LogDamaged
from weilu.evidence.checkpoint import VerifierKey, open_note

AT_ONCE = 2000
SHREDDED = "evidence.shredded"


@dataclass(frozen=True)
class LogFacts:
    """A log as it stands: two databases that hold the same log have the same facts."""

    size: int
    root: str  # hex
    checkpoints: int
    last: str  # the newest checkpoint as signed; "" where there is none
    last_size: int
    staged: int  # entries that wait for their place

    def facts(self) -> dict[str, Any]:
        return dict(vars(self))


def check_log(apps: Any = present, using: str = "default", vkey: VerifierKey | None = None) -> LogFacts:
    """Recompute every record's digests and the root, and hold tiles and checkpoints against it; raises LogDamaged.

    `apps` gives the models of the state the tables are in; with `vkey` the last signature is checked as well.
    """
    size, root = tree.recompute(_leaves(apps, using))
    tiles = apps.get_model("evidence", "Tile")

    @cache
    def read(level: int, index: int) -> bytes:
        found = tiles._base_manager.using(using).filter(level=level, index=index).values_list("hashes", flat=True)
        if not found:
            raise ValueError(f"tile {level}/{index} is missing")
        return bytes(found[0])

    checkpoints = apps.get_model("evidence", "Checkpoint")._base_manager.using(using)
    try:
        if tree.root(read, size) != root:
            raise LogDamaged("the stored tree is not that of the entries")
        for at, kept in checkpoints.order_by("size").values_list("size", "root").iterator():
            if at > size or tree.root(read, at) != bytes(kept):
                raise LogDamaged(f"the log does not lead to the root of checkpoint {at}")
        last = checkpoints.order_by("-size").values_list("size", "note").first()
        if last and vkey is not None:
            open_note(last[1], vkey)
    except ValueError as problem:
        raise LogDamaged(str(problem)) from None
    staged = apps.get_model("evidence", "Staged")._base_manager.using(using).count()
    return LogFacts(
        size, root.hex(), checkpoints.count(), str(last[1]) if last else "", int(last[0]) if last else 0, staged
    )


def _leaves(apps: Any, using: str) -> Iterator[bytes]:
    """Each entry's leaf from its record's bytes, in order."""
    rows = (
        apps.get_model("evidence", "Entry")
        ._base_manager.using(using)
        .order_by("index")
        .values_list("index", "record", "sha256", "sm3")
    )
    destroyed = _destroyed(apps, using)
    for place, (index, record, said, said_sm3) in enumerate(rows.iterator(AT_ONCE)):
        if index != place:
            raise LogDamaged(f"entry {place} is missing")
        content = bytes(record)
        if not content and bytes(said).hex() in destroyed:
            yield bytes(said) + bytes(said_sm3)
            continue
        sm3 = hashes.Hash(hashes.SM3())
        sm3.update(content)
        leaf = sha256(content).digest() + sm3.finalize()
        if leaf != bytes(said) + bytes(said_sm3):
            raise LogDamaged(f"entry {index} is not what its digests say")
        yield leaf


def _destroyed(apps: Any, using: str) -> set[str]:
    """Digests of the records that the log, or what waits for its place there, says were destroyed by law."""
    found: set[str] = set()
    for name in ("Entry", "Staged"):
        rows = apps.get_model("evidence", name)._base_manager.using(using).filter(kind=SHREDDED)
        for record in rows.values_list("record", flat=True):
            found |= set(json.loads(bytes(record))["data"]["gone"])
    return found
