"""What writes the log: an action stages its record; the sequencer places it."""

import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from weilu.evidence.models import Staged
from weilu.kernel.canonical import canonical
from weilu.kernel.times import iso, now


def stage(
    kind: str,
    data: dict[str, Any],
    *,
    actor: str,
    org: str,
    item: str = "",
    urgent: bool = False,
    files: Sequence[Any] = (),
) -> uuid.UUID:
    """Write one record beside the rows it speaks of, in the caller's transaction; returns its `ref`."""
    at = now()
    record = canonical(
        {
            "v": 1, "kind": kind, "at": iso(at), "actor": actor, "org": org, "item": item, "data": data,
            "files": [{"name": f.name, "sha256": f.sha256, "sm3": f.sm3, "size": f.size} for f in files],
            "nonce": secrets.token_hex(16),
        }
    )  # fmt: skip
    staged = Staged.objects.create(kind=kind, at=at, actor=actor, org=org, item=item, record=record, urgent=urgent)
    return staged.ref
