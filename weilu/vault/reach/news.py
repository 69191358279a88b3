"""What happens to hosts elsewhere and is followed here."""

from collections.abc import Collection, Sequence

from weilu.systems.models import Host
from weilu.vault.models import Access, Reaching
from weilu.vault.reach import jobs

REACHED_BY = frozenset({"address", "port", "user", "become", "python", "pool", "group"})


def registered(host: Host, **_facts: object) -> None:
    """A new host is gone to at once: what it shows can be compared while whoever registered it is there."""
    jobs.ask([host])


def changed(host: Host, changed: Collection[str] = (), **_facts: object) -> None:
    """What was known of another address is not known of this one."""
    if {"address", "port"} & set(changed):
        _forget([host])
    if REACHED_BY & set(changed):
        jobs.ask([host])


def pinned(host: Host, **_facts: object) -> None:
    """With another key pinned, whether it is the right one shows by going there."""
    _forget([host])
    jobs.ask([host])


def imported(hosts: Sequence[tuple[Host, Collection[str]]], **_facts: object) -> None:
    """As if each had come, changed or been pinned by itself; `registered` and `key` stand beside the changed fields."""
    _forget([host for host, touched in hosts if {"address", "port", "key"} & set(touched)])
    jobs.ask([host for host, touched in hosts if (REACHED_BY | {"registered", "key"}) & set(touched)])


def retired(host: Host, **_facts: object) -> None:
    """Nothing of its own opens it any more; what was found last stays to be read."""
    Access.objects.filter(host=host).delete()
    Reaching.objects.filter(host=host).update(asked_at=None)


def _forget(hosts: Collection[Host]) -> None:
    Reaching.objects.filter(host__in=hosts).update(state="", since=None, words="", offered="", drifts_since=None)
