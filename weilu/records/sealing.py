"""The proof that a printed sheet carries as a QR code: made here, checked by `proof.py` with no network."""

import base64
import re
import uuid
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from weilu.evidence.keys import log_key
from weilu.evidence.models import Checkpoint, Cosignature, Entry
from weilu.evidence.queries import prove
from weilu.kernel.times import SHANGHAI, iso
from weilu.records.models import RecordSheet
from weilu.records.proof import BASE45, END, EPOCH, HEAD, SEALED, WORDS

HEX = re.compile(r"(?:[0-9a-f]{2}){4,}")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{6}Z")
PLACES = {word: place for place, word in enumerate(WORDS)}


def sealed_facts(sheet: RecordSheet) -> dict[str, Any]:
    """What the log keeps when a sheet has come to its end: the fields that its paper can be held against."""
    signatures = list(sheet.signatures.select_related("person").order_by("side"))
    frozen = sheet.frozen_at or sheet.created_at
    return {
        "date": frozen.astimezone(SHANGHAI).date().isoformat(),
        "system": sheet.content["system"],
        "state": sheet.state,
        "result": next((one.acceptance for one in signatures if one.acceptance), ""),
        "sha256": sheet.digest,
        "sm3": sheet.sm3,
        "signatures": [{"side": one.side, "name": one.person.name, "at": iso(one.at)} for one in signatures],
    }


def entry_of(sheet: RecordSheet) -> Entry | None:
    """The entry that sealed this sheet, once it has its place; None before, and for sheets older than seals."""
    if sheet.sealed is None:
        return None
    return Entry.objects.filter(ref=sheet.sealed, kind=SEALED).first()


def checkpoint_over(entry: Entry) -> Checkpoint | None:
    """The checkpoint to prove the entry under: the first that most witnesses signed, else the first that covers it."""
    first = Checkpoint.objects.filter(size__gt=entry.index).order_by("size").first()
    if first is None:
        return None
    seen = Cosignature.objects.filter(checkpoint__size__gt=entry.index)
    by_witness = [seen.filter(witness_id=one).order_by("checkpoint__size").first() for one in _who_signed(seen)]
    offered = [first, *(one.checkpoint for one in by_witness if one)]
    return min(offered, key=lambda one: (-one.cosignatures.count(), one.size))


def _who_signed(seen: QuerySet[Cosignature]) -> list[int]:
    return list(seen.values_list("witness_id", flat=True).order_by("witness_id").distinct())


def proof_text(entry: Entry, checkpoint: Checkpoint) -> str:
    """The text of the proof QR: record, inclusion proof and signatures."""
    path = prove(entry.index, checkpoint.size).path
    key = log_key()[1]
    line = next(line for line in checkpoint.note.splitlines() if line.startswith(f"— {key.name} "))
    raw = base64.b64decode(line.rsplit(" ", 1)[1])
    parts = [pack(entry.said), number(entry.index), number(checkpoint.size), number(len(path)), *path, raw]
    cosigned = cosignatures(checkpoint)
    return HEAD + base45(b"".join([*parts, number(len(cosigned)), *cosigned])) + END


def cosignatures(checkpoint: Checkpoint) -> list[bytes]:
    """The witnesses' signatures on this checkpoint, packed: key id, time, signature."""
    lines = checkpoint.cosignatures.order_by("witness_id").values_list("line", flat=True)
    raws = [base64.b64decode(line.rsplit(" ", 1)[1]) for line in lines]
    return [raw[:4] + number(int.from_bytes(raw[4:12], "big")) + raw[12:] for raw in raws]


def pack(value: Any) -> bytes:
    """The bytes that `proof.Source.value` reads `value` back from."""
    if isinstance(value, dict):
        pairs = [pack(part) for pair in sorted(value.items()) for part in pair]
        return b"\x05" + number(len(value)) + b"".join(pairs)
    if isinstance(value, list):
        return b"\x04" + number(len(value)) + b"".join(map(pack, value))
    if isinstance(value, int):
        return b"\x06" + number(value)
    if value in PLACES:
        return bytes([128 + PLACES[value]])
    return _packed_text(value)


def _packed_text(text: str) -> bytes:
    if HEX.fullmatch(text):
        return b"\x01" + number(len(text) // 2) + bytes.fromhex(text)
    if len(text) == 36 and _is_uuid(text):
        return b"\x02" + uuid.UUID(text).bytes
    if INSTANT.fullmatch(text):
        since = datetime.fromisoformat(text) - EPOCH
        return b"\x03" + number((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds)
    data = text.encode()
    return b"\x00" + number(len(data)) + data


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def number(value: int) -> bytes:
    """Unsigned LEB128."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def base45(data: bytes) -> str:
    """RFC 9285: three characters for two bytes, of those that a QR code packs closest."""
    out = []
    for at in range(0, len(data), 2):
        part = data[at : at + 2]
        value = int.from_bytes(part, "big")
        for _ in range(len(part) + 1):
            value, digit = divmod(value, 45)
            out.append(BASE45[digit])
    return "".join(out)
