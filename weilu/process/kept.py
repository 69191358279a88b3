"""What lists keep beside the items: words to find them by, who follows them, filters and columns people chose."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from weilu.accounts.models import Organisation, Person
from weilu.kernel.ids import uuid7
from weilu.kernel.refused import NotVisible
from weilu.kernel.times import now
from weilu.process.models import WorkItem


class Words(models.Model):
    """The words of one item, folded (`bigrams.fold`); a trigger (SQLite) or an index (PostgreSQL) holds their pairs."""

    item = models.OneToOneField(WorkItem, models.PROTECT, primary_key=True, related_name="found_by")
    owner = models.ForeignKey(Organisation, models.PROTECT, related_name="+", db_index=False)
    text = models.TextField()


class Watch(models.Model):
    """关注: a person follows an item; nothing waits for them."""

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="watches")
    person = models.ForeignKey(Person, models.PROTECT, related_name="watches")
    since = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "item"], name="one_watch")]
        indexes = [models.Index(fields=["person", "-id"], name="watched_by_person")]


class SavedFilters(models.QuerySet["SavedFilter"]):
    def usable_by(self, person: Person) -> Self:
        """A person's own, and those shared within their organisation; in the order of their titles."""
        shared = Q(shared=True, person__organisation=person.organisation_id)
        return self.filter(Q(person=person) | shared).order_by("title", "id")

    def fetch(self, person: Person, uid: uuid.UUID | str) -> SavedFilter:
        """The filter of this uid that `person` can use; raises NotVisible."""
        try:
            found = self.usable_by(person).filter(uid=uuid.UUID(str(uid))).select_related("person").first()
        except ValueError:
            found = None
        if found is None:
            raise NotVisible(str(uid))
        return found


class SavedFilter(models.Model):
    """A filter somebody keeps under a title, for one list; shared, everybody of their organisation has it."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    person = models.ForeignKey(Person, models.PROTECT, related_name="filters")
    title = models.CharField(max_length=20)
    tab = models.CharField(max_length=10)
    query = models.CharField(max_length=300)  # as it stands in the address: system=…&due=today
    shared = models.BooleanField(default=False)
    at = models.DateTimeField(default=now)

    objects = SavedFilters.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "tab", "title"], name="one_filter_title")]

    def __str__(self) -> str:
        return self.title


class Columns(models.Model):
    """Which columns a person wants in lists of work."""

    person = models.OneToOneField(Person, models.PROTECT, primary_key=True, related_name="columns")
    names = models.JSONField(default=list)


class Tally(models.Model):
    """What is counted of a customer's items: triggers add a row at every change, a job folds them into sums.

    Only added to, so that two acts at once never wait for each other. Names: `system` and `step`, the open
    items of each; `opened` and `closed`, by month (Asia/Shanghai, 2026-11); `kind`, opened by month and kind
    (2026-11:change).
    """

    owner = models.ForeignKey(Organisation, models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=10)
    key = models.CharField(max_length=40)
    n = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["owner", "name", "key", "n"], name="tally_sums")]
