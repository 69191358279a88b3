"""`weilu evidence`: what an auditor takes away."""

import uuid
from pathlib import Path

import django

from weilu.cli.telling import tell
from weilu.cli.trouble import Trouble


def show_key() -> int:
    """Print the log's public key, to be handed over by another way than the export."""
    django.setup()
    from weilu.cli.setup import first_keys
    from weilu.evidence.checkpoint import parse_vkey

    line = first_keys()
    print(line)
    tell(f"指纹　{parse_vkey(line).fingerprint}", trouble=True)  # beside the line, which may go into a file
    return 0


def export(item: str, out: Path) -> int:
    """Write the evidence of one item to `out`."""
    django.setup()
    from weilu.evidence.export import export_item
    from weilu.process.models import WorkItem

    found = WorkItem.objects.filter(number=item).first()
    if found is None:
        try:
            found = WorkItem.objects.filter(uid=uuid.UUID(item)).first()
        except ValueError:
            found = None
    if found is None:
        raise Trouble(f"没有编号或标识为「{item[:60]}」的工单。在工单页面上核对编号，再试一次。")
    print(export_item(str(found.uid), found.owner.code, out, actor="weilu evidence export"))
    return 0
