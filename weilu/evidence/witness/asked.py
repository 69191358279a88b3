"""What a witness answers when a log asks it to cosign (C2SP tlog-witness, add-checkpoint)."""

import time
from dataclasses import dataclass

from weilu.evidence.checkpoint import open_note
from weilu.evidence.cosignature import cosign, read_request, split_note
from weilu.evidence.tree import EMPTY_ROOT, is_consistent
from weilu.evidence.witness.store import Home, Log, keep, keep_refusal, log_named


@dataclass(frozen=True)
class Answer:
    """An HTTP status and body; by file, the status stands on the first line."""

    status: int
    body: str


def add_checkpoint(home: Home, text: str) -> Answer:
    """Check and remember in one transaction, then sign: what is answered is on disk already.

    200 with the cosignature; 400 not a request; 404 a log not enrolled, or an ended one; 403 a signature not enrolled;
    409 with the size this witness stands at, when the request starts from another or names another
    root for it; 422 when the proof does not lead from there to the checkpoint.
    """
    try:
        old, path, note = read_request(text)
        head, _signatures = split_note(note)
    except ValueError as problem:
        return Answer(400, f"{problem}\n")
    at = int(time.time())
    with home.store() as kept:
        log = log_named(kept, head.origin)
        if log is None or log.ended:
            return Answer(404, "unknown log\n")
        try:
            open_note(note, log.vkey)
        except ValueError:
            return Answer(403, "unknown signature\n")
        refusal = _judge(log, old, path, head.size, head.root)
        if refusal is not None:
            keep_refusal(kept, head, old, refusal.status, note)
        else:
            keep(kept, head, note, at)
    if refusal is not None:
        return refusal
    return Answer(200, f"{cosign(head, home.vkey.name, home.private, at).line}\n")


def _judge(log: Log, old: int, path: list[bytes], size: int, root: bytes) -> Answer | None:
    """None when the checkpoint continues what was cosigned last."""
    if old > size:
        return Answer(400, "the old size is above the checkpoint's\n")
    if old != log.head.size:
        return Answer(409, f"{log.head.size}\n")
    if old == size and size and root != log.head.root:
        return Answer(409, f"{log.head.size}\n")
    if old:
        proved = is_consistent(old, size, log.head.root, root, path)
    else:
        proved = not path and (size > 0 or root == EMPTY_ROOT)
    return None if proved else Answer(422, "the proof does not lead from the old size to the checkpoint\n")
