"""What the pages of roles and of an organisation show."""

import uuid
from collections import defaultdict
from dataclasses import dataclass, field

from django.db.models import Count, Q

from weilu.accounts import needs
from weilu.accounts.models import Department, Grant, Organisation, Person, RoleHolding
from weilu.accounts.roles import RIGHTS, ROLES, Role
from weilu.kernel.refused import NotVisible
from weilu.kernel.times import now

MOST_ENDED = 5  # former holders named on the page; a person's own page has all of theirs


@dataclass
class Held:
    """One role towards one customer: who holds it and who did, what it opens, which steps ask for it."""

    role: Role
    steps: list[str]
    now: list[RoleHolding] = field(default_factory=list)
    ended: list[RoleHolding] = field(default_factory=list)  # the latest end first

    @property
    def rights(self) -> list[str]:
        """The rights it carries, by name; those every role carries come last."""
        own = sorted(self.role.rights, key=lambda key: (key.endswith(".see"), list(RIGHTS).index(key)))
        return [str(RIGHTS[key]) for key in own]

    @property
    def shown(self) -> list[RoleHolding]:
        return self.ended[:MOST_ENDED]

    @property
    def more(self) -> int:
        return max(0, len(self.ended) - MOST_ENDED)

    @property
    def lacking(self) -> bool:
        """Whether a step asks for it and nobody holds it."""
        return bool(self.steps) and not self.now


@dataclass
class Roles:
    """The roles of one customer; `gaps` for whoever may mend them."""

    organisation: Organisation
    roles: list[Held]
    gaps: list[str]


def roles_held(reader: Person) -> list[Roles]:
    """Every role towards the customers that `reader` sees, however many hold it."""
    found, instant = [], now()
    for owner in Organisation.objects.filter(id__in=reader.owner_ids).order_by("code"):
        steps = needs.uses(owner)
        held = {key: Held(role, steps.get(key, [])) for key, role in ROLES.items()}
        rows = RoleHolding.objects.filter(owner=owner).select_related("person__organisation")
        for one in rows.order_by("-until", "person__name", "id"):
            present = one.since <= instant and (one.until is None or one.until > instant) and one.person.is_active
            (held[one.role].now if present else held[one.role].ended).append(one)
        gaps = needs.gaps(owner) if reader.may("people.manage", owner.id) else []
        found.append(Roles(owner, list(held.values()), gaps))
    return found


@dataclass
class Sight:
    """Somebody of another organisation who sees a customer's work: by which grant, from when until when."""

    grant: Grant
    roles: list[str]
    present: bool


@dataclass
class Serving:
    """An organisation whose people work for the customer, or that it has registered."""

    organisation: Organisation
    people: list[Sight] = field(default_factory=list)

    @property
    def present(self) -> int:
        """How many people see something now."""
        return len({one.grant.person_id for one in self.people if one.present})


@dataclass
class House:
    """Everything the page of an organisation shows."""

    organisation: Organisation
    managed: bool  # by the reader
    people: int
    departments: list[Department]  # each with `number` of people
    colleagues: list[Person]  # who could head one; for whoever manages
    serving: list[Serving]
    gone: list[Person]  # who left; for whoever manages
    gaps: list[str]


def organisation_seen(reader: Person, uid: uuid.UUID | str) -> Organisation:
    """A customer whose work `reader` sees; raises NotVisible."""
    found = Organisation.objects.filter(id__in=reader.owner_ids, uid=uid).first()
    if found is None:
        raise NotVisible(str(uid))
    return found


def house_of(owner: Organisation, reader: Person) -> House:
    """A fixed number of queries, however many departments, vendors and people there are."""
    managed = reader.may("people.manage", owner.id)
    working = Count("people", filter=Q(people__is_active=True))
    departments = Department.objects.filter(organisation=owner, closed_at=None).select_related("head__organisation")
    people = Person.objects.filter(organisation=owner)
    return House(
        organisation=owner,
        managed=managed,
        people=people.filter(is_active=True).count(),
        departments=list(departments.annotate(number=working).order_by("name", "id")),
        colleagues=list(people.filter(is_active=True).order_by("name", "id")) if managed else [],
        serving=_serving(owner, managed),
        gone=list(people.filter(is_active=False).order_by("name", "id")) if managed else [],
        gaps=needs.gaps(owner) if managed else [],
    )


def _serving(owner: Organisation, managed: bool) -> list[Serving]:
    """Organisations whose people see this customer or did; for whoever manages, also those it has registered."""
    instant, held = now(), defaultdict(list)
    for person, role in RoleHolding.objects.in_force(instant).filter(owner=owner).values_list("person_id", "role"):
        held[person].append(role)
    found: dict[int, Serving] = {}
    if managed:
        found = {one.id: Serving(one) for one in Organisation.objects.filter(keeper=owner)}
    grants = Grant.objects.filter(organisation=owner).exclude(person__organisation=owner)
    for grant in grants.select_related("person__organisation").order_by("-until", "person__name", "id"):
        present = grant.since <= instant and (grant.until is None or grant.until > instant) and grant.person.is_active
        roles = [str(ROLES[key].title) for key in ROLES if key in held[grant.person_id]] if present else []
        place = found.setdefault(grant.person.organisation_id, Serving(grant.person.organisation))
        place.people.append(Sight(grant, roles, present))
    for serving in found.values():
        serving.people.sort(key=lambda one: not one.present)
    return sorted(found.values(), key=lambda one: one.organisation.name)
