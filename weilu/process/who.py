"""Whom a step asks: the closed vocabulary of `who`, resolved against the people who exist now."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.process.flow import Flow, Step, Who
from weilu.process.models import Opinion, WorkItem


def resolve(who: Who, item: WorkItem) -> list[Person]:
    """The people `who` means for this item, in a stable order; may be empty."""
    match who.kind:
        case "requester":
            return [item.requester]
        case "dept_head":
            head = item.requester.department.head if item.requester.department else None
            # Who heads the department and asks at once cannot confirm their own ask (ROL-1).
            return [head] if head and head.is_active and head.id != item.requester_id else []
        case "role":
            return list(Person.objects.holding(who.name, item.owner))
        case "contract_engineer":
            return list(Person.objects.holding("engineer", item.owner))
        case "system_owner":
            owner = item.system.backup_owner
            return [owner] if owner and owner.is_active else []
        case "person":
            return list(Person.objects.filter(username=who.name, is_active=True))
        case "actor":
            return list(
                Person.objects.filter(
                    opinions__item=item, opinions__visit__step=who.name, opinions__act=Opinion.Act.AGREE, is_active=True
                ).distinct()
            )
    raise ValueError(who.kind)


def people_asked(step: Step, item: WorkItem, barred: Iterable[int]) -> list[Person]:
    """Everybody the step asks, each once, without those barred; empty when one of its `who` means nobody.

    A step that asks a head *and* a leader is not met by two heads: each entry must lead to somebody.
    """
    asked: dict[int, Person] = {}
    shut_out = set(barred)
    for who in step.who:
        found = [person for person in resolve(who, item) if person.id not in shut_out]
        if not found:
            return []
        asked |= {person.id: person for person in found}
    return list(asked.values())


def faults_of_people(flow: Flow, owner: Organisation) -> list[str]:
    """Why steps of `flow` could never be met by the people who exist towards `owner`; empty when all can."""
    candidates = {step.key: _candidates(step, owner) for step in flow.steps}
    faults = []
    for step in flow.steps:
        if step.auto:
            continue
        groups = candidates[step.key]
        empty = [str(who) for who, people in zip(step.who, groups, strict=True) if not people]
        if empty:
            faults.append(_("「%(step)s」要的 %(who)s 没有人") % {"step": _(step.title), "who": _("、").join(empty)})
            continue
        everybody = set().union(*groups)
        if isinstance(step.sign, int) and len(everybody) < step.sign:
            words = {"step": _(step.title), "wanted": step.sign, "found": len(everybody)}
            faults.append(_("「%(step)s」要 %(wanted)d 人，只有 %(found)d 人够格") % words)
        for other in step.not_also:
            before = candidates[other]
            if all(any(not group - {person} for group in groups) for people in before for person in people):
                words = {"step": _(step.title), "other": _(flow.step(other).title)}
                faults.append(_("「%(step)s」与「%(other)s」只有同一个人可办") % words)
    return faults


def _candidates(step: Step, owner: Organisation) -> list[set[int]]:
    """For each `who` of the step: the ids of all people it could mean in some item."""
    groups = []
    for who in step.who:
        match who.kind:
            case "role":
                found = Person.objects.holding(who.name, owner)
            case "contract_engineer":
                found = Person.objects.holding("engineer", owner)
            case "requester":
                found = Person.objects.holding("requester", owner)
            case "dept_head":
                found = Person.objects.filter(heads__organisation=owner, is_active=True)
            case "person":
                found = Person.objects.filter(username=who.name, is_active=True)
            case "system_owner":
                found = Person.objects.filter(organisation=owner, is_active=True)
            case _:
                found = Person.objects.filter(is_active=True)  # actor(step): whoever that step finds
        groups.append(set(found.values_list("id", flat=True)))
    return groups
