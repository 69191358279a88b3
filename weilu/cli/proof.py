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


def verify_log() -> int:
    """Recompute the whole log of this installation; 1 where it does not hold."""
    django.setup()
    from weilu.cli.setup import need_tables
    from weilu.evidence.actions import LogDamaged
    from weilu.evidence.keys import log_key, present_file
    from weilu.evidence.soundness import check_log

    need_tables()
    if not present_file().exists():  # checking makes no key
        raise Trouble(f"没有日志的密钥 {present_file()}。把另行保管的 keys/ 放回去，再核验。")
    try:
        log = check_log(vkey=log_key()[1])
    except LogDamaged as damage:
        tell(f"存证日志核验不通过：{damage}。停止写入，从备份核对。", trouble=True)
        return 1
    tell(f"存证日志核验通过：{log.size} 条，{log.checkpoints} 个检查点，根 {log.root}")
    return 0
