"""Hosts as ssh knows them: by the key that was pinned, and by nothing else."""

from collections.abc import Iterable, Mapping
from typing import Any

from weilu.systems.keys import alias


def known_hosts(entries: Iterable[Mapping[str, Any]]) -> str:
    """A known_hosts file that holds exactly the pinned keys of these hosts (`address`, `port`, `key`)."""
    return "".join(f"{alias(str(one['address']), int(one.get('port') or 22))} {one['key']}\n" for one in entries)
