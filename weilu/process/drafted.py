"""Flows being written, and items that were moved from one version of their flow to another."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from weilu.accounts.models import Owned, Person
from weilu.kernel.times import now
from weilu.process.models import FlowVersion, WorkItem


class FlowDraft(Owned):
    """草稿: what one person writes to become the next version; a second person publishes it, or sends it back."""

    class State(models.TextChoices):
        DRAFT = "draft", "草稿"
        PROPOSED = "proposed", "待发布"
        PUBLISHED = "published", "已发布"
        REJECTED = "rejected", "未通过"
        DISCARDED = "discarded", "已放弃"

    OPEN = (State.DRAFT, State.PROPOSED, State.REJECTED)  # still on its way

    key = models.CharField(max_length=60)  # of the flow it began as: changes.normal; "" for one from nothing
    source = models.TextField()  # as typed, whatever its faults
    author = models.ForeignKey(Person, models.PROTECT, related_name="flow_drafts")
    base = models.ForeignKey(FlowVersion, models.PROTECT, null=True, related_name="+")  # the version it changes
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    words = models.TextField(default="")  # what changes and why, as proposed
    digest = models.CharField(max_length=64, default="")  # SHA-256 of what was proposed; "" while nothing is
    proposed_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")  # who published or rejected it
    decided_at = models.DateTimeField(null=True)
    answer = models.TextField(default="")  # why it was rejected
    version = models.OneToOneField(FlowVersion, models.PROTECT, null=True, related_name="draft")  # what it became
    made_at = models.DateTimeField(default=now)
    kept_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(
                fields=["owner", "-id"], condition=Q(state__in=["draft", "proposed", "rejected"]), name="open_drafts"
            )
        ]

    @property
    def is_open(self) -> bool:
        """Whether it is still on its way to being published."""
        return self.state in FlowDraft.OPEN


class FlowMove(models.Model):
    """迁移: an open item went on under another version of its flow; everything said before stays as it was."""

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="moves")
    before = models.ForeignKey(FlowVersion, models.PROTECT, related_name="+")
    after = models.ForeignKey(FlowVersion, models.PROTECT, related_name="+")
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    words = models.CharField(max_length=300)
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()
