"""封网破例: one person asks that a plan be carried out in a freeze, another one approves it (CHG-3, ROL-1)."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.times import iso, now
from weilu.notify.actions import put
from weilu.notify.kinds import SECURITY
from weilu.planning import rules
from weilu.planning.models import Booking, Freeze, FreezeException
from weilu.planning.queries import approvers, conflicts
from weilu.process.actions import note
from weilu.process.models import WorkItem
from weilu.ui.dates import window

ASK, EXCEPT = "planning.ask", "planning.except"


@action("planning.ask_exception")
def ask_exception(by: Person, item: WorkItem, freeze: Freeze, *, why: str) -> FreezeException:
    """Ask that the item's plan may be carried out in this freeze, at the time that is kept for it.

    Bound to the digest of the plan and to that time: another plan or time needs another exception. Refused where
    the freeze is not in its way, or somebody has asked already.
    """
    if not by.may(ASK, item.owner_id):
        raise Refused(_("封网破例由维护工程师或技术部门负责人申请"), rules.LEAST_EFFECT, who="engineer")
    why = text.line(why, _("破例的理由"), field="why", longest=500)
    item, booking = _held(item)
    if not item.subject:
        raise Refused(_("方案还没有送审，没有可破例的内容"), rules.LEAST_EFFECT)
    found = conflicts(item, booking.system, booking.starts, booking.ends)
    if freeze.id not in {one.freeze.id for one in found if one.freeze}:
        raise Refused(_("这张工单的时间不在这个封网期里，或已获破例"), rules.LEAST_EFFECT)
    of_this = {"freeze": freeze, "item": item, "subject": item.subject}
    of_this |= {"starts": booking.starts, "ends": booking.ends}
    if FreezeException.objects.filter(**of_this, refused_at=None).exists():
        raise Refused(_("这一版方案已经申请过破例，在等批准"), rules.LEAST_EFFECT)
    able = [person for person in approvers(item.owner) if person.id not in {by.id, *_planned_by(item)}]
    if not able:
        raise Refused(
            _("没有人能批准破例"), rules.APART, help=_("系统管理员可以授予信息安全办或用户领导的角色"),
            who="administrator",
        )  # fmt: skip
    data = {"number": item.number, "freeze": freeze.name, "why": why, "subject": item.subject}
    ref = _stage("planning.exception_asked", item, by, data | _times(booking.starts, booking.ends))
    made = FreezeException.objects.create(owner=item.owner, **of_this, why=why, asked_by=by, evidence=ref)
    note(item, "hand", _("申请破例「%(freeze)s」：%(why)s") % {"freeze": freeze.name, "why": why}, by, evidence=ref)
    _let_know(able, made, by, _("%(name)s 申请封网破例：%(number)s"))
    return made


@action("planning.approve_exception")
def approve_exception(by: Person, exception: FreezeException, *, words: str = "") -> FreezeException:
    """Let the plan through; not by whoever asked, nor by whoever requested or planned the item."""
    found = _answered(by, exception, words)
    found.approved_by, found.approved_at = by, now()
    found.save(update_fields=["approved_by", "approved_at", "words"])
    _conclude(
        by, found, "planning.exception_approved", _("批准破例「%(freeze)s」"), _("%(name)s 批准了破例：%(number)s")
    )
    return found


@action("planning.refuse_exception")
def refuse_exception(by: Person, exception: FreezeException, *, words: str) -> FreezeException:
    """Not let the plan through, and say why; it may be asked for again."""
    text.line(words, _("不同意的理由"), field="words", longest=500)
    found = _answered(by, exception, words)
    found.refused_by, found.refused_at = by, now()
    found.save(update_fields=["refused_by", "refused_at", "words"])
    _conclude(
        by, found, "planning.exception_refused", _("不同意破例「%(freeze)s」"), _("%(name)s 不同意破例：%(number)s")
    )
    return found


def may_answer(by: Person, exception: FreezeException, planned: Mapping[int, Collection[int]] | None = None) -> str:
    """Why `by` may not answer it; "" where they may. Its item is read with it; of many, `planned_by` of their items."""
    if not by.may(EXCEPT, exception.owner_id):
        return _("破例由信息安全领导办公室或用户领导批准")
    item = exception.item
    try:
        rules.check_may_except(by.id, exception.asked_by_id, (planned or planned_by([item]))[item.id])
    except Refused as problem:
        return problem.reason
    return ""


def _held(item: WorkItem) -> tuple[WorkItem, Booking]:
    """The item as it is now, locked till the action ends, and the time kept for it."""
    found: WorkItem = WorkItem.objects.select_for_update(of=("self",)).select_related("owner").get(id=item.id)
    kept = Booking.objects.kept().filter(item=found).select_related("system__owner").first()
    if kept is None:
        raise Refused(_("这张工单还没有排期"), rules.LEAST_EFFECT, help=_("方案送审时排期"))
    return found, kept


def _answered(by: Person, exception: FreezeException, words: str) -> FreezeException:
    """The exception, locked, fit to be answered by `by`."""
    if not by.may(EXCEPT, exception.owner_id):
        raise Refused(_("破例由信息安全领导办公室或用户领导批准"), rules.LEAST_EFFECT, who="security_office")
    item, booking = _held(exception.item)
    rows = FreezeException.objects.select_for_update(of=("self",)).select_related("freeze", "owner", "asked_by")
    found: FreezeException = rows.get(id=exception.id)
    found.item = item
    rules.check_may_except(by.id, found.asked_by_id, _planned_by(item))
    if found.answered:
        raise Stale(_("这次破例已经有答复"), rules.LEAST_EFFECT)
    if (found.subject, found.starts, found.ends) != (item.subject, booking.starts, booking.ends):
        raise Stale(_("方案或时间已经改了，这次申请作废。按新方案再申请"), rules.LEAST_EFFECT)
    if found.freeze.ended_at is not None:
        raise Stale(_("这个封网期已经结束，不需要破例"), rules.LEAST_EFFECT)
    found.words = text.line(words, _("意见"), field="words", longest=500, required=False)
    return found


def _conclude(by: Person, found: FreezeException, kind: str, said: str, told: str) -> None:
    data = {"number": found.item.number, "freeze": found.freeze.name, "words": found.words, "subject": found.subject}
    ref = _stage(kind, found.item, by, data | _times(found.starts, found.ends), urgent=True)
    words = said % {"freeze": found.freeze.name} + (_("：%(words)s") % {"words": found.words} if found.words else "")
    note(found.item, "hand", words, by, evidence=ref)
    _let_know([found.asked_by], found, by, told)


def planned_by(items: Collection[WorkItem]) -> dict[int, set[int]]:
    """By the item's id the ids of whoever requested and planned it; one query."""
    found = {item.id: {item.requester_id} for item in items}
    for item_id, by_id in Booking.objects.kept().filter(item__in=found).values_list("item_id", "by_id"):
        found[item_id].add(by_id)
    return found


def _planned_by(item: WorkItem) -> set[int]:
    return planned_by([item])[item.id]


@translation.override("zh-hans")
def _let_know(people: list[Person], found: FreezeException, by: Person, pattern: str) -> None:
    title = pattern % {"name": by.name, "number": found.item.number}
    body = _("「%(freeze)s」，%(span)s。%(why)s") % {
        "freeze": found.freeze.name, "span": window(found.starts, found.ends, now()), "why": found.why,
    }  # fmt: skip
    put(
        people, title, kind=SECURITY, owner=found.owner, item=str(found.item.uid), body=body,
        link=f"/calendar/exceptions/{found.uid}/", by=by,
    )  # fmt: skip


def _times(starts: Any, ends: Any) -> dict[str, str]:
    return {"starts": iso(starts), "ends": iso(ends)}


def _stage(kind: str, item: WorkItem, by: Person, data: dict[str, Any], *, urgent: bool = False) -> Any:
    return stage(kind, data, actor=by.actor, org=item.owner.code, item=str(item.uid), urgent=urgent)
