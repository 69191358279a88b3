"""Passwords for sudo, out of memory that the worker handed over: they lie in no file, variable or command line."""

import json
import os
from functools import cache
from typing import Any

from ansible.inventory.host import Host  # type: ignore[import-untyped]
from ansible.plugins.vars import BaseVarsPlugin  # type: ignore[import-untyped]

LARGEST = 1 << 20


@cache
def passwords() -> dict[str, str]:
    """By the name of the host in the inventory; empty where none is needed. WEILU_SUDO is the descriptor."""
    number = os.environ.get("WEILU_SUDO")
    told: dict[str, str] = json.loads(os.pread(int(number), LARGEST, 0)) if number else {}
    return told


class VarsModule(BaseVarsPlugin):  # type: ignore[misc]
    """Gives each host its own; a plain text, never a template."""

    def get_vars(self, loader: Any, path: str, entities: Any) -> dict[str, Any]:
        super().get_vars(loader, path, entities)
        names = [one.name for one in (entities if isinstance(entities, list) else [entities]) if isinstance(one, Host)]
        found = [passwords()[name] for name in names if name in passwords()]
        return {"ansible_become_password": found[0]} if found else {}
