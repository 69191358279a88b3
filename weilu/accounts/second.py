"""The second step of sign-in: codes by time (RFC 6238), recovery codes, and what an organisation asks for."""

import base64
import hmac
import secrets
from datetime import datetime, timedelta
from hashlib import sha256

import pyotp
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from weilu.accounts import rules
from weilu.accounts.actions import check_password, may_keep
from weilu.accounts.credentials import RecoveryCode, SecondFactor
from weilu.accounts.guesses import counted
from weilu.accounts.models import Organisation, Person
from weilu.accounts.queries import has_second_factor
from weilu.accounts.sealing import seal, unseal
from weilu.evidence.actions import stage
from weilu.kernel.actions import ACTIONS, action
from weilu.kernel.refused import Refused
from weilu.kernel.times import now

STEP = 30  # seconds
UNCONFIRMED = timedelta(minutes=15)  # so long a secret waits on the page for its first code
CODES = 10
ISSUER = "Weilu"


def enrol_second_factor(by: Person, *, password: str, address: str) -> str:
    """A new secret for `by`, not asked for before a first code confirms it; returns its otpauth address.

    Two steps: a wrong password must stay counted although the act is refused.
    """
    rules.check_not_by_token(by.limited_to is not None)
    rules.check_no_second_factor(has_second_factor(by))
    check_password(by, password, address)
    with transaction.atomic():
        secret = pyotp.random_base32(32)  # 160 bits
        fields = {"sealed": seal(secret.encode(), str(by.uid)), "last_step": 0, "made_at": now()}
        SecondFactor.objects.update_or_create(person=by, confirmed_at=None, defaults=fields)
        stage("accounts.second_factor_begun", {"person": by.actor}, actor=by.actor, org=by.organisation.code)
    return _otpauth(by, secret)


def drop_second_factor(by: Person, *, password: str, address: str) -> None:
    """Sign in with the password alone again; raises Refused where the organisation asks for the second step."""
    rules.check_not_by_token(by.limited_to is not None)
    rules.check_may_drop(by.organisation.second_factor_required)
    if not has_second_factor(by):
        raise Refused(_("没有开启两步验证"))
    check_password(by, password, address)
    with transaction.atomic():
        _remove(by)
        stage("accounts.second_factor_dropped", {"person": by.actor}, actor=by.actor, org=by.organisation.code)


ACTIONS["accounts.enrol_second_factor"] = enrol_second_factor
ACTIONS["accounts.drop_second_factor"] = drop_second_factor


@action("accounts.confirm_second_factor")
def confirm_second_factor(by: Person, *, code: str) -> list[str]:
    """The first code shows that the secret arrived; returns the recovery codes, told here and never again."""
    rules.check_not_by_token(by.limited_to is not None)
    factor = _unconfirmed(by).select_for_update().first()
    if factor is None:
        raise Refused(_("先开始开启，再输入验证码"), field="code")
    step = _step_of(factor, code, now())
    if step is None:
        raise Refused(_("验证码不对。核对手机的时间，输入现在显示的 6 位"), field="code")
    factor.confirmed_at, factor.last_step = now(), step
    factor.save(update_fields=["confirmed_at", "last_step"])
    codes = [_recovery_code() for _one in range(CODES)]
    RecoveryCode.objects.filter(person=by).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(person=by, digest=_digest(one)) for one in codes)
    stage("accounts.second_factor_confirmed", {"person": by.actor}, actor=by.actor, org=by.organisation.code)
    return codes


@action("accounts.reset_second_factor")
def reset_second_factor(by: Person | None, person: Person) -> None:
    """Take the second factor from who lost it; by who administers their organisation, or (None) on the machine."""
    if by is not None:
        may_keep(by, person.organisation)
    rules.check_resets_another(by is not None and by.id == person.id)
    if not has_second_factor(person):
        raise Refused(_("%(name)s 没有开启两步验证") % {"name": person.name})
    _remove(person)
    actor = by.actor if by else "weilu"
    stage("accounts.second_factor_reset", {"person": person.actor}, actor=actor, org=person.organisation.code)


