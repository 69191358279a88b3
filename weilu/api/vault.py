"""Credentials and what they open, as POSTs; what is typed here is never told again."""

from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named
from weilu.systems.models import Host, HostGroup
from weilu.vault import actions
from weilu.vault.models import Access, Credential
from weilu.vault.reach import actions as asking

router = Router()


class CredentialIn(Schema, extra="forbid"):
    """`kind` is ssh_key or become_password; a key is given in `secret` (`passphrase` once, if it has one), or made."""

    owner: str
    name: str
    kind: str
    secret: str = ""
    passphrase: str = ""
    make: bool = False


class CredentialRef(Schema, extra="forbid"):
    credential: UUID


class AccessIn(CredentialRef):
    """A host or a group by its uid."""

    host: UUID | None = None
    group: UUID | None = None


class HostRef(Schema, extra="forbid"):
    host: UUID


class AccessRef(Schema, extra="forbid"):
    access: UUID


@router.post("/vault/add_credential", response=Done, tags=["act"])
def add_credential(request: HttpRequest, act: CredentialIn) -> Done:
    owner = owner_named(request, act.owner)
    made = actions.add_credential(reader(request), owner, **act.dict(exclude={"owner"}))
    return Done(uid=str(made.uid))


@router.post("/vault/retire_credential", response=Done, tags=["act"])
def retire_credential(request: HttpRequest, act: CredentialRef) -> Done:
    return Done(uid=str(actions.retire_credential(reader(request), _credential(request, act.credential)).uid))


@router.post("/vault/grant_access", response=Done, tags=["act"])
def grant_access(request: HttpRequest, act: AccessIn) -> Done:
    by, credential = reader(request), _credential(request, act.credential)
    host = Host.objects.fetch(by, act.host) if act.host else None
    group = HostGroup.objects.fetch(by, act.group) if act.group else None
    return Done(uid=str(actions.grant_access(by, credential, host=host, group=group).uid))


@router.post("/vault/revoke_access", response=Done, tags=["act"])
def revoke_access(request: HttpRequest, act: AccessRef) -> Done:
    found: Access = Access.objects.select_related("credential").fetch(reader(request), act.access)
    actions.revoke_access(reader(request), found)
    return Done(uid=str(act.access))


@router.post("/vault/test_connection", response=Done, tags=["act"])
def test_connection(request: HttpRequest, act: HostRef) -> Done:
    found: Host = Host.objects.fetch(reader(request), act.host)
    return Done(uid=str(asking.test_connection(reader(request), found).uid))


def _credential(request: HttpRequest, uid: UUID) -> Credential:
    found: Credential = Credential.objects.fetch(reader(request), uid)
    return found
