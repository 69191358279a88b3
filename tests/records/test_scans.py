"""Signed paper comes back as a scan: filed to its own sheet, and nothing filed when it is something else's."""

import base64
import io
import random
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
import segno
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, ImageDraw

from tests.cast import cast_again
from tests.records.builders import everything, make_item, make_sheet, sign
from tests.records.printing import covered, pictures
from weilu.accounts.models import Organisation
from weilu.demo import Cast
from weilu.documents.printing import print_form
from weilu.documents.qr import proof_qr, qr_svg
from weilu.evidence.files import read
from weilu.evidence.models import Staged
from weilu.kernel.canonical import sha256_hex
from weilu.kernel.refused import Refused
from weilu.records.actions import cancel_number
from weilu.records.models import RecordSheet, SheetScan
from weilu.records.paper import sheet_form
from weilu.records.queries import paper_of
from weilu.records.scans import file_scan

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> Cast:
    return cast_again()


@pytest.fixture
def signed(people: Cast) -> RecordSheet:
    return signed_sheet(people)


def signed_sheet(people: Cast, number: str = "JZ-BG-2026-0001") -> RecordSheet:
    sheet = make_sheet(people, make_item(people, number))
    sign(people.chen, sheet, "vendor")
    sign(people.wang, sheet, "customer")
    return covered(sheet)


def scanned(pages: list[Image.Image], kind: str = "PDF") -> bytes:
    """The pages as a scanner gives them: crooked, noisy, with a red stamp across the signatures."""
    chance, out = random.Random(7), io.BytesIO()
    worn = []
    for page in pages:
        page = page.convert("RGB").rotate(1.4, Image.Resampling.BICUBIC, fillcolor=(250, 250, 247))
        pen = ImageDraw.Draw(page)
        for _ in range(4000):
            at = (chance.randrange(page.width), chance.randrange(page.height))
            pen.point(at, fill=(chance.randrange(256),) * 3)
        middle = (page.width // 2, page.height * 3 // 4)
        pen.ellipse(
            (middle[0] - 160, middle[1] - 160, middle[0] + 160, middle[1] + 160), outline=(200, 30, 30), width=9
        )
        worn.append(page)
    if kind == "PDF":
        worn[0].save(out, "PDF", save_all=True, append_images=worn[1:], resolution=200)
    else:
        worn[0].save(out, kind)
    return out.getvalue()


def page_with(*codes: str) -> bytes:
    """A white page with these codes on it."""
    page, out = Image.new("L", (1200, 1600), 255), io.BytesIO()
    for place, code in enumerate(codes):
        one = io.BytesIO()
        segno.make(code, micro=False).save(one, kind="png", scale=6, border=4)
        page.paste(Image.open(one), (40, 40 + 700 * place))
    page.save(out, "PNG")
    return out.getvalue()


def rows() -> dict[str, list[Any]]:
    return everything() | {"scans": list(SheetScan.objects.values())}


def refused(by: Any, sheet: RecordSheet, data: bytes) -> str:
    """Why it is refused; nothing has changed then."""
    before = rows()
    with pytest.raises(Refused) as caught:
        file_scan(by, sheet, data=data)
    assert rows() == before
    return str(caught.value.reason)


@pytest.mark.parametrize("kind", ["PDF", "JPEG", "PNG"])
def test_a_crooked_stamped_scan_is_filed_by_its_digest(people: Cast, signed: RecordSheet, kind: str):
    data = scanned(pictures(signed), kind)

    made = file_scan(people.wang, signed, data=data)

    assert made.sha256 == sha256_hex(data)
    assert read(made.sha256) == data
    assert made.pages == (len(pictures(signed)) if kind == "PDF" else 1)
    staged = Staged.objects.get(ref=made.evidence)
    assert staged.said["data"] == {
        "number": signed.number, "sha256": signed.digest, "pages": made.pages, "proof_read": kind == "PDF",
    }  # fmt: skip
    assert staged.said["files"][0]["sha256"] == made.sha256
    assert "已经归档" in refused(people.wang, signed, data)


def test_paper_of_another_sheet_is_told_apart(people: Cast, signed: RecordSheet):
    other = signed_sheet(people, "JZ-BG-2026-0002")
    said = refused(people.wang, signed, paper_of(other))
    assert said == f"这是另一份报告单 {other.number}，到那一份下面上传"


def test_paper_of_a_cancelled_sheet_is_old(people: Cast):
    item = make_item(people)
    old = cancel_number(people.zheng, make_sheet(people, item), reason="写错")
    now = make_sheet(people, item)

    assert refused(people.wang, now, paper_of(old)).startswith(f"这是旧的一份 {old.number}")
    assert "已拒签或作废" in refused(people.wang, RecordSheet.objects.get(id=old.id), paper_of(old))


def test_paper_of_another_organisation_is_foreign_and_unnamed(people: Cast, signed: RecordSheet):
    other = signed_sheet(people, "JZ-BG-2026-0002")
    paper = paper_of(other)
    elsewhere = Organisation.objects.create(code="QT", name="其他单位", kind="customer")
    RecordSheet.objects.filter(id=other.id).update(owner=elsewhere)

    assert refused(people.wang, signed, paper) == "这是另一个单位的报告单"


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ((), "没有读到首页右上角的二维码"),
        (("https://other.example/s/" + "a" * 40,), "二维码指向别的系统"),
        (("SITE/s/" + "a" * 40,), "可能是伪造的"),
        (("SITE/s/\0' OR 1=1 --",), "可能是伪造的"),
        (("SITE/s/TOKEN", "SITE/s/" + "b" * 40), ""),
    ],
)
def test_paper_without_our_code_is_not_filed(people: Cast, signed: RecordSheet, codes: tuple[str, ...], said: str):
    given = [code.replace("SITE", settings.CONFIG.site).replace("TOKEN", signed.token) for code in codes]
    if said:
        assert said in refused(people.wang, signed, page_with(*given))
    else:
        assert file_scan(people.wang, signed, data=page_with(*given)).pages == 1


