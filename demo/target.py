"""Lays out the demo's target: one installation of jzdesk 1.0.0, running.

`python -m demo.target ROOT CHANNEL PORT` makes
    releases/1.0.0-<digest12>/   lib/ and release.json
    current                      link to the release in use
    shared/                      database, config.json, secret; READONLY while writes are held
    bin/ctl                      start, stop, status
"""

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


class PortTaken(Exception):
    """The port is used by another program; the message is the sentence to show."""


def free_port(wished: int = 0) -> int:
    """`wished` if it can be bound, otherwise one that can."""
    for port in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise PortTaken("没有可用的端口")


def install_release(root: Path, wheel: Path) -> Path:
    """Install `wheel` into a release folder of its own, checked by its digest, without a network."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    version = wheel.name.split("-")[1]
    release = root / "releases" / f"{version}-{digest[:12]}"
    demand = root / "releases" / ".demand"
    demand.write_text(f"jzdesk=={version} --hash=sha256:{digest}\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--no-index", "--no-deps", "--no-compile",
         "--require-hashes", "--find-links", str(wheel.parent), "--target", str(release / "lib"), "-r", str(demand)],
        check=True, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    demand.unlink()
    (release / "release.json").write_text(
        json.dumps({"name": "jzdesk", "version": version, "sha256": digest}, sort_keys=True)
    )
    return release


def lay_out(root: Path, channel: Path, port: int, secret: str = "") -> str:
    """Make the installation with 1.0.0 and its database; returns where it will answer. Kept if it stands there."""
    url = f"http://127.0.0.1:{port}"
    if (root / "current").exists():
        config = json.loads((root / "shared" / "config.json").read_text("utf-8"))
        return f"http://127.0.0.1:{config['port']}"
    for folder in ("releases", "shared", "bin", "run"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    release = install_release(root, next(channel.glob("jzdesk-1.0.0-*.whl")))
    # The address ends in a slash, as people write it; what that does to 1.2.0 stands in its release.py.
    config = {"port": port, "public_url": f"{url}/", "python": sys.executable}
    (root / "shared" / "config.json").write_text(json.dumps(config, sort_keys=True))
    (root / "shared" / "secret").write_text(secret or secrets.token_urlsafe(24))
    (root / "shared" / "secret").chmod(0o600)
    shutil.copyfile(HERE / "ctl.py", root / "bin" / "ctl")
    (root / "bin" / "ctl").chmod(0o755)
    subprocess.run(
        [sys.executable, "-m", "jzdesk", "migrate", "--shared", str(root / "shared")],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(release / "lib"), "PYTHONDONTWRITEBYTECODE": "1"},
        check=True, capture_output=True,
    )  # fmt: skip
    scratch = root / ".current"
    scratch.symlink_to(Path("releases") / release.name)
    os.replace(scratch, root / "current")
    return url


def ctl(root: Path, act: str) -> str:
    """Run bin/ctl; raises PortTaken with its sentence, or RuntimeError."""
    done = subprocess.run([sys.executable, str(root / "bin" / "ctl"), act], capture_output=True, text=True)
    if done.returncode == 98:
        raise PortTaken(done.stdout.strip())
    if done.returncode != 0 and act != "status":
        raise RuntimeError(done.stdout.strip() or done.stderr.strip())
    return done.stdout.strip()


if __name__ == "__main__":
    place, source, wanted = Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute(), int(sys.argv[3])
    print(lay_out(place, source, wanted))
    print(ctl(place, "start"))
