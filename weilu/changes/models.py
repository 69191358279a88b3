"""A change: its need and plan in versions, and what its requester said of the result."""

from django.db import models

from weilu.accounts.models import OwnedRows, Person
from weilu.kernel.times import now
from weilu.process.models import WorkItem
from weilu.systems.models import Installation


class Changes(OwnedRows):
    def visible_to(self, person: Person) -> "Changes":
        """The changes whose items `person` may see."""
        return self.filter(item__owner_id__in=person.owner_ids)


class Change(models.Model):
    """What `process.WorkItem` does not know of a change; named by the item's uid outside."""

    item = models.OneToOneField(WorkItem, models.PROTECT, related_name="change")
    installation = models.ForeignKey(Installation, models.PROTECT, related_name="changes")
    feasible = models.BooleanField(null=True)  # step 2; none before
    analysis = models.TextField(default="")

    objects = Changes.as_manager()

    def __str__(self) -> str:
        return str(self.item)


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
    content = models.JSONField()  # see `changes.plan.Plan`
    digest = models.CharField(max_length=64)  # SHA-256 of the canonical content
    sm3 = models.CharField(max_length=64)
    author = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["change", "number"], name="one_plan_number")]


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
