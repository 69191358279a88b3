"""REC-4: the code on the printed sheet proves its fields with nothing but a public key."""

import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.cast import cast_again
from tests.records.builders import make_item, make_sheet, sign
from tests.records.printing import covered, pictures, proof_on, scanned_pdf
from tests.records.test_actions import refuse
from weilu.demo import Cast
from weilu.documents.printing import print_form
from weilu.documents.qr import proof_qr
from weilu.evidence import tree
from weilu.evidence.actions import sign_checkpoint
from weilu.evidence.checkpoint import COSIGNATURE, VerifierKey
from weilu.evidence.cosignature import cosign
from weilu.evidence.keys import public_vkey
from weilu.evidence.models import Checkpoint, Cosignature, Entry, Witness
from weilu.evidence.witnesses import head_of
from weilu.records import proof, proving
from weilu.records.actions import cancel_number
from weilu.records.models import RecordSheet
from weilu.records.paper import sheet_form
from weilu.records.proving import trusted
from weilu.records.sealing import base45, checkpoint_over, entry_of, number, pack, proof_text

pytestmark = pytest.mark.django_db
WITHOUT_WEILU = (
    "import sys; sys.modules['django'] = sys.modules['weilu'] = None; import runpy; sys.argv = sys.argv[1:]; "
)


@pytest.fixture
def people() -> Cast:
    return cast_again()


@pytest.fixture
def signed(people: Cast) -> RecordSheet:
    sheet = make_sheet(people)
    sign(people.chen, sheet, "vendor")
    sign(people.wang, sheet, "customer")
    return covered(sheet)


def code_of(sheet: RecordSheet) -> str:
    entry = entry_of(sheet)
    assert entry is not None
    checkpoint = checkpoint_over(entry)
    assert checkpoint is not None
    return proof_text(entry, checkpoint)


def recoded(code: str, change: object) -> str:
    """The code with its bytes changed by `change`."""
    body = proof.unbase45(code[len(proof.HEAD) : -1])
    return proof.HEAD + base45(change(body)) + proof.END  # type: ignore[operator]


@pytest.mark.parametrize("turned", [0, 2])
def test_the_code_is_read_from_the_page_at_200_dpi_and_proves_the_sheet(signed: RecordSheet, turned: float):
    code = proof_on(signed, dpi=200, turned=turned)

    assert code == code_of(signed)
    proved = proof.check(code, trusted())
    wang, chen = (signed.signatures.get(side=side) for side in ("customer", "vendor"))
    assert proved.record["data"] == {
        "number": signed.number,
        "date": proved.lines()[1][1],
        "system": "网上预约平台",
        "state": "signed",
        "result": "accepted",
        "sha256": signed.digest,
        "sm3": signed.sm3,
        "signatures": [
            {"side": "customer", "name": "王敏", "at": f"{wang.at:%Y-%m-%dT%H:%M:%S.%fZ}"},
            {"side": "vendor", "name": "陈航", "at": f"{chen.at:%Y-%m-%dT%H:%M:%S.%fZ}"},
        ],
    }
    assert proved.witnesses == []


def test_a_refused_and_a_cancelled_sheet_are_proved_as_such(people: Cast):
    refused = covered(refuse(people.wang, make_sheet(people)))
    cancelled = make_sheet(people, make_item(people, "JZ-BG-2026-0002"))
    cancelled = covered(cancel_number(people.zheng, cancelled, reason="写错"))

    told = [dict(proof.check(proof_on(sheet), trusted()).lines()) for sheet in (refused, cancelled)]
    assert [(one["编号"], one["状态"]) for one in told] == [
        (refused.number, "甲方拒签"),
        (cancelled.number, "编号已作废"),
    ]


def test_before_both_signed_and_before_a_checkpoint_there_is_no_code(people: Cast):
    sheet = make_sheet(people)
    sign(people.chen, sheet, "vendor")
    assert proof_on(covered(sheet)) == ""

    sign(people.wang, sheet, "customer")
    sheet.refresh_from_db()
    assert proof_on(sheet) == ""
    assert proof_on(covered(sheet)) != ""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("网上预约平台", "网下预约平台"),
        ("王敏", "王斌"),
    ],
)
def test_a_changed_field_is_found(signed: RecordSheet, old: str, new: str):
    forged = recoded(code_of(signed), lambda body: body.replace(old.encode(), new.encode()))

    assert forged != code_of(signed)
    with pytest.raises(proof.Wrong, match="签名与内容对不上"):
        proof.check(forged, trusted())


