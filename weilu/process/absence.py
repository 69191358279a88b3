"""委托: who stands in for somebody absent, towards which customer, from when until when."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import SHANGHAI, now
from weilu.notify.actions import tell
from weilu.process.models import Delegation
from weilu.process.rules import NOT_ONES_OWN

LONGEST = timedelta(days=366)


@action("process.delegate")
def delegate(
    by: Person,
    *,
    owner: Organisation,
    person: Person,
    delegate: Person,
    since: datetime,
    until: datetime,
    reason: str,
) -> Delegation:
    """From `since` until `until` (aware) `delegate` acts in `person`'s name towards `owner`; both count as acting.

    By the absent one, or by an administrator. Raises Refused for another organisation, a period that
    is over or overlaps, and a chain: whoever is absent does not stand in.
    """
    reason = text.line(reason, _("委托原因"), field="reason")
    if by != person and not by.may("people.manage", owner.id):
        raise Refused(_("替别人委托要由系统管理员办"), NOT_ONES_OWN)
    if owner.id not in person.owner_ids:
        raise Refused(_("%(name)s不办这个单位的工单") % {"name": person.name}, field="person")
    if delegate == person or delegate.organisation_id != person.organisation_id:
        raise Refused(_("只能委托给本单位的另一个人"), NOT_ONES_OWN, field="delegate")
    if not delegate.is_active or owner.id not in delegate.owner_ids:
        raise Refused(_("%(name)s看不到这个单位的工单，不能受托") % {"name": delegate.name}, field="delegate")
    if until <= since or until <= now():
        raise Refused(_("委托的结束时间要晚于开始时间，也要晚于现在"), field="until")
    if until - since > LONGEST:
        raise Refused(_("一次委托最长一年"), field="until")
    _check_apart(owner, person, delegate, since, until)
    made = Delegation.objects.create(
        owner=owner, person=person, delegate=delegate, since=since, until=until, reason=reason, made_by=by
    )
    _stage("process.delegated", made, by)
    words = {"person": person.name, "delegate": delegate.name, "since": _day(since), "until": _day(until)}
    title = _("%(person)s委托%(delegate)s代办：%(since)s 至 %(until)s") % words
    tell([person, delegate], title, reason, "/absences/", owner, actor=by.actor)
    return made


def _check_apart(owner: Organisation, person: Person, delegate: Person, since: datetime, until: datetime) -> None:
    """One delegate at a time, and no chains; of two arranged at the same moment the second sees the first."""
    for _one in Person.objects.select_for_update(no_key=True).filter(id__in=[person.id, delegate.id]).order_by("id"):
        pass
    same_time = Delegation.objects.filter(owner=owner, ended_at=None, since__lt=until, until__gt=since)
    found = same_time.filter(Q(person=person) | Q(person=delegate) | Q(delegate=person)).order_by("id")
    for other in found.select_related("person", "delegate")[:1]:
        words = {"person": other.person.name, "delegate": other.delegate.name, "until": _day(other.until)}
        raise Refused(
            _("%(person)s到 %(until)s 已委托%(delegate)s，时间重叠") % words,
            help=_("先结束那一次委托"),
            field="since",
        )


@action("process.end_delegation")
def end_delegation(by: Person, made: Delegation) -> Delegation:
    """The absence is over before its time; by the absent one or an administrator."""
    made = (
        Delegation.objects.select_for_update(of=("self",)).select_related("owner", "person", "delegate").get(id=made.id)
    )
    if by != made.person and not by.may("people.manage", made.owner_id):
        raise Refused(_("结束委托要由本人或系统管理员办"), NOT_ONES_OWN)
    if made.ended_at is not None or made.until <= now():
        raise Refused(_("这次委托已经结束"))
    made.ended_at = now()
    made.save(update_fields=["ended_at"])
    _stage("process.delegation_ended", made, by)
    words = {"person": made.person.name, "delegate": made.delegate.name}
    title = _("%(person)s对%(delegate)s的委托已结束") % words
    tell([made.person, made.delegate], title, "", "/absences/", made.owner, actor=by.actor)
    return made


def _stage(kind: str, made: Delegation, by: Person) -> None:
    data = {
        "person": made.person.actor, "delegate": made.delegate.actor, "since": made.since.isoformat(),
        "until": made.until.isoformat(), "reason": made.reason,
    }  # fmt: skip
    stage(kind, data, actor=by.actor, org=made.owner.code)


def _day(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
