"""Hosts as ssh knows them: by the key that was pinned, and by nothing else."""

from collections.abc import Iterable, Mapping
from typing import Any


def alias(entry: Mapping[str, Any]) -> str:
    """How known_hosts names a host of the orders: `address`, or `[address]:port`."""
    port = int(entry.get("port") or 22)
    return str(entry["address"]) if port == 22 else f"[{entry['address']}]:{port}"


def known_hosts(entries: Iterable[Mapping[str, Any]]) -> str:
    """A known_hosts file that holds exactly the pinned keys of these hosts (`address`, `port`, `key`)."""
    return "".join(f"{alias(one)} {one['key']}\n" for one in entries)
