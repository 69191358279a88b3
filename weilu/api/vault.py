"""Credentials and what they open, as POSTs; what is typed here is never told again."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done, owner_named
from weilu.kernel.times import iso
from weilu.systems.looking import list_seen_by_others, seen_by_others
from weilu.systems.models import Host, HostGroup
from weilu.vault import actions, queries
from weilu.vault.models import Access, Credential, Reaching
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


@router.get("/vault/credentials", summary="Credentials by name and public half, and what they open", tags=["read"])
def credentials(request: HttpRequest, retired: bool = False, after: str = "") -> dict[str, Any]:
    """One page, newest first, for whoever manages credentials; empty for others."""
    try:
        rows, more = queries.page_of(reader(request), retired=retired, after=after)
    except ValueError as problem:
        raise BadRequest(str(problem)) from None
    list_seen_by_others(request, queries.owners_of(reader(request)), "credentials")
    found = [_credential_data(one.credential) | {"fingerprint": one.print_} for one in rows]
    return {"credentials": found, "next": more}


@router.get("/vault/hosts/{uuid:uid}", summary="How a host answered when it was last gone to", tags=["read"])
def reached(request: HttpRequest, uid: UUID) -> dict[str, Any]:
    """State, since when, what is wrong, its clock, a key it showed that is not pinned; what opens it."""
    host: Host = Host.objects.select_related("owner", "group").fetch(reader(request), uid)
    seen_by_others(request, host.owner, "host", host.uid, host.name)
    row = Reaching.objects.filter(host=host).first() or Reaching(host=host)
    return {
        "host": str(host.uid), "name": host.name, "state": row.state, "since": _iso(row.since), "at": _iso(row.at),
        "words": row.words, "drift_ms": row.drift_ms, "unsure_ms": row.unsure_ms, "offered": row.offered,
        "waits_since": _iso(row.asked_at), "facts": host.facts,
        "opened_by": [
            {"kind": key.access.kind, "credential": key.access.credential.name, "own": key.own}
            for key in queries.keys_of(host)
        ],
    }  # fmt: skip


def _credential_data(one: Credential) -> dict[str, Any]:
    opens = [
        {"access": str(each.uid), "host": str(each.host.uid) if each.host else None,
         "group": str(each.group.uid) if each.group else None, "words": queries.place_words(each)}
        for each in one.accesses.all()
    ]  # fmt: skip
    return {
        "uid": str(one.uid), "owner": one.owner.code, "name": one.name, "kind": one.kind, "public": one.public,
        "made_by": one.made_by.username, "made_at": iso(one.made_at), "used_at": _iso(one.used_at),
        "used_for": one.used_for, "retired_at": _iso(one.retired_at), "opens": opens,
    }  # fmt: skip


def _iso(instant: datetime | None) -> str | None:
    return iso(instant) if instant else None
