"""What the owner of database, disk, code and the log's key can do without the other party's key; and what finds it.

Each attack is made on a real database (SQLite's file or PostgreSQL), and judged by what its owner cannot bend: the
verifier run elsewhere with keys obtained elsewhere, and the witness. What neither finds is asserted as not found.
"""

import dataclasses
import shutil
import time
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.evidence.helpers import ITEM, stage_some, trust_file
from tests.evidence.witnesses import enrol, new_witness
from weilu.evidence import actions, tree, verifier
from weilu.evidence.actions import LogDamaged, sequence, sign_checkpoint, tick
from weilu.evidence.bodies import Body
from weilu.evidence.checkpoint import parse_vkey
from weilu.evidence.cosignature import cosign, split_note
from weilu.evidence.export import export_item
from weilu.evidence.files import keep, path_of
from weilu.evidence.keys import key_file, public_vkey
from weilu.evidence.models import Checkpoint, Cosignature, Entry, Tile, Witness
from weilu.evidence.queries import last_checkpoint
from weilu.evidence.witness.asked import Answer, add_checkpoint
from weilu.evidence.witness.store import Home
from weilu.evidence.witnesses import request_for, take_answer
from weilu.kernel.canonical import canonical
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.django_db(transaction=True)
SEEN = 10  # the size both the log and the witness stand at before an attack


@dataclasses.dataclass
class Site:
    """An installation, its customer's witness, and the auditor's file of keys."""

    home: Home
    witness: Witness
    trust: Path
    log_only: Path
    out: Path

    def grow(self, count: int = 1) -> None:
        stage_some(count, item=ITEM, urgent=True)
        tick()

    def ask(self) -> Answer:
        """What the witness answers to the newest checkpoint, however this site's own records are bent."""
        self.witness.refresh_from_db()
        checkpoint = last_checkpoint()
        request = request_for(self.witness, checkpoint)
        answer = add_checkpoint(self.home, request)
        if answer.status == 200:
            take_answer(None, self.witness, answer=request.partition("\n\n")[2] + answer.body)
        return answer

    def audit(self, *, without_witness: bool = False) -> list[str]:
        """What the auditor's verifier finds in an export that is made now."""
        out = self.out / f"export{len(list(self.out.iterdir()))}"
        export_item(ITEM, "JZ", out, "吴静")
        return verifier.verify(str(out), str(self.log_only if without_witness else self.trust))[1]


@pytest.fixture
def site(tmp_path, settings) -> Site:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    home = new_witness(tmp_path / "witness", parse_vkey(public_vkey()))
    witness = enrol(home)
    stage_some(6, item=ITEM)
    stage_some(1, item=ITEM, file=keep(b"%PDF signed sheet", "sheet.pdf"))
    stage_some(1, item=ITEM, urgent=True)
    tick()
    (tmp_path / "out").mkdir()
    log_only = trust_file(tmp_path)
    trust = tmp_path / "both.txt"
    trust.write_text(log_only.read_text() + f"{home.vkey}\n")
    made = Site(home, witness, trust, log_only, tmp_path / "out")
    assert (made.ask().status, last_checkpoint().size) == (200, SEEN)
    return made


# --- what the attacker does -------------------------------------------------------------------


def rewritten(entry: Entry, **over: Any) -> Entry:
    """The entry with other words, rightly digested."""
    record = canonical(entry.said | over)
    entry.record, entry.sha256 = record, sha256(record).digest()
    entry.sm3 = verifier.sm3(record)
    return entry


def rebuild() -> None:
    """Tiles from the entries as they are now, every later checkpoint forgotten, all signed anew."""
    entries = list(Entry.objects.order_by("index"))
    tiles = tree.append(lambda level, index: b"", 0, [entry.leaf_hash for entry in entries])
    Tile.objects.all().delete()
    Tile.objects.bulk_create(Tile(level=level, index=at, hashes=kept) for (level, at), kept in tiles.items())
    for checkpoint in Checkpoint.objects.all():
        if checkpoint.size > len(entries):
            checkpoint.cosignatures.all().delete()
            checkpoint.delete()
        else:
            checkpoint.root = tree.root(lambda *at: tiles[at], checkpoint.size)
            head = dataclasses.replace(split_note(checkpoint.note)[0], root=checkpoint.root)
            checkpoint.note = actions.sign(head, actions.log_key()[0])
            checkpoint.save()
    sign_checkpoint()


