"""Emergency changes: why one cannot wait, by when it is complete, and the way back to the normal flow."""

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.changes import rules
from weilu.changes.actions import check_may_request, hold, open_change
from weilu.changes.carried import acts_of
from weilu.changes.chase import watch
from weilu.changes.kind import CHANGE, EMERGENCY, STANDARD
from weilu.changes.models import Change, Emergency, Policy
from weilu.evidence.actions import stage
from weilu.kernel import text, worktime
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now
from weilu.planning.bookings import release
from weilu.process.actions import change_flow, note
from weilu.systems.models import Installation, System

OFFICE = worktime.Calendar()
MOST_DAYS, MOST_HOURS = 60, 80


def policy_of(owner_id: int) -> Policy:
    """What a customer has set, or the defaults."""
    return Policy.objects.filter(owner=owner_id).first() or Policy(owner_id=owner_id)


@action("changes.request_emergency")
def request_emergency(by: Person, place: Installation | System, *, title: str, need: str, reason: str) -> Change:
    """Ask for a change that cannot wait, and say why: one approval, the act, then every other step.

    By when all of it is complete is set here, in working days by the customer's policy of today.
    """
    check_may_request(by, place)
    reason = text.prose(reason, _("不能等的原因"), field="reason", longest=1000)
    change = open_change(by, place, EMERGENCY.key, "changes.emergency", title=title, need=need, priority="urgent")
    item, policy = change.item, policy_of(place.owner_id)
    due = worktime.add(item.opened_at, policy.follow_up_days * OFFICE.day_minutes, OFFICE)
    emergency = Emergency.objects.create(
        change=change, owner=item.owner, reason=reason, opened_at=item.opened_at, due_at=due,
        remind_hours=policy.remind_hours,
    )  # fmt: skip
    ref = stage(
        "changes.emergency_declared",
        {"number": item.number, "reason": reason, "complete_by": iso(due)},
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
        urgent=True,
    )
    note(item, "flow", _("紧急变更：%(reason)s") % {"reason": reason}, actor=by, evidence=ref)
    watch(emergency)
    return change


@action("changes.take_normal_way")
def take_normal_way(by: Person, change: Change, *, turn: int, reason: str) -> Change:
    """Let an emergency or standard change go on as a normal one, from its analysis; refused once a run has begun.

    What was said stays on record; what it approved no longer counts.
    """
    reason = text.line(reason, _("原因"), field="reason", longest=300)
    item = hold(change)
    if item.kind not in (STANDARD.key, EMERGENCY.key):
        raise Refused(_("这项变更已经走正常流程"))
    engineer = by.holds("engineer", item.owner)
    if by.id != item.requester_id and not engineer and not item.seats.filter(person=by, open=True).exists():
        raise Refused(_("改走正常流程由申请人、维护工程师或现在办理的人决定"))
    run = acts_of(item).order_by("id").first()
    if run is not None:
        raise Refused(_("执行 %(number)s 已经开始，要在这项变更里办完") % {"number": run.number}, rules.APPROVED_AS_IS)
    was, change.template, change.rerouted_at = item.kind, None, now()
    change.save(update_fields=["template", "rerouted_at"])
    Emergency.objects.filter(change=change).update(done_at=change.rerouted_at)
    release(item, by)
    change.item = change_flow(by, item, turn=turn, kind=CHANGE.key, flow="changes.normal", to="analysis", reason=reason)
    ref = stage(
        "changes.taken_normal",
        {"number": item.number, "was": was, "reason": reason},
        actor=by.actor,
        org=item.owner.code,
        item=str(item.uid),
    )
    note(item, "flow", _("改走正常流程：%(reason)s") % {"reason": reason}, actor=by, evidence=ref)
    return change


@action("changes.set_policy")
def set_policy(by: Person, owner: Organisation, *, follow_up_days: int, remind_hours: int) -> Policy:
    """Set within how many working days an emergency is complete, and how often it is chased; open ones keep theirs."""
    if not by.may("changes.settle", owner.id):
        raise Refused(_("补办期限由系统管理员设定"))
    if not 1 <= follow_up_days <= MOST_DAYS:
        raise Refused(_("补办期限应是 1 到 %(most)d 个工作日") % {"most": MOST_DAYS}, field="follow_up_days")
    if not 1 <= remind_hours <= MOST_HOURS:
        raise Refused(_("提醒间隔应是 1 到 %(most)d 个工作小时") % {"most": MOST_HOURS}, field="remind_hours")
    policy, _made = Policy.objects.update_or_create(
        owner=owner, defaults={"follow_up_days": follow_up_days, "remind_hours": remind_hours}
    )
    stage(
        "changes.policy_set",
        {"follow_up_days": follow_up_days, "remind_hours": remind_hours},
        actor=by.actor,
        org=owner.code,
    )
    return policy
