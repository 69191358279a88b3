"""Acts on the evidence log."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done
from weilu.evidence import keeping, reopening, shredding, witnesses
from weilu.evidence.models import Witness
from weilu.evidence.queries import fetch_witness
from weilu.kernel.refused import NotVisible

router = Router()


class WitnessIn(Schema):
    """`fingerprint` is what the witness's own side reads out; without `url` it is asked by file."""

    side: str
    organisation: str
    vkey: str
    fingerprint: str
    url: str = ""


class WitnessEnd(Schema):
    witness: UUID
    why: str


class WitnessAnswer(Schema):
    witness: UUID
    answer: str


class ReopenIn(Schema):
    """`witnessed` is the text that `weilu witness last` wrote."""

    origin: str
    witnessed: str


class ShreddingIn(Schema):
    """`index` is the place of an entry that names the file by `sha256`."""

    index: int
    sha256: str
    reason: str
    ground: str


class ShreddingWord(Schema):
    shredding: UUID
    approve: bool
    words: str = ""


@router.post("/evidence/ask_shredding", response=Done)
def ask_shredding(request: HttpRequest, body: ShreddingIn) -> Done:
    asked = shredding.ask_shredding(
        reader(request), index=body.index, sha256=body.sha256, reason=body.reason, ground=body.ground
    )
    return Done(uid=str(asked.uid))


@router.post("/evidence/decide_shredding", response=Done)
def decide_shredding(request: HttpRequest, body: ShreddingWord) -> Done:
    found = shredding.shredding_seen(reader(request).owner_codes, body.shredding)
    decided = shredding.decide_shredding(reader(request), found, approve=body.approve, words=body.words)
    return Done(uid=str(decided.uid))


class RetentionIn(Schema):
    """`months` by register: looks, notices, sessions, jobs and whatever else is kept for a time."""

    owner: str
    months: dict[str, int]


@router.post("/evidence/set_retention", response=Done)
def set_retention(request: HttpRequest, body: RetentionIn) -> Done:
    keeping.set_retention(reader(request), org=body.owner, months=body.months)
    return Done()


@router.post("/evidence/reopen_log", response=Done)
def reopen_log(request: HttpRequest, body: ReopenIn) -> Done:
    reopening.reopen_log(reader(request), origin=body.origin, witnessed=body.witnessed)
    return Done()


@router.post("/evidence/enrol_witness", response=Done)
def enrol_witness(request: HttpRequest, body: WitnessIn) -> Done:
    made = witnesses.enrol_witness(
        reader(request),
        side=body.side, organisation=body.organisation, vkey=body.vkey, fingerprint=body.fingerprint, url=body.url,
    )  # fmt: skip
    return Done(uid=str(made.uid))


@router.post("/evidence/retire_witness", response=Done)
def retire_witness(request: HttpRequest, body: WitnessEnd) -> Done:
    found = witnesses.retire_witness(reader(request), _witness(request, body.witness), why=body.why)
    return Done(uid=str(found.uid))


@router.post("/evidence/take_answer", response=Done)
def take_answer(request: HttpRequest, body: WitnessAnswer) -> Done:
    found = witnesses.take_answer(reader(request), _witness(request, body.witness), answer=body.answer)
    return Done(uid=str(found.uid))


def _witness(request: HttpRequest, uid: UUID) -> Witness:
    """Witnesses are the installation's: for whoever holds the right they exist, for others they do not."""
    if not reader(request).codes_with("evidence.witnesses"):
        raise NotVisible(str(uid))
    return fetch_witness(uid)
