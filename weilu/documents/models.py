"""Controlled documents 受控文件: classified, numbered, versioned, distributed; templates of forms are documents too."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Department, Organisation, Owned, OwnedRows, Person
from weilu.kernel.ids import uuid7
from weilu.kernel.times import SHANGHAI, now

OVERSEE = ("documents.manage", "documents.approve")  # whoever holds one of these sees every document of the customer


class Level(models.TextChoices):
    """密级."""

    PUBLIC = "public", _("公开")  # everybody who sees the customer's matters
    INTERNAL = "internal", _("内部")
    CONFIDENTIAL = "confidential", _("秘密")
    SECRET = "secret", _("机密")


class Documents(OwnedRows):
    def visible_to(self, person: Person) -> Documents:
        """Documents whose latest approved version was distributed to `person`; all, where they oversee documents."""
        overseen = [owner for owner, rights in person.rights_by_owner.items() if rights.intersection(OVERSEE)]
        given = Recipient.objects.filter(version=OuterRef("current")).filter(to_person(person))
        mine = Q(current__level=Level.PUBLIC) | Q(current__keeper=person) | Exists(given)
        found: Documents = super().visible_to(person).filter(mine | Q(owner_id__in=overseen))
        return found


class Document(Owned):
    """A document under control: its number stays, its versions follow one another."""

    number = models.CharField(max_length=60)  # the customer's own
    form = models.CharField(
        max_length=40, default=""
    )  # key of a form (`templating.FORMS`) that this is the template of
    current = models.ForeignKey("Version", models.PROTECT, null=True, related_name="+")  # the latest approved
    created_at = models.DateTimeField(default=now)

    objects: ClassVar[Any] = Documents.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "number"], name="one_document_a_number")]
        indexes = [models.Index(fields=["owner", "-id"], name="documents_of_owner")]

    def __str__(self) -> str:
        return self.number

    @property
    def latest(self) -> Version:
        """The latest approved version, or the first proposed one while none is."""
        found: Version = self.current or self.versions.order_by("-ordinal")[0]
        return found


class Version(models.Model):
    """One version: immutable but for how it was decided; its file is known by digest."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("待批准")
        APPROVED = "approved", _("已批准")
        DECLINED = "declined", _("未批准")

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    document = models.ForeignKey(Document, models.PROTECT, related_name="versions")
    ordinal = models.PositiveIntegerField()
    label = models.CharField(max_length=30)  # as people call it: V2.1
    title = models.CharField(max_length=200)
    level = models.CharField(max_length=20, choices=Level.choices)
    effective = models.DateField()  # in Asia/Shanghai
    keeper = models.ForeignKey(Person, models.PROTECT, related_name="+")  # 责任人
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    name = models.CharField(max_length=200)  # of the file as it came
    kind = models.CharField(max_length=5)  # key of rules.KINDS
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()  # bytes
    preview = models.CharField(max_length=64, default="")  # SHA-256 of a template filled in with the sample
    proposed_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(default=now)
    decided_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    reason = models.TextField(default="")  # why it was declined
    evidence = models.UUIDField()  # of its proposal, then of its decision

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "ordinal"], name="one_version_an_ordinal"),
            models.UniqueConstraint(fields=["document", "label"], name="one_version_a_label"),
            models.UniqueConstraint(fields=["document"], condition=Q(state="proposed"), name="one_proposal_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.document.number} {self.label}"


class Recipient(models.Model):
    """One line of a version's distribution: an organisation, a department or a person."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="recipients")
    organisation = models.ForeignKey(Organisation, models.PROTECT, null=True, related_name="+")
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="+")
    person = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    @property
    def key(self) -> str:
        """How pages and API name it."""
        if self.organisation:
            return f"organisation:{self.organisation.code}"
        return f"department:{self.department.name}" if self.department else f"person:{self.person.username}"  # type: ignore[union-attr]

    def __str__(self) -> str:
        return str(self.organisation or self.department or self.person)


class Receipt(models.Model):
    """Somebody whom a version was given to; confirmed when they said so."""

    version = models.ForeignKey(Version, models.PROTECT, related_name="receipts")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "person"], name="one_receipt_a_person")]


def to_person(person: Person) -> Q:
    """Recipients that mean `person`."""
    own = Q(person=person) | Q(organisation=person.organisation_id)
    return own | Q(department=person.department_id) if person.department_id else own


def today() -> date:
    """The present day in Asia/Shanghai."""
    return now().astimezone(SHANGHAI).date()
