"""What happens to hosts elsewhere and is followed here."""

from collections.abc import Collection, Sequence

from django.db.models import Q

from weilu.accounts.models import Person
from weilu.systems.models import Host
from weilu.vault import rules
from weilu.vault.actions import take_all
from weilu.vault.models import Access, Reaching
from weilu.vault.reach import jobs

REACHED_BY = frozenset({"address", "port", "user", "become", "python", "pool", "group"})


def registered(host: Host, by: Person, **_facts: object) -> None:
    """A new host is gone to at once: what it shows can be compared while whoever registered it is there."""
    _check_may_lead(by, [host])
    jobs.ask([host])


def changed(host: Host, by: Person, changed: Collection[str] = (), **_facts: object) -> None:
    """What was known of another address is not known of this one."""
    if REACHED_BY & set(changed):
        _check_may_lead(by, [host])
    if {"address", "port"} & set(changed):
        _forget([host])
    if REACHED_BY & set(changed):
        jobs.ask([host])


def pinned(host: Host, by: Person, **_facts: object) -> None:
    """With another key pinned, whether it is the right one shows by going there."""
    _check_may_lead(by, [host])
    _forget([host])
    jobs.ask([host])


def imported(hosts: Sequence[tuple[Host, Collection[str]]], by: Person, **_facts: object) -> None:
    """As if each had come, changed or been pinned by itself; `registered` and `key` stand beside the changed fields."""
    led = [host for host, touched in hosts if (REACHED_BY | {"registered", "key"}) & set(touched)]
    _check_may_lead(by, led)
    _forget([host for host, touched in hosts if {"address", "port", "key"} & set(touched)])
    jobs.ask(led)


def retired(host: Host, by: Person, **_facts: object) -> None:
    """Nothing of its own opens it any more; what was found last stays to be read."""
    take_all(by, host)
    Reaching.objects.filter(host=host).update(asked_at=None)


def _check_may_lead(by: Person, hosts: Sequence[Host]) -> None:
    """Raises Refused, and the act is undone, where these hosts are opened to and `by` may not say what opens them.

    Hosts of one customer: an import's, or the one of an act.
    """
    if not hosts or by.may(rules.RIGHT, hosts[0].owner_id):
        return
    rows = list(Access.objects.filter(Q(host__in=hosts) | Q(group__in={one.group_id for one in hosts})))
    opened, groups = {row.host_id for row in rows}, {row.group_id for row in rows}
    rules.check_may_lead([one.name for one in hosts if one.id in opened or one.group_id in groups])


def _forget(hosts: Collection[Host]) -> None:
    Host.objects.filter(id__in=[host.id for host in hosts]).update(facts_at=None)
    Reaching.objects.filter(host__in=hosts).update(state="", since=None, words="", offered="", drifts_since=None)
