"""What tells a machine from every other: within a customer's register its key, between customers a key that is proved.

A public host key is no secret. Were it enough, whoever copies another customer's would take that machine's time, and
see when it is taken. So between customers it counts only where somebody of ours got in under it (`Host.facts_at`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Q

from weilu.systems.models import Host


def machine_of(host: Host) -> frozenset[str]:
    """By what a host is known; two rows are one machine where they have one of these in common."""
    return machine(host.id, host.owner_id, host.key, host.facts_at is not None)


def machine(row: int, owner: int, key: str, proved: bool) -> frozenset[str]:
    """`machine_of` a row by its facts; one without a pinned key is like no other."""
    if not key:
        return frozenset({f"#{row}"})
    return frozenset({f"{owner} {key}", key} if proved else {f"{owner} {key}"})


def rows_of(machines: Collection[str]) -> Q:
    """Which rows of `Host` are one of these machines."""
    rows: list[int] = []
    everywhere: list[str] = []
    own: dict[int, list[str]] = defaultdict(list)
    for one in machines:
        if one.startswith("#"):
            rows.append(int(one[1:]))
        elif one[0].isdigit():
            number, _space, key = one.partition(" ")
            own[int(number)].append(key)
        else:
            everywhere.append(one)
    found = Q(id__in=rows) | Q(key__in=everywhere, facts_at__isnull=False)
    for owner, keys in own.items():
        found |= Q(owner=owner, key__in=keys)
    return found
