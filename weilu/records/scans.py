"""Signed paper that comes back: scanned, told apart by its codes, filed to the sheet it is of."""

import re
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.documents.scanning import TYPES, Scanned, scan
from weilu.evidence.actions import stage
from weilu.evidence.files import keep
from weilu.kernel.actions import ACTIONS
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused
from weilu.process.actions import note
from weilu.records import rules
from weilu.records.actions import facts_of, locked, signer
from weilu.records.models import RecordSheet, SheetScan
from weilu.records.proof import HEAD, Wrong, check
from weilu.records.proving import trusted

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,60}")


def check_code(code: str, number: str, digest: str) -> None:
    """PROVABLE: where the proof on the paper was read, it holds and is this sheet's."""
    try:
        data = check(code, trusted()).record["data"]
    except Wrong as wrong:
        raise Refused(_("纸面凭证核验不通过：%(why)s") % {"why": wrong}, rules.PROVABLE, field="scan") from None
    if (data["number"], data["sha256"]) != (number, digest):
        words = _("纸面凭证是另一份报告单 %(number)s 的，与首页不符：可能换过页")
        raise Refused(words % {"number": data["number"]}, rules.PROVABLE, field="scan")


def file_scan(by: Person, sheet: RecordSheet, *, data: bytes) -> SheetScan:
    """File the scan of the signed paper of `sheet`; Refused, with nothing filed, when it is not of this sheet.

    Not one transaction with the reading: no lock is held while a hostile file is looked at.
    """
    rules.check_may_file(facts_of(sheet), signer(by, sheet.owner_id), 0)
    read = scan(data)
    with transaction.atomic():
        sheet = locked(sheet)
        rules.check_may_file(facts_of(sheet), signer(by, sheet.owner_id), sheet.scans.count())
        _check_paper(by, sheet, read)
        kept = keep(data, f"{sheet.number}-scan.{TYPES[read.kind][1]}")
        if sheet.scans.filter(sha256=kept.sha256).exists():
            raise Refused(_("这份扫描件已经归档"), field="scan")
        facts = {"number": sheet.number, "sha256": sheet.digest, "pages": read.pages, "proof_read": _has_proof(read)}
        ref = stage(
            "records.scan_filed", facts, actor=by.actor, org=sheet.owner.code, item=str(sheet.item.uid), files=[kept]
        )
        made: SheetScan = SheetScan.objects.create(
            sheet=sheet, sha256=kept.sha256, kind=read.kind, pages=read.pages, size=kept.size, by=by, evidence=ref
        )
        words = _("报告单 %(number)s 的签字扫描件已归档") % {"number": sheet.number}
        note(sheet.item, "file", words, actor=by, link=f"/sheets/{sheet.uid}/", evidence=ref)
        announce("records.scan_filed", sheet=sheet)
        return made


# Registered by hand: it is two steps, since the file is read before anything is locked.
ACTIONS["records.file_scan"] = file_scan


def _check_paper(by: Person, sheet: RecordSheet, read: Scanned) -> None:
    start = f"{settings.CONFIG.site}/s/"
    short = [code for code in read.codes if not code.startswith(HEAD)]
    ours = [code.removeprefix(start) for code in short if code.startswith(start)]
    tokens = [token for token in ours if TOKEN.fullmatch(token)]  # what else stands there is no text for a database
    rows = list(RecordSheet.objects.filter(token__in=tokens, frozen_at__isnull=False))
    named = next((row for row in rows if row.id != sheet.id), rows[0] if rows else None)
    found = named and rules.Found(
        named.id, named.number or "", named.state,
        RecordSheet.objects.visible_to(by).filter(id=named.id).exists(), named.item_id == sheet.item_id,
    )  # fmt: skip
    rules.check_is_of(sheet.id, bool(ours), bool(short), found)
    for code in _proofs(read.codes):
        check_code(code, sheet.number or "", sheet.digest)


def _proofs(codes: Sequence[str]) -> list[str]:
    return [code for code in codes if code.startswith(HEAD)]


def _has_proof(read: Scanned) -> bool:
    return bool(_proofs(read.codes))
