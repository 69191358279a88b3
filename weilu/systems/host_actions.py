"""What changes hosts: registering, changing and retiring them, and pinning the keys they are known by."""

from typing import Any

from django.utils.translation import gettext as _

from weilu.accounts.models import Person
from weilu.kernel.actions import action
from weilu.kernel.events import announce
from weilu.kernel.refused import Refused, Stale
from weilu.kernel.times import now
from weilu.systems import host_rules as rules
from weilu.systems.actions import hold_register, read_again
from weilu.systems.history import record
from weilu.systems.holding import holds_of
from weilu.systems.keys import fingerprint, read_key
from weilu.systems.models import Host, HostGroup


@action("systems.register_host")
def register_host(by: Person, group: HostGroup, *, key: str = "", **fields: Any) -> Host:
    """Put a host on the register (`host_rules.FIELDS`); with `key` it is pinned at once.

    Raises Refused where its name, or its address and port, are another host's: a machine that serves two systems
    stands in one of them, and the other depends on that.
    """
    hold_register(by, group.owner)
    read_again(group)
    said = rules.checked_host(fields)
    _check_free(group.owner_id, said, None)
    pinned = read_key(key, said["address"], said["port"]) if key.strip() else ""
    host = Host.objects.create(owner=group.owner, group=group, **said)
    record("systems.host_registered", host, by, {"fields": {name: said[name] for name in said if name != "name"}})
    if pinned:
        _pin(host, pinned, by)
    announce("systems.host_registered", host=host, by=by)
    return host


@action("systems.change_host")
def change_host(by: Person, host: Host, *, group: HostGroup | None = None, **fields: Any) -> Host:
    """Other fields or another group of its system; what is not given stays. Never its key.

    Refused while something acts on the host, for what that counts on (`host_rules.COUNTED_ON`).
    """
    host = _held(by, host)
    said = rules.checked_host({name: getattr(host, name) for name in rules.FIELDS} | fields)
    _check_free(host.owner_id, said, host)
    before = {name: getattr(host, name) for name in said}
    changed = {name: [before[name], value] for name, value in said.items() if value != before[name]}
    if group is not None and group.id != host.group_id:
        read_again(group)
        if group.environment.system_id != host.group.environment.system_id:
            raise Refused(_("主机只在本系统内换组。换系统：停用后在那边重新登记"), field="group")
        changed["group"] = [str(_place(host.group)), str(_place(group))]
        host.group = group
    if not changed:
        return host
    rules.check_may_move(changed, holds_of([host])[host.id])
    for name, value in said.items():
        setattr(host, name, value)
    host.save(update_fields=[*said, "group"])
    record("systems.host_changed", host, by, {"changed": changed})
    announce("systems.host_changed", host=host, by=by, changed=frozenset(changed))
    return host


@action("systems.retire_host")
def retire_host(by: Person, host: Host, *, reason: str) -> Host:
    """It is acted on no more; its history stays and its name is free. Refused while something holds it."""
    host = _held(by, host)
    reason = rules.reason_of(reason)
    rules.check_nothing_holds(holds_of([host])[host.id])
    host.retired_at = now()
    host.save(update_fields=["retired_at"])
    record("systems.host_retired", host, by, {"reason": reason})
    announce("systems.host_retired", host=host, by=by)
    return host


@action("systems.pin_key")
def pin_key(by: Person, host: Host, *, key: str) -> Host:
    """The first key of a host, which somebody compared with the machine's own; known_hosts holds nothing else."""
    host = _held(by, host)
    given = read_key(key, host.address, host.port)
    rules.check_key_is_new(host.key, given)
    _pin(host, given, by)
    return host


@action("systems.repin_key")
def repin_key(by: Person, host: Host, *, key: str, old: str, reason: str) -> Host:
    """Another key in place of the pinned one, by a person who says why; `old` is the fingerprint they saw."""
    rules.check_is_a_person(by.limited_to)
    host = _held(by, host)
    given, reason = read_key(key, host.address, host.port), rules.reason_of(reason)
    rules.check_key_changes(host.key, given)
    before = fingerprint(host.key)
    if old != before:
        raise Stale(_("现在固定的密钥不是您看到的那把，核对后再办"), field="key")
    host.key = given
    host.save(update_fields=["key"])
    record("systems.key_repinned", host, by, {"old": before, "new": fingerprint(given), "reason": reason})
    announce("systems.key_pinned", host=host, by=by)
    return host


def _pin(host: Host, key: str, by: Person) -> None:
    host.key = key
    host.save(update_fields=["key"])
    record("systems.key_pinned", host, by, {"key": fingerprint(key)})
    announce("systems.key_pinned", host=host, by=by)


def _held(by: Person, host: Host) -> Host:
    """The host as it is now, held until the act ends; raises Refused for one that is retired."""
    hold_register(by, host.owner)
    rows = Host.objects.select_for_update(of=("self",)).select_related("owner", "group__environment__system")
    found: Host = rows.get(id=host.id)
    if found.retired_at is not None:
        raise Refused(_("「%(name)s」已停用，只能查看") % {"name": found.name})
    return found


def _check_free(owner_id: int, said: dict[str, Any], but: Host | None) -> None:
    """Name, and address with port, are no other host's."""
    others = Host.objects.filter(owner_id=owner_id, retired_at=None).exclude(id=but.id if but else None)
    if others.filter(name__iexact=said["name"]).exists():
        raise Refused(_("已有主机「%(name)s」，换一个名称") % {"name": said["name"]}, field="name")
    same = others.filter(address=said["address"], port=said["port"]).select_related("group__environment__system")
    if taken := same.first():
        words = _("%(address)s 端口 %(port)d 已登记为「%(name)s」（%(system)s）")
        system = taken.group.environment.system.name
        told = words % {"address": taken.address, "port": taken.port, "name": taken.name, "system": system}
        raise Refused(told, field="address", help=_("一台机器只登记一次；两个系统共用时，登记系统间的依赖"))


def _place(group: HostGroup) -> str:
    return f"{group.environment.name} / {group.name}"