@action("accounts.require_second_factor")
def require_second_factor(by: Person, organisation: Organisation, *, required: bool) -> None:
    """Ask everybody of an organisation for the second step from now on, or no longer."""
    rules.check_may_end(False, by.may("people.manage", organisation.id))
    if required and settings.LDAP is None:
        rules.check_all_can_enrol(_without_password(organisation))
    changed = Organisation.objects.filter(id=organisation.id, second_factor_required=not required)
    if not changed.update(second_factor_required=required):
        raise Refused(_("已经是这样了"))
    stage("accounts.second_factor_required", {"required": required}, actor=by.actor, org=organisation.code)


def second_step(person: Person, code: str, address: str, *, device: str = "") -> Person:
    """Let in whoever has given the password and now gives a code; raises Refused, counted by account and address.

    A code by time opens once; a recovery code opens once and is used up.
    """
    typed = "".join(code.split()).replace("-", "").lower()[:40]
    with counted(person, address, device) as outcome:
        how = "totp" if _spend(person, typed) else "recovery" if _use_up(person, typed) else ""
        outcome.right = bool(how)
    with transaction.atomic():
        data = {"person": person.actor, "second": how}
        stage("accounts.signed_in", data, actor=person.actor, org=person.organisation.code)
    return person


def _without_password(organisation: Organisation) -> list[str]:
    """Who signs in elsewhere only, and could not confirm by a password that they turn the second step on."""
    people = Person.objects.filter(organisation=organisation, is_active=True, second_factor=None)
    people = people.filter(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return list(people.order_by("id").values_list("name", flat=True))


def pending(person: Person) -> str:
    """The otpauth address of a secret that waits for its first code; "" for none."""
    factor = _unconfirmed(person).first()
    return _otpauth(person, _secret(factor)) if factor else ""


def _unconfirmed(person: Person) -> QuerySet[SecondFactor]:
    """The secret that waits for its first code: shown without a password, so not for long."""
    return SecondFactor.objects.filter(person=person, confirmed_at=None, made_at__gt=now() - UNCONFIRMED)


def _spend(person: Person, code: str) -> bool:
    """Whether `code` is right now and was not used before; from here on it was."""
    factor = SecondFactor.objects.select_related("person").filter(person=person, confirmed_at__isnull=False).first()
    step = _step_of(factor, code, now()) if factor else None
    if factor is None or step is None:
        return False
    return bool(SecondFactor.objects.filter(id=factor.id, last_step__lt=step).update(last_step=step))


def _use_up(person: Person, code: str) -> bool:
    unused = RecoveryCode.objects.filter(person=person, digest=_digest(code), used_at=None)
    return bool(unused.update(used_at=now()))


def _step_of(factor: SecondFactor, code: str, at: datetime) -> int | None:
    """The time step whose code this is, of the present one and its neighbours; None for a wrong code."""
    if not (code.isascii() and code.isdigit() and len(code) == 6):
        return None
    clock, present = pyotp.TOTP(_secret(factor)), int(at.timestamp()) // STEP
    fitting = [step for step in (present - 1, present, present + 1) if hmac.compare_digest(clock.at(step * STEP), code)]
    return fitting[0] if fitting else None


def _secret(factor: SecondFactor) -> str:
    return unseal(bytes(factor.sealed), str(factor.person.uid)).decode()


def _otpauth(person: Person, secret: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=person.username, issuer_name=ISSUER)


def _recovery_code() -> str:
    """16 letters and digits (80 random bits) in groups of four."""
    whole = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(whole[place : place + 4] for place in range(0, 16, 4))


def _digest(code: str) -> str:
    return sha256(code.replace("-", "").encode()).hexdigest()


def _remove(person: Person) -> None:
    SecondFactor.objects.filter(person=person).delete()
    RecoveryCode.objects.filter(person=person).delete()
