"""A signed sheet is printed, scanned crooked and uploaded: filed; other paper is refused and nothing is filed."""

import hashlib
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import segno
import zxingcpp
from PIL import Image

from tests.story.conftest import ROOT, own_environment, serving
from tests.story.test_browser import WIDTHS, press
from tests.story.test_phone import signed_in
from tests.support.browser import FLAGS, chromium
from weilu.records.proof import HEAD

SHEETS = """
import django; django.setup()
import json
from types import SimpleNamespace
from tests.records.builders import make_item, make_sheet, sign
from weilu.accounts.models import Organisation, Person
from weilu.records.actions import cancel_number
names = {"wang": "wangmin", "chen": "chenhang", "zheng": "zhengjie"}
people = {key: Person.objects.get(username=name) for key, name in names.items()}
cast = SimpleNamespace(jz=Organisation.objects.get(code="JZ"), **people)
item, found = make_item(cast), {}
old = cancel_number(cast.zheng, make_sheet(cast, item), reason="系统名称写错")
for key, sheet in (("own", make_sheet(cast, item)), ("other", make_sheet(cast, make_item(cast, "JZ-BG-2026-0002")))):
    sign(cast.chen, sheet, "vendor")
    sign(cast.wang, sheet, "customer")
    found[key] = sheet
print(json.dumps({key: [str(one.uid), one.number] for key, one in (found | {"old": old}).items()}))
"""


def printed(page: Any, address: str, uid: str) -> list[Image.Image]:
    """The sheet's pages at 200 dpi, once its proof stands on them."""
    end = time.monotonic() + 60
    while True:
        paper = page.request.get(f"{address}/sheets/{uid}.pdf")
        assert paper.status == 200
        pages = [one.render(scale=200 / 72).to_pil() for one in pypdfium2.PdfDocument(paper.body())]
        codes = [code.text for one in pages for code in zxingcpp.read_barcodes(one)]
        if any(code.startswith(HEAD) for code in codes):
            return pages
        assert time.monotonic() < end, codes
        time.sleep(0.5)


def scanned(pages: list[Image.Image]) -> bytes:
    """As a scanner gives them: turned by 2 degrees, in one PDF."""
    out = io.BytesIO()
    turned = [
        one.convert("RGB").rotate(2, Image.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255)) for one in pages
    ]
    turned[0].save(out, "PDF", save_all=True, append_images=turned[1:], resolution=200)
    return out.getvalue()


def pasted(face: Image.Image, code: Image.Image) -> Image.Image:
    """The page with this picture of a code stuck over its own."""
    found = face.copy()
    x, y, wide, high = place_of(face)
    found.paste(code.resize((wide, high)), (x, y))
    return found


def place_of(face: Image.Image) -> tuple[int, int, int, int]:
    """Where the short code stands, with its quiet margin."""
    corners = zxingcpp.read_barcodes(face)[0].position
    xs = [one.x for one in (corners.top_left, corners.top_right, corners.bottom_left, corners.bottom_right)]
    ys = [one.y for one in (corners.top_left, corners.top_right, corners.bottom_left, corners.bottom_right)]
    edge = 12
    return min(xs) - edge, min(ys) - edge, max(xs) - min(xs) + 2 * edge, max(ys) - min(ys) + 2 * edge


def upload(page: Any, address: str, uid: str, data: bytes) -> str:
    """What the page says after the upload."""
    page.goto(f"{address}/sheets/{uid}/")
    page.locator("#scan").set_input_files({"name": "扫描.pdf", "mimeType": "application/pdf", "buffer": data})
    press(page, "归档扫描件")
    return " ".join(page.locator("main").inner_text().split())


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_crooked_scan_is_filed_and_forged_paper_is_not(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    env = own_environment(tmp_path / "var")
    with serving(env, tmp_path) as address, sync_playwright() as tool:
        made = subprocess.run([sys.executable, "-c", SHEETS], env=env, cwd=ROOT, check=False, capture_output=True)
        assert made.returncode == 0, made.stderr.decode()
        sheets = json.loads(made.stdout.decode().splitlines()[-1])
        (own, number), (other, other_number), (old, old_number) = sheets["own"], sheets["other"], sheets["old"]
        browser = tool.chromium.launch(executable_path=str(chromium()), args=FLAGS)
        page = signed_in(browser.new_context(viewport=WIDTHS["desktop"], locale="zh-CN"), address, "wangmin")
        pages, of_other, of_old = (printed(page, address, uid) for uid in (own, other, old))
        data = scanned(pages)

        said = upload(page, address, own, data)
        assert f"扫描件，{len(pages)} 页 王敏" in said
        assert hashlib.sha256(data).hexdigest()[:4] in said
        page.screenshot(path=tmp_path / "filed.png", full_page=True)

        x, y, wide, high = place_of(of_other[0])
        elsewhere = io.BytesIO()
        segno.make("https://other.example/s/" + "a" * 40, micro=False).save(elsewhere, kind="png", scale=8, border=4)
        forged = {
            "other": (of_other, f"这是另一份报告单 {other_number}，到那一份下面上传"),
            "code": ([pasted(pages[0], of_other[0].crop((x, y, x + wide, y + high))), *pages[1:]],
                     f"另一份报告单 {other_number}"),
            "old": (of_old, f"这是旧的一份 {old_number}"),
            "foreign": ([pasted(pages[0], Image.open(elsewhere).convert("RGB")), *pages[1:]], "二维码指向别的系统"),
            "mixed": ([pages[0], *of_other[1:]], "可能换过页"),
        }  # fmt: skip
        for name, (paper, sentence) in forged.items():
            said = upload(page, address, own, scanned(paper))
            page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
            assert sentence in said, (name, said)
            assert "什么都没有改变。" in said
            page.goto(f"{address}/sheets/{own}/")
            assert page.locator("#scans .signed-line").count() == 1, name
        assert number in page.locator("main").inner_text()
        browser.close()
