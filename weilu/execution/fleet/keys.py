"""Keys of one attempt: opened from the vault when it starts, ended with it by whoever sees its end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weilu.execution.models import Run
from weilu.vault import opening
from weilu.vault.opening import Opened

BEYOND_SECONDS = 180  # the agent forgets its keys so long after the call has to be over


def opened(run: Run, entries: Sequence[dict[str, Any]], folder: Path, seconds: int) -> Opened:
    """What these hosts need, for this attempt; on record. Raises Refused where a host has no credential."""
    item = str(run.item.uid)
    return opening.opened(
        folder / "keys", entries, what=run.number, org=run.owner.code, item=item, seconds=seconds + BEYOND_SECONDS
    )


def end(folder: Path) -> None:
    opening.end_agent(folder / "keys")
