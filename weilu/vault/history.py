"""What happened to a host here, as a line of its own history beside those of the register."""

from typing import Any
from uuid import UUID

from weilu.systems.models import Host, HostEvent


def tell_of(host: Host, kind: str, data: dict[str, Any], actor: str, ref: UUID) -> None:
    """Put an entry of the log, `ref`, into the host's history; part of the act's transaction.

    The page of a host shows `key`, or `old` and `new`, and `reason` out of `data`.
    """
    HostEvent.objects.create(host=host, kind=kind, actor=actor, data=data, ref=ref)