def test_a_page_put_in_from_another_sheet_is_found_by_its_proof(people: Cast, signed: RecordSheet):
    other = signed_sheet(people, "JZ-BG-2026-0002")
    mixed = sheet_form(signed) | {"proof_qr": sheet_form(other)["proof_qr"]}

    assert "可能换过页" in refused(people.wang, signed, print_form("record-sheet", mixed))


def test_a_forged_proof_is_found(people: Cast, signed: RecordSheet):
    forged = sheet_form(signed) | {"proof_qr": proof_qr("WEILU1:" + "A" * 900 + ".")}

    assert refused(people.wang, signed, print_form("record-sheet", forged)).startswith("纸面凭证核验不通过")


def test_the_short_code_of_another_sheet_on_a_forged_face_is_found(people: Cast, signed: RecordSheet):
    other = signed_sheet(people, "JZ-BG-2026-0002")
    face = sheet_form(signed) | {"qr": qr_svg(f"{settings.CONFIG.site}/s/{other.token}")}
    assert "另一份报告单" in refused(people.wang, signed, print_form("record-sheet", face))


@pytest.mark.parametrize("who", ["qian", "sun", "zheng"])
def test_only_signers_and_engineers_file(people: Cast, signed: RecordSheet, who: str):
    assert "签字人或乙方工程师" in refused(getattr(people, who), signed, paper_of(signed))


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that unfolds to `side` squared pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "没有选文件"),
        (b"GIF89a" + bytes(50), "只收 PDF、JPEG 或 PNG"),
        (b"%PDF-1.7\n" + bytes(500), "打不开"),
        (b"\xff\xd8\xff" + bytes(500), "打不开"),
        (bomb(30_000), "4 千万像素"),
        (bomb(6_000), "打不开"),
        (bytes(20_000_001), "超过 20 MB"),
    ],
    ids=["none", "gif", "broken pdf", "broken jpeg", "bomb", "cut short", "too large"],
)
def test_what_cannot_be_read_is_refused(people: Cast, signed: RecordSheet, data: bytes, said: str):
    assert said in refused(people.wang, signed, data)


