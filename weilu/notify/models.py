"""What people were told, whether they have read it, and the mails that carried it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Owned, OwnedRows, Person
from weilu.kernel.ids import uuid7
from weilu.kernel.times import now


class When(models.TextChoices):
    """How one kind of notice reaches a person beside the inbox."""

    NOW = "now", _("立即发邮件")
    DIGEST = "digest", _("放进每日汇总")
    INBOX = "inbox", _("只在站内")


class Choice(models.Model):
    """Where and how a person wants to be told; without an address, the inbox alone."""

    person = models.OneToOneField(Person, models.PROTECT, related_name="choice")
    email = models.CharField(max_length=254, default="")  # confirmed by a code; mail goes here and nowhere else
    pending = models.CharField(max_length=254, default="")  # waits for its code
    code = models.CharField(max_length=64, default="")  # SHA-256, see addresses.py
    code_at = models.DateTimeField(null=True)
    digest_hour = models.PositiveSmallIntegerField(default=9)  # 0 to 23, Asia/Shanghai, on working days
    choices = models.JSONField(default=dict)  # kind of notice → When; a kind that is missing has its usual one

    class Meta:
        indexes = [models.Index(fields=["digest_hour"], condition=~Q(email=""), name="digest_at")]


class Mail(models.Model):
    """One mail to one person: a notice, the digest of a day, or a code. It is handed over once."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)  # stands in its Message-ID
    person = models.ForeignKey(Person, models.PROTECT, related_name="mails")
    day = models.DateField(null=True)  # of a digest; none for a single notice
    confirms = models.CharField(max_length=254, default="")  # the address a code goes to
    made_at = models.DateTimeField(default=now)
    handed_at = models.DateTimeField(null=True)  # committed before the server gets the content
    sent_at = models.DateTimeField(null=True)  # the server has accepted it
    left_out_at = models.DateTimeField(null=True)  # at sending time there was nothing left to say

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "day"], name="one_digest_a_day")]


class Notices(OwnedRows):
    def of(self, person: Person) -> Notices:
        """What `person` was told, the newest first; a grant that ended takes its customer's notices along."""
        return self.visible_to(person).filter(person=person).order_by("-id")

    def unread(self) -> Notices:
        return self.filter(read_at=None)


class Notice(Owned):
    """One message to one person: a line of their inbox."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="notices")
    title = models.CharField(max_length=200)
    body = models.TextField(default="")
    link = models.CharField(max_length=200, default="")  # a path of this site
    item = models.CharField(max_length=40, default="", db_index=True)  # uid of a work item; rooms above know it
    at = models.DateTimeField(default=now)
    read_at = models.DateTimeField(null=True)
    kind = models.CharField(max_length=12, default="system")  # see kinds.py
    key = models.CharField(max_length=80, default="")  # with a key, a person is told this once and never again
    about = models.JSONField(default=dict)  # number, title, step, due: all of an item that a mail may say
    mail = models.ForeignKey(Mail, models.PROTECT, null=True, related_name="notices")  # the mail that carries it

    objects: ClassVar[Any] = Notices.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["person", "-id"], name="inbox"),
            models.Index(fields=["person"], condition=Q(read_at=None), name="unread"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["person", "key"], condition=~Q(key=""), name="told_once"),
        ]

    def __str__(self) -> str:
        return self.title
