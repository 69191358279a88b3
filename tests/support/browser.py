"""Finding a Chromium for the tests that drive one."""

import os
import shutil
from pathlib import Path

import pytest

HELP = "apt-get install -y chromium（以 root），或设 WEILU_TEST_CHROMIUM 指向一个 Chromium"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
]  # fmt: skip


def chromium() -> Path:
    """The program to drive; skips the test with the remedy where there is none."""
    named = os.environ.get("WEILU_TEST_CHROMIUM")
    for name in (named, "chromium", "chromium-browser", "google-chrome"):
        found = shutil.which(name) if name else None
        if found:
            return Path(found)
    pytest.skip(f"没有 Chromium；{HELP}")
