"""What the page of an entry says after verifying it anew: four lines, each from the stored bytes."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives import hashes
from django.utils.translation import gettext as _

from weilu.evidence import tree
from weilu.evidence.checkpoint import Head, open_note
from weilu.evidence.cosignature import check_cosignature
from weilu.evidence.keys import log_key
from weilu.evidence.models import Checkpoint, Entry, Staged, Witness
from weilu.evidence.queries import Proof, last_checkpoint, prove
from weilu.evidence.witnesses import head_of, newest_cosignatures
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI


@dataclass(frozen=True)
class Line:
    """One thing verified: `passed`, `refused` or `watch`, and its grounds."""

    state: str
    words: str
    grounds: str

    @property
    def icon(self) -> str:
        return {"passed": "circle-check", "refused": "circle-x", "watch": "clock"}[self.state]


@dataclass(frozen=True)
class Verified:
    """An entry with its proof and the lines that came of verifying it."""

    entry: Entry
    checkpoint: Checkpoint | None
    proof: Proof | None
    lines: list[Line]

    @property
    def state(self) -> str:
        if any(line.state == "refused" for line in self.lines):
            return "refused"
        return "passed" if self.checkpoint else "watch"

    @property
    def word(self) -> str:
        return {"passed": _("核验通过"), "refused": _("核验不通过"), "watch": _("等待检查点")}[self.state]


def verify_entry(entry: Entry) -> Verified:
    """Verify `entry` under the newest checkpoint, from the record's bytes up to the signature."""
    checkpoint = last_checkpoint()
    content = _content(entry)
    if checkpoint is None or checkpoint.size <= entry.index:
        waiting = Line("watch", _("还没有检查点盖住这一条"), _("签名和执行之后立即签发，其余最迟 10 分钟"))
        return Verified(entry, None, None, [content, waiting])
    try:
        proof = prove(entry.index, checkpoint.size)
        found = tree.root_from_inclusion(entry.leaf_hash, entry.index, checkpoint.size, proof.path)
    except ValueError:
        proof, found = None, b""
    lines = [content, _path(proof, found, checkpoint), _signature(checkpoint), _witness(entry)]
    return Verified(entry, checkpoint, proof, lines)


def _content(entry: Entry) -> Line:
    if entry.destroyed:
        return _destroyed(entry)
    record = bytes(entry.record)
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(record)
    same = (sha256(record).digest(), sm3.finalize()) == (bytes(entry.sha256), bytes(entry.sm3))
    words = _("内容与叶子摘要一致") if same else _("内容与叶子摘要不一致")
    return Line("passed" if same else "refused", words, _("SHA-256 与 SM3 都重算过"))


def _destroyed(entry: Entry) -> Line:
    """Who destroyed the record, when and on which ground, by the entry that says so; none says so: it is damaged."""
    for model in (Entry, Staged):
        for one in model.objects.filter(org=entry.org, item=entry.item, kind="evidence.shredded").order_by("-at"):
            data = one.said["data"]
            if entry.digest in data["gone"]:
                words = _("正文已于 %(day)s 由 %(who)s 依法销毁") % {"day": _of_day(one.at), "who": one.actor}
                return Line("passed", words, _("依据：%(ground)s。叶子摘要还在") % {"ground": data["ground"]})
    return Line("refused", _("正文缺失，日志里没有销毁它的记录"), _("停止写入，从备份核对"))


def _path(proof: Proof | None, found: bytes, checkpoint: Checkpoint) -> Line:
    if proof is None or found != bytes(checkpoint.root):
        return Line("refused", _("走不到检查点的根"), _("记录或树已被改动。停止写入，从备份核对"))
    words = _("%(count)d 个相邻摘要连到根") % {"count": len(proof.path)}
    return Line("passed", words, _("根在检查点 %(size)s 之内") % {"size": f"{checkpoint.size:,}"})


def _signature(checkpoint: Checkpoint) -> Line:
    try:
        vkey = log_key()[1]
        signed = open_note(checkpoint.note, vkey) == Head(vkey.name, checkpoint.size, bytes(checkpoint.root))
    except Refused as refused:
        return Line("refused", _("检查点签名不能核对"), refused.reason)
    except ValueError:
        signed = False
    words = _("检查点签名有效") if signed else _("检查点签名无效")
    return Line("passed" if signed else "refused", words, _("维录密钥 %(id)s（Ed25519）") % {"id": vkey.key_id.hex()})


def _witness(entry: Entry) -> Line:
    """Which sides' witnesses have signed a checkpoint over this entry, by the stored lines checked anew."""
    names, signed = [], newest_cosignatures()
    for witness in Witness.objects.order_by("id"):
        newest = signed.get(witness.id)
        if newest is None or newest.checkpoint.size <= entry.index:
            continue
        try:
            check_cosignature(head_of(newest.checkpoint), newest.line, witness.key)
        except ValueError:
            return Line("refused", _("见证的签名与检查点不符"), witness.organisation)
        names.append((witness.side, f"{witness.organisation} {_of_day(newest.at)}"))
    sides, grounds = {side for side, _name in names}, "，".join(name for _side, name in names)
    if len(sides) == 2:
        return Line("passed", _("两个见证都签过盖住它的检查点"), grounds)
    if sides:
        return Line("watch", _("只有一方的见证签过盖住它的检查点"), grounds)
    return Line("watch", _("没有见证签过盖住它的检查点"), _("只有维录自己的签名"))


def _of_day(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
