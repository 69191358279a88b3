"""The verifier finds whatever was done to an export, and answers hostile input with a sentence."""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.evidence.helpers import ITEM, make_export, trust_file
from weilu.evidence import tree, verifier
from weilu.evidence.bodies import Body
from weilu.evidence.checkpoint import Head, VerifierKey, sign
from weilu.evidence.export import export_item, zipped_item
from weilu.evidence.files import path_of
from weilu.evidence.models import Entry, Staged
from weilu.evidence.offline.single import single_file
from weilu.kernel.refused import Refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def export(tmp_path, settings) -> Path:
    settings.CONFIG = dataclasses.replace(settings.CONFIG, data_dir=tmp_path / "data")
    return make_export(tmp_path / "out")


@pytest.fixture
def trust(export, tmp_path) -> str:
    return str(trust_file(tmp_path))


def verdict(folder: Path, capsys, *more: str) -> tuple[int, str]:
    code = verifier.main([str(folder), *more])
    return code, capsys.readouterr().out


def all_files(folder: Path) -> list[Path]:
    return sorted(found for found in folder.rglob("*") if found.is_file())


def test_an_export_holds(export, trust, capsys):
    assert [str(found.relative_to(export)) for found in all_files(export)][:1] == ["checkpoint"]
    code, said = verdict(export, capsys)
    assert (code, "内部一致，来源未证明" in said) == (0, True)
    code, said = verdict(export, capsys, "--trust", trust)
    assert (code, "核验通过" in said, "来源未证明" in said) == (0, True, False)


