"""Witnesses as this side sees them: enrolled by fingerprint, their cosignatures checked, their findings kept."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from weilu.evidence import tree
from weilu.evidence.actions import stage
from weilu.evidence.checkpoint import COSIGNATURE, Head, VerifierKey, parse_vkey
from weilu.evidence.cosignature import SIZE, Cosigned, check_cosignature, split_note, write_request
from weilu.evidence.models import Checkpoint, Cosignature, Reopening, Witness
from weilu.evidence.queries import last_checkpoint
from weilu.evidence.tiles import reader
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

SLACK = timedelta(minutes=5)  # by which two machines' clocks may differ
# Findings that say the two histories do not agree; the others say that nobody answered.
ALARMS = {"log_is_older", "not_continued", "other_root", "went_back"}


class Enroller(Protocol):
    """Who enrols and retires: rooms above know people, this one asks for name and rights."""

    @property
    def actor(self) -> str: ...

    def codes_with(self, right: str) -> frozenset[str]: ...


@action("evidence.enrol_witness")
def enrol_witness(
    by: Enroller | None, *, side: str, organisation: str, vkey: str, fingerprint: str, url: str = ""
) -> Witness:
    """Take in a witness whose fingerprint was read out by its own side; asked by file when `url` is empty.

    `by` is None for the command line of whoever runs the installation.
    """
    actor = may_keep_witnesses(by)
    if side not in Witness.Side.values:
        raise Refused(_("选甲方或乙方"), field="side")
    organisation = text.line(organisation, _("单位"), field="organisation", longest=100)
    key = _key(vkey)
    check_fingerprint(key, fingerprint)
    if Witness.objects.filter(name=key.name).exists():
        raise Refused(_("名称 %(name)s 已用过。见证停用后也不再用同一个名称") % {"name": key.name}, field="vkey")
    if Witness.objects.active().filter(side=side).exists():
        raise Refused(_("这一方已有见证。先停用它，再登记新的"), field="side")
    made = Witness.objects.create(
        side=side, organisation=organisation, name=key.name, vkey=str(key), url=_address(url), enrolled_by=actor
    )
    facts = {"side": side, "organisation": organisation, "vkey": str(key), "url": made.url}
    stage("evidence.witness_enrolled", facts, actor=actor, org="", urgent=True)
    return made


@action("evidence.retire_witness")
def retire_witness(by: Enroller | None, witness: Witness, *, why: str) -> Witness:
    """Ask this witness no more; what it has signed stays."""
    actor = may_keep_witnesses(by)
    why = text.line(why, _("停用原因"), field="why", longest=300)
    found = Witness.objects.select_for_update().get(id=witness.id)
    if found.retired_at is not None:
        raise Refused(_("这个见证已经停用"))
    found.retired_by, found.retired_at, found.retired_why = actor, now(), why
    found.save(update_fields=["retired_by", "retired_at", "retired_why"])
    stage("evidence.witness_retired", {"name": found.name, "why": why}, actor=actor, org="", urgent=True)
    return found


@action("evidence.take_answer")
def take_answer(by: Enroller | None, witness: Witness, *, answer: str) -> Witness:
    """What a witness answered by file: a cosigned checkpoint, or the status and size it refused with.

    A wrong, stale or foreign cosignature is Refused and nothing changes.
    """
    may_keep_witnesses(by)
    found = Witness.objects.select_for_update().get(id=witness.id)
    if found.retired_at is not None:
        raise Refused(_("这个见证已经停用"))
    refused = re.fullmatch(r"(409|422|404|403|400)\n(.{0,80})\n", answer)
    if refused:
        settle(found, last_checkpoint(), int(refused[1]), refused[2])
        return found
    try:
        head, lines = split_note(answer)
    except ValueError:
        raise Refused(_("这不是见证的答复文件。用 weilu witness cosign 写出的那一份"), field="answer") from None
    checkpoint = Checkpoint.objects.filter(size=head.size).first()
    if checkpoint is None or head_of(checkpoint) != head:
        raise Refused(_("答复里的检查点不是这份日志签发的"), field="answer")
    _take(found, checkpoint, lines)
    return found


def request_for(witness: Witness, checkpoint: Checkpoint | None) -> str:
    """The request to cosign `checkpoint`, from where this witness stands."""
    if witness.retired_at is not None:
        raise Refused(_("这个见证已经停用"))
    if checkpoint is None:
        raise Refused(_("还没有检查点。第一条记录写入后立即签发。"))
    old = witnessed_size(witness)
    if witness.finding == "ahead" and witness.finding_size is not None:
        old = witness.finding_size
    return write_request(old, consistency(old, checkpoint.size), checkpoint.note)


def consistency(old: int, size: int) -> list[bytes]:
    """How the log of `size` entries is shown to begin with that of `old`; from nothing there is nothing to show."""
    return tree.consistency_proof(reader(), old, size) if old else []


def witnessed_size(witness: Witness) -> int:
    """How far this witness has signed the present log, by the cosignatures kept here."""
    newest = newest_cosignature(witness)
    return newest.checkpoint.size if newest else 0


def newest_cosignature(witness: Witness, within: Checkpoint | None = None) -> Cosignature | None:
    """The cosignature of the largest checkpoint since the log was last reopened, not larger than `within`."""
    found = Cosignature.objects.filter(witness=witness, checkpoint__size__gt=reopened_at())
    found = found.select_related("checkpoint").order_by("-checkpoint__size")
    return found.filter(checkpoint__size__lte=within.size).first() if within else found.first()


def newest_cosignatures() -> dict[int, Cosignature]:
    """`newest_cosignature` of every witness that has signed, by the witness's id, in a fixed number of queries."""
    mine = Q(cosignatures__checkpoint__size__gt=reopened_at())
    tops = Witness.objects.annotate(top=Max("cosignatures__checkpoint__size", filter=mine)).exclude(top=None)
    wanted = Q(pk=None)
    for id, top in tops.values_list("id", "top"):
        wanted |= Q(witness_id=id, checkpoint__size=top)
    return {one.witness_id: one for one in Cosignature.objects.filter(wanted).select_related("checkpoint")}


