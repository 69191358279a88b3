"""The kinds of notices people choose by, and which of them still concern their reader."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from weilu.notify.models import When


@dataclass(frozen=True)
class NoticeKind:
    """A line of the page 通知设置."""

    key: str
    title: Promise
    says: Promise
    usual: str  # what holds for whoever has given an address and chosen nothing else


WAITS, REQUESTED, COPY, REMINDER, ESCALATION, SYSTEM, SECURITY = (
    "waits", "requested", "copy", "reminder", "escalation", "system", "security",
)  # fmt: skip
KINDS = {
    kind.key: kind
    for kind in (
        NoticeKind(WAITS, _("等我办理"), _("一步走到您这里，或有人催办"), When.NOW),
        NoticeKind(REMINDER, _("到期提醒"), _("等您办理的一步快到期"), When.NOW),
        NoticeKind(ESCALATION, _("逾期上报"), _("别人的一步逾期，报到您这里"), When.NOW),
        NoticeKind(REQUESTED, _("我发起的"), _("被退回、已办结"), When.DIGEST),
        NoticeKind(COPY, _("抄送给我"), _("只需知道，不需要办理"), When.DIGEST),
        NoticeKind(SYSTEM, _("我用的系统"), _("升级说明"), When.DIGEST),
        NoticeKind(SECURITY, _("安全与人员"), _("安全告警；有步骤没有人能办；封网破例"), When.NOW),
    )
}

Relevance = Callable[[Sequence[tuple[int, str, dict[str, object]]], int], set[int]]
_relevance: dict[str, Relevance] = {}


def register_relevance(kinds: Iterable[str], still: Relevance) -> None:
    """Let `still(rows, person)` say which notices of these kinds still concern their reader.

    A row is the notice's id, its item's uid and what it is about; the answer is a set of ids. A room above,
    which knows items, gives it; a kind that nobody answers for always concerns.
    """
    for kind in kinds:
        _relevance[kind] = still


def still_concerning(rows: Sequence[tuple[int, str, str, dict[str, object]]], person: int) -> set[int]:
    """Of rows `(id, kind, item, about)`: the ids of those that still concern the person."""
    found: set[int] = set()
    for kind in {row[1] for row in rows}:
        mine = [(number, item, about) for number, one, item, about in rows if one == kind]
        still = _relevance.get(kind)
        found |= still(mine, person) if still else {number for number, _item, _about in mine}
    return found
