"""What happened to a host: its entry in the log, and the line its page reads."""

from typing import Any

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.systems.models import Host, HostEvent


def record(kind: str, host: Host, by: Person, data: dict[str, Any]) -> None:
    """Put an act on a host on evidence and into its history; part of the act's transaction.

    Rooms above may tell their own, each with a kind of its own.
    """
    group = host.group
    place = {"system": group.environment.system.code, "environment": group.environment.name, "group": group.name}
    said = {"host": str(host.uid), "name": host.name} | place | data
    ref = stage(kind, said, actor=by.actor, org=host.owner.code)
    HostEvent.objects.create(host=host, kind=kind, actor=by.actor, data=said, ref=ref)
