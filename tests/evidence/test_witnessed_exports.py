"""Exports carry what the witnesses signed; the verifier says how far each has seen this history, or that it has not."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evidence.helpers import ITEM, make_export, trust_file
from tests.evidence.witnesses import allow, enrol, listening, new_witness
from weilu.evidence import verifier
from weilu.evidence.actions import sequence, sign_checkpoint
from weilu.evidence.checkpoint import parse_vkey
from weilu.evidence.export import export_item
from weilu.evidence.keys import public_vkey
from weilu.evidence.models import Checkpoint
from weilu.evidence.offline.single import single_file
from weilu.evidence.witness.asked import add_checkpoint
from weilu.evidence.witness.store import Home
from weilu.evidence.witnesses import request_for, take_answer
from weilu.kernel.canonical import canonical

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def home(tmp_path, settings) -> Home:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    return new_witness(tmp_path / "witness", parse_vkey(public_vkey()))


@pytest.fixture
def trust(tmp_path, home) -> Path:
    """The log's key and the witness's, each from its own side."""
    place = trust_file(tmp_path)
    place.write_text(place.read_text() + f"{home.vkey}\n")
    return place


@pytest.fixture
def export(tmp_path, home, settings) -> Path:
    with listening(home) as url:
        allow(settings, url)
        enrol(home, url)
        return make_export(tmp_path / "out")


def witnessed(folder: Path, trust: Path) -> list[str]:
    good, wrong = verifier.verify(str(folder), str(trust))
    assert wrong == []
    return [line.split("（")[0] + line.split("）")[-1] for line in good if line.startswith("见证")]


def findings(folder: Path, trust: Path) -> list[str]:
    return verifier.verify(str(folder), str(trust))[1]


def test_an_export_is_cosigned_whole_where_the_witness_answers(export, trust):
    size = Checkpoint.objects.order_by("-size").first().size
    assert witnessed(export, trust) == [f"见证 jz.test/witness 签到 {size} 条，盖住整份存证包"]


def test_without_the_witness_s_key_it_still_verifies(export, tmp_path):
    assert verifier.verify(str(export), str(trust_file(tmp_path)))[1] == []
    assert verifier.verify(str(export))[1] == []


def test_a_witness_that_has_not_signed_is_missed_by_name(tmp_path, home, trust):
    out = make_export(tmp_path / "out")
    assert not (out / "witnessed.json").exists()
    assert findings(out, trust) == ["witnessed.json：见证 jz.test/witness 没有签过这份日志"]


def test_taking_the_cosignatures_out_is_found(export, trust):
    (export / "witnessed.json").unlink()
    assert findings(export, trust) == ["witnessed.json：见证 jz.test/witness 没有签过这份日志"]


def test_by_file_the_export_says_how_far_it_is_witnessed(tmp_path, home, trust):
    witness = enrol(home)
    sequence()
    checkpoint = sign_checkpoint()
    request = request_for(witness, checkpoint)
    take_answer(None, witness, answer=request.partition("\n\n")[2] + add_checkpoint(home, request).body)
    out = make_export(tmp_path / "out")
    whole = int((out / "checkpoint").read_text().split("\n")[1])
    missed = whole - checkpoint.size
    assert witnessed(out, trust) == [f"见证 jz.test/witness 签到 {checkpoint.size} 条，之后的 {missed} 条它没有见过"]


def test_two_witnesses_at_two_sizes_are_both_carried(tmp_path, home, trust, settings):
    vendor = new_witness(tmp_path / "vendor", parse_vkey(public_vkey()), "hc.test/witness")
    with listening(home) as first, listening(vendor) as second:
        allow(settings, first, second)
        enrol(home, first)
        enrol(vendor, second, "vendor")
        make_export(tmp_path / "one")
        allow(settings, first)
        out = export_item(ITEM, "JZ", tmp_path / "two", "吴静")
    trust.write_text(trust.read_text() + f"{vendor.vkey}\n")
    sizes = [int(head["note"].split("\n")[1]) for head in json.loads((out / "witnessed.json").read_text())["heads"]]
    assert witnessed(out, trust) == [
        f"见证 hc.test/witness 签到 {sizes[0]} 条，之后的 {sizes[1] - sizes[0]} 条它没有见过",
        f"见证 jz.test/witness 签到 {sizes[1]} 条，盖住整份存证包",
    ]


def test_every_byte_of_it_matters(export, trust):
    place = export / "witnessed.json"
    whole = place.read_bytes()
    for at in range(len(whole)):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert findings(export, trust), at
    place.write_bytes(whole)
    assert findings(export, trust) == []


STRANGE = [None, 1, "x", [], {}, [[]], [{}], [{"note": 1, "path": []}], [{"note": "", "path": [1]}], [{"note": "x"}]]


@pytest.mark.parametrize("value", STRANGE)
def test_strange_heads_are_answered_with_a_sentence(export, trust, value, capsys):
    (export / "witnessed.json").write_bytes(canonical({"heads": value}))
    assert verifier.main([str(export), "--trust", str(trust)]) == 1
    said = capsys.readouterr().out
    assert (said.startswith("✗ witnessed.json："), "Traceback" in said) == (True, False)


def test_a_cosignature_of_another_history_does_not_pass(export, trust, tmp_path):
    heads = json.loads((export / "witnessed.json").read_text())["heads"]
    later = export_item(ITEM, "JZ", tmp_path / "later", "吴静")
    for path in ([], ["00" * 32]):
        (later / "witnessed.json").write_bytes(canonical({"heads": [{"note": heads[0]["note"], "path": path}]}))
        size = heads[0]["note"].split("\n")[1]
        assert findings(later, trust) == [f"witnessed.json：见证签过的 {size} 条与这份日志不是同一部历史"]


def test_the_single_file_checks_it_alone(export, trust, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "verifier.py").write_bytes(single_file())
    done = subprocess.run(
        [sys.executable, "-I", "verifier.py", export, "--trust", trust],
        cwd=alone, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr, "✓ 见证 jz.test/witness 签到" in done.stdout) == (0, "", True)
    assert b"weilu." not in single_file().replace("维录".encode(), b"")


def test_a_file_with_witnesses_only_trusts_no_log(export, home, tmp_path):
    place = tmp_path / "only"
    place.write_text(f"{home.vkey}\n")
    with pytest.raises(verifier.Wrong, match="里面没有日志的公钥"):
        verifier.check_key(str(export), str(place))