def reopened_at() -> int:
    """The place of the entry under which the log was last reopened; 0 when it never was."""
    return Reopening.objects.aggregate(first=Max("first"))["first"] or 0


def head_of(checkpoint: Checkpoint) -> Head:
    """What the checkpoint's signed text says."""
    return split_note(checkpoint.note)[0]


def settle(witness: Witness, checkpoint: Checkpoint | None, status: int, body: str) -> str:
    """Keep what the witness answered; returns the finding: "" when it cosigned, else why it did not."""
    size = int(body) if status == 409 and SIZE.fullmatch(body.strip()) else None
    if status == 200 and checkpoint is not None:
        try:
            _take(witness, checkpoint, body.splitlines())
        except Refused:
            return keep_finding(witness, "wrong_signature")
        return ""
    if status == 422:
        return keep_finding(witness, "not_continued")
    if status in (403, 404):
        return keep_finding(witness, "unknown_here")
    if size is None:
        return keep_finding(witness, "no_answer")
    return keep_finding(witness, _conflict(witness, checkpoint, size), size)


def _conflict(witness: Witness, checkpoint: Checkpoint | None, size: int) -> str:
    """What it means that a witness stands at another size than it was asked from."""
    if checkpoint is None or size > checkpoint.size:
        return "log_is_older"
    if size < witnessed_size(witness):
        return "went_back"
    asked = witness.finding_size if witness.finding == "ahead" else witnessed_size(witness)
    return "other_root" if size == asked else "ahead"


def keep_finding(witness: Witness, finding: str, size: int | None = None) -> str:
    """Remember what stands against this witness, since when; an alarm goes on record once."""
    if (witness.finding, witness.finding_size) != (finding, size):
        if finding in ALARMS:
            facts: dict[str, Any] = {"witness": witness.name, "finding": finding, "size": size}
            stage("evidence.witness_disagrees", facts, actor=witness.name, org="", urgent=True)
        if finding != witness.finding:
            witness.finding_since = now() if finding else None
        witness.finding, witness.finding_size = finding, size
    if finding not in ("", "no_answer"):
        witness.answered_at = now()
    witness.save(update_fields=["finding", "finding_size", "finding_since", "answered_at"])
    return finding


def _take(witness: Witness, checkpoint: Checkpoint, lines: list[str]) -> Cosigned:
    """Keep the cosignature among `lines` that is this witness's, over this checkpoint, of a credible time."""
    head, found = head_of(checkpoint), None
    for line in lines:
        try:
            found = check_cosignature(head, line, witness.key)
        except ValueError:
            continue
    if found is None:
        raise Refused(_("里面没有这个见证对这个检查点的签名"), field="answer")
    try:
        at = datetime.fromtimestamp(found.at, UTC)
    except (OverflowError, ValueError, OSError):
        at = datetime.max.replace(tzinfo=UTC)
    if not checkpoint.at - SLACK <= at <= now() + SLACK:
        raise Refused(_("见证签名的时间早于检查点，或在将来。核对两台机器的时钟"), field="answer")
    Cosignature.objects.get_or_create(checkpoint=checkpoint, witness=witness, defaults={"at": at, "line": found.line})
    witness.answered_at = now()
    keep_finding(witness, "")
    return found


def check_fingerprint(key: VerifierKey, typed: str) -> None:
    """What was read out must be this key's; spaces and letter case do not matter."""
    given = re.sub(r"[\s:：-]", "", text.code(typed, _("指纹"), field="fingerprint")).lower()
    if given != key.fingerprint.replace(" ", ""):
        raise Refused(_("指纹与公钥不符。请对方重新念一遍；还不符，公钥可能被换过"), field="fingerprint")


def may_keep_witnesses(by: Enroller | None) -> str:
    """Under which name it is done; only who holds the right, or the command line."""
    if by is None:
        return "weilu evidence"
    if not by.codes_with("evidence.witnesses"):
        raise Refused(_("登记和停用见证要由系统管理员办"), help=_("系统管理员可以授予"), who="administrator")
    return by.actor


def _key(vkey: str) -> VerifierKey:
    try:
        return parse_vkey(text.line(vkey, _("见证公钥"), field="vkey", longest=300), COSIGNATURE)
    except ValueError:
        raise Refused(_("不是见证的公钥。要 weilu witness init 打印的那一整行"), field="vkey") from None


def _address(url: str) -> str:
    """An address on the list of whoever runs the installation, or none."""
    url = text.code(url, _("地址"), field="url", longest=300, required=False).rstrip("/")
    if url and place_of(url) not in settings.CONFIG.witness_hosts:
        raise Refused(_("这个地址不在 WEILU_WITNESS_HOSTS 里。由运行维录的人加上"), field="url")
    return url


def place_of(url: str) -> str:
    """`host:port` of an http or https address without anything else but a path; "" for any other."""
    try:
        parts = urlsplit(url)
        port = {"http": 80, "https": 443}[parts.scheme]
        port = parts.port or port
    except (ValueError, KeyError):
        return ""
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        return ""
    return f"[{parts.hostname}]:{port}" if ":" in parts.hostname else f"{parts.hostname}:{port}"
