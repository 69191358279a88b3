"""What changes accounts: organisations, people, roles, sign-in."""

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.accounts import needs, rules
from weilu.accounts.directory import Entry
from weilu.accounts.guesses import as_typed, forget, try_password
from weilu.accounts.models import Department, Grant, Organisation, Person, RoleHolding
from weilu.accounts.queries import has_second_factor, keeps, manages
from weilu.accounts.roles import ROLES
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

EMPLOYED = gettext_noop("在职")  # the source of a role or grant that needs no contract


@action("accounts.found_organisation")
def found_organisation(
    by: Person | None,
    *,
    code: str,
    name: str,
    short_name: str,
    kind: str = Organisation.Kind.CUSTOMER,
    keeper: Organisation | None = None,
) -> Organisation:
    """Register an organisation; `by` is None only at the machine, which alone registers customers.

    An administrator of the customer `keeper` registers those who serve it, and then adds their people.
    """
    may_manage(by, keeper)
    if kind not in Organisation.Kind.values or (by is not None and kind == Organisation.Kind.CUSTOMER):
        raise Refused(_("这里只能登记服务商或最终用户方"), field="kind")
    code = text.code(code, _("单位代号"), field="code", longest=20)
    if Organisation.objects.filter(code=code).exists():
        raise Refused(_("代号 %(code)s 已被使用，换一个") % {"code": code}, field="code")
    found = Organisation.objects.create(
        code=code,
        name=text.line(name, _("单位名称"), field="name", longest=100),
        short_name=text.line(short_name, _("单位简称"), field="short_name", longest=30),
        kind=kind,
        keeper=keeper,
    )
    data = {"code": code, "name": found.name, "kind": kind}
    stage("accounts.organisation_founded", data, actor=actor_of(by), org=keeper.code if keeper else code)
    return found


@action("accounts.add_person")
def add_person(
    by: Person | None,
    organisation: Organisation,
    *,
    username: str,
    name: str,
    password: str,
    title: str = "",
    department: str = "",
) -> Person:
    """Add somebody to an organisation; a customer's person sees their own customer's rows."""
    may_keep(by, organisation)
    username = text.code(username, _("工号"), field="username", longest=40)
    if Person.objects.filter(username=username).exists():
        raise Refused(_("工号 %(name)s 已有人用，换一个") % {"name": username}, field="username")
    rules.check_new_password(password, username, field="password")
    department = text.line(department, _("部门"), field="department", longest=60, required=False)
    place = department_named(organisation, department)
    person = Person(
        username=username,
        name=text.line(name, _("姓名"), field="name", longest=60),
        title=text.line(title, _("职务"), field="title", longest=60, required=False),
        organisation=organisation,
        department=place,
    )
    person.set_password(password)
    person.save()
    if organisation.kind == Organisation.Kind.CUSTOMER:
        Grant.objects.create(person=person, organisation=organisation, source=EMPLOYED)
    data = {"person": person.actor, "title": person.title}
    stage("accounts.person_added", data, actor=actor_of(by), org=record_of(organisation))
    return person


@action("accounts.give_role")
def give_role(by: Person | None, person: Person, owner: Organisation, role: str, *, source: str = EMPLOYED) -> None:
    """Let `person` hold `role` towards the customer `owner`; a vendor's person also comes to see its rows."""
    may_manage(by, owner)
    if role not in ROLES:
        raise Refused(_("没有「%(role)s」这个角色") % {"role": role}, field="role")
    if not person.is_active:
        raise Refused(_("%(name)s 已离开，不能再给角色") % {"name": person.name}, field="role")
    RoleHolding.objects.get_or_create(person=person, owner=owner, role=role, until=None)
    if not Grant.objects.in_force(now()).filter(person=person, organisation=owner).exists():
        Grant.objects.create(person=person, organisation=owner, source=source)
    stage(
        "accounts.role_given",
        {"person": person.actor, "role": role, "source": source},
        actor=actor_of(by),
        org=owner.code,
    )


