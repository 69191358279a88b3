"""Whom a step asks: the closed vocabulary of `who`, resolved against the people who exist now."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from weilu.accounts.models import Person, RoleHolding
from weilu.kernel.statements import Prepared, slot
from weilu.kernel.times import now
from weilu.process.flow import Step, Who
from weilu.process.models import Opinion, Seat, WorkItem

HOLDING = Prepared(lambda: Person.objects.holding(slot("role"), slot("owner"), slot("at")))
HELD = Prepared(
    lambda: (
        RoleHolding.objects.in_force(slot("at"))
        .filter(person=slot("person"), role=slot("role"), owner=slot("owner"))
        .values_list("id")
    )
)


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
            return HOLDING(role=who.name, owner=item.owner_id, at=now())
        case "contract_engineer":
            return HOLDING(role="engineer", owner=item.owner_id, at=now())
        case "system_owner":
            owner = item.system.backup_owner
            return [owner] if owner and owner.is_active else []
        case "person":
            return list(Person.objects.filter(username=who.name, is_active=True))
        case "actor":
            return list(Person.objects.filter(id__in=_actors(who.name, item), is_active=True).order_by("id"))
    raise ValueError(who.kind)


def _actors(step: str, item: WorkItem) -> set[int]:
    """Who agreed in `step` from a place the flow gave them, by id; of one who stood in, the absent one."""
    said = Opinion.objects.filter(item=item, visit__step=step, act=Opinion.Act.AGREE, withdrawal=None)
    added = Seat.objects.filter(visit=OuterRef("visit"), person=OuterRef("holder"), part__in=Seat.ADDED)
    holders = said.annotate(holder=Coalesce("on_behalf", "person")).exclude(Exists(added))
    return set(holders.values_list("holder", flat=True))


def is_meant(person: Person, who: Who, item: WorkItem) -> bool:
    """Whether `person` is among those whom `who` means for this item now.

    Whoever is meant by what they did, or by name, stays so after they have left: an administrator may hand on for them.
    """
    match who.kind:
        case "person":
            return person.username == who.name
        case "actor":
            return person.id in _actors(who.name, item)
        case "role" | "contract_engineer":
            role = who.name or "engineer"
            return person.is_active and bool(HELD(person=person.id, role=role, owner=item.owner_id, at=now()))
    return person in resolve(who, item)


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
