"""The vault: public keys that secrets are sealed to, credentials, and which host or group each opens."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Owned, OwnedRows, Person
from weilu.kernel.times import now
from weilu.systems.models import Host, HostGroup


class VaultKey(models.Model):
    """The public half of a key pair; the private half is a file that only workers read (`keys.py`)."""

    number = models.PositiveIntegerField(unique=True)  # from 1; the highest is the one that is sealed to
    public = models.CharField(max_length=64, unique=True)  # X25519, in hex
    made_at = models.DateTimeField(default=now)
    retired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.number} {self.fingerprint}"

    @property
    def fingerprint(self) -> str:
        """The beginning of the public key, by which people tell one from another."""
        return self.public[:16]


class Credentials(OwnedRows):
    def active(self) -> Self:
        """Those that still open something."""
        return self.filter(retired_at=None)


class Credential(Owned):
    """A secret by which hosts let us in, sealed; what is shown of it is its name and its public half."""

    class Kind(models.TextChoices):
        SSH_KEY = "ssh_key", _("SSH 密钥")
        BECOME_PASSWORD = "become_password", _("提权密码")

    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    public = models.CharField(max_length=2000, default="", blank=True)  # of a key: type and base64, for authorized_keys
    sealed = models.BinaryField()  # empty once retired
    sealed_to = models.ForeignKey(VaultKey, models.PROTECT, related_name="credentials")
    made_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=now)
    used_at = models.DateTimeField(null=True)  # when it was last opened, and what for; every time is on record
    used_for = models.CharField(max_length=60, default="", blank=True)
    retired_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    retired_at = models.DateTimeField(null=True)

    objects = Credentials.as_manager()  # type: ignore[misc]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], condition=Q(retired_at=None), name="one_credential_name")
        ]

    def __str__(self) -> str:
        return self.name


class Access(Owned):
    """A credential opens a host, or every host of a group; the host's own goes before its group's."""

    credential = models.ForeignKey(Credential, models.PROTECT, related_name="accesses")
    kind = models.CharField(max_length=20, choices=Credential.Kind.choices)  # the credential's: one of each at a place
    group = models.ForeignKey(HostGroup, models.PROTECT, null=True, related_name="accesses")
    host = models.ForeignKey(Host, models.PROTECT, null=True, related_name="accesses")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "kind"], name="one_access_of_group"),
            models.UniqueConstraint(fields=["host", "kind"], name="one_access_of_host"),
            models.CheckConstraint(
                condition=Q(group__isnull=False, host__isnull=True) | Q(group__isnull=True, host__isnull=False),
                name="access_to_one_place",
            ),
        ]


class Reaching(models.Model):
    """How a host answered when it was last gone to, and whether somebody waits for it to be gone to again."""

    class State(models.TextChoices):
        OK = "ok", _("连通")
        UNPINNED = "unpinned", _("没有固定密钥")
        REFUSED = "refused", _("密钥不符，拒绝连接")
        UNREACHED = "unreached", _("连不上")
        NO_KEY = "no_key", _("没有指定凭据")
        DENIED = "denied", _("主机不让登录")
        NO_SUDO = "no_sudo", _("不能提权")
        HALF = "half", _("回答不完整")

    host = models.OneToOneField(Host, models.PROTECT, related_name="reaching")
    state = models.CharField(max_length=10, choices=State.choices, default="", blank=True)  # "" until first gone to
    since = models.DateTimeField(null=True)  # from when on it has been so
    at = models.DateTimeField(null=True)  # when it was last gone to
    words = models.CharField(max_length=300, default="", blank=True)  # what is wrong and what to do, as it was then
    drift_ms = models.IntegerField(null=True)  # its clock against the worker's; above 0 it is ahead (OPS-7)
    unsure_ms = models.PositiveIntegerField(default=0)  # half the round trip: how far that may be wrong
    drifts_since = models.DateTimeField(null=True)  # from when on its clock has been too far off
    offered = models.CharField(
        max_length=1000, default="", blank=True
    )  # the key it showed, where none or another is pinned
    asked_at = models.DateTimeField(null=True)  # to be gone to again since then; None: nobody waits

    class Meta:
        indexes = [models.Index(fields=["asked_at"], condition=Q(asked_at__isnull=False), name="hosts_to_reach")]

    @property
    def ok(self) -> bool:
        """Whether a run could act on it now."""
        return self.state == self.State.OK
