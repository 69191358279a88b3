"""What stands around hosts: environments and their groups, dependencies between systems, limits of sites and zones."""

from collections.abc import Mapping

from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.kernel.actions import action
from weilu.kernel.refused import Refused
from weilu.systems import host_rules as rules
from weilu.systems.actions import hold_register, read_again
from weilu.systems.models import Dependency, Environment, HostGroup, HostImport, Limit, System


@action("systems.add_environment")
def add_environment(by: Person, system: System, *, kind: str, name: str) -> Environment:
    """A stage of the system; its kind stays, since what runs and approvals rest on it."""
    hold_register(by, system.owner)
    if kind not in Environment.Kind.values:
        raise Refused(_("环境的种类没有选"), field="kind")
    found = Environment.objects.create(
        owner=system.owner, system=system, kind=kind, name=_free_environment(system, name, None)
    )
    _tell("systems.environment_added", system, by, {"environment": found.name, "kind": kind})
    return found


@action("systems.rename_environment")
def rename_environment(by: Person, environment: Environment, *, name: str) -> Environment:
    hold_register(by, environment.owner)
    read_again(environment)
    before, environment.name = environment.name, _free_environment(environment.system, name, environment)
    if environment.name != before:
        environment.save(update_fields=["name"])
        said = {"environment": environment.name, "before": before}
        _tell("systems.environment_renamed", environment.system, by, said)
    return environment


@action("systems.drop_environment")
def drop_environment(by: Person, environment: Environment) -> None:
    """Take away an environment that was made by mistake: nothing ever stood in it."""
    hold_register(by, environment.owner)
    read_again(environment)
    if environment.groups.exists():
        raise Refused(_("「%(name)s」里还有主机组，先删去空的组") % {"name": environment.name})
    uploads = HostImport.objects.filter(environment=environment)
    if uploads.filter(settled_at=None).exists():
        raise Refused(_("还有上传的主机清单等着导入到「%(name)s」。先导入或删去它") % {"name": environment.name})
    uploads.update(environment=None)
    system, name = environment.system, environment.name
    _delete(environment, name)
    _tell("systems.environment_dropped", system, by, {"environment": name})


@action("systems.add_group")
def add_group(by: Person, environment: Environment, *, name: str, at_once: object = None) -> HostGroup:
    """A group of hosts that do the same work; runs change at most `at_once` of them together, None: no bound."""
    hold_register(by, environment.owner)
    read_again(environment)
    found = HostGroup.objects.create(
        owner=environment.owner,
        environment=environment,
        name=_free_group(environment, name, None),
        at_once=rules.checked_bound(at_once),
    )
    _tell_group("systems.group_added", found, by, {"at_once": found.at_once})
    return found


@action("systems.change_group")
def change_group(by: Person, group: HostGroup, *, name: str, at_once: object = None) -> HostGroup:
    hold_register(by, group.owner)
    read_again(group)
    before = {"name": group.name, "at_once": group.at_once}
    after = {"name": _free_group(group.environment, name, group), "at_once": rules.checked_bound(at_once)}
    if after != before:
        HostGroup.objects.filter(id=group.id).update(**after)
        group.refresh_from_db()
        _tell_group("systems.group_changed", group, by, {"before": before, "after": after})
    return group


@action("systems.drop_group")
def drop_group(by: Person, group: HostGroup) -> None:
    """Take away a group in which no host ever stood."""
    hold_register(by, group.owner)
    read_again(group)
    if group.hosts.exists():
        raise Refused(_("「%(name)s」里有主机或停用的主机，不能删去") % {"name": group.name})
    before = HostGroup.objects.select_related("environment__system__owner").get(id=group.id)
    _delete(group, group.name)
    _tell_group("systems.group_dropped", before, by, {})


