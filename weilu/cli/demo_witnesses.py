"""The demo's two witnesses: programs of their own beside Weilu, as customer and vendor would each run one elsewhere.

Here both stand on one machine, in one hand, and so prove nothing to outsiders; the page 存证 says so.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from weilu.cli.serve import HOST, start
from weilu.config import Config


@dataclass(frozen=True)
class Side:
    """One party, and the name and port of its witness."""

    side: str
    organisation: str
    name: str
    port: int

    @property
    def place(self) -> str:
        """Where the witness answers, as the list of those that may be asked wants it."""
        return f"{HOST}:{self.port}"


def choose(config: Config) -> list[Side]:
    """Both sides, at ports chosen once; put on the list of those that may be asked, so before settings are read."""
    from demo.target import free_port

    kept = config.data_dir / "demo" / "witnesses.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        first = free_port(8471)
        kept.write_text(json.dumps({"customer": first, "vendor": free_port(first + 1)}))
    ports = json.loads(kept.read_text())
    sides = [
        Side("customer", "江州社保中心", "jiangzhou.example/witness", ports["customer"]),
        Side("vendor", "禾川软件", "hechuan.example/witness", ports["vendor"]),
    ]
    allowed = [os.environ.get("WEILU_WITNESS_HOSTS", ""), *(side.place for side in sides)]
    os.environ["WEILU_WITNESS_HOSTS"] = ",".join(place for place in allowed if place)
    return sides


def run(config: Config, sides: list[Side]) -> list["subprocess.Popen[bytes]"]:
    """Make and enrol the witnesses where there are none yet, and start them; the caller ends them."""
    return [_start(_home(config, side), side) for side in sides]


def _home(config: Config, side: Side) -> Path:
    """The witness's folder, outside Weilu's data and of this log only."""
    from weilu.evidence.keys import log_key
    from weilu.evidence.models import Witness
    from weilu.evidence.witness.store import make, open_home
    from weilu.evidence.witnesses import enrol_witness

    key = log_key()[1]
    data = config.data_dir.absolute()
    folder = data.with_name(f"{data.name}-witnesses") / key.key_id.hex() / side.side
    home = open_home(folder) if folder.exists() else make(folder, side.name, key, side.organisation)
    if not Witness.objects.filter(name=side.name).exists():
        enrol_witness(
            None, side=side.side, organisation=side.organisation, vkey=str(home.vkey),
            fingerprint=home.vkey.fingerprint, url=f"http://{side.place}",
        )  # fmt: skip
    return folder


def _start(folder: Path, side: Side) -> "subprocess.Popen[bytes]":
    command = ["witness", "serve", "--home", str(folder), "--port", str(side.port)]
    return start([sys.executable, "-m", "weilu.cli.main", *command], folder / "witness.log")
