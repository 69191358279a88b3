"""What hosts show that a security office should hear of: another key than the pinned one, a clock that is off."""

from collections.abc import Iterator
from datetime import datetime

from weilu.accounts.alarms import Sign
from weilu.accounts.models import Organisation
from weilu.vault.models import Reaching

MANY = 3  # hosts off at the same time, if they are most of those that were asked: then it is our own clock


def of_hosts(owner: Organisation, instant: datetime) -> Iterator[Sign]:
    """A sign for each host, since when it has been so."""
    rows = Reaching.objects.filter(host__owner=owner, host__retired_at=None).select_related("host").order_by("id")
    for one in rows.filter(state=Reaching.State.REFUSED):
        yield Sign("host-key", 1, one.since or instant, None, one.host.name)
    off = list(rows.exclude(drifts_since=None))
    if len(off) >= MANY and len(off) * 2 > rows.exclude(drift_ms=None).count():
        yield Sign("clock", len(off), max(one.drifts_since or instant for one in off))
        return
    for one in off:
        yield Sign("clock", 1, one.drifts_since or instant, None, one.host.name)
