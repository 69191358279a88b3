"""Going on after a restored backup: a new name and key, whose first entry says what had been seen and is lost."""

import json

from django.utils.translation import gettext as _

from weilu.evidence import tree
from weilu.evidence.actions import LogDamaged, check_continues, draft, place, sequencer
from weilu.evidence.checkpoint import NAME, Head, VerifierKey, open_note, sign
from weilu.evidence.cosignature import check_cosignature, split_note
from weilu.evidence.keys import kept_key, key_file, log_key
from weilu.evidence.models import Checkpoint, Entry, Reopening, Witness
from weilu.evidence.queries import last_checkpoint, prove, tree_size
from weilu.evidence.tiles import read_tile
from weilu.evidence.witnesses import Enroller, may_keep_witnesses, witnessed_size
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused

KIND = "log.reopened"


@action("evidence.reopen_log")
def reopen_log(by: Enroller | None, *, origin: str, witnessed: str) -> Reopening:
    """Continue the log under the new name `origin`; `witnessed` is what a witness's own store last signed.

    The tree goes on: what the backup held keeps its place. The first entry under the new name says up to where
    the witness had signed the old one, and from where on that is lost. Each witness must accept the new name.
    """
    actor = may_keep_witnesses(by)
    origin = text.code(origin, _("日志来源"), field="origin", longest=200)
    if not NAME.fullmatch(origin):
        raise Refused(_("日志来源不能有空格和加号，例如 weilu.example.cn/log2"), field="origin")
    with sequencer():
        _private, old = log_key()
        if origin == old.name or Checkpoint.objects.filter(note__startswith=f"{origin}\n").exists():
            raise Refused(_("这个日志来源已经用过，换一个新的"), field="origin")
        head, witness = _seen(witnessed, old)
        size = tree_size()
        _check_lost(head, size)
        last = last_checkpoint()
        if last is not None:
            try:
                check_continues(last, size, old)
            except LogDamaged as damage:
                raise Refused(_("恢复的备份本身不完整：%(why)s。换一份备份") % {"why": damage}) from None
        private, new = kept_key(origin, key_file(origin))
        data = {
            "origin": origin, "vkey": str(new), "before": {"origin": old.name, "vkey": str(old)},
            "witnessed": {"witness": witness.name, "size": head.size, "root": head.root.hex()},
            "lost": {"from": min(witnessed_size(witness), size), "to": head.size},
        }  # fmt: skip
        place(size, [draft(KIND, data, actor=actor, org="", item="", urgent=True, files=())])
        made = Reopening.objects.create(origin=origin, first=size)
        fresh = Head(origin, size + 1, tree.root(read_tile, size + 1))
        Checkpoint.objects.create(size=fresh.size, root=fresh.root, note=sign(fresh, private))
        Witness.objects.active().update(finding="", finding_size=None, finding_since=None)
    return made


def _seen(witnessed: str, old: VerifierKey) -> tuple[Head, Witness]:
    """The checkpoint of the log `old` that an enrolled witness signed; Refused for anything else."""
    try:
        head, lines = split_note(witnessed)
        open_note(witnessed, old)
    except ValueError:
        raise Refused(
            _("这不是这份日志被见证过的检查点。用 weilu witness last 写出的那一份"), field="witnessed"
        ) from None
    for witness in Witness.objects.active():
        for line in lines:
            try:
                check_cosignature(head, line, witness.key)
            except ValueError:
                continue
            return head, witness
    raise Refused(_("没有登记的见证签过这个检查点"), field="witnessed")


def _check_lost(head: Head, size: int) -> None:
    """Nothing is reopened that the witness's last checkpoint still leads into."""
    if head.size <= size and tree.root(read_tile, head.size) == head.root:
        raise Refused(_("见证签过的都还在这份日志里，没有丢失，不用重新开启"), field="witnessed")


def reopening_document(reopening: Reopening) -> str:
    """What each witness is shown to accept the new name: its first entry, proved to stand under a checkpoint."""
    checkpoint = Checkpoint.objects.get(size=reopening.first + 1)
    entry = Entry.objects.get(index=reopening.first)
    return json.dumps(
        {
            "note": checkpoint.note,
            "index": entry.index,
            "record": bytes(entry.record).decode(),
            "path": [node.hex() for node in prove(entry.index, checkpoint.size).path],
        },
        ensure_ascii=False,
        indent=1,
    )
