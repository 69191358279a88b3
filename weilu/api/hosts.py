"""The register of hosts: its acts, by program."""

import base64
import binascii
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named
from weilu.kernel.refused import Refused
from weilu.systems import host_actions, import_actions, layout_actions
from weilu.systems.models import Environment, Host, HostGroup, HostImport, Limit, System

router = Router(tags=["act"])


class EnvironmentIn(Schema):
    """`kind` is test, standby or production."""

    system: UUID
    kind: str
    name: str


class EnvironmentRef(Schema, extra="forbid"):
    environment: UUID


class EnvironmentName(EnvironmentRef):
    name: str


class GroupIn(Schema):
    """Without `at_once` runs may change any number of its hosts together."""

    environment: UUID
    name: str
    at_once: int | None = None


class GroupRef(Schema, extra="forbid"):
    group: UUID


class GroupChange(GroupRef):
    name: str
    at_once: int | None = None


class HostIn(Schema):
    """`key` as in known_hosts or a .pub file; it is pinned at once, or later by pin_key."""

    group: UUID
    name: str
    address: str
    port: int = 22
    user: str = "root"
    become: bool = False
    site: str = ""
    zone: str = ""
    pool: str = ""
    python: str = "/usr/bin/python3"
    key: str = ""


class HostRef(Schema, extra="forbid"):
    host: UUID


class HostChange(HostRef):
    """What is not given stays as it is; `group` is the uid of another group of its system."""

    group: str = ""
    name: str = ""
    address: str = ""
    port: int = 22
    user: str = ""
    become: bool = False
    site: str = ""
    zone: str = ""
    pool: str = ""
    python: str = ""


class HostEnd(HostRef):
    reason: str


class KeyIn(HostRef):
    key: str


class KeyChange(KeyIn):
    """`old` is the fingerprint (SHA256:…) of the key that is pinned now."""

    old: str
    reason: str


class DependencyRef(Schema, extra="forbid"):
    """`system` needs `on` to work."""

    system: UUID
    on: UUID


class LimitIn(Schema):
    """`kind` is site or zone."""

    owner: str
    kind: str
    name: str
    at_once: int


class LimitRef(Schema, extra="forbid"):
    limit: UUID


class ImportIn(Schema):
    """`data` is the file in base64: an Ansible inventory (INI, YAML) or an Excel workbook.

    `environment` is the uid of the environment for hosts whose row names none; `prefer` names the groups to take
    first for hosts that are in several.
    """

    owner: str
    name: str
    data: str
    environment: str = ""
    prefer: list[str] = []


class ImportRef(Schema, extra="forbid"):
    upload: UUID


class ImportConfirm(ImportRef):
    """`digest` of what GET /imports/{uid} showed."""

    digest: str


@router.post("/systems/add_environment", response=Done)
def add_environment(request: HttpRequest, act: EnvironmentIn) -> Done:
    system = _system(request, act.system)
    return _done(layout_actions.add_environment(reader(request), system, kind=act.kind, name=act.name))


@router.post("/systems/rename_environment", response=Done)
def rename_environment(request: HttpRequest, act: EnvironmentName) -> Done:
    found = _environment(request, act.environment)
    return _done(layout_actions.rename_environment(reader(request), found, name=act.name))


@router.post("/systems/drop_environment", response=Done)
def drop_environment(request: HttpRequest, act: EnvironmentRef) -> Done:
    layout_actions.drop_environment(reader(request), _environment(request, act.environment))
    return Done(uid=str(act.environment))


@router.post("/systems/add_group", response=Done)
def add_group(request: HttpRequest, act: GroupIn) -> Done:
    found = _environment(request, act.environment)
    return _done(layout_actions.add_group(reader(request), found, name=act.name, at_once=act.at_once))


@router.post("/systems/change_group", response=Done)
def change_group(request: HttpRequest, act: GroupChange) -> Done:
    found = _group(request, act.group)
    return _done(layout_actions.change_group(reader(request), found, name=act.name, at_once=act.at_once))


@router.post("/systems/drop_group", response=Done)
def drop_group(request: HttpRequest, act: GroupRef) -> Done:
    layout_actions.drop_group(reader(request), _group(request, act.group))
    return Done(uid=str(act.group))