def test_it_runs_alone_as_one_file(export, trust, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "verifier.py").write_bytes(single_file())
    done = subprocess.run(
        [sys.executable, "-I", "verifier.py", export, "--trust", trust],
        cwd=alone, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_every_single_byte_matters(export, trust, capsys):
    for place in all_files(export):
        whole = place.read_bytes()
        for at in range(len(whole)):
            place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            _good, wrong = verifier.verify(str(export))
            assert wrong, (place, at)
        place.write_bytes(whole + b"\n")
        assert verifier.verify(str(export))[1], place
        place.write_bytes(whole[:-1])
        assert verifier.verify(str(export))[1], place
        place.write_bytes(whole)
    assert verifier.verify(str(export), trust)[1] == []


def test_a_missing_file_is_named(export, capsys):
    for place in all_files(export):
        whole = place.read_bytes()
        place.unlink()
        code, said = verdict(export, capsys)
        assert (code, f"{place.relative_to(export)}：文件缺失" in said) == (1, True)
        place.write_bytes(whole)


@pytest.mark.parametrize(
    "name", ["note.txt", "files/" + "a" * 64, "records/2.json", "files/x", "records/readme", "more/x"]
)
def test_an_added_file_is_named(export, capsys, name):
    place = export / name
    place.parent.mkdir(exist_ok=True)
    place.write_text("{}")
    code, said = verdict(export, capsys)
    assert (code, name.split("/")[0] in said) == (1, True)


def test_a_record_of_the_same_log_added_with_its_proof_is_found(export, tmp_path, capsys):
    from weilu.evidence.queries import prove

    size = int((export / "checkpoint").read_text().split("\n")[1])
    stranger = Entry.objects.get(index=1)
    (export / "records" / "1.json").write_bytes(bytes(stranger.record))
    path = [node.hex() for node in prove(1, size).path]
    (export / "proofs" / "1.json").write_text(
        json.dumps({"index": 1, "path": path, "size": size}, separators=(",", ":"))
    )
    code, said = verdict(export, capsys)
    assert (code, "records/1.json：多出来的记录" in said) == (1, True)


def test_records_and_proofs_swapped_or_removed_together(export, capsys):
    names = sorted(found.name for found in (export / "records").iterdir())
    for folder in ("records", "proofs"):
        first, second = export / folder / names[0], export / folder / names[1]
        first.rename(export / "x")
        second.rename(first)
        (export / "x").rename(second)
    code, said = verdict(export, capsys)
    assert (code, f"proofs/{names[0]}" in said) == (1, True)


def test_a_record_left_out_with_its_proof(export, capsys):
    name = sorted(found.name for found in (export / "records").iterdir())[0]
    (export / "records" / name).unlink()
    (export / "proofs" / name).unlink()
    code, said = verdict(export, capsys)
    assert (code, f"records/{name}：文件缺失，导出清单里有它" in said) == (1, True)


def rebuild_with_another_key(export: Path) -> None:
    """What a forger can do: change a record, rebuild tree, proofs and signature with a key of their own."""
    names = sorted((found.name for found in (export / "records").iterdir()), key=lambda name: int(name[:-5]))
    last = int(names[-1][:-5])
    kept = {int(name[:-5]): (export / "records" / name).read_bytes() for name in names}
    first = min(kept)
    record = json.loads(kept[first])
    record["actor"] = "别人"
    kept[first] = verifier.canonical(record)
    own = json.loads(kept[last])
    own["data"]["records"][0]["sha256"] = verifier.hashlib.sha256(kept[first]).hexdigest()
    kept[last] = verifier.canonical(own)
    leaves = [kept.get(index, b"filler") for index in range(last + 1)]
    hashed = [tree.leaf_hash(verifier.hashlib.sha256(leaf).digest() + verifier.sm3(leaf)) for leaf in leaves]
    tiles = tree.append(lambda level, index: b"", 0, hashed)
    read = lambda level, index: tiles[level, index]  # noqa: E731
    for index, data in kept.items():
        (export / "records" / f"{index}.json").write_bytes(data)
        path = [node.hex() for node in tree.inclusion_proof(read, index, last + 1)]
        proof = {"index": index, "path": path, "size": last + 1}
        (export / "proofs" / f"{index}.json").write_text(json.dumps(proof, separators=(",", ":")))
    private = Ed25519PrivateKey.generate()
    origin = (export / "log.vkey").read_text().split("+")[0]
    (export / "log.vkey").write_text(f"{VerifierKey(origin, private.public_key().public_bytes_raw())}\n")
    (export / "checkpoint").write_text(sign(Head(origin, last + 1, tree.root(read, last + 1)), private))


def test_an_export_rebuilt_with_another_key_is_consistent_but_not_trusted(export, trust, capsys):
    rebuild_with_another_key(export)
    code, said = verdict(export, capsys)
    assert (code, "来源未证明" in said) == (0, True)
    code, said = verdict(export, capsys, "--trust", trust)
    assert (code, "log.vkey" in said, "不在您给的可信公钥里" in said) == (1, True, True)


def test_another_key_hidden_behind_the_right_vkey(export, trust, capsys):
    right = (export / "log.vkey").read_text()
    rebuild_with_another_key(export)
    (export / "log.vkey").write_text(right)
    code, said = verdict(export, capsys, "--trust", trust)
    assert (code, "签名无效" in said) == (1, True)


@pytest.mark.parametrize(
    "what",
    ["nothing", "file", "empty", "loop", "link", "fifo", "huge", "deep", "twice", "float", "surrogate", "binary"],
)
def test_hostile_input_is_answered_with_a_sentence(export, tmp_path, capsys, what):
    folder = spoil(export, tmp_path, what)
    code, said = verdict(folder, capsys)
    assert (code, "核验不通过" in said, "Traceback" in said) == (1, True, False)


def spoil(export: Path, tmp_path: Path, what: str) -> Path:
    record = sorted((export / "records").iterdir())[0]
    proof = export / "proofs" / record.name
    match what:
        case "nothing":
            return tmp_path / "none"
        case "file":
            return export / "checkpoint"
        case "empty":
            shutil.rmtree(export)
            export.mkdir()
        case "loop":
            shutil.rmtree(export / "files")
            (export / "files").symlink_to(export)
        case "link":
            record.unlink()
            record.symlink_to("/etc/passwd")
        case "fifo":
            (export / "checkpoint").unlink()
            os.mkfifo(export / "checkpoint")
        case "huge":
            with (export / "checkpoint").open("ab") as out:
                out.truncate(1 << 40)
        case "deep":
            proof.write_text("[" * 30_000)
        case "twice":
            proof.write_text(proof.read_text()[:-1] + ',"size":1}')
        case "float":
            proof.write_text('{"index":1e999,"path":[],"size":NaN}')
        case "surrogate":
            proof.write_text('{"index":"\\ud800","path":[],"size":1}')
        case "binary":
            (export / "log.vkey").write_bytes(b"\xff\xfe\x00")
    return export


@pytest.mark.parametrize("keys", ["", "# nothing\n", "nonsense\n", "a+b+c\n"])
def test_a_useless_key_file(export, tmp_path, capsys, keys):
    (tmp_path / "bad").write_text(keys)
    code, said = verdict(export, capsys, "--trust", str(tmp_path / "bad"))
    assert (code, "bad：" in said) == (1, True)
    assert verdict(export, capsys, "--trust", str(tmp_path / "none"))[0] == 1


def test_names_cannot_reach_the_terminal_raw(export, capsys):
    (export / "\x1b[2J").write_text("x")
    assert "\x1b" not in verdict(export, capsys)[1]


def test_random_bytes_never_end_in_a_traceback(export):
    chance = random.Random(7)
    for place in all_files(export):
        whole = place.read_bytes()
        for _ in range(40):
            place.write_bytes(chance.randbytes(chance.randrange(200)))
            assert verifier.verify(str(export))[1]
        place.write_bytes(whole)


def test_an_export_is_on_record_and_a_second_one_holds_the_first(export, tmp_path, capsys):
    again = export_item(ITEM, "JZ", tmp_path / "again", "吴静")
    assert verdict(again, capsys)[0] == 0
    assert [entry.kind for entry in Entry.objects.filter(item=ITEM).order_by("index")] == [
        "test.done", "test.done", "test.done", "evidence.exported", "evidence.exported",
    ]  # fmt: skip


def test_no_export_of_nothing_or_of_another_customer_s_item(export, tmp_path):
    before = (Entry.objects.count(), Staged.objects.count())
    with pytest.raises(Refused, match="没有可以导出的内容"):
        export_item(ITEM, "HN", tmp_path / "no", "孙莉")
    with pytest.raises(Refused, match="已经存在"):
        export_item(ITEM, "JZ", export, "吴静")
    assert (Entry.objects.count(), Staged.objects.count()) == before
    assert sorted(found.name for found in tmp_path.iterdir()) == ["data", "out"]


def test_a_lost_file_stops_the_export_and_nothing_is_recorded(export, tmp_path):
    name = next((export / "files").iterdir()).name
    path_of(Body.objects.get(sha256=name).stored).unlink()
    before = Entry.objects.count()
    with pytest.raises(Refused, match="不在存证目录里"):
        export_item(ITEM, "JZ", tmp_path / "no", "吴静")
    assert (Entry.objects.count(), (tmp_path / "no").exists()) == (before, False)


def test_the_zip_holds_the_same(export, tmp_path, capsys):
    with zipped_item(ITEM, "JZ", "吴静", "evidence") as packed:
        (tmp_path / "e.zip").write_bytes(packed.read())
    shutil.unpack_archive(tmp_path / "e.zip", tmp_path / "unpacked")
    assert verdict(tmp_path / "unpacked" / "evidence", capsys)[0] == 0
    assert list((tmp_path / "data" / "exports").iterdir()) == []
