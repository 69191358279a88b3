"""Access tokens: made by a person for their own programs, revoked by them or by who manages them."""

import secrets
import uuid
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from weilu.accounts import rules
from weilu.accounts.actions import check_password
from weilu.accounts.credentials import ApiToken
from weilu.accounts.models import Person
from weilu.accounts.queries import manages
from weilu.accounts.register import note
from weilu.accounts.watched import SecurityEvent
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.times import SHANGHAI, iso, now

PREFIX = "wl_"
RANDOM_BYTES = 24  # 192 bits
SEEN_EVERY = timedelta(minutes=1)  # the use of a token is written at most this often


def make_token(
    by: Person, *, name: str, scope: Iterable[str], until: date, password: str, address: str
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is told here and never again; good to the end of the day `until`.

    `scope` are keys of `rules.SCOPES`; none means reading only. Raises Refused. Not one transaction with
    the password: a wrong one must stay counted although the act is refused.
    """
    rules.check_not_by_token(by.limited_to is not None)
    name = text.line(name, _("名称"), field="name", longest=60)
    instant, wanted = now(), sorted(set(scope))
    rules.check_token_fields(wanted, scopes_of(by), until, instant.astimezone(SHANGHAI).date())
    check_password(by, password, address)
    with transaction.atomic():
        Person.objects.select_for_update(of=("self",)).get(id=by.id)
        others = ApiToken.objects.filter(person=by, revoked_at=None, until__gt=instant)
        rules.check_another_token(name, list(others.values_list("name", flat=True)))
        secret = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
        end = datetime.combine(until + timedelta(days=1), time(), SHANGHAI)
        made = ApiToken.objects.create(
            person=by, name=name, digest=_digest(secret), hint=secret[:7], scope=wanted, until=end
        )
        data = {"person": by.actor, "name": name, "scope": wanted, "until": iso(end), "hint": made.hint}
        stage("accounts.token_made", data, actor=by.actor, org=by.organisation.code)
    return made, secret


ACTIONS["accounts.make_token"] = make_token  # by hand: two steps, as the docstring says


@action("accounts.revoke_token")
def revoke_token(by: Person, token: ApiToken) -> ApiToken:
    """From this instant the token opens nothing; by its owner, or by who manages a customer the owner sees."""
    token = ApiToken.objects.select_for_update(of=("self",)).select_related("person__organisation").get(id=token.id)
    rules.check_may_end(token.person_id == by.id, manages(by, token.person))
    instant = now()
    rules.check_token_in_force(token.revoked_at, token.until, instant)
    token.revoked_at, token.revoked_by = instant, by
    token.save(update_fields=["revoked_at", "revoked_by"])
    data = {"person": token.person.actor, "name": token.name, "hint": token.hint}
    stage("accounts.token_revoked", data, actor=by.actor, org=token.person.organisation.code)
    return token


def holder_of(secret: str, address: str) -> Person:
    """The person for whom the token `secret` acts, with no more rights than its scope; notes its use.

    Raises Refused for one that is unknown, revoked or expired, or whose person has left.
    """
    instant = now()
    token = ApiToken.objects.select_related("person__organisation").filter(digest=_digest(secret)).first()
    try:
        if token is None or not token.person.is_active:
            raise rules.unknown_token()
        rules.check_token_in_force(token.revoked_at, token.until, instant)
    except Refused:
        hint = token.hint if token else ""
        note(SecurityEvent.Kind.TOKEN, person=token.person if token else None, address=address, act=hint)
        raise
    unseen = Q(last_used_at=None) | Q(last_used_at__lt=instant - SEEN_EVERY) | ~Q(last_used_from=address)
    ApiToken.objects.filter(unseen, id=token.id).update(last_used_at=instant, last_used_from=address)
    token.person.limited_to = frozenset(token.scope)
    return token.person


def token_seen(reader: Person, uid: uuid.UUID | str) -> ApiToken:
    """One's own token, or one of somebody whom `reader` manages; raises NotVisible."""
    found = ApiToken.objects.select_related("person__organisation").filter(uid=uid).first()
    if found is None or not (found.person_id == reader.id or manages(reader, found.person)):
        raise NotVisible(str(uid))
    return found


def tokens_of(person: Person) -> list[ApiToken]:
    """Every token of `person`: those in force first, then the latest first."""
    instant = now()
    found = ApiToken.objects.filter(person=person).select_related("revoked_by").order_by("-id")
    return sorted(found, key=lambda token: not token.in_force(instant))


def scopes_of(person: Person) -> dict[str, object]:
    """What a token of `person` may be allowed beside reading: keys with the words for them."""
    return {key: words for key, words in rules.SCOPES.items() if key == rules.WORK or key in person.rights}


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
