"""What a change must hold to before it is carried out, and what must follow it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from weilu.changes.plan import Criterion
from weilu.kernel import text
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused

CHECKED_FIRST = Clause("CHG-4")
CRITERIA_BEFOREHAND = Clause("CHG-5")
USERS_ARE_TOLD = Clause("CHG-6")
SECURITY_APPROVES = Clause("CHG-7")
APPROVED_AS_IS = Clause("CHG-1")
AMENDED_BY_REQUEST = Clause("CHG-2")
CUSTOMER_CONSENTS = Clause("SVC-7")
MOST_CRITERIA = 20
MOST_DOCUMENTS = 30
NORMAL_APPROVALS = ("plan_check", "confirm", "security")


@dataclass(frozen=True)
class Approval:
    """How a step stands that a release rests on: its last visit's outcome and the digests signed there."""

    outcome: str
    subjects: frozenset[str]


def check_window(start: datetime, end: datetime, now: datetime) -> None:
    """A window lies ahead, and ends after it begins."""
    if end <= start:
        raise Refused(_("结束时间不晚于开始时间。把结束时间改到开始之后"), field="window_to")
    if end <= now:
        raise Refused(_("窗口已经过去。选一个还没结束的窗口"), field="window_to")


def check_criteria(criteria: Sequence[Mapping[str, str]]) -> list[Criterion]:
    """CRITERIA_BEFOREHAND: at least one acceptance check, each with a title, a path of the system and what to find."""
    rows = [row for row in criteria if any(str(value).strip() for value in row.values())]
    if not rows:
        raise Refused(_("没有验收准则。至少写一条，实施前定好"), CRITERIA_BEFOREHAND, field="criteria")
    if len(rows) > MOST_CRITERIA:
        raise Refused(_("验收准则最多 %(most)d 条") % {"most": MOST_CRITERIA}, CRITERIA_BEFOREHAND, field="criteria")
    found: list[Criterion] = []
    for number, row in enumerate(rows, start=1):
        label = _("第 %(number)d 条准则的") % {"number": number}
        path = text.code(row.get("path"), label + _("路径"), field="criteria", longest=200)
        # A path, never an address: the checks of a plan go to the hosts of its own system only.
        if not path.startswith("/") or path.startswith("//") or "\\" in path:
            raise Refused(label + _("路径应以 / 开头，例如 /healthz"), CRITERIA_BEFOREHAND, field="criteria")
        found.append(
            Criterion(
                title=text.line(row.get("title"), label + _("名称"), field="criteria", longest=80),
                path=path,
                expect=text.line(row.get("expect"), label + _("应含内容"), field="criteria", longest=200),
            )
        )
    return found


def check_newer(present: str, wanted: str) -> None:
    """An upgrade leads to another version than the one that runs."""
    if present == wanted:
        raise Refused(_("现在运行的就是 %(version)s。选另一个版本") % {"version": present}, field="version")


def check_approved(
    digest: str,
    recomputed: str,
    subject: str,
    step: str,
    running: bool,
    approvals: Mapping[str, Approval],
    needed: Sequence[str] = NORMAL_APPROVALS,
) -> None:
    """APPROVED_AS_IS, SECURITY_APPROVES: exactly this plan was agreed to by everybody it needs.

    `digest` is the one to be carried out, `recomputed` that of the plan as stored now, `subject`
    the one the item says is approved; `needed` are the steps whose approval comes before the act.
    """
    if recomputed != digest or subject != digest:
        raise Refused(_("方案在批准后被改动，不能执行。重新送审后再开始"), APPROVED_AS_IS)
    if step != "release":
        raise Refused(_("工单不在「实施与发布」，不能执行"), APPROVED_AS_IS)
    for key in needed:
        approval = approvals.get(key)
        clause = SECURITY_APPROVES if key == "security" else APPROVED_AS_IS
        if key == "security" and not running and approval and approval.outcome == "not-required":
            continue
        if approval is None or approval.outcome != "done" or approval.subjects != {digest}:
            raise Refused(_("这一版方案还没有全部批准，不能执行"), clause)


