"""When overtime may be entered, dropped and signed for."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.worktime import Calendar, between
from weilu.records.rules import VENDOR_ROLES, SheetFacts, Signer, check_customer

SIGNED_APART = Clause("REC-5")
LONGEST = timedelta(hours=24)
MOST = 30  # of one item


def check_may_enter(by: Signer, sheet_state: str, entered: int) -> None:
    """SIGNED_APART: overtime is entered by those who worked, before the sheet that states it is frozen."""
    if not by.of_vendor or not by.roles & VENDOR_ROLES:
        raise Refused(_("加班由乙方的工程师或开发负责人登记"), SIGNED_APART)
    if sheet_state in ("frozen", "signed", "refused"):
        raise Refused(_("报告单已定稿，不能再登记或删去加班"), SIGNED_APART)
    if entered >= MOST:
        raise Refused(_("这项工作已登记 %(most)d 次加班") % {"most": MOST}, SIGNED_APART)


def minutes_outside(since: datetime, until: datetime, now: datetime, calendar: Calendar) -> int:
    """SIGNED_APART: whole minutes of the time outside working hours; raises Refused where there are none."""
    if until <= since:
        raise Refused(_("结束时间不晚于开始时间。改正后再登记"), SIGNED_APART, field="until")
    if until - since > LONGEST:
        raise Refused(_("一次加班最长 24 小时。分次登记"), SIGNED_APART, field="until")
    if until > now:
        raise Refused(_("结束时间还没有到。做完再登记"), SIGNED_APART, field="until")
    minutes = int((until - since) // timedelta(minutes=1)) - between(since, until, calendar)
    if minutes <= 0:
        raise Refused(_("这段时间都在工作时间内，不算加班"), SIGNED_APART, field="since")
    return minutes


def check_apart(since: datetime, until: datetime, others: Iterable[tuple[datetime, datetime]]) -> None:
    """SIGNED_APART: no minute of one person is entered twice."""
    if any(start < until and since < end for start, end in others):
        raise Refused(_("与这个人已登记的加班重叠。改正时间后再登记"), SIGNED_APART, field="since")


def check_may_answer(sheet: SheetFacts, by: Signer, overtime: str, answered: bool, shown: str) -> None:
    """SIGNED_APART: the customer's signer answers once, for the overtime that was shown, whatever becomes of the sheet.

    `overtime` is the digest of what is signed for; "" where the sheet states none.
    """
    if sheet.state in ("draft", "cancelled"):
        raise Stale(_("报告单还没有定稿或编号已作废，加班不能签认"), SIGNED_APART)
    if not overtime:
        raise Refused(_("这份报告单没有登记加班"), SIGNED_APART)
    check_customer(sheet, by)
    if answered:
        raise Stale(_("加班已由甲方签认或拒签，不能再改"), SIGNED_APART)
    if shown != overtime:
        raise Stale(_("页面上的加班已不是现在这一份，没有签认。重新打开再签"), SIGNED_APART)
