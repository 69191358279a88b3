"""Going to hosts in tests, as a worker does."""

from pathlib import Path

from django.conf import settings

from weilu.jobs.models import Job
from weilu.jobs.worker import new_holder, work_once
from weilu.systems.models import Host
from weilu.vault.models import Reaching
from weilu.vault.reach import jobs
from weilu.vault.reach.visiting import go_to


def gone_to(*hosts: Host) -> list[Reaching]:
    """How these hosts answered, having been gone to as a worker does."""
    jobs.ask(list(hosts))
    rows = list(Reaching.objects.filter(host__in=hosts).select_related("host__owner").order_by("host_id"))
    go_to(rows, "reach-test")
    return list(Reaching.objects.filter(host__in=hosts).select_related("host").order_by("host_id"))


def work(limit: int = 50) -> int:
    """Let a worker do every job that is due; how many."""
    holder, done = new_holder(), 0
    while done < limit and work_once(holder):
        done += 1
    return done


def reach_jobs() -> list[tuple[str, str]]:
    return sorted(Job.objects.filter(kind__startswith="vault.reach").values_list("kind", "state"))


def leftovers() -> list[str]:
    """What is left of work on hosts: folders of attempts."""
    return [path.name for path in (Path(settings.CONFIG.data_dir) / "attempts").glob("reach-*")]
