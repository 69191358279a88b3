"""Reading the register of looks: its lines, and whether they still are what the log holds the digest of."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from weilu.evidence.actions import stage
from weilu.evidence.keeping import PRUNED
from weilu.evidence.looking import KIND
from weilu.evidence.looks import Look, LookBatch, text_of
from weilu.evidence.models import Entry, Staged
from weilu.evidence.words import LOOKS
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI, now

BROKEN = "evidence.looks_disagree"
SHREDDED = "evidence.shredded"


@dataclass(frozen=True)
class Asked:
    """What the register is narrowed by; days are days of Asia/Shanghai, the last one included."""

    who: str = ""
    thing: str = ""
    kind: str = ""
    side: str = ""
    since: str = ""
    until: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


def day(text: str) -> date | None:
    """The day that was typed; none where nothing was. Raises ValueError for anything else."""
    return date.fromisoformat(text) if text else None


def looks_of(codes: Collection[str], asked: Asked) -> QuerySet[Any]:
    """The lines of these customers that fit, the newest first. Raises ValueError for what is no day or kind."""
    rows = Look.objects.visible_to(codes)
    if asked.kind:
        if asked.kind not in LOOKS:
            raise ValueError("kind")
        rows = rows.filter(kind=asked.kind)
    if asked.who:
        rows = rows.filter(actor__icontains=asked.who)
    if asked.thing:
        rows = rows.filter(words__icontains=asked.thing)
    if asked.side:
        rows = rows.filter(side=asked.side)
    first, last = day(asked.since), day(asked.until)
    if first:
        rows = rows.filter(last__gte=datetime.combine(first, time(), SHANGHAI))
    if last:
        rows = rows.filter(at__lt=datetime.combine(last + timedelta(days=1), time(), SHANGHAI))
    return rows.order_by("-id")


def sides_of(codes: Collection[str]) -> list[str]:
    """The organisations whose people stand in the register."""
    found = Look.objects.visible_to(codes).order_by("side").values_list("side", flat=True)
    return list(found.distinct())


def recorded(org: str) -> Iterator[dict[str, Any]]:
    """What the log says of each batch of this customer, placed or waiting, in order; with the entry's ref."""
    for model, order in ((Entry, "index"), (Staged, "id")):
        for ref, record in model.objects.filter(org=org, kind=KIND).order_by(order).values_list("ref", "record"):
            said = Entry(record=record).said
            yield {"ref": ref, "batch": said["data"]["batch"], **said["files"][0]}


def gone(org: str) -> set[str]:
    """Digests of what is not kept any more, as the log says: batches after their time, files destroyed by law."""
    found: set[str] = set()
    for model in (Entry, Staged):
        for record in model.objects.filter(org=org, kind__in=(PRUNED, SHREDDED)).values_list("record", flat=True):
            found |= set(Entry(record=record).said["data"]["gone"])
    return found


def disagreements(org: str) -> list[tuple[int, str]]:
    """Number and trouble of every batch whose lines are no longer what the log holds the digest of."""
    batches = {batch.entry: batch for batch in LookBatch.objects.filter(org=org)}
    found, pruned = [], gone(org)
    for said in recorded(org):
        if said["sha256"] in pruned:
            continue
        batch = batches.get(said["ref"])
        text = text_of(batch.looks.all()) if batch is not None else b""
        if sha256(text).hexdigest() != said["sha256"]:
            count = text.count(b"\n")
            words = _("第 %(batch)d 批登记与存证不一致，现在有 %(count)d 行")
            found.append((said["batch"], words % {"batch": said["batch"], "count": count}))
    return found


def batch_text(org: str, digest: str) -> bytes:
    """The lines of a batch as the log knows it by its digest; raises Refused where they are no longer so."""
    batch = LookBatch.objects.filter(org=org, sha256=digest).first()
    text = text_of(batch.looks.all()) if batch is not None else b""
    if sha256(text).hexdigest() != digest:
        raise Refused(_("查阅登记与存证不一致：登记的行被删改。从备份核对后再导出"))
    return text


def check_all() -> int:
    """Compare every customer's register with the log; a broken batch is put on record once. How many are broken."""
    count = 0
    for org in LookBatch.objects.order_by("org").values_list("org", flat=True).distinct():
        wrong = disagreements(org)
        count += len(wrong)
        known = set(LookBatch.objects.filter(org=org, broken_at__isnull=False).values_list("number", flat=True))
        fresh = sorted({number for number, _words in wrong} - known)
        if fresh:
            with transaction.atomic():
                LookBatch.objects.filter(org=org, number__in=fresh).update(broken_at=now())
                stage(BROKEN, {"batches": fresh}, actor="weilu", org=org, urgent=True)
    return count
