"""Entries and exports for these tests."""

import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.db import transaction

from weilu.evidence.actions import sequence, stage
from weilu.evidence.export import export_item
from weilu.evidence.files import FileRef, keep
from weilu.evidence.keys import public_vkey

ITEM = "01935e1a-0000-7000-8000-000000000001"


def stage_some(
    count: int, *, org: str = "JZ", item: str = "", urgent: bool = False, file: FileRef | None = None
) -> None:
    """Stage `count` entries in one transaction."""
    with transaction.atomic():
        for number in range(count):
            files = [file] if file else []
            stage("test.done", {"n": number}, actor="王敏", org=org, item=item, urgent=urgent, files=files)


def make_export(out: Path) -> Path:
    """An export of three records and one file, among entries of others."""
    stage_some(5)
    stage_some(2, item=ITEM)
    stage_some(3)
    stage_some(1, item=ITEM, file=keep(b"%PDF signed sheet", "sheet.pdf"))
    sequence()
    return export_item(ITEM, "JZ", out, "吴静")


def trust_file(folder: Path) -> Path:
    """The log's key, handed over by another way than the export."""
    place = folder / "keys.txt"
    place.write_text(f"# 维录\n{public_vkey()}\n")
    return place


def other_process(code: str, **env: str) -> "subprocess.Popen[str]":
    """Another Python with Django set up on the same database and data folder."""
    start = f"import django; django.setup()\n{code}"
    given = {**os.environ, **env}
    given["WEILU_DATA_DIR"] = str(settings.CONFIG.data_dir)
    given["DJANGO_SETTINGS_MODULE"] = "weilu.settings"
    return subprocess.Popen([sys.executable, "-c", start], env=given, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