def test_every_changed_byte_is_found(signed: RecordSheet):
    code, keys = code_of(signed), trusted()
    length = len(proof.unbase45(code[len(proof.HEAD) : -1]))

    for at in range(length):
        with pytest.raises(proof.Wrong):
            proof.check(recoded(code, lambda body, at=at: body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]), keys)


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (lambda code: code[:-1], "读不懂"),
        (lambda code: code[:-40] + ".", "读不懂"),
        (lambda code: code[:90] + code[93:], "凭证|签名"),
        (lambda code: "https://example.org/s/0", "这不是报告单的凭证"),
        (lambda code: "WEILU1:.", "读不懂"),
        (lambda code: "WEILU1:" + "9" * 4000 + ".", "读不懂"),
        (lambda code: "WEILU1:" + "A" * 9000 + ".", "这不是报告单的凭证"),
    ],
)
def test_what_is_no_whole_code_is_told_apart(signed: RecordSheet, cut, said: str):
    with pytest.raises(proof.Wrong, match=said):
        proof.check(cut(code_of(signed)), trusted())


def test_a_foreign_log_is_named_as_foreign(signed: RecordSheet):
    private = Ed25519PrivateKey.generate()
    foreign = VerifierKey(trusted()[0].name, private.public_key().public_bytes_raw())

    with pytest.raises(proof.Wrong, match="别的日志签发"):
        proof.check(code_of(signed), [proof.Key(foreign.name, proof.LOG, foreign.public)])


def test_another_entry_of_the_same_log_is_no_sheet(signed: RecordSheet):
    entry = Entry.objects.get(kind="records.sheet_filed")
    checkpoint = Checkpoint.objects.order_by("-size")[0]

    with pytest.raises(proof.Wrong, match="说的不是报告单"):
        proof.check(proof_text(entry, checkpoint), trusted())


def test_the_proof_of_another_sheet_does_not_fit(people: Cast, signed: RecordSheet):
    """Record of one, path of the other: the root is another, and nobody signed it."""
    other = make_sheet(people, make_item(people, "JZ-BG-2026-0002"))
    sign(people.chen, other, "vendor")
    sign(people.wang, other, "customer")
    first, second = entry_of(signed), entry_of(covered(other))
    assert first is not None
    assert second is not None
    body = proof.unbase45(code_of(RecordSheet.objects.get(id=other.id))[len(proof.HEAD) : -1])
    mixed = pack(first.said) + body[len(pack(second.said)) :]

    with pytest.raises(proof.Wrong, match="签名与内容对不上"):
        proof.check(proof.HEAD + base45(mixed) + proof.END, trusted())


def test_the_program_alone_checks_a_text_and_a_photo(signed: RecordSheet, tmp_path: Path):
    (tmp_path / "keys").write_text(f"# 江州\n{public_vkey()}\n", "utf-8")
    (tmp_path / "other").write_text(
        str(VerifierKey("x", Ed25519PrivateKey.generate().public_key().public_bytes_raw())), "utf-8"
    )
    (tmp_path / "code.txt").write_text(code_of(signed), "utf-8")
    pictures(signed, turned=2)[-1].save(tmp_path / "photo.jpg", quality=85)
    (tmp_path / "scan.pdf").write_bytes(scanned_pdf(signed))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")

    tried = (
        ("code.txt", "keys", 0), ("photo.jpg", "keys", 0), ("scan.pdf", "keys", 0),
        ("broken.pdf", "keys", 1), ("code.txt", "other", 1),
    )  # fmt: skip
    for name, key, code in tried:
        done = run(tmp_path / name, tmp_path / key)
        assert done.returncode == code, done.stdout + done.stderr
        assert ("核验通过" in done.stdout, "核验不通过" in done.stdout) == (code == 0, code == 1)
        assert (str(signed.number) in done.stdout) == (code == 0)


def bombs() -> dict[str, bytes]:
    from tests.records.test_scans import bomb

    whole = io.BytesIO()
    Image.new("L", (300, 300), 255).save(whole, "PNG")
    return {
        "bomb": bomb(30_000), "cut": bomb(300), "broken": whole.getvalue()[:60] + bytes(200),
        "tiff": b"II*\0" + bytes(90),
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "nothing": b"", "zeros": bytes(5000),
        "utf-16": "WEILU1:0.".encode("utf-16"),
    }  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize("kind", list(bombs()))
