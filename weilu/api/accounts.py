"""What somebody proves who they are with, by the API: tokens, visits, the password."""

from datetime import date
from typing import Any
from uuid import UUID

from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts import actions as accounts
from weilu.accounts import second, tokens, visits
from weilu.accounts.reader import address_of, reader
from weilu.accounts.sessions import visit_uid
from weilu.api.acts import Done, owner_named, somebody
from weilu.kernel.times import iso

router = Router()


class TokenIn(Schema):
    name: str
    scope: list[str] = []  # empty: reading only
    until: date  # the last day, in Asia/Shanghai
    password: str


class TokenAct(Schema):
    token: UUID


class VisitAct(Schema):
    visit: UUID


class PasswordIn(Schema):
    old: str
    new: str


class PersonAct(Schema):
    person: str  # the username


class SecretIn(Schema):
    password: str


class CodeIn(Schema):
    code: str


class RequiredIn(Schema):
    owner: str
    required: bool


class Enrolled(Done):
    otpauth: str


class Confirmed(Done):
    codes: list[str]


class TokenMade(Done):
    secret: str


@router.post("/accounts/make_token", response=TokenMade, tags=["act"])
def make_token(request: HttpRequest, act: TokenIn) -> TokenMade:
    made, secret = tokens.make_token(reader(request), address=address_of(request), **act.dict())
    return TokenMade(uid=str(made.uid), secret=secret)


@router.post("/accounts/revoke_token", response=Done, tags=["act"])
def revoke_token(request: HttpRequest, act: TokenAct) -> Done:
    revoked = tokens.revoke_token(reader(request), tokens.token_seen(reader(request), act.token))
    return Done(uid=str(revoked.uid))


@router.post("/accounts/change_password", response=Done, tags=["act"])
def change_password(request: HttpRequest, act: PasswordIn) -> Done:
    keep = visit_uid(request)
    person = visits.change_password(reader(request), old=act.old, new=act.new, address=address_of(request), keep=keep)
    update_session_auth_hash(request, person)
    return Done()


@router.post("/accounts/end_visit", response=Done, tags=["act"])
def end_visit(request: HttpRequest, act: VisitAct) -> Done:
    visits.end_visit(reader(request), visits.visit_seen(reader(request), act.visit))
    return Done(uid=str(act.visit))


@router.post("/accounts/end_other_visits", response=Done, tags=["act"])
def end_other_visits(request: HttpRequest) -> Done:
    visits.end_other_visits(reader(request), keep=visit_uid(request))
    return Done()


@router.post("/accounts/unlock", response=Done, tags=["act"])
def unlock(request: HttpRequest, act: PersonAct) -> Done:
    accounts.unlock(reader(request), somebody(request, act.person))
    return Done()


@router.post("/accounts/enrol_second_factor", response=Enrolled, tags=["act"])
def enrol_second_factor(request: HttpRequest, act: SecretIn) -> Enrolled:
    address = address_of(request)
    return Enrolled(otpauth=second.enrol_second_factor(reader(request), password=act.password, address=address))


@router.post("/accounts/confirm_second_factor", response=Confirmed, tags=["act"])
def confirm_second_factor(request: HttpRequest, act: CodeIn) -> Confirmed:
    codes = second.confirm_second_factor(reader(request), code=act.code)
    request.session["second"] = True
    return Confirmed(codes=codes)


@router.post("/accounts/drop_second_factor", response=Done, tags=["act"])
def drop_second_factor(request: HttpRequest, act: SecretIn) -> Done:
    second.drop_second_factor(reader(request), password=act.password, address=address_of(request))
    return Done()


@router.post("/accounts/reset_second_factor", response=Done, tags=["act"])
def reset_second_factor(request: HttpRequest, act: PersonAct) -> Done:
    second.reset_second_factor(reader(request), somebody(request, act.person))
    return Done()


@router.post("/accounts/require_second_factor", response=Done, tags=["act"])
def require_second_factor(request: HttpRequest, act: RequiredIn) -> Done:
    second.require_second_factor(reader(request), owner_named(request, act.owner), required=act.required)
    return Done()


@router.get("/visits", summary="Where one is signed in", tags=["read"])
def own_visits(request: HttpRequest) -> list[dict[str, Any]]:
    """The last used first; `present` is the visit of this very request."""
    return [
        {
            "uid": str(one.uid),
            "device": one.device,
            "address": one.address,
            "since": iso(one.since),
            "last_seen": iso(one.last_seen),
            "present": str(one.uid) == visit_uid(request),
        }
        for one in visits.visits_of(reader(request))
    ]


@router.get("/tokens", summary="One's own access tokens", tags=["read"])
def own_tokens(request: HttpRequest) -> list[dict[str, Any]]:
    """Those in force first; never a secret."""
    return [
        {
            "uid": str(one.uid),
            "name": one.name,
            "hint": one.hint,
            "scope": one.scope,
            "made_at": iso(one.made_at),
            "until": iso(one.until),
            "revoked_at": iso(one.revoked_at) if one.revoked_at else None,
            "last_used_at": iso(one.last_used_at) if one.last_used_at else None,
        }
        for one in tokens.tokens_of(reader(request))
    ]
