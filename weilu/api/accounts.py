"""What somebody proves who they are with, by the API: access tokens."""

from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts import tokens
from weilu.accounts.reader import address_of, reader
from weilu.api.acts import Done
from weilu.kernel.times import iso

router = Router()


class TokenIn(Schema):
    name: str
    scope: list[str] = []  # empty: reading only
    until: date  # the last day, in Asia/Shanghai
    password: str


class TokenAct(Schema):
    token: UUID


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
