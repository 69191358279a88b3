"""What happened to a host: its entry in the log, and the line its page reads."""

from typing import Any
from uuid import UUID

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.systems.models import Host, HostEvent


def record(kind: str, host: Host, by: Person, data: dict[str, Any]) -> None:
    """Put an act on a host on evidence and into its history; part of the act's transaction."""
    said = facts_of(host) | data
    tell_of(host, kind, said, by.actor, stage(kind, said, actor=by.actor, org=host.owner.code))


def tell_of(host: Host, kind: str, data: dict[str, Any], actor: str, ref: UUID) -> None:
    """Put an entry of the log, `ref`, into the host's history; part of the act's transaction.

    Rooms above tell their own so, each with a kind of its own. The page of a host shows `key`, or `old` and `new`,
    and `reason` out of `data`.
    """
    HostEvent.objects.create(host=host, kind=kind, actor=actor, data=data, ref=ref)


def facts_of(host: Host) -> dict[str, Any]:
    """How the log names a host, and where it stands."""
    environment = host.group.environment
    place = {"system": environment.system.code, "environment": environment.name, "group": host.group.name}
    return {"host": str(host.uid), "name": host.name} | place