def check_consented(by_customer: bool, able: Sequence[str]) -> None:
    """CUSTOMER_CONSENTS: what stops business is acted on once somebody of the customer has agreed to this plan.

    `able` are the names of the customer's own people who can.
    """
    if not by_customer:
        names = _("、").join(able)
        help = _("可由 %(names)s 同意") % {"names": names} if able else _("系统管理员可以把角色授予甲方自己的人")
        raise Refused(_("紧急变更要由甲方自己的人同意，乙方的人不能代为批准"), CUSTOMER_CONSENTS, help=help)


def check_everybody_told(users: int, told: int) -> None:
    """USERS_ARE_TOLD: the notification reaches every user of the changed system."""
    if told < users:
        raise Refused(_("还有 %(count)d 名用户没有通知到") % {"count": users - told}, USERS_ARE_TOLD)


def check_may_take_back(on_sheet: bool, run: str) -> None:
    """APPROVED_AS_IS: a signature that a sheet carries, or under which the run numbered `run` has begun, stays."""
    if on_sheet:
        raise Refused(_("已经不能撤回：签名已在报告单上"), APPROVED_AS_IS, help=_("可以作废报告单的单号，重新签"))
    if run:
        raise Refused(_("已经不能撤回：执行 %(number)s 已经开始") % {"number": run}, APPROVED_AS_IS)


def check_amended(changed: bool, of: str) -> None:
    """AMENDED_BY_REQUEST: what was approved is `changed` by a request of its own, not by writing it anew."""
    if changed:
        words = {"need": _("需求"), "design": _("方案")}[of]
        raise Refused(
            _("%(what)s已经批准，不能直接改。先提变更申请") % {"what": words},
            AMENDED_BY_REQUEST,
            help=_("在工单页点「变更申请」，写明改什么、为什么、影响哪些文件"),
        )


def check_may_amend(approved: bool, run: str, succeeded: bool) -> None:
    """AMENDED_BY_REQUEST: an amendment is of what is approved and not carried out; `run` names a run under way."""
    if run:
        raise Refused(_("执行 %(number)s 正在进行，等它结束再提变更申请") % {"number": run}, AMENDED_BY_REQUEST)
    if succeeded:
        raise Refused(
            _("这一版已经实施成功，不能再改。另发起一项变更"), AMENDED_BY_REQUEST, help=_("发起时会记下接在哪一项之后")
        )
    if not approved:
        raise Refused(_("还没有批准，不用变更申请：退回或直接改即可"), AMENDED_BY_REQUEST)


def checked_documents(rows: Sequence[Mapping[str, str]], none_affected: str) -> tuple[list[dict[str, str]], str]:
    """AMENDED_BY_REQUEST: the affected documents by number, title and version, or why there are none."""
    written = [row for row in rows if any(str(value).strip() for value in row.values())]
    why = text.line(none_affected, _("没有受影响文件的原因"), field="none_affected", longest=300, required=False)
    if bool(written) == bool(why):
        raise Refused(
            _("写出受影响的文件；没有的，写明为什么没有。两样只写一样"), AMENDED_BY_REQUEST, field="documents"
        )
    if len(written) > MOST_DOCUMENTS:
        raise Refused(_("受影响的文件最多 %(most)d 份") % {"most": MOST_DOCUMENTS}, field="documents")
    found = []
    for number, row in enumerate(written, start=1):
        label = _("第 %(number)d 份文件的") % {"number": number}
        found.append(
            {
                "number": text.code(row.get("number"), label + _("编号"), field="documents", longest=60),
                "title": text.line(row.get("title"), label + _("名称"), field="documents", longest=100),
                "version": text.code(row.get("version"), label + _("版本"), field="documents", longest=40),
            }
        )
    if len({row["number"] for row in found}) < len(found):
        raise Refused(_("同一份文件写了两次。删去一行"), field="documents")
    return found, why


def check_documents_updated(left: Sequence[str]) -> None:
    """AMENDED_BY_REQUEST: the documents an amendment affects, here those `left` by number, follow it."""
    if left:
        raise Refused(
            _("还有 %(count)d 份受影响的文件没有更新：%(numbers)s")
            % {"count": len(left), "numbers": _("、").join(left)},
            AMENDED_BY_REQUEST,
            help=_("更新后在工单页登记新版本"),
        )
