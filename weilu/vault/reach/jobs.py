"""When hosts are gone to: every hour, when somebody asks, and when something about them changed.

Each pool has a kind of its own, which only its workers know: so a host is gone to from where it can be reached.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.utils.translation import gettext_noop

from weilu.jobs.actions import enqueue
from weilu.jobs.kinds import KINDS, Doing, Kind, register
from weilu.jobs.models import Job
from weilu.jobs.rules import Minutes
from weilu.kernel.times import now
from weilu.systems.models import Host
from weilu.vault.models import Reaching
from weilu.vault.reach.visiting import TOGETHER, due, go_to, waiting

REACH = "vault.reach"
AGAIN = timedelta(minutes=55)  # with a look every five minutes: once an hour
AT_ONCE = 2000  # hosts that one look lets be gone to


def kind_of(pool: str) -> str:
    """What the work for a pool is called; the empty one is every worker's."""
    return f"{REACH}@{pool}" if pool else REACH


def serve(pools: Iterable[str] = ()) -> None:
    """Let this worker go to the hosts of these pools, beside those that every worker reaches."""
    for pool in ("", *pools):
        if kind_of(pool) not in KINDS:
            register(Kind(kind_of(pool), gettext_noop("测试主机连接"), _reach, outward=True, tries=5))


def ask(hosts: Collection[Host], instant: datetime | None = None) -> None:
    """Have these hosts gone to as soon as a worker of their pool is free; part of the caller's transaction."""
    instant = instant or now()
    found = [Reaching(host=host, asked_at=instant) for host in hosts if host.retired_at is None]
    Reaching.objects.bulk_create(sorted(found, key=lambda one: one.host_id), ignore_conflicts=True)
    list(Reaching.objects.filter(host__in=hosts).order_by("id").select_for_update().values_list("id"))  # in one order
    Reaching.objects.filter(host__in=hosts).update(asked_at=instant)  # also of one that is under way: it goes again
    for owner_id, pool in sorted({(host.owner_id, host.pool) for host in hosts}):
        _wake(owner_id, pool)


def _wake(owner_id: int, pool: str) -> None:
    kind, key = kind_of(pool), str(owner_id)
    Job.objects.filter(kind=kind, key=key).exclude(state=Job.State.WAITING).delete()  # done, or given up before
    enqueue(kind, {"owner": owner_id, "pool": pool}, key=key)


def _reach(doing: Doing) -> datetime | None:
    """Go to those that are waited for; again at once while there are more, so that others get their turn between."""
    rows = list(waiting(int(doing.payload["owner"]), str(doing.payload["pool"]))[:TOGETHER])
    if not rows:
        return None
    go_to(rows, f"reach-{doing.job.id}", doing.fence, doing.held)
    return now()


def _look(_doing: Doing) -> None:
    """Let every host be gone to that was not for an hour; wake who should have gone and did not."""
    hosts = list(due(now() - AGAIN)[:AT_ONCE])
    ask(hosts)
    late = Reaching.objects.filter(host__retired_at=None).exclude(asked_at=None)
    for owner_id, pool in late.order_by().values_list("host__owner_id", "host__pool").distinct():
        _wake(owner_id, pool)


LOOK = Kind("vault.round", gettext_noop("安排主机连接测试"), _look, times=Minutes(5))
