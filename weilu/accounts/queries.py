"""Who belongs where and holds what, as the people page shows it."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import Q

from weilu.accounts.credentials import SecondFactor
from weilu.accounts.models import Grant, Organisation, Person, RoleHolding
from weilu.accounts.roles import ROLES, Role
from weilu.kernel.refused import NotVisible
from weilu.kernel.statements import PreparedFor
from weilu.kernel.times import now
from weilu.ui.about import Helper

SHORT_NAMES = PreparedFor(
    lambda owners: Organisation.objects.filter(id__in=owners).order_by("code").values_list("short_name", flat=True)
)


@dataclass
class Line:
    """One person towards one customer: the roles held now, and on what ground a vendor's person sees."""

    person: Person
    roles: list[str] = field(default_factory=list)
    source: str = ""
    manages: bool = False


@dataclass
class Customer:
    """One customer with its own people and the vendors' people who work for it."""

    organisation: Organisation
    own: list[Line]
    vendors: list[Line]


def customers_with_people(person: Person) -> list[Customer]:
    """The customers `person` sees; five queries however many people there are."""
    customers = Organisation.objects.filter(id__in=person.owner_ids).order_by("code")
    held: dict[tuple[int, int], list[str]] = defaultdict(list)
    for owner, who, role in (
        RoleHolding.objects.in_force(now()).filter(owner__in=customers).values_list("owner_id", "person_id", "role")
    ):
        held[owner, who].append(role)
    grants = Grant.objects.in_force(now()).filter(organisation__in=customers, person__is_active=True)
    seen: dict[int, dict[int, Line]] = defaultdict(dict)
    for grant in grants.select_related("person__organisation", "person__department").order_by("person_id"):
        roles = held[grant.organisation_id, grant.person_id]
        seen[grant.organisation_id][grant.person_id] = Line(
            grant.person,
            [str(ROLES[role].title) for role in ROLES if role in roles],
            grant.source,
            any("people.manage" in ROLES[role].rights for role in roles),
        )
    return [_customer(one, list(seen[one.id].values())) for one in customers]


def _customer(organisation: Organisation, lines: list[Line]) -> Customer:
    own = [line for line in lines if line.person.organisation_id == organisation.id]
    vendors = [line for line in lines if line.person.organisation_id != organisation.id]
    return Customer(organisation, own, vendors)


def managed_customers(person: Person) -> list[Organisation]:
    """The customers whose people and roles `person` manages."""
    return list(Organisation.objects.filter(id__in=person.owners_with("people.manage")).order_by("code"))


def kept_organisations(person: Person) -> list[Organisation]:
    """Where `person` may add people: the customers they manage, and the vendors that those have registered."""
    managed = managed_customers(person)
    kept = Organisation.objects.filter(keeper__in=managed).order_by("code")
    return managed + list(kept.select_related("keeper"))


def keeps(by: Person, organisation: Organisation) -> bool:
    """Whether `by` adds and amends people of this organisation."""
    own = by.may("people.manage", organisation.id)
    return own or bool(organisation.keeper_id and by.may("people.manage", organisation.keeper_id))


def manages(by: Person, person: Person) -> bool:
    """Whether `by` manages the people of a customer that `person` sees."""
    managed = by.owners_with("people.manage")
    return Grant.objects.in_force(now()).filter(person=person, organisation_id__in=managed).exists()


def has_second_factor(person: Person) -> bool:
    """Whether sign-in asks this person for a code."""
    return SecondFactor.objects.filter(person=person, confirmed_at__isnull=False).exists()


def person_seen(reader: Person, uid: uuid.UUID | str) -> Person:
    """Somebody who sees a customer that `reader` sees too, or works where `reader` manages; raises NotVisible."""
    found = Person.objects.filter(_near(reader), uid=uid).select_related("department").first()
    if found is None:
        raise NotVisible(str(uid))
    return found


def person_known(reader: Person, person: Person) -> bool:
    """Whether `person` exists for `reader`, as `person_seen` has it."""
    return Person.objects.filter(_near(reader), id=person.id).exists()


def _near(reader: Person) -> Q:
    near = Q(id__in=Grant.objects.in_force(now()).filter(organisation_id__in=reader.owner_ids).values("person_id"))
    if managed := reader.owners_with("people.manage"):
        near |= Q(organisation__in=managed) | Q(organisation__keeper__in=managed)
    return near


@dataclass
class Towards:
    """The roles of one person towards one customer."""

    organisation: Organisation
    managed: bool  # by the reader
    source: str
    held: list[RoleHolding] = field(default_factory=list)  # in force
    ended: list[RoleHolding] = field(default_factory=list)  # the latest end first

    @property
    def free(self) -> list[Role]:
        """The roles that could be given."""
        held = {one.role for one in self.held}
        return [role for role in ROLES.values() if role.key not in held]


def roles_of(person: Person, reader: Person) -> list[Towards]:
    """What `person` holds and held towards each customer that both see; three queries."""
    instant = now()
    grants = Grant.objects.in_force(instant).filter(person=person, organisation_id__in=reader.owner_ids)
    found = {
        grant.organisation_id: Towards(
            grant.organisation, reader.may("people.manage", grant.organisation_id), grant.source
        )
        for grant in grants.select_related("organisation").order_by("organisation__code")
    }
    for holding in RoleHolding.objects.filter(person=person, owner_id__in=found).order_by("-until", "id"):
        towards = found[holding.owner_id]
        in_force = holding.since <= instant and (holding.until is None or holding.until > instant)
        (towards.held if in_force else towards.ended).append(holding)
    return list(found.values())


def owner_names(person: Person) -> list[str]:
    """Short names of the customers whose work `person` sees, for the organisation switch."""
    return SHORT_NAMES(person.owner_ids)


def holders(person: Person, role: str) -> list[Helper]:
    """Who holds `role` towards the customers `person` sees, or towards their own organisation, where they see none."""
    owners = Organisation.objects.filter(id__in=person.owner_ids or [person.organisation_id]).order_by("code")
    found = {one.id: one for owner in owners for one in Person.objects.holding(role, owner)}
    return [Helper(one, str(ROLES[role].title)) for one in found.values() if one.id != person.id]