@action("accounts.end_role")
def end_role(by: Person, person: Person, owner: Organisation, role: str, *, anyway: str = "") -> None:
    """End a role held towards `owner` from this instant; with a vendor's last role their sight ends as well.

    Refused where a flow or an open item then lacks somebody, unless `anyway` says why it must end (see `needs`).
    """
    may_manage(by, owner)
    if role not in ROLES:
        raise Refused(_("没有「%(role)s」这个角色") % {"role": role}, field="role")
    anyway = text.line(anyway, _("原因"), field="anyway", required=False)
    needs.hold_still(owner)
    instant, before = now(), needs.gaps(owner, [person])
    ended = RoleHolding.objects.in_force(instant).filter(person=person, owner=owner, role=role).update(until=instant)
    if not ended:
        raise Refused(_("%(name)s 现在没有这个角色") % {"name": person.name}, field="role")
    still = RoleHolding.objects.in_force(instant).filter(person=person, owner=owner).exists()
    if person.organisation_id != owner.id and not still:
        Grant.objects.in_force(instant).filter(person=person, organisation=owner).update(until=instant)
    found = needs.left_open(before, owner, [person], anyway)
    data = {"person": person.actor, "role": role} | needs.on_record(found, anyway)
    stage("accounts.role_ended", data, actor=actor_of(by), org=owner.code)
    needs.tell_of_gaps(owner, found, anyway, by)


def sign_in(username: str, password: str, address: str, *, device: str = "") -> Person:
    """The person of this name and password; raises Refused, counted by account, address and `device` (a cookie).

    Not one transaction: a failure must stay counted although the act is refused.
    """
    username = as_typed(username)
    known = Person.objects.filter(username=username, is_active=True).select_related("organisation").first()
    person = try_password(username, known, password, address, admit=_of_entry, device=device)
    if has_second_factor(person):
        return person  # signed in when the code is right, too: `second.second_step`
    with transaction.atomic():
        stage("accounts.signed_in", {"person": person.actor}, actor=person.actor, org=person.organisation.code)
    return person


@transaction.atomic
def _of_entry(entry: Entry) -> Person | None:
    """The person whose entry the directory opened: known here, or added without rights where that is set."""
    found = Person.objects.filter(username=entry.username).first()
    create_in = settings.LDAP.create_in if settings.LDAP else ""
    if found is not None or not create_in:
        return found if found and found.is_active else None
    organisation = Organisation.objects.filter(code=create_in).first()
    if organisation is None:
        raise Refused(_("WEILU_LDAP_CREATE_IN 说的单位不存在，请告诉系统管理员"), field="password")
    person = Person(
        username=text.code(entry.username, _("工号"), field="username", longest=40),
        name=text.line(entry.name, _("姓名"), field="name", longest=60),
        organisation=organisation,
    )
    person.set_unusable_password()
    person.save()
    stage("accounts.person_added", {"person": person.actor, "by": "ldap"}, actor="weilu", org=organisation.code)
    return person


def keep_language(by: Person, language: str) -> None:
    """From now on `by` reads the pages in `language`, wherever they sign in; taste, so no evidence."""
    Person.objects.filter(id=by.id).update(language=language)
    by.language = language


def check_password(person: Person, password: str, address: str, *, field: str = "password") -> None:
    """Ask for the password again before a signature; counted apart from sign-in, raises Refused about `field`."""
    try:
        try_password(
            person.username, person, password, address, again=True,
            admit=lambda entry: person if entry.username == person.username else None,
        )  # fmt: skip
    except Refused as refused:
        refused.field = field
        raise


@action("accounts.unlock")
def unlock(by: Person | None, person: Person) -> None:
    """End the locks that wrong passwords put on a person's sign-in; by who manages them, or (None) on the machine."""
    if by is not None:
        rules.check_may_end(False, manages(by, person))
    if not forget(person):
        raise Refused(_("%(name)s 的登录没有锁定") % {"name": person.name})
    stage("accounts.sign_in_unlocked", {"person": person.actor}, actor=actor_of(by), org=person.organisation.code)


def actor_of(by: Person | None) -> str:
    return by.actor if by else "weilu"


def department_named(organisation: Organisation, name: str) -> Department | None:
    """The department of this name that is not closed, made where there is none; None for no name."""
    if not name:
        return None
    return Department.objects.get_or_create(organisation=organisation, name=name, closed_at=None)[0]


def may_keep(by: Person | None, organisation: Organisation) -> None:
    """Who adds and amends people of an organisation: its administrators, or those of the customer that keeps it."""
    if by is not None and not keeps(by, organisation):
        may_manage(by, organisation)


def record_of(organisation: Organisation) -> str:
    """Whose record tells of the people of an organisation: its keeper's, or its own."""
    return organisation.keeper.code if organisation.keeper else organisation.code


def may_manage(by: Person | None, owner: Organisation | None = None) -> None:
    """Only an administrator manages; None stands for the command that sets an installation up."""
    if by is None:
        return
    if owner is None or not by.may("people.manage", owner.id):
        raise Refused(_("管理人员与角色要由系统管理员办"), help=_("系统管理员可以授予"), who="administrator")