@router.post("/systems/register_host", response=Done)
def register_host(request: HttpRequest, act: HostIn) -> Done:
    group = _group(request, act.group)
    return _done(host_actions.register_host(reader(request), group, **act.dict(exclude={"group"})))


@router.post("/systems/change_host", response=Done)
def change_host(request: HttpRequest, act: HostChange) -> Done:
    host = _host(request, act.host)
    group = _group(request, act.group) if act.group else None
    given = act.dict(exclude={"host", "group"}, exclude_unset=True)
    return _done(host_actions.change_host(reader(request), host, group=group, **given))


@router.post("/systems/retire_host", response=Done)
def retire_host(request: HttpRequest, act: HostEnd) -> Done:
    return _done(host_actions.retire_host(reader(request), _host(request, act.host), reason=act.reason))


@router.post("/systems/pin_key", response=Done)
def pin_key(request: HttpRequest, act: KeyIn) -> Done:
    return _done(host_actions.pin_key(reader(request), _host(request, act.host), key=act.key))


@router.post("/systems/repin_key", response=Done)
def repin_key(request: HttpRequest, act: KeyChange) -> Done:
    """By a session only: no access token changes what a host is known by."""
    said = act.dict(exclude={"host"})
    return _done(host_actions.repin_key(reader(request), _host(request, act.host), **said))


@router.post("/systems/add_dependency", response=Done)
def add_dependency(request: HttpRequest, act: DependencyRef) -> Done:
    layout_actions.add_dependency(reader(request), _system(request, act.system), on=_system(request, act.on))
    return Done(uid=str(act.system))


@router.post("/systems/remove_dependency", response=Done)
def remove_dependency(request: HttpRequest, act: DependencyRef) -> Done:
    layout_actions.remove_dependency(reader(request), _system(request, act.system), on=_system(request, act.on))
    return Done(uid=str(act.system))


@router.post("/systems/set_limit", response=Done)
def set_limit(request: HttpRequest, act: LimitIn) -> Done:
    owner = owner_named(request, act.owner)
    return _done(layout_actions.set_limit(reader(request), owner, **act.dict(exclude={"owner"})))


@router.post("/systems/remove_limit", response=Done)
def remove_limit(request: HttpRequest, act: LimitRef) -> Done:
    found = Limit.objects.select_related("owner").fetch(reader(request), act.limit)
    layout_actions.remove_limit(reader(request), found)
    return Done(uid=str(act.limit))


@router.post("/systems/propose_import", response=Done)
def propose_import(request: HttpRequest, act: ImportIn) -> Done:
    owner = owner_named(request, act.owner)
    environment = _environment(request, act.environment) if act.environment else None
    try:
        data = base64.b64decode(act.data, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(_("文件不是 base64"), field="data") from None
    said: dict[str, Any] = {"name": act.name, "data": data, "environment": environment, "prefer": act.prefer}
    return _done(import_actions.propose_import(reader(request), owner, **said))


@router.post("/systems/confirm_import", response=Done)
def confirm_import(request: HttpRequest, act: ImportConfirm) -> Done:
    return _done(import_actions.confirm_import(reader(request), _import(request, act.upload), digest=act.digest))


@router.post("/systems/drop_import", response=Done)
def drop_import(request: HttpRequest, act: ImportRef) -> Done:
    return _done(import_actions.drop_import(reader(request), _import(request, act.upload)))


def _import(request: HttpRequest, uid: UUID) -> HostImport:
    rows = HostImport.objects.select_related("owner", "environment__system")
    found: HostImport = rows.fetch(reader(request), uid)
    return found


def _system(request: HttpRequest, uid: UUID) -> System:
    found: System = System.objects.select_related("owner").fetch(reader(request), uid)
    return found


def _environment(request: HttpRequest, uid: UUID | str) -> Environment:
    found: Environment = Environment.objects.select_related("owner", "system__owner").fetch(reader(request), uid)
    return found


def _group(request: HttpRequest, uid: UUID | str) -> HostGroup:
    rows = HostGroup.objects.select_related("owner", "environment__system__owner")
    found: HostGroup = rows.fetch(reader(request), uid)
    return found


def _host(request: HttpRequest, uid: UUID) -> Host:
    found: Host = Host.objects.select_related("owner").fetch(reader(request), uid)
    return found


def _done(row: Environment | HostGroup | Host | Limit | HostImport) -> Done:
    return Done(uid=str(row.uid))