def test_the_program_alone_answers_rubbish_with_a_sentence(tmp_path: Path, kind: str):
    key = VerifierKey("x", Ed25519PrivateKey.generate().public_key().public_bytes_raw())
    (tmp_path / "keys").write_text(f"{key}\n", "utf-8")
    (tmp_path / "photo").write_bytes(bombs()[kind])
    done = run(tmp_path / "photo", tmp_path / "keys")
    assert (done.returncode, done.stderr, done.stdout.endswith("核验不通过\n")) == (1, "", True)


def test_the_program_alone_reads_a_text_as_editors_save_it(signed: RecordSheet, tmp_path: Path):
    (tmp_path / "keys").write_text(f"{public_vkey()}\n", "utf-8")
    (tmp_path / "code.txt").write_bytes(b"\xef\xbb\xbf" + code_of(signed).encode() + b"\r\n")
    assert run(tmp_path / "code.txt", tmp_path / "keys").returncode == 0


@pytest.mark.once
@pytest.mark.parametrize("at", [5, None, ["x"], "9999-12-31T23:59:59.000000Z", "x"])
def test_a_record_whose_times_are_none_is_not_read(at: object):
    """The log's own key signs what its operator likes: the program must still answer with a sentence."""
    data = {"state": "signed", "result": "", "signatures": [{"side": "vendor", "at": at, "name": "x"}], "number": "1",
            "date": "1", "system": "1", "sha256": "1", "sm3": "1"}  # fmt: skip
    with pytest.raises(proof.Wrong, match="缺少应有的字段"):
        proof.check_record(dict.fromkeys(proof.FIELDS, "") | {"v": 1, "kind": proof.SEALED, "data": data})


def run(code: Path, keys: Path) -> "subprocess.CompletedProcess[str]":
    """`proof.py` in a process where neither Weilu nor Django can be imported."""
    program = WITHOUT_WEILU + f"runpy.run_path({proof.__file__!r}, run_name='__main__')"
    command = [sys.executable, "-c", program, "proof.py", "--trust", str(keys), str(code)]
    return subprocess.run(command, capture_output=True, text=True, cwd=code.parent)


def witnessed(sheet: RecordSheet, *names: str) -> list[Ed25519PrivateKey]:
    """Witnesses with keys of their own sign the checkpoint over the sheet; their keys."""
    entry = entry_of(sheet)
    assert entry is not None
    checkpoint = checkpoint_over(entry)
    assert checkpoint is not None
    private = [Ed25519PrivateKey.generate() for _ in names]
    for name, key, side in zip(names, private, ("customer", "vendor"), strict=False):
        vkey = VerifierKey(name, key.public_key().public_bytes_raw(), COSIGNATURE)
        witness = Witness.objects.create(side=side, organisation=name, name=name, vkey=str(vkey), enrolled_by="测试")
        given = cosign(head_of(checkpoint), name, key, int(checkpoint.at.timestamp()) + 5)
        at = datetime.fromtimestamp(given.at, UTC)
        Cosignature.objects.create(checkpoint=checkpoint, witness=witness, at=at, line=given.line)
    return private


def test_a_printed_sheet_carries_the_signatures_of_both_witnesses(signed: RecordSheet):
    before = proof.check(proof_on(signed), trusted())
    witnessed(signed, "jz.test/witness", "hc.test/witness")
    sign_checkpoint()

    code = proof_on(signed, turned=2)
    proved = proof.check(code, trusted())

    assert (before.witnesses, before.unknown) == ([], 0)
    assert [name for name, _at in proved.witnesses] == ["jz.test/witness", "hc.test/witness"]
    assert proof.check(code, trusted()[:1]).unknown == 2
    assert "甲方见证 jz.test/witness" in sheet_form(signed)["proof"][2]["value"]


def test_a_witness_signature_under_another_key_of_the_same_id_is_found(signed: RecordSheet):
    witnessed(signed, "jz.test/witness")
    code, keys = code_of(signed), trusted()

    with pytest.raises(proof.Wrong, match="见证 jz.test/witness 的签名"):
        proof.check(recoded(code, lambda body: body[:-1] + bytes([body[-1] ^ 1])), keys)


