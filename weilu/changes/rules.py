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
MOST_CRITERIA = 20


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
    digest: str, recomputed: str, subject: str, step: str, running: bool, approvals: Mapping[str, Approval]
) -> None:
    """APPROVED_AS_IS, SECURITY_APPROVES: exactly this plan was agreed to by everybody it needs.

    `digest` is the one to be carried out, `recomputed` that of the plan as stored now, `subject`
    the one the item says is approved.
    """
    if recomputed != digest or subject != digest:
        raise Refused(_("方案在批准后被改动，不能执行。重新送审后再开始"), APPROVED_AS_IS)
    if step != "release":
        raise Refused(_("工单不在「实施与发布」，不能执行"), APPROVED_AS_IS)
    for key in ("plan_check", "confirm", "security"):
        approval = approvals.get(key)
        clause = SECURITY_APPROVES if key == "security" else APPROVED_AS_IS
        if key == "security" and not running and approval and approval.outcome == "not-required":
            continue
        if approval is None or approval.outcome != "done" or approval.subjects != {digest}:
            raise Refused(_("这一版方案还没有全部批准，不能执行"), clause)


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
