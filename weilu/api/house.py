"""Organisations, departments, people who leave, and roles, by the API."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts import actions as accounts
from weilu.accounts import house
from weilu.accounts.house_queries import house_of, roles_held
from weilu.accounts.models import Department, Organisation, Person
from weilu.accounts.queries import person_known
from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named, somebody
from weilu.kernel.refused import NotVisible
from weilu.kernel.times import iso

router = Router()


class OrganisationIn(Schema):
    """A vendor or end user that serves `owner`; customers are registered at the machine."""

    owner: str
    code: str
    name: str
    short_name: str
    kind: str = "vendor"


class NamesIn(Schema):
    owner: str
    name: str
    short_name: str


class DepartmentIn(Schema):
    owner: str
    name: str


class DepartmentNameIn(Schema):
    owner: str
    department: str
    name: str


class DepartmentRef(Schema):
    owner: str
    department: str


class HeadIn(DepartmentRef):
    """Without `person` the department has no head; `anyway` says why, where steps are then without anybody."""

    person: str = ""
    anyway: str = ""


class RoleEnd(Schema):
    """`anyway` says why it must end, where steps are then without anybody."""

    owner: str
    person: str
    role: str
    anyway: str = ""


class PersonEnd(Schema):
    owner: str
    person: str
    anyway: str = ""


class PersonNames(Schema):
    person: str
    name: str
    title: str = ""
    department: str = ""
    anyway: str = ""


class PersonRef(Schema):
    person: str


@router.post("/accounts/found_organisation", response=Done, tags=["act"])
def found_organisation(request: HttpRequest, act: OrganisationIn) -> Done:
    keeper = owner_named(request, act.owner)
    return Done(uid=str(accounts.found_organisation(reader(request), keeper=keeper, **act.dict(exclude={"owner"})).uid))


@router.post("/accounts/rename_organisation", response=Done, tags=["act"])
def rename_organisation(request: HttpRequest, act: NamesIn) -> Done:
    owner = owner_named(request, act.owner)
    return Done(uid=str(house.rename_organisation(reader(request), owner, **act.dict(exclude={"owner"})).uid))


@router.post("/accounts/add_department", response=Done, tags=["act"])
def add_department(request: HttpRequest, act: DepartmentIn) -> Done:
    house.add_department(reader(request), owner_named(request, act.owner), name=act.name)
    return Done()


@router.post("/accounts/rename_department", response=Done, tags=["act"])
def rename_department(request: HttpRequest, act: DepartmentNameIn) -> Done:
    house.rename_department(reader(request), _department(request, act.owner, act.department), name=act.name)
    return Done()


@router.post("/accounts/close_department", response=Done, tags=["act"])
def close_department(request: HttpRequest, act: DepartmentRef) -> Done:
    house.close_department(reader(request), _department(request, act.owner, act.department))
    return Done()


@router.post("/accounts/name_head", response=Done, tags=["act"])
def name_head(request: HttpRequest, act: HeadIn) -> Done:
    head = somebody(request, act.person) if act.person else None
    house.name_head(reader(request), _department(request, act.owner, act.department), head, anyway=act.anyway)
    return Done()


@router.post("/accounts/end_role", response=Done, tags=["act"])
def end_role(request: HttpRequest, act: RoleEnd) -> Done:
    person, owner = somebody(request, act.person), owner_named(request, act.owner)
    accounts.end_role(reader(request), person, owner, act.role, anyway=act.anyway)
    return Done()


@router.post("/accounts/let_go", response=Done, tags=["act"])
def let_go(request: HttpRequest, act: PersonEnd) -> Done:
    person, owner = somebody(request, act.person), owner_named(request, act.owner)
    house.let_go(reader(request), person, owner, anyway=act.anyway)
    return Done(uid=str(person.uid))


@router.post("/accounts/take_back", response=Done, tags=["act"])
def take_back(request: HttpRequest, act: PersonRef) -> Done:
    return Done(uid=str(house.take_back(reader(request), _known(request, act.person)).uid))


@router.post("/accounts/amend_person", response=Done, tags=["act"])
def amend_person(request: HttpRequest, act: PersonNames) -> Done:
    fields = act.dict(exclude={"person"})
    return Done(uid=str(house.amend_person(reader(request), _known(request, act.person), **fields).uid))


@router.get("/organisations", summary="Customers one sees: departments, heads, and who serves them", tags=["read"])
def organisations(request: HttpRequest) -> list[dict[str, Any]]:
    """`gaps` are told to whoever manages people there."""
    me = reader(request)
    found = Organisation.objects.filter(id__in=me.owner_ids).order_by("code")
    return [_house(one, me) for one in found]


@router.get("/roles", summary="Roles: who holds them, what they open, which steps ask for them", tags=["read"])
def roles(request: HttpRequest) -> list[dict[str, Any]]:
    """One line for each customer and role."""
    return [
        {
            "owner": customer.organisation.code, "role": held.role.key, "title": str(held.role.title),
            "holders": [one.person.username for one in held.now],
            "rights": sorted(held.role.rights), "steps": held.steps,
        }
        for customer in roles_held(reader(request))
        for held in customer.roles
    ]  # fmt: skip


def _house(owner: Organisation, me: Person) -> dict[str, Any]:
    found = house_of(owner, me)
    departments = [
        {"name": one.name, "head": one.head.username if one.head else "", "people": getattr(one, "number", 0)}
        for one in found.departments
    ]
    sights = [
        {
            "organisation": serving.organisation.code, "person": one.grant.person.username, "roles": one.roles,
            "source": one.grant.source, "since": iso(one.grant.since),
            "until": iso(one.grant.until) if one.grant.until else None,
        }
        for serving in found.serving
        for one in serving.people
    ]  # fmt: skip
    names = {"uid": str(owner.uid), "code": owner.code, "name": owner.name, "short_name": owner.short_name}
    return names | {"departments": departments, "grants": sights, "gaps": found.gaps}


def _department(request: HttpRequest, owner: str, name: str) -> Department:
    """An open department of a customer that the caller sees, by its name; raises NotVisible."""
    named = name.replace("\0", "\ufffd")
    found = Department.objects.filter(organisation=owner_named(request, owner), name=named, closed_at=None).first()
    if found is None:
        raise NotVisible(name)
    return found


def _known(request: HttpRequest, username: str) -> Person:
    """Somebody the caller sees or whose organisation they look after, also one who left; raises NotVisible."""
    found = Person.objects.filter(username=username.replace("\0", "\ufffd")).first()
    if found is None or not person_known(reader(request), found):
        raise NotVisible(username)
    return found
