"""What changes an organisation from inside: its names, its departments and their heads, who works there, who left."""

from django.utils.translation import gettext as _

from weilu.accounts import needs, rules
from weilu.accounts.actions import EMPLOYED, actor_of, department_named, may_keep, may_manage, record_of
from weilu.accounts.credentials import ApiToken, Visit
from weilu.accounts.models import Department, Grant, Organisation, Person, RoleHolding
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import now


@action("accounts.rename_organisation")
def rename_organisation(by: Person, organisation: Organisation, *, name: str, short_name: str) -> Organisation:
    """Other names from now on; the code stays, it stands in numbers already given."""
    may_keep(by, organisation)
    before = organisation.name
    organisation.name = text.line(name, _("单位名称"), field="name", longest=100)
    organisation.short_name = text.line(short_name, _("单位简称"), field="short_name", longest=30)
    organisation.save(update_fields=["name", "short_name"])
    data = {"code": organisation.code, "before": before, "name": organisation.name, "short": organisation.short_name}
    stage("accounts.organisation_renamed", data, actor=by.actor, org=record_of(organisation))
    return organisation


@action("accounts.add_department")
def add_department(by: Person, organisation: Organisation, *, name: str) -> Department:
    """A department whose name no other open one has."""
    may_manage(by, organisation)
    needs.hold_still(organisation)
    made = Department.objects.create(organisation=organisation, name=_free_name(organisation, name))
    stage("accounts.department_added", {"department": made.name}, actor=by.actor, org=organisation.code)
    return made


@action("accounts.rename_department")
def rename_department(by: Person, department: Department, *, name: str) -> Department:
    """Another name from now on."""
    may_manage(by, department.organisation)
    needs.hold_still(department.organisation)
    before, department.name = department.name, _free_name(department.organisation, name)
    department.save(update_fields=["name"])
    data = {"before": before, "department": department.name}
    stage("accounts.department_renamed", data, actor=by.actor, org=department.organisation.code)
    return department


@action("accounts.close_department")
def close_department(by: Person, department: Department) -> None:
    """Nobody joins it any more; only one where nobody works is closed."""
    may_manage(by, department.organisation)
    needs.hold_still(department.organisation)
    rules.check_empty(department.name, department.people.filter(is_active=True).count())
    department.closed_at, department.head = now(), None
    department.save(update_fields=["closed_at", "head"])
    stage(
        "accounts.department_closed", {"department": department.name}, actor=by.actor, org=department.organisation.code
    )


@action("accounts.name_head")
def name_head(by: Person | None, department: Department, head: Person | None, *, anyway: str = "") -> None:
    """Name who heads a department, or None: the person `dept_head(requester)` leads to.

    Refused where a flow or an open item then lacks somebody, unless `anyway` says why it must be so (see `needs`).
    """
    owner = department.organisation
    may_manage(by, owner)
    if head is not None and (head.organisation_id != owner.id or not head.is_active):
        raise Refused(_("%(name)s 不是本单位的人") % {"name": head.name}, field="person")
    anyway = text.line(anyway, _("原因"), field="anyway", required=False)
    needs.hold_still(owner)
    department = Department.objects.select_related("head__organisation").get(id=department.id)
    people = [department.head] if department.head else []
    before = needs.gaps(owner, people) if by else []
    Department.objects.filter(id=department.id).update(head=head)
    found = needs.left_open(before, owner, people, anyway) if by else []
    data = {"department": department.name, "head": head.actor if head else ""} | needs.on_record(found, anyway)
    stage("accounts.head_named", data, actor=actor_of(by), org=owner.code)
    if by:
        needs.tell_of_gaps(owner, found, anyway, by)


@action("accounts.amend_person")
def amend_person(
    by: Person, person: Person, *, name: str, title: str = "", department: str = "", anyway: str = ""
) -> Person:
    """Another name, title or department; whoever changes the department is confirmed by another head from now on."""
    owner = person.organisation
    may_keep(by, owner)
    anyway = text.line(anyway, _("原因"), field="anyway", required=False)
    needs.hold_still(owner)
    person = Person.objects.select_related("department__head__organisation").get(id=person.id)
    was, heads = person.actor, [person.department.head] if person.department and person.department.head else []
    before = needs.gaps(owner, heads)
    person.name = text.line(name, _("姓名"), field="name", longest=60)
    person.title = text.line(title, _("职务"), field="title", longest=60, required=False)
    place = text.line(department, _("部门"), field="department", longest=60, required=False)
    person.department = department_named(owner, place)
    person.save(update_fields=["name", "title", "department"])
    found = needs.left_open(before, owner, heads, anyway)
    data = {"person": was, "name": person.name, "title": person.title, "department": place}
    stage("accounts.person_amended", data | needs.on_record(found, anyway), actor=by.actor, org=record_of(owner))
    needs.tell_of_gaps(owner, found, anyway, by)
    return person


@action("accounts.let_go")
def let_go(by: Person, person: Person, owner: Organisation, *, anyway: str = "") -> Person:
    """From this instant the person does nothing for `owner`: their roles and grants there end.

    Whoever belongs to it can no longer sign in: their visits end, their tokens are revoked. What they signed stays.
    Refused where a flow or an open item then lacks somebody, unless `anyway` says why it must be so (see `needs`).
    """
    may_manage(by, owner)
    rules.check_not_oneself(by.id == person.id)
    anyway = text.line(anyway, _("原因"), field="anyway", required=False)
    needs.hold_still(owner)
    instant, before, belongs = now(), needs.gaps(owner, [person]), person.organisation_id == owner.id
    roles = RoleHolding.objects.in_force(instant).filter(person=person, owner=owner)
    sees = Grant.objects.in_force(instant).filter(person=person, organisation=owner)
    ended = sorted(roles.values_list("role", flat=True))
    if not roles.update(until=instant) + sees.update(until=instant) and not (belongs and person.is_active):
        raise Refused(_("%(name)s 现在不办这个单位的工作") % {"name": person.name})
    if belongs:
        Person.objects.filter(id=person.id).update(is_active=False)
        Department.objects.filter(organisation=owner, head=person).update(head=None)
        Visit.objects.filter(person=person).delete()
        tokens = ApiToken.objects.filter(person=person, revoked_at=None)
        tokens.update(revoked_at=instant, revoked_by=by)
    person = Person.objects.get(id=person.id)
    found = needs.left_open(before, owner, [person], anyway)
    data = {"person": person.actor, "roles": ended, "left": belongs} | needs.on_record(found, anyway)
    stage("accounts.person_let_go", data, actor=by.actor, org=owner.code)
    needs.tell_of_gaps(owner, found, anyway, by)
    return person


@action("accounts.take_back")
def take_back(by: Person, person: Person) -> Person:
    """Whoever was let go by mistake, or came back, signs in again; roles are given anew, old tokens stay revoked."""
    owner = person.organisation
    may_manage(by, owner)
    if not Person.objects.filter(id=person.id, is_active=False).update(is_active=True):
        raise Refused(_("%(name)s 没有离开") % {"name": person.name})
    Grant.objects.create(person=person, organisation=owner, source=EMPLOYED)
    stage("accounts.person_taken_back", {"person": person.actor}, actor=by.actor, org=owner.code)
    return Person.objects.get(id=person.id)


def _free_name(organisation: Organisation, name: str) -> str:
    name = text.line(name, _("部门"), field="department", longest=60)
    if Department.objects.filter(organisation=organisation, name=name, closed_at=None).exists():
        raise Refused(_("已有部门「%(name)s」，换一个名称") % {"name": name}, field="department")
    return name
