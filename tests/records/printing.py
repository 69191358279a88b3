"""A printed sheet as a scanner sees it."""

import io
from typing import Any

import pypdfium2
import zxingcpp
from PIL import Image

from weilu.evidence.actions import sequence, sign_checkpoint
from weilu.records.models import RecordSheet
from weilu.records.proof import HEAD
from weilu.records.queries import paper_of


def covered(sheet: RecordSheet) -> RecordSheet:
    """The sheet once its entries have their places under a signed checkpoint."""
    while sequence():
        pass
    sign_checkpoint()
    return RecordSheet.objects.get(id=sheet.id)


def pictures(sheet: RecordSheet, dpi: int = 200, turned: float = 0) -> list[Image.Image]:
    """Every page in grey at this resolution, turned by so many degrees."""
    pages = [page.render(scale=dpi / 72, grayscale=True).to_pil() for page in pypdfium2.PdfDocument(paper_of(sheet))]
    return [page.rotate(turned, Image.Resampling.BICUBIC, expand=True, fillcolor=255) for page in pages]


def proof_on(sheet: RecordSheet, **how: Any) -> str:
    """The text of the proof QR, read from the printed page; "" where there is none."""
    found = [code.text for page in pictures(sheet, **how) for code in zxingcpp.read_barcodes(page)]
    return next((text for text in found if text.startswith(HEAD)), "")


def scanned_pdf(sheet: RecordSheet, turned: float = 2) -> bytes:
    """The printed pages as a scanner would give them: one PDF of pictures, a little turned."""
    pages, out = pictures(sheet, turned=turned), io.BytesIO()
    pages[0].save(out, "PDF", resolution=200, save_all=True, append_images=pages[1:])
    return out.getvalue()
