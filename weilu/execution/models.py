"""A run: one approved plan being carried out, its journal of steps, and what it printed."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Owned, Person
from weilu.execution.steps import KINDS, Kind
from weilu.kernel.times import now
from weilu.process.models import WorkItem
from weilu.systems.models import Installation


class Run(Owned):
    """Carries out one plan, known by its digest, on one installation."""

    class State(models.TextChoices):
        QUEUED = "queued", _("等待执行")
        RUNNING = "running", _("执行中")
        ASKS = "asks", _("待判断")
        SUCCEEDED = "succeeded", _("成功")
        WENT_BACK = "went_back", _("已回退")
        FAILED = "failed", _("未执行完")

    class Phase(models.TextChoices):
        FORWARD = "forward", _("升级")
        BACK = "back", _("回退")
        STOPPING = "stopping", _("收尾")

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="runs")
    installation = models.ForeignKey(Installation, models.PROTECT, related_name="runs")
    number = models.CharField(max_length=40, unique=True)
    plan = models.JSONField()  # the orders: version, wheel, sha256, window, criteria, way_back
    subject = models.CharField(max_length=64)  # digest of the plan that was approved
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.FORWARD)
    window_from = models.DateTimeField()
    window_to = models.DateTimeField()
    version_from = models.CharField(max_length=40)
    ordered_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    ordered_at = models.DateTimeField(default=now)
    cancelled_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    cause = models.TextField(default="")  # why it went back, failed or asks, in one sentence
    holder = models.CharField(max_length=120, default="")  # the worker process that has the lease
    fence = models.PositiveIntegerField(default=0)  # grows whenever a worker takes the run over
    lease_until = models.DateTimeField(null=True)
    lines = models.PositiveIntegerField(default=0)  # of its log; the number of the last one

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["installation"], condition=Q(state__in=["queued", "running", "asks"]), name="one_live_run"
            )
        ]
        indexes = [models.Index(fields=["owner", "-id"], name="runs_of_owner")]

    def __str__(self) -> str:
        return self.number

    @property
    def live(self) -> bool:
        """Whether it still holds its installation."""
        return self.state in (Run.State.QUEUED, Run.State.RUNNING, Run.State.ASKS)


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
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.LINE)
    text = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="one_event_seq")]
