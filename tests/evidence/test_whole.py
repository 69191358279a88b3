"""An export says that it is whole, and nothing less passes for it."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.evidence.helpers import ITEM, make_export, stage_some
from weilu.evidence import tree, verifier
from weilu.evidence.actions import sequence, tick
from weilu.evidence.checkpoint import Head, VerifierKey, sign
from weilu.evidence.export import export_item, export_org
from weilu.evidence.models import Checkpoint, Entry
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, settings) -> None:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")


def findings(folder: Path) -> list[str]:
    return verifier.verify(str(folder))[1]


def test_the_export_s_own_entry_is_the_last_that_its_checkpoint_covers(tmp_path):
    make_export(tmp_path / "out")
    own = Entry.objects.get(kind="evidence.exported")
    assert Checkpoint.objects.order_by("-size").first().size == own.index + 1
    assert own.said["data"]["complete_to"] == own.index


def test_a_later_export_cannot_be_cut_down_to_an_earlier_one(tmp_path):
    make_export(tmp_path / "first")
    stage_some(1, item=ITEM)
    sequence()
    later = export_item(ITEM, "JZ", tmp_path / "later", "吴静")
    last = int((tmp_path / "first" / "checkpoint").read_text().split("\n")[1]) - 1
    for folder in ("records", "proofs"):
        for place in (later / folder).iterdir():
            if int(place.stem) > last:
                place.unlink()
    assert findings(later) == ["records：最后一条不是导出记录，它缺失或已被改动，不能说明这里是否齐全"]


def test_an_organisation_s_export_holds_all_it_owns_and_nothing_else(tmp_path):
    make_export(tmp_path / "item")
    stage_some(2, org="HN")
    out = export_org("JZ", tmp_path / "all", "郑洁")
    assert findings(out) == []
    kept = sorted(int(place.stem) for place in (out / "records").iterdir())
    assert kept == list(Entry.objects.filter(org="JZ").order_by("index").values_list("index", flat=True))
    assert Entry.objects.exclude(org="JZ").count() == 3


def test_the_installation_s_own_entries_are_nobody_s_export(tmp_path):
    stage_some(1)
    tick()
    with pytest.raises(Refused, match="没有可以导出的内容"):
        export_org("", tmp_path / "out", "郑洁")
    assert not (tmp_path / "out").exists()


def test_a_proof_may_not_say_true_for_one(tmp_path):
    stage_some(1, item=ITEM)
    sequence()
    out = export_item(ITEM, "JZ", tmp_path / "out", "吴静")
    proof = out / "proofs" / "1.json"
    proof.write_text(proof.read_text().replace('"index":1,', '"index":true,'))
    assert findings(out) == ["proofs/1.json：证明的位置或大小与检查点不一致"]


def forged(out: Path, records: list[object]) -> Path:
    """A log of the forger's own, with any records at all, rightly hashed and signed."""
    shutil.rmtree(out, ignore_errors=True)
    for folder in ("records", "proofs", "files"):
        (out / folder).mkdir(parents=True)
    written = [json.dumps(one, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() for one in records]
    leaves = [tree.leaf_hash(verifier.hashlib.sha256(one).digest() + verifier.sm3(one)) for one in written]
    tiles = tree.append(lambda level, index: b"", 0, leaves)
    size = len(leaves)
    for index, one in enumerate(written):
        path = [node.hex() for node in tree.inclusion_proof(lambda *at: tiles[at], index, size)]
        (out / "records" / f"{index}.json").write_bytes(one)
        (out / "proofs" / f"{index}.json").write_bytes(verifier.canonical({"index": index, "path": path, "size": size}))
    private = Ed25519PrivateKey.generate()
    (out / "log.vkey").write_text(f"{VerifierKey('x', private.public_key().public_bytes_raw())}\n")
    (out / "checkpoint").write_text(sign(Head("x", size, tree.root(lambda *at: tiles[at], size)), private))
    return out


STRANGE = [None, 1, "x", [], {}, True, [[]], [{}], {"sha256": []}, [{"sha256": []}], [{"sha256": {}, "index": []}]]


@pytest.mark.parametrize("field", ["kind", "at", "actor", "org", "item", "data", "files", "v"])
def test_a_forger_s_strange_records_are_answered_with_a_sentence(tmp_path, capsys, field):
    plain = {"v": 1, "kind": "evidence.exported", "at": "", "actor": "", "org": "", "item": "", "nonce": ""}
    plain |= {"files": [], "data": {"records": [], "files": []}}
    assert findings(forged(tmp_path / "out", [plain])) == []
    for value in STRANGE:
        code = verifier.main([str(forged(tmp_path / "out", [plain | {field: value}, plain | {field: value}]))])
        said = capsys.readouterr().out
        assert (code, said.startswith("✗"), "Traceback" in said) == (1, True, False), value


@pytest.mark.parametrize("part", ["records", "files"])
def test_a_forger_s_strange_list_is_answered_with_a_sentence(tmp_path, capsys, part):
    plain = {
        "v": 1,
        "kind": "evidence.exported",
        "at": "",
        "actor": "",
        "org": "",
        "item": "",
        "nonce": "",
        "files": [],
    }
    for value in [one for one in STRANGE if one != []]:
        said = plain | {"data": {"records": [], "files": []} | {part: value}}
        assert verifier.main([str(forged(tmp_path / "out", [said]))]) == 1, value
        assert "Traceback" not in capsys.readouterr().out