def test_the_page_proves_for_anybody_and_says_why_not(signed: RecordSheet):
    client = Client()
    code = code_of(signed)

    assert client.get("/proof/").status_code == 200
    good = client.post("/proof/", {"code": code})
    bad = client.post("/proof/", {"code": code[:-9]})
    none = client.post("/proof/", {"code": " "})

    assert (good.status_code, bad.status_code, none.status_code) == (200, 409, 409)
    assert "核验通过" in good.content.decode()
    assert str(signed.number) in good.content.decode()
    assert "待见证" in good.content.decode()
    assert "核验不通过" in bad.content.decode()
    assert "没有凭证文字" in none.content.decode()
    assert client.get("/proof/proof.py").content == Path(str(proof.__file__)).read_bytes()


def test_the_page_reads_a_photo_and_a_scan(signed: RecordSheet, tmp_path: Path):
    pages = pictures(signed, turned=2)
    photo, front = io.BytesIO(), io.BytesIO()
    pages[-1].save(photo, "JPEG", quality=85)
    pages[0].save(front, "PNG")
    client = Client()

    def answer(name: str, data: bytes) -> tuple[int, str]:
        shown = client.post("/proof/", {"code": "", "photo": SimpleUploadedFile(name, data)})
        return shown.status_code, shown.content.decode()

    for name, data in (("photo.jpg", photo.getvalue()), ("scan.pdf", scanned_pdf(signed))):
        status, text = answer(name, data)
        assert (status, "核验通过" in text, str(signed.number) in text) == (200, True, True)
    wrong = {
        "front.png": (front.getvalue(), "照片里没有读到凭证二维码"),
        "words.txt": (b"WEILU1:", "只收 PDF、JPEG 或 PNG 的扫描件"),
        "half.jpg": (photo.getvalue()[:300], "扫描件打不开"),
    }
    for name, (data, said) in wrong.items():
        status, text = answer(name, data)
        assert (status, said in text, "核验通过" in text) == (409, True, False)


def test_one_photo_is_looked_at_at_a_time(signed: RecordSheet):
    with proving.ONE_AT_A_TIME:
        shown = Client().post("/proof/", {"photo": SimpleUploadedFile("scan.pdf", scanned_pdf(signed))})

    assert (shown.status_code, "正在读另一份照片" in shown.content.decode()) == (409, True)


def test_a_log_of_a_million_entries_still_fits_and_is_read(people: Cast, signed: RecordSheet):
    """The longest path and two witnesses: the code grows to version 25, still read at 200 dpi."""
    entry = entry_of(signed)
    assert entry is not None
    body = b"".join([pack(entry.said), number(999_000), number(1_000_000), number(20), bytes(range(32)) * 20, bytes(68),
                     number(2), bytes(76) * 2])  # fmt: skip
    text = proof.HEAD + base45(body) + proof.END
    pdf = pypdfium2.PdfDocument(print_form("record-sheet", sheet_form(signed) | {"proof_qr": proof_qr(text)}))
    pages = [page.render(scale=200 / 72, grayscale=True).to_pil().rotate(2, fillcolor=255) for page in pdf]
    assert text in [one.text for page in pages for one in zxingcpp.read_barcodes(page)]
    assert proof_qr("A" * 2521) == ""


values = st.recursive(
    st.text(max_size=40) | st.integers(0, 2**60) | st.binary(max_size=40).map(bytes.hex) | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(values)
def test_what_is_packed_comes_back(value: object):
    assert proof.Source(pack(value)).value() == value


@given(st.binary(max_size=200))
def test_base45_comes_back(data: bytes):
    assert proof.unbase45(base45(data)) == data


def test_base45_is_that_of_rfc_9285():
    assert [base45(text) for text in (b"AB", b"Hello!!", b"base-45", b"ietf!")] == [
        "BB8", "%69 VD92EX0", "UJCLQE7W581", "QED8WEX0",
    ]  # fmt: skip
    assert tree.EMPTY_ROOT.hex().startswith("e3b0c442")


@given(st.binary(max_size=300))
def test_any_bytes_are_answered_with_a_sentence(data: bytes):
    with pytest.raises(proof.Wrong):
        proof.check(proof.HEAD + base45(data) + proof.END, [])
