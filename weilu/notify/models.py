"""What people were told, and whether they have read it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from weilu.accounts.models import Owned, OwnedRows, Person
from weilu.kernel.times import now


class Notices(OwnedRows):
    def of(self, person: Person) -> Notices:
        """What `person` was told, the newest first; a grant that ended takes its customer's notices along."""
        return self.visible_to(person).filter(person=person).order_by("-id")

    def unread(self) -> Notices:
        return self.filter(read_at=None)


class Notice(Owned):
    """One message to one person: a line of their inbox."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="notices")
    title = models.CharField(max_length=200)
    body = models.TextField(default="")
    link = models.CharField(max_length=200, default="")  # a path of this site
    item = models.CharField(max_length=40, default="", db_index=True)  # uid of a work item; rooms above know it
    at = models.DateTimeField(default=now)
    read_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = Notices.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["person", "-id"], name="inbox"),
            models.Index(fields=["person"], condition=Q(read_at=None), name="unread"),
        ]

    def __str__(self) -> str:
        return self.title
