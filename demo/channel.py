"""The demo's official source: a folder with the wheels, their digests and a detached signature.

`python -m demo.channel DIR` builds `DIR/channel/` and `DIR/keyring.gpg`. The signing key lives
only while this runs: whoever builds a channel anew has a new key, and the keyring beside it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pysequoia

SOURCES = Path(__file__).parent / "jzdesk"
VERSIONS = ("1.0.0", "1.1.0", "1.2.0")
SIGNER = "江州软件发布 <release@jzdesk.example>"
EPOCH = "1767225600"  # 2026-01-01: the time stamp in every wheel, so that the same source is the same wheel

CRITERIA: dict[str, list[dict[str, object]]] = {
    "1.1.0": [
        {
            "title": "健康检查报告 1.1.0",
            "path": "/healthz",
            "expect": {"status": "ok", "version": "1.1.0", "schema": 2},
        },
        {"title": "原有预约仍在", "path": "/api/appointments", "expect": "孙桂兰"},
        {"title": "按事项汇总可用", "path": "/api/summary", "expect": '"feature": "summary"'},
    ],
    "1.2.0": [
        {"title": "健康检查报告 1.2.0", "path": "/healthz", "expect": '"version": "1.2.0"'},
        {"title": "原有预约仍在", "path": "/api/appointments", "expect": "孙桂兰"},
        {"title": "凭证链接能打开", "path": "/api/vouchers/check", "expect": {"voucher": "ok"}},
    ],
}


@dataclass(frozen=True)
class Channel:
    """A built channel: its folder, and the keyring with which gpgv checks it."""

    folder: Path
    keyring: Path


def build_wheel(version: str, into: Path) -> Path:
    """The wheel of `version`, byte for byte the same each time."""
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "src"
        shutil.copytree(SOURCES / "base", tree, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(SOURCES / version, tree, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        for path in sorted(tree.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        build = "import sys; from flit_core.buildapi import build_wheel; print(build_wheel(sys.argv[1]))"
        done = subprocess.run(
            [sys.executable, "-c", build, str(into)],
            cwd=tree, env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return into / done.stdout.strip().splitlines()[-1]


def sums_of(folder: Path) -> str:
    """`SHA256SUMS` of the wheels in `folder`, in the format of sha256sum."""
    wheels = sorted(folder.glob("*.whl"))
    return "".join(f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n" for wheel in wheels)


def sign_sums(folder: Path, keyring: Path) -> None:
    """Write `SHA256SUMS`, sign it with a new key, and put that key's public half into `keyring`."""
    key = pysequoia.Tsk.generate(SIGNER, profile=pysequoia.Profile.RFC4880)
    sums = sums_of(folder).encode()
    (folder / "SHA256SUMS").write_bytes(sums)
    signature = pysequoia.sign(key.signer(), sums, mode=pysequoia.SignatureMode.DETACHED, armor=False)
    (folder / "SHA256SUMS.sig").write_bytes(signature)
    keyring.write_bytes(bytes(key.extract_certificate()))


def build_channel(place: Path, versions: tuple[str, ...] = VERSIONS) -> Channel:
    """Build `place/channel/` and `place/keyring.gpg`; one that stands there already is kept."""
    channel = Channel(place / "channel", place / "keyring.gpg")
    if channel.folder.exists() and channel.keyring.exists():
        return channel
    with tempfile.TemporaryDirectory(dir=_made(place)) as scratch:
        folder = Path(scratch) / "channel"
        folder.mkdir()
        for version in versions:
            build_wheel(version, folder)
        sign_sums(folder, channel.keyring)
        shutil.rmtree(channel.folder, ignore_errors=True)
        folder.chmod(0o755)
        folder.rename(channel.folder)
    return channel


def _made(place: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place


if __name__ == "__main__":
    built = build_channel(Path(sys.argv[1]))
    print(f"{built.folder}\n{built.keyring}")
