"""A bundle kept as a file: what a plan names by digest, and what a worker lays out again for an attempt."""

from pathlib import Path

from weilu.evidence import files
from weilu.execution.bundles.archive import Files, unpack
from weilu.execution.bundles.content import check_content


def check_kept(sha256: str, playbook: str, hosts: frozenset[str]) -> Files:
    """What a kept file holds as a bundle for the plan's hosts, by name; raises Refused where it is none."""
    found = unpack(files.read(sha256))
    check_content(found, playbook, hosts)
    return found


def lay_out(sha256: str, folder: Path, playbook: str, hosts: frozenset[str]) -> None:
    """Unpack a kept bundle into `folder`, made here and readable by the worker only; checked again before."""
    found = check_kept(sha256, playbook, hosts)
    folder.mkdir(mode=0o700)
    for name, content in found.items():
        place = folder / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o600)
