"""When a controlled document may be proposed, approved, declined and received; which version is in force."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused, Stale

CONTROLLED = Clause("DOC-1")
LARGEST = 20_000_000  # bytes of one document
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
# By the ending of the name: content type and how the file begins.
KINDS = {
    "docx": (DOCX, b"PK\x03\x04"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK\x03\x04"),
    "pdf": ("application/pdf", b"%PDF-"),
    "png": ("image/png", b"\x89PNG\r\n\x1a\n"),
    "jpg": ("image/jpeg", b"\xff\xd8\xff"),
    "txt": ("text/plain; charset=utf-8", b""),
}


class Dated(Protocol):
    """A version as the rule sees it."""

    @property
    def ordinal(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def effective(self) -> date: ...


def check_may_propose(may: bool) -> None:
    """CONTROLLED: documents are kept by whoever has the right to."""
    if not may:
        raise Refused(_("受控文件由甲方系统管理员登记"), CONTROLLED, who="administrator")


def check_may_decide(may: bool, by: int, proposed_by: int, state: str, sha256: str, shown: str) -> None:
    """CONTROLLED: a second person approves exactly the file that was shown."""
    if state != "proposed":
        raise Stale(_("这一版已经批准或退回，没有改变"), CONTROLLED)
    if not may:
        raise Refused(_("受控文件由技术部门负责人、用户领导、安全办或系统管理员批准"), CONTROLLED, who="technical_head")
    if by == proposed_by:
        raise Refused(_("提出的人不能自己批准，由另一人批准"), CONTROLLED, who="technical_head")
    if shown != sha256:
        raise Stale(_("页面上的文件已不是现在这一份，没有批准。重新打开再看"), CONTROLLED)


def check_may_confirm(given: bool, state: str, confirmed: bool) -> None:
    """CONTROLLED: whoever a version was given to confirms it, once."""
    if state != "approved":
        raise Stale(_("这一版没有批准，不用签收"), CONTROLLED)
    if not given:
        raise Refused(_("这一版没有发给您，不用签收"), CONTROLLED)
    if confirmed:
        raise Stale(_("您已签收这一版"), CONTROLLED)


def check_distribution(level: str, recipients: int) -> None:
    """CONTROLLED: what is not public says whom it is for."""
    if level not in ("public", "internal", "confidential", "secret"):
        raise Refused(_("没有选密级"), CONTROLLED, field="level")
    if level != "public" and not recipients:
        raise Refused(_("没有选发放范围。公开以外的文件要写明发给谁"), CONTROLLED, field="recipients")


def kind_of(name: str, data: bytes) -> str:
    """The key of KINDS that name and beginning agree on; raises Refused."""
    kind = name.rpartition(".")[2].casefold().replace("jpeg", "jpg")
    if not data:
        raise Refused(_("没有选文件"), CONTROLLED, field="file")
    if len(data) > LARGEST:
        raise Refused(_("文件超过 20 MB"), CONTROLLED, field="file")
    if kind not in KINDS:
        raise Refused(_("只收 DOCX、XLSX、PDF、PNG、JPEG 或 TXT"), CONTROLLED, field="file")
    if not data.startswith(KINDS[kind][1]) or (kind == "txt" and b"\0" in data):
        raise Refused(_("文件内容与后缀 .%(kind)s 不符") % {"kind": kind}, CONTROLLED, field="file")
    return kind


def in_force(versions: Sequence[Dated], today: date) -> Dated | None:
    """The approved version that counts on the day `today`: the last whose day has come."""
    due = [one for one in versions if one.state == "approved" and one.effective <= today]
    return max(due, key=lambda one: one.ordinal, default=None)


def standing(version: Dated, versions: Sequence[Dated], today: date) -> str:
    """proposed, declined, coming, in_force or superseded, on the day `today`."""
    if version.state != "approved":
        return version.state
    present = in_force(versions, today)
    if present is not None and present.ordinal == version.ordinal:
        return "in_force"
    later = any(one.state == "approved" and one.ordinal > version.ordinal for one in versions)
    return "coming" if version.effective > today and not later else "superseded"