def test_a_page_of_a_square_kilometre_and_eleven_pages_are_refused(people: Cast, signed: RecordSheet):
    import pypdfium2

    def blank(width: float, pages: int) -> bytes:
        document, out = pypdfium2.PdfDocument.new(), io.BytesIO()
        for _ in range(pages):
            document.new_page(width, width)
        document.save(out)
        return out.getvalue()

    assert "4 千万像素" in refused(people.wang, signed, blank(14_000, 1))
    assert "最多 10 页" in refused(people.wang, signed, blank(500, 11))


def test_the_page_and_the_api_file_it_and_give_it_back(people: Cast, signed: RecordSheet):
    client = Client()
    client.force_login(people.wang)
    data, other = scanned(pictures(signed)), paper_of(signed)
    upload = SimpleUploadedFile("x.exe", data)

    assert client.post(f"/sheets/{signed.uid}/scans", {"scan": upload}).status_code == 302
    wrong = client.post(f"/sheets/{signed.uid}/scans", {"scan": SimpleUploadedFile("x.pdf", page_with())})
    assert (wrong.status_code, "没有读到首页右上角的二维码" in wrong.content.decode()) == (409, True)
    body = {"sheet": str(signed.uid), "data": base64.b64encode(other).decode()}
    assert client.post("/api/v1/records/file_scan", body, content_type="application/json").status_code == 200

    first = signed.scans.order_by("id")[0]
    given = client.get(f"/sheets/{signed.uid}/scans/{first.uid}")
    assert (given.content, given["Content-Type"], given["X-Content-Type-Options"]) == (
        data, "application/pdf", "nosniff",
    )  # fmt: skip
    assert given["Content-Disposition"].startswith("attachment")
    client.force_login(people.sun)
    assert client.get(f"/sheets/{signed.uid}/scans/{first.uid}").status_code == 404


LIMITED = """
import sys
sys.path.insert(0, {folder!r})
import os, socket, scanner
scanner.limit(1000, 20)
def tried(act):
    try:
        act()
    except (OSError, MemoryError) as problem:
        return type(problem).__name__
    return "done"
print([tried(lambda: open("/etc/passwd")), tried(lambda: open("/tmp/x", "w")), tried(socket.socket),
       tried(os.pipe), tried(lambda: bytes(1200 << 20)), sorted(os.environ)])
"""


@pytest.mark.once
def test_whoever_takes_the_reader_over_finds_no_file_no_network_and_no_secret():
    from weilu.documents.scanning import PROGRAM

    code = LIMITED.format(folder=str(PROGRAM.parent))
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, env={"LC_ALL": "C.UTF-8"}, text=True)
    assert done.stdout == "['OSError', 'OSError', 'OSError', 'OSError', 'MemoryError', ['LC_ALL']]\n", done.stderr


@pytest.mark.once
def test_a_picture_as_phones_make_them_is_read_all_the_same():
    """Two pictures in one JPEG: its reader is a module that could not be imported any more."""
    from weilu.documents.scanning import scan

    one, out = Image.open(io.BytesIO(page_with("WEILU"))).convert("L"), io.BytesIO()
    one.save(out, "MPO", save_all=True, append_images=[one.resize((60, 80))])
    assert (scan(out.getvalue()).kind, scan(out.getvalue()).codes) == ("JPEG", ("WEILU",))


def test_few_scans_are_read_at_a_time(people: Cast, signed: RecordSheet, monkeypatch: pytest.MonkeyPatch):
    """Each may take a gigabyte and twenty seconds: several at once would take the site."""
    from weilu.documents import scanning

    monkeypatch.setattr(scanning, "PATIENCE", 0.1)
    paper = paper_of(signed)
    with scanning.ROOM, scanning.ROOM:
        assert refused(people.wang, signed, paper) == "正在读别人的扫描件，没有归档。过一会儿再传"
    assert file_scan(people.wang, signed, data=paper).pages == len(pictures(signed))
