"""The customer's systems, where they are installed, and who uses them."""

from django.db import models

from weilu.accounts.models import Owned, Person


class System(Owned):
    """An information system of a customer; what changes, runs and sheets are about."""

    class Importance(models.TextChoices):
        IMPORTANT = "important", "重要"
        NORMAL = "normal", "一般"

    code = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    importance = models.CharField(max_length=10, choices=Importance.choices, default=Importance.NORMAL)
    running = models.BooleanField(default=True)  # in production: its change needs the security office (CHG-7)
    backup_owner = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")  # OPS-4
    users = models.ManyToManyField(Person, related_name="systems_used")  # they get the upgrade notes (CHG-6)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "code"], name="one_system_code")]

    def __str__(self) -> str:
        return self.name


class Installation(Owned):
    """One running application of a system on one host: where it stands and where its releases come from."""

    system = models.ForeignKey(System, models.PROTECT, related_name="installations")
    name = models.CharField(max_length=60)  # the distribution name of its wheels
    host = models.CharField(max_length=100)
    root = models.CharField(max_length=300)  # releases/, current, shared/, bin/ctl
    url = models.CharField(max_length=200)  # where it answers over HTTP
    channel = models.CharField(max_length=300)  # folder with wheels, SHA256SUMS, SHA256SUMS.sig
    keyring = models.CharField(max_length=300)  # binary OpenPGP keyring of the channel, for gpgv
    version = models.CharField(max_length=40)  # as last proved by a run

    def __str__(self) -> str:
        return f"{self.name} @ {self.host}"
