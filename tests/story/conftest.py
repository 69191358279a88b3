"""An installation of its own, served as a newcomer would have it: web and worker, with the demo set up."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SET_UP = (
    "import django; django.setup(); from weilu.cli.setup import set_up; set_up(); "
    "from weilu.demo import set_stage; set_stage(print)"
)


def own_environment(place: Path) -> dict[str, str]:
    """The environment of a machine that knows nothing of these tests."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("WEILU_", "DJANGO_"))}
    return env | {"WEILU_DATA_DIR": str(place), "PORT": str(free_port()), "DJANGO_SETTINGS_MODULE": "weilu.settings"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a running Weilu with the cast and 1.0.0 of the application; ends with the test."""
    env = own_environment(tmp_path / "var")
    with serving(env, tmp_path) as address:
        yield address


@contextmanager
def serving(env: dict[str, str], place: Path) -> Iterator[str]:
    """A Weilu of its own with these settings, set up for the demo and served; ends with the block."""
    subprocess.run([sys.executable, "-c", SET_UP], env=env, cwd=ROOT, check=True, timeout=120)
    command = [sys.executable, "-m", "weilu.cli.main", "serve"]
    log = (place / "serve.log").open("wb")
    server = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{env['PORT']}"
    try:
        _wait_for(address)
        yield address
    finally:
        server.terminate()
        server.wait(30)
        log.close()
        ctl = Path(env["WEILU_DATA_DIR"]) / "demo" / "app-01" / "bin" / "ctl"
        subprocess.run([sys.executable, str(ctl), "stop"], check=False, capture_output=True, timeout=30)


def _wait_for(address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the site did not come up")