def edit(index: int) -> None:
    rewritten(Entry.objects.get(index=index), data={"n": 99}).save()


def back_date(index: int) -> None:
    entry = Entry.objects.get(index=index)
    entry.at -= timedelta(days=30)
    rewritten(entry, at="2026-01-01T00:00:00.000000Z").save()


def remove(index: int) -> None:
    Entry.objects.get(index=index).delete()
    for entry in Entry.objects.filter(index__gt=index).order_by("index"):
        Entry.objects.filter(index=entry.index).update(index=entry.index - 1)


def insert(index: int) -> None:
    for entry in Entry.objects.filter(index__gte=index).order_by("-index"):
        Entry.objects.filter(index=entry.index).update(index=entry.index + 1)
    false = rewritten(Entry.objects.get(index=index - 1), nonce="0" * 32)
    false.index, false.ref = index, actions.uuid.uuid4()
    false.save(force_insert=True)


def reorder(index: int) -> None:
    for old, new in ((index, 10**6), (index - 1, index), (10**6, index - 1)):
        Entry.objects.filter(index=old).update(index=new)


def cut(size: int) -> None:
    """The log as it stood at `size`: what restoring a backup does, or cutting the tail off."""
    Cosignature.objects.filter(checkpoint__size__gt=size).delete()
    Checkpoint.objects.filter(size__gt=size).delete()
    Entry.objects.filter(index__gte=size).delete()
    kept = bytes(Tile.objects.get(level=0).hashes)[: size * tree.HASH]
    Tile.objects.filter(level=0).update(hashes=kept)
    sign_checkpoint()


REWRITING = [edit, back_date, remove, insert, reorder]


# --- what is found ----------------------------------------------------------------------------


def test_nothing_is_found_where_nothing_was_done(site):
    assert (site.audit(), site.audit(without_witness=True)) == ([], [])
    assert site.ask().status == 200


def test_an_edited_row_no_longer_leads_to_the_root(site):
    Entry.objects.filter(index=3).update(record=canonical(Entry.objects.get(index=3).said | {"data": {"n": 99}}))
    assert site.audit(without_witness=True) == [
        "records/3.json：证明不能从这条记录走到检查点的根：记录、次序或 proofs/3.json 已被改动"
    ]


def test_an_edited_row_with_its_digests_no_longer_leads_to_the_root(site):
    edit(3)
    assert site.audit(without_witness=True) == [
        "records/3.json：证明不能从这条记录走到检查点的根：记录、次序或 proofs/3.json 已被改动"
    ]


def test_an_edited_tree_stops_the_next_signing(site):
    tile = Tile.objects.get(level=0)
    Tile.objects.filter(id=tile.id).update(hashes=b"\0" * 32 + bytes(tile.hashes)[32:])
    with pytest.raises(LogDamaged, match="the stored tree does not lead to the root of checkpoint 10"):
        site.audit()


@pytest.mark.parametrize("attack", REWRITING)
def test_below_the_witnessed_size_a_rebuilt_history_is_found_by_verifier_and_witness(site, attack):
    attack(4)
    rebuild()
    site.grow(2)
    refused = Answer(422, "the proof does not lead from the old size to the checkpoint\n")
    if attack is remove:  # the cosigned checkpoint went with the entry that filled it: the witness is asked from 0
        refused = Answer(409, "10\n")
    assert site.ask() == refused
    assert site.audit(without_witness=True) == []
    assert site.audit() == [
        "witnessed.json：见证 jz.test/witness 没有签过这份日志"
        if attack is remove
        else "witnessed.json：见证 jz.test/witness 的签名无效"
    ]


@pytest.mark.parametrize("attack", REWRITING)
def test_above_the_witnessed_size_a_rebuilt_history_is_not_found(site, attack):
    site.grow(4)
    attack(12)
    rebuild()
    assert (site.audit(), site.audit(without_witness=True)) == ([], [])
    assert site.ask().status == 200


