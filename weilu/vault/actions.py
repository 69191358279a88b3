"""What administrators do with credentials; what they type goes in here and never comes out again."""

from typing import Any, TypeVar

from django.db import transaction
from django.utils.translation import gettext as _

from weilu.accounts.models import Organisation, Person
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.ids import uuid7
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.systems.history import tell_of
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host, HostGroup
from weilu.vault import keys, material, rules
from weilu.vault.models import Access, Credential
from weilu.vault.reach import jobs
from weilu.vault.sealing import seal

Place = TypeVar("Place", Host, HostGroup)


def add_credential(
    by: Person, owner: Organisation, *, name: str, kind: str, secret: str = "", passphrase: str = "", make: bool = False
) -> Credential:
    """Seal a secret under a name: a pasted private key (with its passphrase, given once), a new pair, or a password.

    With `make` a new pair is made here, and nobody ever sees its private half. Not one transaction with the reading:
    a key may be locked so that it takes long to open, and no lock is held meanwhile.
    """
    rules.check_may_manage(by.may(rules.RIGHT, owner.id))
    name = text.line(name, _("名称"), field="name", longest=60)
    content, public = _content(kind, secret, passphrase, make)
    with transaction.atomic():
        key, uid = keys.present(), uuid7()
        _check_new(owner, name, public)
        sealed = seal(content, key.public, uid, kind)
        made = Credential.objects.create(
            uid=uid, owner=owner, name=name, kind=kind, public=public, sealed=sealed, sealed_to=key, made_by=by
        )
        data = _facts(made) | {"kind": kind, "made_here": make}
        stage("vault.credential_added", data, actor=by.actor, org=owner.code)
    return made


ACTIONS["vault.add_credential"] = add_credential


@action("vault.retire_credential")
def retire_credential(by: Person, credential: Credential) -> Credential:
    """Let it open nothing any more; its sealed content is wiped, only name and public half stay on record."""
    found = _locked(by, credential)
    opened = list(found.accesses.select_related("host", "group__environment__system").order_by("id"))
    found.accesses.all().delete()
    found.sealed, found.retired_by, found.retired_at = b"", by, now()
    found.save(update_fields=["sealed", "retired_by", "retired_at"])
    data = _facts(found) | {"opened": [_place(one) for one in opened]}
    ref = stage("vault.credential_retired", data, actor=by.actor, org=found.owner.code)
    for host in [one.host for one in opened if one.host is not None]:
        tell_of(host, "vault.access_taken", {"key": found.name}, by.actor, ref)
    return found


@action("vault.grant_access")
def grant_access(
    by: Person, credential: Credential, *, host: Host | None = None, group: HostGroup | None = None
) -> Access:
    """Let a credential open a host or the hosts of a group, in place of the one of its kind that did so far."""
    found = _locked(by, credential)
    if host is None and group is None:
        raise Refused(_("没有选主机或主机组"), field="place")
    host, group = _held(Host, host), _held(HostGroup, None if host else group)
    rules.check_same_owner(all(place.owner_id == found.owner_id for place in (host, group) if place is not None))
    if host is not None and host.retired_at is not None:
        raise Refused(_("主机 %(name)s 已停用") % {"name": host.name}, field="place")
    at: dict[str, Any] = {"host": host, "group": group, "kind": found.kind}
    before: Access | None = (
        Access.objects.select_for_update(of=("self",)).select_related("credential").filter(**at).first()
    )
    if before is not None and before.credential_id == found.id:
        return before
    replaced = before.credential.name if before else ""
    if before is not None:
        before.delete()
    made = Access.objects.create(owner=found.owner, credential=found, **at)
    data = _facts(found) | {"opens": _place(made), "instead_of": replaced}
    ref = stage("vault.access_given", data, actor=by.actor, org=found.owner.code)
    if host is not None:
        tell_of(host, "vault.access_given", {"key": found.name}, by.actor, ref)
    jobs.ask([host] if host else list(made.group.hosts.filter(retired_at=None)) if made.group else [])
    return made


@action("vault.revoke_access")
def revoke_access(by: Person, access: Access) -> None:
    """Let a credential open this place no more."""
    _locked(by, access.credential)
    _held(Host, access.host)
    _held(HostGroup, access.group)
    rows = Access.objects.filter(id=access.id).select_related("host", "group__environment__system", "credential__owner")
    row = rows.first()
    if row is None:
        raise Refused(_("这项授权已经收回"))
    _take(row, by)


def take_all(by: Person, host: Host) -> None:
    """Nothing of its own opens a host any more that has left the register; part of that act's transaction."""
    for row in Access.objects.filter(host=host).select_related("host", "credential__owner").order_by("id"):
        _take(row, by)


def _take(row: Access, by: Person) -> None:
    place, host, credential = _place(row), row.host, row.credential
    row.delete()
    data = _facts(credential) | {"opened": place}
    ref = stage("vault.access_taken", data, actor=by.actor, org=credential.owner.code)
    if host is not None:
        tell_of(host, "vault.access_taken", {"key": credential.name}, by.actor, ref)


def _held(kind: type[Place], place: Place | None) -> Place | None:
    """The host or group as it is now; nobody else says meanwhile what opens it, or retires it."""
    if place is None:
        return None
    found: Place | None = kind._default_manager.select_for_update(of=("self",), no_key=True).filter(id=place.id).first()
    if found is None:
        raise Refused(_("「%(name)s」已不在主机档案里") % {"name": place.name}, field="place")
    return found


def _check_new(owner: Organisation, name: str, public: str) -> None:
    """Neither its name nor the key itself is in the vault already; under the lock of the vault's key."""
    active = Credential.objects.active().filter(owner=owner)
    if active.filter(name=name).exists():
        raise Refused(_("已有叫「%(name)s」的凭据，换一个名称") % {"name": name}, field="name")
    if public and (same := active.filter(public=public).first()):
        raise Refused(_("这个密钥已在保险库里，叫「%(name)s」") % {"name": same.name}, field="secret")


def _content(kind: str, secret: str, passphrase: str, make: bool) -> tuple[bytes, str]:
    """What is sealed, and what of it everybody may see."""
    match kind:
        case Credential.Kind.SSH_KEY:
            pair = material.new_pair() if make else material.read_private(secret, passphrase)
            return pair.private, pair.public
        case Credential.Kind.BECOME_PASSWORD:
            return material.read_password(secret), ""
    raise Refused(_("没有选凭据的种类"), field="kind")


def _locked(by: Person, credential: Credential) -> Credential:
    found: Credential = Credential.objects.select_for_update(of=("self",)).select_related("owner").get(id=credential.id)
    rules.check_may_manage(by.may(rules.RIGHT, found.owner_id))
    rules.check_not_retired(found.retired_at is not None)
    return found


def _facts(credential: Credential) -> dict[str, Any]:
    """How the log names a credential."""
    told = {"credential": str(credential.uid), "name": credential.name}
    return told | {"fingerprint": fingerprint(credential.public)}


def _place(access: Access) -> str:
    """How the log names what a credential opens: a host, or a group with its environment and system."""
    if access.host is not None:
        return str(access.host.name)
    assert access.group is not None  # noqa: S101
    environment = access.group.environment
    return f"{environment.system.code} / {environment.name} / {access.group.name}"
