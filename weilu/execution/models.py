"""A run: one approved plan being carried out, its journal of steps, and what it printed.

A run acts on one installation (`installation`), or on hosts in batches (`RunHost`, `Cell`); the plan says which.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Owned, Person
from weilu.execution.steps import KINDS, Kind
from weilu.kernel.times import now
from weilu.process.models import WorkItem
from weilu.systems.models import Host, Installation


class Run(Owned):
    """Carries out one plan, known by its digest, on one installation or on hosts."""

    class State(models.TextChoices):
        QUEUED = "queued", _("等待执行")
        RUNNING = "running", _("执行中")
        ASKS = "asks", _("待判断")
        PAUSED = "paused", _("已暂停")
        SUCCEEDED = "succeeded", _("成功")
        WENT_BACK = "went_back", _("已回退")
        PARTLY = "partly", _("部分完成")
        FAILED = "failed", _("未执行完")

    class Phase(models.TextChoices):
        FORWARD = "forward", _("升级")
        BACK = "back", _("回退")
        STOPPING = "stopping", _("收尾")

    class Purpose(models.TextChoices):
        CARRY_OUT = "carry_out", _("实施")
        REHEARSE = "rehearse", _("演练")

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="runs")
    installation = models.ForeignKey(Installation, models.PROTECT, null=True, related_name="runs")  # None: on hosts
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.CARRY_OUT)
    pool = models.CharField(max_length=40, default="")  # label of the workers that may take it; empty: each
    number = models.CharField(max_length=40, unique=True)
    plan = models.JSONField()  # the orders; of an installation: version, wheel, sha256, window, criteria, way_back
    subject = models.CharField(max_length=64)  # digest of the plan that was approved
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.FORWARD)
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    version_from = models.CharField(max_length=40)
    ordered_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    ordered_at = models.DateTimeField(default=now)
    cancelled_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    paused_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")  # asked to pause, or has paused
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cause = models.TextField(default="")  # why it went back, failed or asks, in one sentence
    holder = models.CharField(max_length=120, default="")  # the worker process that has the lease
    fence = models.PositiveIntegerField(default=0)  # grows whenever a worker takes the run over
    lease_until = models.DateTimeField(null=True)
    lines = models.PositiveIntegerField(default=0)  # of its log; the number of the last one
    allowed = models.PositiveIntegerField(default=0)  # hosts ended when a person went on in spite of the stop rule
    beyond = models.BooleanField(default=False)  # a person said to go on after the window's end

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["installation"],
                condition=Q(state__in=["queued", "running", "asks", "paused"]),
                name="one_live_run",
            )
        ]
        indexes = [models.Index(fields=["owner", "-id"], name="runs_of_owner")]

    def __str__(self) -> str:
        return self.number

    @property
    def on_hosts(self) -> bool:
        """Whether it acts on hosts in batches rather than on one installation."""
        return self.installation_id is None

    @property
    def place(self) -> Installation:
        """The installation it acts on; only asked of a run that has one."""
        assert self.installation is not None  # noqa: S101
        return self.installation

    @property
    def live(self) -> bool:
        """Whether it still holds its installation or its hosts."""
        return self.state in LIVE


LIVE = (Run.State.QUEUED, Run.State.RUNNING, Run.State.ASKS, Run.State.PAUSED)


class RunStep(models.Model):
    """One line of the journal: the intent is committed before the effect, the result after."""

    class State(models.TextChoices):
        WAITING = "waiting", _("等待")
        STARTED = "started", _("进行中")
        DONE = "done", _("通过")
        FAILED = "failed", _("失败")
        SKIPPED = "skipped", _("未执行")
        ASKS = "asks", _("待判断")

    run = models.ForeignKey(Run, models.PROTECT, related_name="steps", db_index=False)  # see one_step_ordinal
    key = models.CharField(max_length=20)
    title = models.CharField(max_length=60)
    ordinal = models.PositiveSmallIntegerField()
    batch = models.PositiveSmallIntegerField(null=True)  # of hosts, in which it is one call for all of them
    phase = models.CharField(max_length=10, choices=Run.Phase.choices, default=Run.Phase.FORWARD)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempt = models.PositiveSmallIntegerField(default=0)
    probing = models.BooleanField(default=False)  # the present attempt only looks whether the step took effect
    machine = models.CharField(max_length=80, default="")  # where the attempt was started
    boot = models.CharField(max_length=40, default="")  # and in which life of that machine
    seen = models.PositiveIntegerField(default=0)  # how many lines of the attempt stand in the log
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    words = models.TextField(default="")
    result = models.JSONField(default=dict)
    digest = models.CharField(max_length=64, default="")  # SHA-256 of the record in evidence
    evidence = models.UUIDField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "ordinal"], name="one_step_ordinal")]

    @property
    def kind(self) -> Kind:
        """What the step table says of it."""
        return KINDS[self.key]


class RunEvent(models.Model):
    """One line that a run printed, as the page polls it."""

    class Kind(models.TextChoices):
        PLAIN = "plain", _("说明")
        LINE = "line", _("输出")
        ERROR = "error", _("错误")

    run = models.ForeignKey(Run, models.PROTECT, related_name="events", db_index=False)  # see one_event_seq
    seq = models.PositiveIntegerField()
    at = models.DateTimeField(default=now)
    step = models.CharField(max_length=20, default="")
    host = models.PositiveIntegerField(null=True)  # ordinal of the host that said it
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.LINE)
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="one_event_seq")]
        indexes = [models.Index(fields=["run", "host", "seq"], condition=Q(host__isnull=False), name="events_of_host")]


class RunHost(models.Model):
    """One host in a run: its frozen entry of the orders, its batch, and how it fares."""

    class State(models.TextChoices):
        WAITING = "waiting", _("等待")
        RUNNING = "running", _("进行中")
        DONE = "done", _("通过")
        FAILED = "failed", _("失败")
        RETURNING = "returning", _("回退中")
        BACK = "back", _("已回退")
        STUCK = "stuck", _("未能回退")
        LEFT = "left", _("未执行")

    run = models.ForeignKey(Run, models.PROTECT, related_name="hosts", db_index=False)  # see one_host_ordinal
    ordinal = models.PositiveIntegerField()  # from 1, in the order of the orders
    host = models.ForeignKey(Host, models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    entry = models.JSONField()  # as in the orders: uid, name, address, port, user, key, group, site, zone, …
    batch = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    words = models.TextField(default="")  # why it failed or could not be brought back, and what to do
    changed = models.BooleanField(default=False)  # a step of this run may have changed it
    turn = models.PositiveIntegerField(null=True)  # grows with each run that holds the host; part of the fence there
    holds = models.ForeignKey(Host, models.PROTECT, null=True, related_name="held_by")  # while the run is live

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "ordinal"], name="one_host_ordinal"),
            models.UniqueConstraint(fields=["holds"], condition=Q(holds__isnull=False), name="one_run_holds_a_host"),
            models.UniqueConstraint(fields=["host", "turn"], name="one_turn_of_a_host"),
        ]

    def __str__(self) -> str:
        return self.name


class Cell(models.Model):
    """A step on a host: made with the step's intent, settled with what that host told."""

    class State(models.TextChoices):
        STARTED = "started", _("进行中")
        DONE = "done", _("通过")
        FAILED = "failed", _("失败")
        ASKS = "asks", _("待判断")
        SKIPPED = "skipped", _("不需要")

    step = models.ForeignKey(RunStep, models.PROTECT, related_name="cells", db_index=False)  # see one_cell
    host = models.ForeignKey(RunHost, models.PROTECT, related_name="cells")
    state = models.CharField(max_length=10, choices=State.choices, default=State.STARTED)
    attempt = models.PositiveSmallIntegerField(default=1)
    todo = models.CharField(max_length=5, default="")  # next: probe, do, play or leave; empty: in the present attempt
    seen = models.PositiveIntegerField(default=0)  # how far the present attempt was read
    words = models.TextField(default="")
    result = models.JSONField(default=dict)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "host"], name="one_cell")]
