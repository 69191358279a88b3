"""What is watched (OPS-9): the register of security events, the alarms they raised, what raises one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from weilu.kernel.ids import uuid7
from weilu.kernel.times import now

if TYPE_CHECKING:
    from weilu.accounts.models import Organisation, Person

PERSON, ORGANISATION = "accounts.Person", "accounts.Organisation"


class SecurityEvent(models.Model):
    """Something turned down, or new: repeats of one person and address within a minute are one row with a count.

    It holds what was asked for (method and address without ids) and the clause or right it failed by, never what
    was typed: people type passwords where names belong.
    """

    class Kind(models.TextChoices):
        FAILED = "failed", _("登录失败")
        LOCKED = "locked", _("登录锁定")
        REFUSED = "refused", _("操作被拒")
        DENIED = "denied", _("没有权限")
        HIDDEN = "hidden", _("看不到的内容")
        TOKEN = "token", _("访问令牌无效")
        DEVICE = "device", _("新设备登录")

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    key = models.CharField(max_length=120, unique=True)  # kind, person, address and the minute or hour it counts
    kind = models.CharField(max_length=10, choices=Kind.choices)
    person: models.ForeignKey[Person | None, Person | None] = models.ForeignKey(
        PERSON, models.PROTECT, null=True, related_name="+"
    )  # none: nobody known
    address = models.CharField(max_length=45, default="")  # "*" stands for very many
    acts = models.JSONField(default=dict)  # what was asked for → how often; the first few
    number = models.CharField(
        max_length=9, default=""
    )  # of the last answer, as its reader and the program's log have it
    count = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=now)
    last_at = models.DateTimeField(default=now, db_index=True)

    class Meta:
        indexes = [
            models.Index(fields=["person", "kind", "at"], name="events_of_person"),
            models.Index(fields=["kind", "at"], name="events_of_kind"),
        ]

    def __str__(self) -> str:
        return self.key


class AlarmRules(models.Model):
    """From how many events within how many minutes on a customer's security office is told; of locks always."""

    owner: models.OneToOneField[Organisation, Organisation] = models.OneToOneField(
        ORGANISATION, models.PROTECT, related_name="+"
    )
    refused = models.PositiveIntegerField(default=5)  # acts of one person turned down
    refused_minutes = models.PositiveIntegerField(default=10)
    failed = models.PositiveIntegerField(default=10)  # failed sign-ins of one account, or from one address
    failed_minutes = models.PositiveIntegerField(default=10)
    devices = models.BooleanField(default=False)  # each sign-in with a browser not known before


class Alarm(models.Model):
    """Something that a security office was told, once; it goes on counting until it is closed or quiet for an hour."""

    class Rule(models.TextChoices):
        REFUSED = "refused", _("多次被拒")
        FAILED = "failed", _("多次登录失败")
        LOCKED = "locked", _("登录锁定")
        DEVICE = "device", _("新设备登录")
        WITNESS = "witness", _("见证有问题")
        PROCESS = "process", _("关键进程中断")
        HOST_KEY = "host-key", _("主机密钥不符")
        CLOCK = "clock", _("主机时钟偏差")

    class Verdict(models.TextChoices):
        ATTACK = "attack", _("渗透或攻击")
        MISUSE = "misuse", _("越权或滥用")
        FAULT = "fault", _("故障")
        HARMLESS = "harmless", _("正常操作")

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    owner: models.ForeignKey[Organisation, Organisation] = models.ForeignKey(
        ORGANISATION, models.PROTECT, related_name="+"
    )
    rule = models.CharField(max_length=10, choices=Rule.choices)
    person: models.ForeignKey[Person | None, Person | None] = models.ForeignKey(
        PERSON, models.PROTECT, null=True, related_name="+"
    )
    about = models.CharField(max_length=200, default="")  # an address, or the name of a witness or process
    count = models.PositiveIntegerField(default=1)
    at = models.DateTimeField(default=now)
    last_at = models.DateTimeField(default=now)
    closed_at = models.DateTimeField(null=True)
    closed_by: models.ForeignKey[Person | None, Person | None] = models.ForeignKey(
        PERSON, models.PROTECT, null=True, related_name="+"
    )
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default="", blank=True)  # "" until closed
    words = models.CharField(max_length=300, default="")  # what it was, by whoever closed it

    class Meta:
        indexes = [models.Index(fields=["owner", "-id"], name="alarms_of_owner")]

    def __str__(self) -> str:
        return f"{self.rule} {self.uid}"
