"""How long registers are kept 保留期限: a setting of each customer with a floor; the log itself is kept for ever."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from weilu.evidence.actions import stage
from weilu.evidence.looking import REGISTERED
from weilu.evidence.looks import Look, LookBatch, Retention
from weilu.kernel.actions import action
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.times import SHANGHAI, iso, now

FLOOR = 6  # months: policy asks for 3, the law for 6 of network logs; the longer wins
MOST = 600
PRUNED = "evidence.pruned"
BATCHES, ROWS = 500, 20_000  # at most for each customer and register in one night


@dataclass(frozen=True)
class Gone:
    """What pruning took away: how many rows, and the digests by which the log knows them."""

    rows: int
    digests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Register:
    """Something that is kept for a time: `prune(org, before)` deletes what the customer's is older than that."""

    key: str
    title: object
    prune: Callable[[str, datetime], Gone]


REGISTERS: dict[str, Register] = {}


def keep_for_a_time(register: Register) -> None:
    """Let the setting and the nightly pruning know a register; rooms above add theirs in `apps.py`."""
    REGISTERS[register.key] = register


class Setter(Protocol):
    """What setting asks of whoever does it."""

    @property
    def actor(self) -> str: ...

    def codes_with(self, right: str) -> frozenset[str]: ...


def check_months(months: int) -> None:
    """REGISTERED: nothing is kept for less than the floor."""
    if months < FLOOR:
        words = _("保留期限至少 %(floor)d 个月，现在填的是 %(months)d：制度要求 3 个月，法律要求 6 个月，取长的")
        raise Refused(words % {"floor": FLOOR, "months": months}, REGISTERED, field="months")
    if months > MOST:
        raise Refused(_("保留期限最多 %(most)d 个月") % {"most": MOST}, field="months")


def months_of(org: str) -> dict[str, int]:
    """How many months each register of this customer is kept."""
    kept = dict(Retention.objects.filter(org=org).values_list("register", "months"))
    return {key: kept.get(key, FLOOR) for key in REGISTERS}


@action("evidence.set_retention")
def set_retention(by: Setter, *, org: str, months: Mapping[str, int]) -> None:
    """Keep the registers of a customer for so many months each; raises Refused below the floor."""
    if org not in by.codes_with("retention.set"):
        raise NotVisible(org)
    if unknown := sorted(set(months) - set(REGISTERS)):
        raise Refused(_("没有叫「%(name)s」的登记") % {"name": unknown[0][:40]}, field="months")
    for number in months.values():
        check_months(number)
    before = months_of(org)
    changed = {key: number for key, number in months.items() if number != before[key]}
    for key, number in changed.items():
        said = {"months": number, "set_by": by.actor, "set_at": now()}
        Retention.objects.update_or_create(org=org, register=key, defaults=said)
    if changed:
        data = {"months": changed, "before": {key: before[key] for key in changed}}
        stage("evidence.retention_set", data, actor=by.actor, org=org)


def months_before(instant: datetime, months: int) -> datetime:
    """The same hour so many calendar months earlier, in Asia/Shanghai; a day the month lacks becomes its last."""
    local = instant.astimezone(SHANGHAI)
    count = local.year * 12 + local.month - 1 - months
    for day in (local.day, 30, 29, 28):
        try:
            return local.replace(year=count // 12, month=count % 12 + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has a 28th")


def prune(orgs: Collection[str]) -> int:
    """Delete what these customers keep no longer; what went is on record, the log loses nothing. How many rows."""
    return sum(_prune_of(org) for org in sorted(orgs))


@transaction.atomic
def _prune_of(org: str) -> int:
    kept, instant = months_of(org), now()
    went: dict[str, Any] = {}
    digests: list[str] = []
    for key, register in sorted(REGISTERS.items()):
        before = months_before(instant, kept[key])
        gone = register.prune(org, before)
        if gone.rows:
            went[key] = {"rows": gone.rows, "before": iso(before)}
            digests += gone.digests
    if went:
        stage(PRUNED, {"registers": went, "gone": digests}, actor="weilu", org=org)
    return sum(row["rows"] for row in went.values())


def prune_looks(org: str, before: datetime) -> Gone:
    """Delete whole batches whose last look is older; the batch and its digest on the log stay."""
    old = list(LookBatch.objects.filter(org=org, pruned_at=None, until__lt=before).order_by("number")[:BATCHES])
    rows, _tables = Look.objects.filter(batch__in=old).delete()
    LookBatch.objects.filter(id__in=[batch.id for batch in old]).update(pruned_at=now())
    return Gone(rows, tuple(batch.sha256 for batch in old))


def prune_rows(rows: "models.QuerySet[Any]") -> Gone:
    """Delete rows that nothing refers to by digest, the oldest first and not all in one night."""
    count, _tables = rows.model._default_manager.filter(pk__in=list(rows.values_list("pk", flat=True)[:ROWS])).delete()
    return Gone(count)


LOOKS = Register("looks", gettext_lazy("查阅登记"), prune_looks)