def test_a_rebuilt_history_beside_the_true_cosigned_checkpoint_is_another_history(site):
    note, line = last_checkpoint().note, Cosignature.objects.get().line
    edit(4)
    rebuild()
    out = export_item(ITEM, "JZ", site.out / "out", "吴静")
    size = int((out / "checkpoint").read_text().split("\n")[1])
    path = [node.hex() for node in tree.consistency_proof(actions.read_tile, SEEN, size)]
    (out / "witnessed.json").write_bytes(canonical({"heads": [{"note": f"{note}{line}\n", "path": path}]}))
    assert verifier.verify(str(out), str(site.trust))[1] == ["witnessed.json：见证签过的 10 条与这份日志不是同一部历史"]


def test_a_tail_cut_below_the_witnessed_size_is_found_by_the_witness(site):
    cut(7)
    assert site.ask() == Answer(409, "10\n")
    assert site.audit(without_witness=True) == []
    assert site.audit() == ["witnessed.json：见证 jz.test/witness 没有签过这份日志"]


def test_a_tail_cut_above_the_witnessed_size_is_not_found(site):
    site.grow(4)
    cut(12)
    assert (site.audit(), site.audit(without_witness=True)) == ([], [])
    assert site.ask().status == 200


def test_an_old_backup_restored_silently_is_found_by_the_witness(site):
    site.grow(3)
    site.ask()
    cut(SEEN)
    site.grow()
    assert site.ask() == Answer(409, "13\n")
    take_answer(None, site.witness, answer="409\n13\n")
    site.witness.refresh_from_db()
    assert (site.witness.finding, site.witness.finding_size) == ("log_is_older", 13)
    site.grow(5)
    site.ask()
    take_answer(None, site.witness, answer="409\n13\n")
    assert site.ask() == Answer(422, "the proof does not lead from the old size to the checkpoint\n")


def test_a_swapped_file_is_found_by_export_and_verifier(site):
    digest = sha256(b"%PDF signed sheet").hexdigest()
    kept = path_of(Body.objects.get(sha256=digest).stored)
    out = export_item(ITEM, "JZ", site.out / "before", "吴静")
    kept.write_bytes(b"%PDF another sheet")
    with pytest.raises(Refused, match="的内容与登记的摘要不一致。从备份取回后再办"):
        export_item(ITEM, "JZ", site.out / "after", "吴静")
    shutil.copy(kept, out / "files" / digest)
    assert verifier.verify(str(out), str(site.log_only))[1] == [f"files/{digest}：内容已被改动，摘要对不上"]


def test_a_replaced_log_key_is_found_by_whoever_has_the_true_one(site):
    key_file().unlink()
    Cosignature.objects.all().delete()
    Checkpoint.objects.all().delete()
    rebuild()
    site.grow()
    assert site.ask() == Answer(403, "unknown signature\n")
    found = ["log.vkey：这份存证包的公钥不在您给的可信公钥里，可能是用别的密钥重做的"]
    assert (site.audit(), site.audit(without_witness=True)) == (found, found)


def test_a_replaced_witness_key_is_found_by_whoever_has_the_true_one(site):
    head, _lines = split_note(last_checkpoint().note)
    forged = cosign(head, site.home.vkey.name, Ed25519PrivateKey.generate(), int(time.time()))
    Cosignature.objects.update(line=forged.line)
    assert site.audit() == ["witnessed.json：见证 jz.test/witness 的签名无效"]


def test_an_old_export_shown_again_is_not_found(site):
    """It is true and says its own size; only who asks the witness how far it has seen knows that more was written."""
    out = export_item(ITEM, "JZ", site.out / "old", "吴静")
    site.grow(3)
    site.ask()
    assert verifier.verify(str(out), str(site.trust))[1] == []
    with site.home.store() as kept:
        seen = kept.execute("SELECT size FROM log").fetchone()[0]
    assert (int((out / "checkpoint").read_text().split("\n")[1]), seen) == (SEEN + 1, SEEN + 4)


def test_false_words_written_in_time_are_not_found(site):
    stage_some(1, item=ITEM, urgent=True)  # nobody did it
    sequence()
    sign_checkpoint()
    assert (site.ask().status, site.audit()) == (200, [])


def test_both_keys_in_one_hand_rewrite_everything_unfound(site):
    """Customer's witness and Weilu's operator together: why the other party runs one too."""
    edit(4)
    rebuild()
    head, _lines = split_note(last_checkpoint().note)
    mine = cosign(head, site.home.vkey.name, site.home.private, int(time.time()))
    Cosignature.objects.update(line=mine.line)
    assert site.audit() == []
