"""When a sheet may be frozen, signed, refused or cancelled; what counts as a drawn signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused, Stale

WORK_ON_SHEET = Clause("REC-1")
CUSTOMER_SIGNS = Clause("REC-2")
NO_GAPS = Clause("REC-3")
PROVABLE = Clause("REC-4")
NOT_BOTH = Clause("ROL-1")

VENDOR_ROLES = frozenset({"engineer", "development_head"})
PAD = (600, 200)  # the signature pad, in its own units; `sign.js` draws in the same
MOST_POINTS = 4000
FEWEST_POINTS = 8
MOST_SCANS = 20  # of one sheet
SMALLEST = 40  # how far a signature reaches at least, in units of the pad


@dataclass(frozen=True)
class SheetFacts:
    """A sheet as the rules see it."""

    state: str
    digest: str
    engineer: int
    customer_signers: frozenset[int]
    signed: Mapping[str, int]  # side → person


@dataclass(frozen=True)
class Signer:
    """Somebody who wants to act on a sheet."""

    id: int
    of_vendor: bool
    roles: frozenset[str]  # held towards the sheet's owner


def check_may_prepare(by: Signer) -> None:
    """WORK_ON_SHEET: the sheet is written by those who did the work."""
    if not by.of_vendor or not by.roles & VENDOR_ROLES:
        raise Refused(_("报告单由乙方的工程师或开发负责人编制"), WORK_ON_SHEET)


def check_customer_signers(chosen: int, of_owner: int) -> None:
    """CUSTOMER_SIGNS: somebody of the customer is named to sign, and nobody from elsewhere."""
    if not chosen:
        raise Refused(_("没有写明甲方由谁签字"), CUSTOMER_SIGNS)
    if chosen != of_owner:
        raise Refused(_("甲方签字人应是甲方在职的人"), CUSTOMER_SIGNS)


def check_no_live_sheet(number: str | None, live: bool) -> None:
    """WORK_ON_SHEET: one piece of work has one sheet."""
    if live:
        raise Refused(_("这项工作已有报告单 %(number)s") % {"number": number or _("草稿")}, WORK_ON_SHEET)


def check_open(sheet: SheetFacts) -> None:
    """A sheet is acted on only between freezing and its end."""
    reasons = {
        "draft": _("报告单还没有定稿，不能签署"),
        "signed": _("双方都已签署，报告单不能再改"),
        "refused": _("甲方已拒签，这份报告单不能再签"),
        "cancelled": _("这个编号已作废，不能再签"),
    }
    if sheet.state != "frozen":
        raise Stale(reasons[sheet.state], WORK_ON_SHEET)


def check_shown(shown: str, digest: str) -> None:
    """What is signed is what was shown."""
    if shown != digest:
        raise Stale(_("页面上的报告单已不是现在这一份，没有签署。重新打开再签"), WORK_ON_SHEET)


def check_may_sign(sheet: SheetFacts, by: Signer, side: str, shown: str) -> None:
    """CUSTOMER_SIGNS, NOT_BOTH: each side is signed once, by its own people, on the record that was shown."""
    check_open(sheet)
    if side not in ("customer", "vendor"):
        raise Refused(_("没有「%(side)s」这一方") % {"side": side[:20]}, field="side")
    if side == "customer":
        check_customer(sheet, by)
    elif not by.of_vendor or (by.id != sheet.engineer and not by.roles & VENDOR_ROLES):
        raise Refused(_("乙方由实施工程师或乙方的其他工程师、开发负责人签"), WORK_ON_SHEET)
    if by.id in sheet.signed.values():
        raise Refused(_("您已签过这份报告单，不能再签另一方"), NOT_BOTH)
    if side in sheet.signed:
        raise Stale(_("这一方刚刚已由别人签署，您的签名没有写入"), CUSTOMER_SIGNS)
    check_shown(shown, sheet.digest)


def check_customer(sheet: SheetFacts, by: Signer) -> None:
    """CUSTOMER_SIGNS: only those named when the sheet was frozen sign for the customer."""
    if by.id not in sheet.customer_signers:
        raise Refused(_("这份报告单的甲方不由您签"), CUSTOMER_SIGNS)


def check_may_refuse(sheet: SheetFacts, by: Signer, shown: str) -> None:
    """CUSTOMER_SIGNS: the customer's signer refuses instead of signing, and says why."""
    check_open(sheet)
    check_customer(sheet, by)
    if "customer" in sheet.signed:
        raise Stale(_("甲方已经签署，不能再拒签"), CUSTOMER_SIGNS)
    check_shown(shown, sheet.digest)


