"""The scan reader: a child process that reads a scan on its standard input and says which codes stand on it.

Knows nothing of Weilu. What it opens is hostile: before it looks it limits its own memory and time, and gives up
opening files or sockets and starting processes, so that whoever takes it over holds nothing but what they sent.
"""

import io
import json
import resource
import sys
import warnings
from collections.abc import Iterator

import pypdfium2
import zxingcpp
from PIL import (
    Image,
    MpoImagePlugin,  # noqa: F401  (what phones make of a JPEG; nothing can be imported later)
)

PIXELS = 40_000_000  # A4 at 600 dpi is 35 million
PAGES = 10
SHORT_SIDE = 30  # points; nothing smaller is a page
FORMATS = {b"%PDF-": "pdf", b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}


class Unfit(Exception):
    """Why it is not read: format, pixels, pages, broken."""


def main() -> None:
    limit(int(sys.argv[1]), int(sys.argv[2]))
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # we look at the size ourselves, before anything is unfolded
    try:
        answer = read(sys.stdin.buffer.read())
    except Unfit as unfit:
        answer = {"unfit": str(unfit)}
    sys.stdout.write(json.dumps(answer))


def limit(megabytes: int, seconds: int) -> None:
    """From here on nothing new is opened or begun."""
    Image.preinit()
    for kind, most in (
        (resource.RLIMIT_AS, megabytes << 20),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 3),  # standard input, output and errors are open already
    ):
        resource.setrlimit(kind, (most, most))


def read(data: bytes) -> dict[str, object]:
    """Format, number of pages, and the texts of all QR codes in order."""
    kind = next((name for head, name in FORMATS.items() if data.startswith(head)), "")
    if not kind:
        raise Unfit("format")
    codes: list[str] = []
    count = 0
    try:
        for page in _pages(data) if kind == "pdf" else _picture(data, kind):
            count += 1
            found = zxingcpp.read_barcodes(page, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
            codes += [one.text for one in found]
    except (OSError, SyntaxError, ValueError, pypdfium2.PdfiumError, MemoryError) as problem:
        raise Unfit("broken") from problem
    return {"kind": kind, "pages": count, "codes": codes[:50]}


def _picture(data: bytes, kind: str) -> Iterator[Image.Image]:
    with Image.open(io.BytesIO(data), formats=[kind]) as picture:
        _check(picture.width, picture.height)
        yield picture.convert("L")


def _pages(data: bytes) -> Iterator[Image.Image]:
    document = pypdfium2.PdfDocument(data)
    if not 1 <= len(document) <= PAGES:
        raise Unfit("pages")
    for page in document:
        width, height = page.get_size()
        if min(width, height) < SHORT_SIDE:
            raise Unfit("broken")
        scale = 220 / 72
        _check(width * scale, height * scale)
        yield page.render(scale=scale, grayscale=True).to_pil()


def _check(width: float, height: float) -> None:
    if width * height > PIXELS:
        raise Unfit("pixels")


if __name__ == "__main__":
    main()
