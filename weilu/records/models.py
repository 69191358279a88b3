"""The record sheet that work ends in, and what was signed on it."""

from __future__ import annotations

import json
import secrets
from typing import Any, ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Owned, OwnedRows, Person
from weilu.documents.models import Version
from weilu.kernel.ids import uuid7
from weilu.kernel.times import now
from weilu.process.models import WorkItem


class Sheets(OwnedRows):
    def awaiting(self, person: Person) -> Sheets:
        """Sheets that name `person` as a signer, that this side has not signed or whose overtime is unanswered."""
        return self.visible_to(person).asking(person.id)

    def asking(self, person: Any) -> Sheets:
        """Those of these that wait for the person with this id, or for whoever a slot will name."""
        signed = SheetSignature.objects.filter(sheet=OuterRef(OuterRef("pk"))).values("side")
        signer = SheetSigner.objects.filter(sheet=OuterRef("pk"), person=person)
        unsigned = Q(Exists(signer.exclude(side__in=signed)), state=RecordSheet.State.FROZEN)
        over = Exists(Overtime.objects.filter(item=OuterRef("item"))) & ~Exists(
            OvertimeAnswer.objects.filter(sheet=OuterRef("pk"))
        )
        asked = Q(Exists(signer.filter(side=Side.CUSTOMER)), over, state__in=["frozen", "signed", "refused"])
        return self.filter(unsigned | asked)


def new_token() -> str:
    """160 random bits for the address that the short QR carries."""
    return secrets.token_hex(20)


class RecordSheet(Owned):
    """软件升级维护记录单: frozen once, then only signed, refused or cancelled."""

    class State(models.TextChoices):
        DRAFT = "draft", _("草稿")
        FROZEN = "frozen", _("待签署")
        SIGNED = "signed", _("已签署")
        REFUSED = "refused", _("甲方拒签")
        CANCELLED = "cancelled", _("已作废")

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="sheets")
    number = models.CharField(max_length=40, null=True, unique=True)  # taken at freezing (REC-3)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    content = models.JSONField()  # SheetContent
    record = models.BinaryField(default=b"")  # the canonical bytes that were frozen; digests are over these
    digest = models.CharField(max_length=64, default="")  # SHA-256 of `record`
    sm3 = models.CharField(max_length=64, default="")
    token = models.CharField(max_length=40, unique=True, default=new_token)
    engineer = models.ForeignKey(Person, models.PROTECT, related_name="+")  # who carried the work out
    created_at = models.DateTimeField(default=now)
    frozen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # completely signed, refused or cancelled
    ended_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    reason = models.TextField(default="")  # of a refusal or a cancellation
    filed = models.CharField(max_length=64, default="")  # SHA-256 of the signed sheet as printed and kept
    evidence = models.UUIDField(null=True)  # ref of the entry of its freezing
    sealed = models.UUIDField(null=True)  # ref of the entry of its end, which the proof QR proves

    objects: ClassVar[Any] = Sheets.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["item"], condition=Q(state__in=["draft", "frozen", "signed"]), name="one_live_sheet"
            )
        ]
        indexes = [models.Index(fields=["owner", "-id"], name="sheets_of_owner")]

    def __str__(self) -> str:
        return self.number or "—"

    @property
    def said(self) -> dict[str, Any]:
        """What the frozen record says, read from its own bytes."""
        return dict(json.loads(bytes(self.record)))


class Side(models.TextChoices):
    CUSTOMER = "customer", _("甲方")
    VENDOR = "vendor", _("乙方")


class SheetSigner(models.Model):
    """Somebody who is asked to sign: the customer's side only by these, the vendor's also by its other engineers."""

    sheet = models.ForeignKey(RecordSheet, models.PROTECT, related_name="signers")
    side = models.CharField(max_length=10, choices=Side.choices)
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sheet", "person"], name="one_signer")]


class SheetSignature(models.Model):
    """One side's signature (系统确认签名), bound to the digest the person was shown; never changed."""

    sheet = models.ForeignKey(RecordSheet, models.PROTECT, related_name="signatures")
    side = models.CharField(max_length=10, choices=Side.choices)
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    strokes = models.JSONField(default=list)  # lists of [x, y]; empty: the name stands in for a drawing
    digest = models.CharField(max_length=64)
    opinion = models.TextField(default="")  # the customer's, as the three below
    satisfaction = models.CharField(max_length=20, default="")
    acceptance = models.CharField(max_length=20, default="")
    evidence = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sheet", "side"], name="one_signature_a_side"),
            models.UniqueConstraint(fields=["sheet", "person"], name="one_signature_a_person"),
        ]


class Overtime(Owned):
    """Somebody of the vendor worked on site outside working hours; stands on the sheet that the item ends in."""

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="overtime")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    since = models.DateTimeField()
    until = models.DateTimeField()
    minutes = models.PositiveIntegerField()  # of it outside working time
    reason = models.TextField()
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    class Meta:
        indexes = [models.Index(fields=["item", "since"], name="overtime_of_item")]


class OvertimeAnswer(models.Model):
    """The customer's word on the overtime of a sheet (REC-5): apart from the sheet's own signature, never changed."""

    sheet = models.OneToOneField(RecordSheet, models.PROTECT, related_name="overtime_answer")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    signed = models.BooleanField()  # False: refused, for `reason`
    reason = models.TextField(default="")
    strokes = models.JSONField(default=list)  # as of SheetSignature
    digest = models.CharField(max_length=64)  # of the overtime as it stands in the frozen record
    filed = models.CharField(max_length=64, default="")  # the sheet printed again, where both had signed it before
    evidence = models.UUIDField()


class SheetScan(models.Model):
    """A scan of the sheet's paper as it was signed and stamped; filed by its digest, never changed."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    sheet = models.ForeignKey(RecordSheet, models.PROTECT, related_name="scans")
    sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=4)  # pdf, JPEG, PNG
    pages = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField()  # bytes
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sheet", "sha256"], name="one_scan_once")]


class SheetDocx(models.Model):
    """The sheet in the customer's own Word template, as it stood then; filed by its digest, never changed."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    sheet = models.ForeignKey(RecordSheet, models.PROTECT, related_name="docx")
    template = models.ForeignKey(Version, models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64)
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sheet", "sha256"], name="one_docx_once")]
