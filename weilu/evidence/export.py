"""Evidence of an item, of a register of looks, or of a customer, as a folder to be verified without Weilu.

See `verifier.py`.

The export lists its own records and files in an entry of the log, `evidence.exported`, and carries
that entry: a record or file taken out of the folder, or put into it, no longer agrees with the list.
"""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from weilu.evidence.actions import seal, sequence, stage
from weilu.evidence.asking import ask_due
from weilu.evidence.files import copy_checked, full_disk_refused, sync_folder, write_synced
from weilu.evidence.keeping import PRUNED
from weilu.evidence.keys import public_vkey
from weilu.evidence.looking import KIND as LOOKS
from weilu.evidence.models import Checkpoint, Entry, Witness
from weilu.evidence.queries import prove, tree_size
from weilu.evidence.register import BROKEN, batch_text, gone
from weilu.evidence.witnesses import consistency, newest_cosignature
from weilu.kernel.canonical import canonical
from weilu.kernel.refused import Refused

KIND = "evidence.exported"
FAILED = "evidence.export_failed"


def export_item(item: str, org: str, out: Path, actor: str) -> Path:
    """Write the evidence of a work item to the new folder `out`; the export itself goes on record.

    Raises Refused when there is nothing to export, `out` is taken, or it cannot be written whole.
    """
    if not item:
        raise ValueError("an item's export needs an item")
    return _export(item, org, out, actor)


def export_register(org: str, out: Path, actor: str) -> Path:
    """Write a customer's register of looks, with what the log says of it; otherwise as `export_item`.

    Refused as well when a line was changed or deleted.
    """
    return _export("", org, out, actor, kinds=(LOOKS, PRUNED, BROKEN))


def export_org(org: str, out: Path, actor: str) -> Path:
    """Write everything the customer organisation `org` owns in the log; otherwise as `export_item`."""
    return _export("", org, out, actor)


def _export(item: str, org: str, out: Path, actor: str, kinds: Sequence[str] = ()) -> Path:
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise Refused(_("「%(name)s」已经存在且不是空目录。换一个目录再导出") % {"name": out.name})
    while sequence():
        pass
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    with full_disk_refused(out.name):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        try:
            _fill(part, item, org, actor, kinds)
            if out.exists():
                out.rmdir()
            os.replace(part, out)
            sync_folder(out.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return out


def _fill(part: Path, item: str, org: str, actor: str, kinds: Sequence[str]) -> None:
    """Records and files first, for they need the room; what is signed over them comes last."""
    size = tree_size()
    wanted = Entry.objects.filter(org=org, index__lt=size, **({"item": item} if item else {}))
    entries = list((wanted.filter(kind__in=kinds) if kinds else wanted).order_by("index"))
    if not entries or not org:
        raise Refused(_("这里还没有存证记录，没有可以导出的内容"))
    for folder in ("records", "files", "proofs"):
        (part / folder).mkdir()
    _check_bodies(entries, org)
    for entry in entries:
        if not entry.destroyed:
            _write_record(part, entry)
    listed = {
        "complete_to": size,
        "records": [{"index": entry.index, "sha256": bytes(entry.sha256).hex()} for entry in entries],
        "files": _write_files(part, entries, org),
    }
    own, checkpoint = seal(KIND, listed, actor=actor, org=org, item=item)
    ask_due(now_too=True)  # whoever does not answer in time has signed an earlier checkpoint; the export says how far
    try:
        _write_record(part, own)
        _write_proofs(part, [*entries, own], checkpoint)
    except OSError:
        with transaction.atomic():
            stage(FAILED, {"export": own.index}, actor=actor, org=org, item=item)
        raise


def _check_bodies(entries: Sequence[Entry], org: str) -> None:
    """A record without a body is exported only where the log says that it was destroyed by law."""
    missing = [entry for entry in entries if entry.destroyed]
    said = gone(org) if missing else set()
    for entry in missing:
        if entry.digest not in said:
            words = _("第 %(index)d 条的正文缺失，日志里没有销毁它的记录。从备份核对后再导出")
            raise Refused(words % {"index": entry.index})


def _write_record(part: Path, entry: Entry) -> None:
    write_synced(part / "records" / f"{entry.index}.json", bytes(entry.record))


def _write_files(part: Path, entries: Sequence[Entry], org: str) -> list[str]:
    """Write what the entries name by digest, apart from what the log says is gone; the digests written."""
    named = {file["sha256"]: entry.kind for entry in entries for file in entry.said["files"]}
    digests = sorted(set(named) - gone(org))
    for digest in digests:
        if named[digest] == LOOKS:
            write_synced(part / "files" / digest, batch_text(org, digest))
        else:
            copy_checked(digest, part / "files" / digest)
    return digests


def _write_proofs(part: Path, entries: Sequence[Entry], checkpoint: Checkpoint) -> None:
    for entry in entries:
        path = [node.hex() for node in prove(entry.index, checkpoint.size).path]
        proof = {"index": entry.index, "path": path, "size": checkpoint.size}
        if entry.destroyed:
            proof |= {"leaf": entry.leaf.hex()}
        text = json.dumps(proof, separators=(",", ":"), sort_keys=True)
        write_synced(part / "proofs" / f"{entry.index}.json", text.encode())
    write_synced(part / "log.vkey", f"{public_vkey()}\n".encode())
    write_synced(part / "checkpoint", checkpoint.note.encode())
    if heads := _witnessed(checkpoint):
        write_synced(part / "witnessed.json", canonical({"heads": heads}))
    for folder in (part / "records", part / "files", part / "proofs", part):
        sync_folder(folder)


def _witnessed(checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """The newest checkpoint each witness has signed, with its cosignature, and the way from there to this one."""
    heads: dict[int, dict[str, Any]] = {}
    for witness in Witness.objects.order_by("id"):
        newest = newest_cosignature(witness, within=checkpoint)
        if newest is None:
            continue
        old = newest.checkpoint
        path = [node.hex() for node in consistency(old.size, checkpoint.size)]
        head = heads.setdefault(old.size, {"note": old.note, "path": path})
        head["note"] += f"{newest.line}\n"
    return [heads[size] for size in sorted(heads)]


def zipped_item(item: str, org: str, actor: str, name: str) -> IO[bytes]:
    """The same export as an open zip file whose one folder is called `name`; the caller closes it."""
    return _zipped(lambda out: export_item(item, org, out, actor), name)


def zipped_register(org: str, actor: str, name: str) -> IO[bytes]:
    """`export_register`, zipped as `zipped_item` does."""
    return _zipped(lambda out: export_register(org, out, actor), name)


def _zipped(write: Callable[[Path], Path], name: str) -> IO[bytes]:
    home = Path(settings.CONFIG.data_dir) / "exports"
    with full_disk_refused(name):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=home) as place:
            folder = write(Path(place) / name)
            packed = tempfile.TemporaryFile(dir=home)  # noqa: SIM115  (the caller reads and closes it)
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                for file in sorted(folder.rglob("*")):
                    if file.is_file():
                        archive.write(file, f"{name}/{file.relative_to(folder)}")
    packed.seek(0)
    return packed
