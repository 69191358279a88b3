"""A bundle kept as a file: what a plan names by digest, and what a worker lays out again for an attempt."""

from pathlib import Path

from weilu.evidence import files
from weilu.evidence.files import FileRef
from weilu.execution.bundles.archive import unpack
from weilu.execution.bundles.content import check_content


def keep_bundle(data: bytes, name: str, playbook: str, hosts: frozenset[str] | None = None) -> FileRef:
    """Check an upload and keep it, inside the caller's action; raises Refused, and keeps nothing then."""
    check_content(unpack(data), playbook, hosts)
    return files.keep(data, name)


def lay_out(sha256: str, folder: Path, playbook: str, hosts: frozenset[str]) -> None:
    """Unpack a kept bundle into `folder`, made here and readable by the worker only; checked again before."""
    found = unpack(files.read(sha256))
    check_content(found, playbook, hosts)
    folder.mkdir(mode=0o700)
    for name, content in found.items():
        place = folder / name
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(0o600)
