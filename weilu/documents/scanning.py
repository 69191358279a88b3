"""Scans and photos of paper: which codes stand on them, found out in a limited process."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel.refused import Refused

PROGRAM = Path(__file__).with_name("scanner.py")
LARGEST = 20_000_000  # bytes of one upload
MEGABYTES = 1000  # of address space
SECONDS = 20
PATIENCE = 5.0  # seconds to wait for another scan that is being read
ROOM = BoundedSemaphore(2)  # for what a process reads at once: it is large; of those, anybody's photo takes one at most
TYPES = {"pdf": ("application/pdf", "pdf"), "JPEG": ("image/jpeg", "jpg"), "PNG": ("image/png", "png")}


@dataclass(frozen=True)
class Scanned:
    """What a scan is and which texts its QR codes hold."""

    kind: str  # a key of TYPES
    pages: int
    codes: tuple[str, ...]


def scan(data: bytes) -> Scanned:
    """Read a PDF, JPEG or PNG; Refused for anything else, too large, too long, broken, and while others are read."""
    if not data:
        raise Refused(_("没有选文件"), field="scan")
    if len(data) > LARGEST:
        raise Refused(_("文件超过 20 MB。用 200 dpi 灰度重新扫描"), field="scan")
    if not ROOM.acquire(timeout=PATIENCE):
        raise Refused(_("正在读别人的扫描件，没有归档。过一会儿再传"), field="scan")
    try:
        answer = _read(data)
    finally:
        ROOM.release()
    if "unfit" in answer:
        raise Refused(_sentence(answer["unfit"]), field="scan")
    return Scanned(answer["kind"], answer["pages"], tuple(answer["codes"]))


def _read(data: bytes) -> dict[str, Any]:
    """What the reader says; a reader that died, as by its limits, says that the file is broken."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(PROGRAM), str(MEGABYTES), str(SECONDS)],
            input=data, capture_output=True, timeout=SECONDS + 5, env={"LC_ALL": "C.UTF-8"}, check=False,
        )  # fmt: skip
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {"unfit": "broken"}
    except (subprocess.TimeoutExpired, ValueError):
        return {"unfit": "broken"}


def _sentence(unfit: str) -> str:
    return {
        "format": _("只收 PDF、JPEG 或 PNG 的扫描件"),
        "pixels": _("图像超过 4 千万像素。用 200 至 600 dpi 重新扫描"),
        "pages": _("扫描件最多 10 页"),
    }.get(unfit) or _("扫描件打不开，或解开后太大。重新扫描")
