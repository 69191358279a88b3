"""Acts on how one is told."""

from django.http import HttpRequest
from ninja import Router, Schema

from weilu.accounts.reader import reader
from weilu.api.acts import Done
from weilu.notify import actions, addresses

router = Router()


class Chosen(Schema):
    """`choices`: kind of notice (waits, reminder, escalation, requested, copy, system) → now, digest or inbox."""

    email: str
    digest_hour: int
    choices: dict[str, str] = {}


@router.post("/notify/choose", response=Done)
def choose(request: HttpRequest, body: Chosen) -> Done:
    """Choose where and how the caller is told."""
    actions.choose(reader(request), email=body.email, digest_hour=body.digest_hour, choices=body.choices)
    return Done()


class Code(Schema):
    code: str


@router.post("/notify/confirm_address", response=Done)
def confirm_address(request: HttpRequest, body: Code) -> Done:
    """Confirm the mail address by the code that came there."""
    addresses.confirm_address(reader(request), code=body.code)
    return Done()