@action("systems.add_dependency")
def add_dependency(by: Person, system: System, *, on: System) -> Dependency:
    """`system` needs `on` to work. Two systems may need each other: a change of either then concerns the other."""
    hold_register(by, system.owner)
    if on.owner_id != system.owner_id:
        raise Refused(_("依赖的系统不是本单位的"), field="on")
    if on.id == system.id:
        raise Refused(_("系统不能依赖自己"), field="on")
    if Dependency.objects.filter(system=system, on=on).exists():
        raise Refused(_("已登记依赖「%(name)s」") % {"name": on.name}, field="on")
    found = Dependency.objects.create(system=system, on=on)
    _tell("systems.dependency_added", system, by, {"on": on.code})
    return found


@action("systems.remove_dependency")
def remove_dependency(by: Person, system: System, *, on: System) -> None:
    hold_register(by, system.owner)
    gone, _each = Dependency.objects.filter(system=system, on=on).delete()
    if not gone:
        raise Refused(_("没有登记依赖「%(name)s」") % {"name": on.name}, field="on")
    _tell("systems.dependency_removed", system, by, {"on": on.code})


@action("systems.set_limit")
def set_limit(by: Person, owner: Organisation, *, kind: str, name: str, at_once: object) -> Limit:
    """At most `at_once` hosts of a site or network zone change together, over all runs; an earlier bound gives way."""
    hold_register(by, owner)
    if kind not in Limit.Kind.values:
        raise Refused(_("限额按机房还是网络区，没有选"), field="kind")
    name = rules.name_of(name, _("名称"), field="name", longest=60)
    bound = rules.number_of(at_once or "", _("同时最多"), field="at_once", most=rules.MOST_AT_ONCE)
    before = Limit.objects.filter(owner=owner, kind=kind, name=name).first()
    found, _made = Limit.objects.update_or_create(owner=owner, kind=kind, name=name, defaults={"at_once": bound})
    if before is None or before.at_once != bound:
        data = {"kind": kind, "name": name, "at_once": bound, "before": before.at_once if before else None}
        stage("systems.limit_set", data, actor=by.actor, org=owner.code)
    return found


@action("systems.remove_limit")
def remove_limit(by: Person, limit: Limit) -> None:
    hold_register(by, limit.owner)
    found = Limit.objects.filter(id=limit.id).first()
    if found is None:
        raise Refused(_("这条限额已被别人取消"))
    data = {"kind": found.kind, "name": found.name, "before": found.at_once}
    found.delete()
    stage("systems.limit_removed", data, actor=by.actor, org=limit.owner.code)


def _free_environment(system: System, given: str, but: Environment | None) -> str:
    name = rules.name_of(given, _("环境名称"), field="name", longest=60)
    taken = system.environments.filter(name__iexact=name).exclude(id=but.id if but else None)
    if taken.exists():
        raise Refused(_("这个系统已有环境「%(name)s」") % {"name": name}, field="name")
    return name


def _free_group(environment: Environment, given: str, but: HostGroup | None) -> str:
    name = rules.name_of(given, _("主机组名称"), field="name", longest=60)
    taken = environment.groups.filter(name__iexact=name).exclude(id=but.id if but else None)
    if taken.exists():
        raise Refused(_("这个环境已有主机组「%(name)s」") % {"name": name}, field="name")
    return name


def _delete(row: Environment | HostGroup, name: str) -> None:
    try:
        row.delete()
    except ProtectedError:
        raise Refused(_("「%(name)s」还有别处在用，不能删去") % {"name": name}) from None


def _tell(kind: str, system: System, by: Person, data: Mapping[str, object]) -> None:
    stage(kind, {"system": system.code, **data}, actor=by.actor, org=system.owner.code)


def _tell_group(kind: str, group: HostGroup, by: Person, data: Mapping[str, object]) -> None:
    place = {"system": group.environment.system.code, "environment": group.environment.name, "group": group.name}
    stage(kind, {**place, **data}, actor=by.actor, org=group.owner.code)
