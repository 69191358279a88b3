"""The customer's systems, where they are installed, and who uses them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Owned, Person
from weilu.evidence.words import kind_word
from weilu.kernel.times import now


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


class Environment(Owned):
    """A stage of a system: where it is tried, where it stands by, where it serves."""

    class Kind(models.TextChoices):
        TEST = "test", _("实验机")
        STANDBY = "standby", _("备机")
        PRODUCTION = "production", _("现网")

    system = models.ForeignKey(System, models.PROTECT, related_name="environments")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=60)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["system", "name"], name="one_environment_name")]

    def __str__(self) -> str:
        return self.name


class HostGroup(Owned):
    """Hosts of an environment that do the same work; plans name it, and it bounds how many change at once."""

    environment = models.ForeignKey(Environment, models.PROTECT, related_name="groups")
    name = models.CharField(max_length=60)
    at_once = models.PositiveSmallIntegerField(null=True)  # hosts that runs may act on together; None: no bound

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "name"], name="one_group_name")]

    def __str__(self) -> str:
        return self.name


class Host(Owned):
    """A machine reached over SSH, known by its pinned host key."""

    group = models.ForeignKey(HostGroup, models.PROTECT, related_name="hosts")
    name = models.CharField(max_length=100)
    address = models.CharField(max_length=100)  # an IP address or a DNS name
    port = models.PositiveIntegerField(default=22)
    user = models.CharField(max_length=60, default="root")
    become = models.BooleanField(default=False)  # acts by sudo after it came in as `user`
    site = models.CharField(max_length=60, default="")  # computing centre or building
    zone = models.CharField(max_length=60, default="")  # network zone
    pool = models.CharField(max_length=40, default="")  # label of the workers that reach it; empty: every worker
    python = models.CharField(max_length=200, default="/usr/bin/python3")
    key = models.CharField(max_length=1000, default="")  # as in known_hosts: type and base64; empty: not pinned yet
    facts = models.JSONField(default=dict)
    facts_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], condition=models.Q(retired_at=None), name="one_host_name")
        ]

    def __str__(self) -> str:
        return self.name


class HostEvent(models.Model):
    """A line of a host's history: an act on it as the log has it, kept where its page reads it."""

    host = models.ForeignKey(Host, models.PROTECT, related_name="events", db_index=False)  # see events_of_a_host
    at = models.DateTimeField(default=now)
    kind = models.CharField(max_length=60)  # of its entry
    actor = models.CharField(max_length=200)
    data = models.JSONField()  # of its entry
    ref = models.UUIDField()  # of its entry

    class Meta:
        indexes = [models.Index(fields=["host", "-id"], name="events_of_a_host")]

    @property
    def who(self) -> str:
        """The name of whoever acted, without how they sign in."""
        return self.actor.partition(" <")[0]

    @property
    def word(self) -> str:
        return kind_word(self.kind)


class Dependency(models.Model):
    """`system` needs `on` to work: a change of one concerns the other."""

    system = models.ForeignKey(System, models.PROTECT, related_name="needs")
    on = models.ForeignKey(System, models.PROTECT, related_name="needed_by")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["system", "on"], name="one_dependency"),
            models.CheckConstraint(condition=~models.Q(system=models.F("on")), name="not_on_itself"),
        ]


class Limit(Owned):
    """How many hosts of a site or network zone may change at once, over all runs."""

    class Kind(models.TextChoices):
        SITE = "site", _("机房")
        ZONE = "zone", _("网络区")

    kind = models.CharField(max_length=10, choices=Kind.choices)
    name = models.CharField(max_length=60)
    at_once = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "kind", "name"], name="one_limit")]


class HostImport(Owned):
    """An uploaded list of hosts between its showing and its taking over; once settled, only what it came to stays."""

    class Kind(models.TextChoices):
        INI = "ini", "INI"
        YAML = "yaml", "YAML"
        EXCEL = "xlsx", "Excel"

    environment = models.ForeignKey(Environment, models.PROTECT, null=True, related_name="+")  # for rows without one
    kind = models.CharField(max_length=4, choices=Kind.choices)
    name = models.CharField(max_length=100)  # of the file
    sha256 = models.CharField(max_length=64)  # of the file
    source = models.BinaryField()  # the file; empty once settled, then evidence keeps what was taken over
    read = models.JSONField()  # `importing.reading.Reading`; empty once settled
    made_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=now)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    done = models.JSONField(null=True)  # counts of what was taken over; None while open, or dropped

    class Meta:
        indexes = [models.Index(fields=["owner", "-id"], name="imports_of_owner")]

    def __str__(self) -> str:
        return self.name
