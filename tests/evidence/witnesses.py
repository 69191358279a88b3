"""Witnesses for these tests: real processes with their own folder, where Django cannot be imported."""

import dataclasses
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from weilu.evidence import tree
from weilu.evidence.checkpoint import Head, VerifierKey, sign
from weilu.evidence.cosignature import write_request
from weilu.evidence.models import Witness
from weilu.evidence.tree import Tiles
from weilu.evidence.witness.server import listen
from weilu.evidence.witness.store import Home, make
from weilu.evidence.witnesses import enrol_witness

ORIGIN = "weilu.test/log1"
NAME = "jz.test/witness"
WITHOUT_DJANGO = (
    "import sys; sys.modules['django'] = None; from weilu.cli.main import main; sys.exit(main(sys.argv[1:]))"
)


class SmallLog:
    """A log of numbered leaves that can be told to lie."""

    def __init__(self, origin: str = ORIGIN, words: str = "true") -> None:
        self.private = Ed25519PrivateKey.generate()
        self.vkey = VerifierKey(origin, self.private.public_key().public_bytes_raw())
        self.origin, self.words = origin, words
        self.tiles: Tiles = tree.append(lambda level, index: b"", 0, [self._leaf(place) for place in range(200)])

    def _leaf(self, place: int) -> bytes:
        return tree.leaf_hash(f"{self.words} {place}".encode())

    def read(self, level: int, index: int) -> bytes:
        return self.tiles[level, index]

    def note(self, size: int) -> str:
        return sign(Head(self.origin, size, tree.root(self.read, size)), self.private)

    def request(self, old: int, size: int) -> str:
        path = tree.consistency_proof(self.read, old, size) if 0 < old <= size else []
        return write_request(old, path, self.note(size))


def new_witness(folder: Path, log: VerifierKey, name: str = NAME) -> Home:
    return make(folder, name, log, "测试")


def weilu_witness(*words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """`weilu witness …` in a process that has no Django."""
    command = [sys.executable, "-c", WITHOUT_DJANGO, "witness", *words]
    return subprocess.run(command, capture_output=True, text=True, env=bare_environment() | more)


def bare_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith(("WEILU_", "DJANGO_"))}


@contextmanager
def serving(folder: Path, *more: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A witness process at a free port; its address and the process, ended afterwards."""
    command = [sys.executable, "-c", WITHOUT_DJANGO, "witness", "serve", "--home", str(folder), "--port", "0", *more]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=bare_environment())
    try:
        assert running.stdout is not None
        found = re.search(r"(https?://\S+?)　", running.stdout.readline())
        assert found is not None
        yield found[1], running
    finally:
        running.terminate()
        running.wait(10)
        if running.stdout is not None:
            running.stdout.close()


def ask(address: str, body: str | bytes) -> tuple[int, str]:
    """Status and body of what the witness answers."""
    data = body if isinstance(body, bytes) else body.encode()
    try:
        with urllib.request.urlopen(f"{address}/add-checkpoint", data, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


@contextmanager
def listening(home: Home) -> Iterator[str]:
    """The witness's own server in a thread of this process; its address."""
    server = listen(home, "127.0.0.1", 0, None, None)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def allow(settings: Any, *urls: str) -> None:
    """Put these addresses on the installation's list."""
    hosts = tuple(url.split("//")[1] for url in urls)
    settings.CONFIG = dataclasses.replace(settings.CONFIG, witness_hosts=hosts)


def enrol(home: Home, url: str = "", side: str = "customer") -> Witness:
    return enrol_witness(
        None, side=side, organisation="江州社保中心", vkey=str(home.vkey), fingerprint=home.vkey.fingerprint, url=url
    )
