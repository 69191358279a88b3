"""What somebody proves who they are with, beside the password."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from weilu.accounts import rules
from weilu.accounts.devices import device_words
from weilu.kernel.ids import uuid7
from weilu.kernel.times import SHANGHAI, now

if TYPE_CHECKING:
    from weilu.accounts.models import Person

PERSON = "accounts.Person"


class ApiToken(models.Model):
    """A secret by which a program acts as the person who made it, within a scope and until a day.

    Only the SHA-256 of the secret is kept: it is shown once, when it is made.
    """

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    person: models.ForeignKey[Person, Person] = models.ForeignKey(PERSON, models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=60)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=8)  # the first signs of the secret, to tell tokens apart
    scope = models.JSONField(default=list)  # keys of `rules.SCOPES`; none: read only
    made_at = models.DateTimeField(default=now)
    until = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by: models.ForeignKey[Person | None, Person | None] = models.ForeignKey(
        PERSON, models.PROTECT, null=True, related_name="+"
    )
    last_used_at = models.DateTimeField(null=True)  # to the minute
    last_used_from = models.CharField(max_length=45, default="")

    @property
    def scope_words(self) -> list[str]:
        """The scope as a person reads it; empty for reading only."""
        return [str(rules.SCOPES.get(key) or key) for key in self.scope]

    @property
    def last_day(self) -> date:
        """The last day it may be used, in Asia/Shanghai."""
        return (self.until - timedelta(seconds=1)).astimezone(SHANGHAI).date()

    @property
    def present(self) -> bool:
        """Whether it opens anything now."""
        return self.in_force(now())

    def in_force(self, at: datetime) -> bool:
        """Whether it opens anything at the instant `at`."""
        return self.revoked_at is None and self.until > at


class Visit(AbstractBaseSession):
    """A browser somebody signed in with: Django's session, with whose it is, from where and since when.

    The row is the session: where it is gone, the browser is signed out. Kept by `sessions.SessionStore`.
    """

    uid = models.UUIDField(default=uuid7, editable=False, db_index=True)  # two rows share it while a key is renewed
    person: models.ForeignKey[Person | None, Person | None] = models.ForeignKey(
        PERSON, models.CASCADE, null=True, related_name="visits"
    )  # nobody's: a session before signing in
    address = models.CharField(max_length=45, default="")
    agent = models.CharField(max_length=200, default="")  # what the browser calls itself
    since = models.DateTimeField(default=now)
    last_seen = models.DateTimeField(default=now)  # to some minutes

    @property
    def device(self) -> str:
        """Browser and system, as a person names them."""
        return device_words(self.agent)

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        from weilu.accounts.sessions import SessionStore

        return SessionStore


class Guesses(models.Model):
    """Wrong passwords in a row: of an account from one address, of an account, of an address, of a known device."""

    key = models.CharField(max_length=140, unique=True)  # `here:wangmin|10.0.0.1`; see `guesses`
    failures = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=now, db_index=True)  # of the last one
    until = models.DateTimeField(null=True)  # the lock ends by itself


class SecondFactor(models.Model):
    """What shows codes for somebody, by time; asked for once its first code has confirmed it."""

    person: models.OneToOneField[Person, Person] = models.OneToOneField(
        PERSON, models.PROTECT, related_name="second_factor"
    )
    sealed = models.BinaryField()  # the secret; see `sealing`
    made_at = models.DateTimeField(default=now)
    confirmed_at = models.DateTimeField(null=True)
    last_step = models.BigIntegerField(default=0)  # of the last code that opened: it opens no more


class RecoveryCode(models.Model):
    """Opens once in place of a code by time; only its SHA-256 is kept (80 random bits)."""

    person: models.ForeignKey[Person, Person] = models.ForeignKey(PERSON, models.PROTECT, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)