def check_may_cancel(sheet: SheetFacts, may_cancel: bool) -> None:
    """NO_GAPS: a number that nobody signed can be cancelled; it keeps its place."""
    check_open(sheet)
    if not may_cancel:
        raise Refused(_("作废编号由甲方系统管理员办"), NO_GAPS)
    if sheet.signed:
        raise Refused(_("已有一方签署，编号不能作废。甲方不同意可以拒签"), NO_GAPS)


@dataclass(frozen=True)
class Found:
    """The sheet that a short code names, as the rule sees it."""

    id: int
    number: str
    state: str
    visible: bool  # to whoever uploads
    same_item: bool


def check_may_file(sheet: SheetFacts, by: Signer, filed: int) -> None:
    """CUSTOMER_SIGNS: the paper of a sheet that still counts is filed by those who sign or carried it out."""
    if sheet.state == "draft":
        raise Refused(_("报告单还没有定稿，不收扫描件"), CUSTOMER_SIGNS)
    if sheet.state not in ("frozen", "signed"):
        raise Refused(_("这份报告单已拒签或作废，不再收扫描件"), CUSTOMER_SIGNS)
    if by.id not in sheet.customer_signers and not (by.of_vendor and by.roles & VENDOR_ROLES):
        raise Refused(_("扫描件由报告单的签字人或乙方工程师上传"), CUSTOMER_SIGNS)
    if filed >= MOST_SCANS:
        raise Refused(_("这份报告单已有 %(most)d 份扫描件") % {"most": MOST_SCANS}, CUSTOMER_SIGNS)


def check_is_of(sheet_id: int, here: bool, named: bool, found: Found | None) -> None:
    """PROVABLE: the short code says which sheet the paper is; wrong, foreign and old paper are told apart.

    `named`: a short code was read at all; `here`: it leads to this installation; `found`: the sheet it names.
    """
    if not named:
        raise Refused(_("没有读到首页右上角的二维码。平放、扫全首页再传"), PROVABLE, field="scan")
    if not here:
        raise Refused(_("二维码指向别的系统：这不是这套维录打印的报告单"), PROVABLE, field="scan")
    if found is None:
        raise Refused(_("二维码像这套维录的，但没有这份报告单：可能是伪造的"), PROVABLE, field="scan")
    if found.id == sheet_id:
        return
    if not found.visible:
        raise Refused(_("这是另一个单位的报告单"), PROVABLE, field="scan")
    if found.same_item and found.state in ("cancelled", "refused"):
        words = _("这是旧的一份 %(number)s，已拒签或作废。打印现在这一份再签")
        raise Refused(words % {"number": found.number}, PROVABLE, field="scan")
    words = _("这是另一份报告单 %(number)s，到那一份下面上传")
    raise Refused(words % {"number": found.number}, PROVABLE, field="scan")


def checked_strokes(given: Any) -> list[list[list[int]]]:
    """A drawn signature: lists of whole points on the pad, enough of them to be a signature; raises Refused."""
    if not isinstance(given, list) or not all(isinstance(stroke, list) for stroke in given):
        raise Refused(_("签名的笔画读不懂。清除后重新手写"), field="strokes")
    points = [point for stroke in given for point in stroke]
    if len(points) > MOST_POINTS or len(given) > MOST_POINTS:
        raise Refused(_("签名的笔画太多。清除后写得简短一些"), field="strokes")
    if not all(_on_pad(point) for point in points):
        raise Refused(_("签名的笔画超出了签名框。清除后重新手写"), field="strokes")
    if len(points) < FEWEST_POINTS or _reach(points) < SMALLEST:
        raise Refused(_("没有手写签名，或签得太小。在框内签上姓名"), field="strokes")
    return [stroke for stroke in given if stroke]


def _on_pad(point: Any) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(at) is int and 0 <= at <= most for at, most in zip(point, PAD, strict=True))
    )


def _reach(points: list[list[int]]) -> int:
    across, down = zip(*points, strict=True)
    return int(max(max(across) - min(across), max(down) - min(down)))
