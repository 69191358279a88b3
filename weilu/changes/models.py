"""A change: need and plan in versions, what its requester said of the result; templates, emergencies, amendments.

A change is about one installation, or about hosts of a system (`installation` is None); its plan says which hosts.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from weilu.accounts.models import Organisation, OwnedRows, Person
from weilu.kernel.times import now
from weilu.process.models import WorkItem
from weilu.systems.models import Installation


class Changes(OwnedRows):
    def visible_to(self, person: Person) -> Changes:
        """The changes whose items `person` may see."""
        return self.filter(item__owner_id__in=person.owner_ids)


class Change(models.Model):
    """What `process.WorkItem` does not know of a change; named by the item's uid outside."""

    item = models.OneToOneField(WorkItem, models.PROTECT, related_name="change")
    installation = models.ForeignKey(Installation, models.PROTECT, null=True, related_name="changes")  # None: hosts
    feasible = models.BooleanField(null=True)  # step 2; none before
    analysis = models.TextField(default="")
    template = models.ForeignKey("PlanTemplate", models.PROTECT, null=True, related_name="changes")  # a standard change
    rerouted_at = models.DateTimeField(null=True)  # it goes the normal way since; earlier approvals are void
    follows = models.ForeignKey("self", models.PROTECT, null=True, related_name="followed_by")  # asked for after it

    objects = Changes.as_manager()

    def __str__(self) -> str:
        return str(self.item)

    @property
    def on_hosts(self) -> bool:
        """Whether it is about hosts of its item's system rather than about one installation."""
        return self.installation_id is None

    @property
    def place(self) -> Installation:
        """The installation it is about; only asked of a change that has one."""
        assert self.installation is not None  # noqa: S101
        return self.installation


class NeedVersion(models.Model):
    """One wording of the need; kept for ever, compared as old and new (CHG-1)."""

    change = models.ForeignKey(Change, models.PROTECT, related_name="needs")
    number = models.PositiveIntegerField()
    text = models.TextField()
    author = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    digest = models.CharField(max_length=64)
    evidence = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "number"], name="one_need_number")]


class PlanVersion(models.Model):
    """One plan, frozen as canonical content under its digest; that digest is what people sign and runs carry out."""

    change = models.ForeignKey(Change, models.PROTECT, related_name="plans")
    number = models.PositiveIntegerField()
    content = models.JSONField()  # see `changes.plan.Plan` and `HostPlan`
    digest = models.CharField(max_length=64)  # SHA-256 of the canonical content
    sm3 = models.CharField(max_length=64)
    author = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "number"], name="one_plan_number")]


class PlanFile(models.Model):
    """A file for the steps of a plan for hosts: kept by its digest, and named by plans of this change only."""

    change = models.ForeignKey(Change, models.PROTECT, related_name="files", db_index=False)  # see one_plan_file
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    name = models.CharField(max_length=100)
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "sha256"], name="one_plan_file")]

    def __str__(self) -> str:
        return self.name


class Feedback(models.Model):
    """Step 8: what the requester says of the result; stands on the record sheet."""

    class Satisfaction(models.TextChoices):
        VERY = "very", "非常满意"
        YES = "satisfied", "满意"
        FAIR = "fair", "基本满意"
        NO = "unsatisfied", "不满意"

    change = models.OneToOneField(Change, models.PROTECT, related_name="feedback")
    works = models.BooleanField()  # the result is as wanted (or, after a way back, as it was)
    opinion = models.TextField()
    satisfaction = models.CharField(max_length=12, choices=Satisfaction.choices)
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)


class Templates(models.QuerySet[Any]):
    def in_force(self) -> Templates:
        """Those approved and not withdrawn."""
        return self.exclude(approved_at=None).filter(withdrawn_at=None)


class PlanTemplate(models.Model):
    """变更模板: a plan approved beforehand, known by its digest; what it leaves open stands in its content.

    Its item (kind `change_template`) carries number, need, versions and approvals; once approved it is not
    written anew. A later one may replace it; changes that rest on it then are no longer carried out.
    """

    change = models.OneToOneField(Change, models.PROTECT, related_name="as_template")
    digest = models.CharField(max_length=64, default="")  # of the plan as approved; "" before
    approved_at = models.DateTimeField(null=True)
    replaces = models.ForeignKey("self", models.PROTECT, null=True, related_name="replaced_by")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=300, default="")  # why it was withdrawn

    objects = Templates.as_manager()

    def __str__(self) -> str:
        return str(self.change.item)


class Policy(models.Model):
    """What a customer has set for its changes; a customer without a row has the defaults."""

    owner = models.OneToOneField(Organisation, models.PROTECT, primary_key=True, related_name="+")
    follow_up_days = models.PositiveSmallIntegerField(default=5)  # working days until an emergency is complete
    remind_hours = models.PositiveSmallIntegerField(default=8)  # working hours between two reminders


class Emergency(models.Model):
    """Why a change could not wait, and by when everything else has to follow; counted, and chased until complete."""

    change = models.OneToOneField(Change, models.PROTECT, related_name="emergency")
    owner = models.ForeignKey(Organisation, models.PROTECT, related_name="+", db_index=False)
    reason = models.TextField()
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()  # in UTC; the policy of the day it was opened
    remind_hours = models.PositiveSmallIntegerField()
    done_at = models.DateTimeField(null=True)  # complete, or on the normal way

    class Meta:
        indexes = [
            models.Index(fields=["owner", "opened_at"], name="emergencies_of_owner"),
            models.Index(fields=["owner", "due_at"], condition=models.Q(done_at=None), name="open_emergencies"),
        ]


class Amendment(models.Model):
    """变更申请: a need or design is changed after its approval; a request of its own, with a number (CHG-2)."""

    class Of(models.TextChoices):
        NEED = "need", "需求"
        DESIGN = "design", "设计与方案"

    change = models.ForeignKey(Change, models.PROTECT, related_name="amendments")
    number = models.CharField(max_length=40, unique=True)
    of = models.CharField(max_length=10, choices=Of.choices)
    what = models.TextField()
    reason = models.TextField()
    none_affected = models.CharField(max_length=300, default="")  # why no document is affected, where none is
    subject = models.CharField(max_length=64)  # digest of the plan that was approved and is being changed
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    def __str__(self) -> str:
        return self.number


class AffectedDocument(models.Model):
    """A document that an amendment affects, by number and version; updated before the release is signed."""

    amendment = models.ForeignKey(Amendment, models.PROTECT, related_name="documents")
    number = models.CharField(max_length=60)
    title = models.CharField(max_length=100)
    version = models.CharField(max_length=40)  # before
    new_version = models.CharField(max_length=40, default="")
    record = models.CharField(max_length=300, default="")  # what was changed in it
    updated_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    updated_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["amendment", "number"], name="one_affected_document")]
