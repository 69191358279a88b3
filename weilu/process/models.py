"""Work items and the flows they follow: steps visited, who is asked, what was said, facts on record."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Exists, OuterRef, Q

from weilu.accounts.models import Owned, OwnedRows, Person
from weilu.kernel.statements import Prepared, slot
from weilu.kernel.times import now
from weilu.systems.models import System

UNDATED = datetime(9999, 12, 31, tzinfo=UTC)  # the due date of a seat without a deadline


class FlowVersion(Owned):
    """One immutable version of a flow definition, known by the digest of its source."""

    key = models.CharField(max_length=60)  # changes.normal
    number = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    source = models.TextField()  # YAML, byte for byte what was published
    published_at = models.DateTimeField(default=now)
    published_by = models.CharField(max_length=120)
    written_by = models.CharField(max_length=120, default="")  # "" for what the product ships
    words = models.TextField(default="")  # what changed and why, as it was proposed
    evidence = models.UUIDField(null=True)  # ref of the entry of its publication

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key", "number"], name="one_flow_number"),
            models.UniqueConstraint(fields=["owner", "key", "digest"], name="one_flow_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.number}"


class WorkItem(Owned):
    """工单: one piece of work on its way through a flow; the room above adds its own row one-to-one."""

    class State(models.TextChoices):
        OPEN = "open", "进行中"
        CLOSED = "closed", "已办结"

    number = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=20)  # change
    title = models.CharField(max_length=200)
    system = models.ForeignKey(System, models.PROTECT, related_name="items")
    requester = models.ForeignKey(Person, models.PROTECT, related_name="requested")
    flow = models.ForeignKey(FlowVersion, models.PROTECT, related_name="items")
    step = models.CharField(max_length=40)  # key of the present step, of several the first; "" once closed
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    priority = models.CharField(max_length=10, default="normal")
    facets = models.JSONField(default=dict)  # constants that conditions of the flow may ask for
    subject = models.CharField(max_length=64, default="")  # digest of what is being approved; "" before there is any
    turn = models.PositiveIntegerField(default=0)  # grows with every act; a page that shows an older turn is stale
    opened_at = models.DateTimeField(default=now)
    due_at = models.DateTimeField(null=True)  # of the present steps the earliest, in UTC
    closed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["owner", "due_at", "id"], condition=Q(state="open"), name="open_items"),
            models.Index(fields=["owner", "-id"], condition=Q(state="open"), name="open_items_newest"),
            models.Index(fields=["requester", "-id"], name="items_by_requester"),
            models.Index(fields=["owner", "-id"], name="items_of_owner"),
            models.Index(fields=["system", "-id"], name="items_of_system"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"


class StepVisit(models.Model):
    """One stay of an item at a step; a return opens a new visit, only a withdrawn signature reopens its own."""

    class Outcome(models.TextChoices):
        OPEN = "open", "进行中"
        DONE = "done", "通过"
        RETURNED = "returned", "已退回"
        VOIDED = "voided", "已失效"
        NOT_REQUIRED = "not-required", "不需要"

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="visits")
    step = models.CharField(max_length=40)
    ordinal = models.PositiveIntegerField()  # 1, 2, … among the visits of this step
    outcome = models.CharField(max_length=15, choices=Outcome.choices, default=Outcome.OPEN)
    reason = models.TextField(default="")
    resume = models.CharField(max_length=40, default="")  # the step to go straight back to, after `resume: direct`
    source = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")  # the visit whose end opened it
    turn = models.PositiveIntegerField(default=0)  # the item's turn when it was opened
    opened_at = models.DateTimeField(default=now)
    due_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "step", "ordinal"], name="one_visit_ordinal")]


class Seats(models.QuerySet[Any]):
    def seen_by(self, person: Person) -> Seats:
        """The seats of `person` in items that their grants still let them see."""
        return self.filter(person=person, item__owner_id__in=person.owner_ids)

    def open_to(self, person: Person | int) -> Seats:
        """The open seats of `person`, and of those for whom they stand in now; whether they see them is asked apart."""
        theirs = Q()
        for absentee, owner in absent_for(person):
            theirs |= Q(person=absentee, item__owner=owner, personal=False)
        if not theirs:
            return self.filter(person=person, open=True)
        own = Seat.objects.filter(visit=OuterRef("visit"), person=person).exclude(part=Seat.Part.GONE)
        heard = Opinion.objects.filter(visit=OuterRef("visit"), person=person, withdrawal=None)
        # Nobody has two voices in one visit: whoever has a place there stands in for nobody else.
        return self.filter(Q(person=person) | (theirs & ~Exists(own) & ~Exists(heard)), open=True)

    def waiting_for(self, person: Person) -> Seats:
        """What `person` may act from now, in items they may see."""
        return self.open_to(person).filter(item__owner_id__in=person.owner_ids)

    def todo(self, person: Person) -> Seats:
        """What waits for `person`, the earliest due first, undated last."""
        return self.waiting_for(person).order_by("due_at", "id")


class Seat(models.Model):
    """A person asked to act in a visit: one row per visit and person; open until they or the visit are done."""

    class Part(models.TextChoices):
        ASKED = "asked", "办理"  # counts among those who must agree
        BEFORE = "before", "前加签"  # gives an opinion before `asked_by` can sign
        AFTER = "after", "后加签"  # signs too before the step is over
        SPARE = "spare", "不再需要"  # enough have agreed without them, and only added signers are waited for
        GONE = "gone", "已转出"  # handed on, or no longer asked since the item moved; counts for nothing

    ADDED = (Part.BEFORE, Part.AFTER)  # outside the number who must agree

    visit = models.ForeignKey(StepVisit, models.PROTECT, related_name="seats")
    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="seats")
    person = models.ForeignKey(Person, models.PROTECT, related_name="seats")
    open = models.BooleanField(default=True)
    part = models.CharField(max_length=10, choices=Part.choices, default=Part.ASKED)
    asked_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")  # who handed it on, or added it
    personal = models.BooleanField(default=False)  # the step is done by oneself: nobody stands in
    authority = models.ForeignKey(
        Person, models.PROTECT, null=True, related_name="+"
    )  # whom the flow asked, if another
    due_at = models.DateTimeField(default=UNDATED)  # never empty: databases differ in where they sort that
    since = models.DateTimeField(default=now)

    objects = Seats.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["visit", "person"], name="one_seat")]
        indexes = [models.Index(fields=["person", "due_at", "id"], condition=Q(open=True), name="todo")]

    @property
    def due(self) -> datetime | None:
        """The deadline in UTC; none where the step has none."""
        return None if self.due_at == UNDATED else self.due_at


class Opinion(models.Model):
    """What somebody said in a visit, signed with the digest they saw; never changed, but it can be withdrawn."""

    class Act(models.TextChoices):
        AGREE = "agree", "同意"
        RETURN = "return", "退回"
        REFUSE = "refuse", "不同意"  # where the step says `veto: false`

    visit = models.ForeignKey(StepVisit, models.PROTECT, related_name="opinions")
    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="opinions")
    person = models.ForeignKey(Person, models.PROTECT, related_name="opinions")
    on_behalf = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")  # the absent one of 陈 代 李
    act = models.CharField(max_length=10, choices=Act.choices)
    words = models.TextField(default="")
    subject = models.CharField(max_length=64, default="")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()  # ref of the evidence entry

    class Meta:
        indexes = [
            models.Index(fields=["person", "-id"], name="said_by_person"),
            models.Index(fields=["visit", "person"], name="opinions_of_visit"),
        ]


class Withdrawal(models.Model):
    """A signature taken back by its signer before the next act; the opinion stays and no longer counts."""

    opinion = models.OneToOneField(Opinion, models.PROTECT, related_name="withdrawal")
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()


class Delegations(OwnedRows):
    def in_force(self, at: datetime) -> Delegations:
        """Those whose period holds the instant `at` and that were not ended before."""
        return self.filter(ended_at=None, since__lte=at, until__gt=at)


class Delegation(Owned):
    """委托: for an absence, somebody acts in another's name towards one customer; both count as having acted."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="delegations")
    delegate = models.ForeignKey(Person, models.PROTECT, related_name="stands_in")
    since = models.DateTimeField()
    until = models.DateTimeField()  # no longer in force from this instant on
    reason = models.CharField(max_length=200)
    made_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    ended_at = models.DateTimeField(null=True)  # ended before its time

    objects: ClassVar[Any] = Delegations.as_manager()

    class Meta:
        indexes = [models.Index(fields=["delegate", "until"], name="stands_in_now")]


ABSENT = Prepared(
    lambda: (
        Delegation.objects.in_force(slot("at")).filter(delegate=slot("delegate")).values_list("person_id", "owner_id")
    )
)


def absent_for(person: Person | int) -> list[tuple[int, int]]:
    """For whom `person` stands in now, and towards which customer: ids of both."""
    return ABSENT(delegate=person if isinstance(person, int) else person.id, at=now())


class Copy(models.Model):
    """抄送: somebody is to know of an item; nothing waits for them."""

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="copies")
    person = models.ForeignKey(Person, models.PROTECT, related_name="copies")
    by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    words = models.CharField(max_length=300, default="")
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "person"], name="one_copy")]
        indexes = [models.Index(fields=["person", "-id"], name="copies_of_person")]


class Fact(models.Model):
    """Something established about an item, bound to the digest of what was approved: what gates ask for."""

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="facts")
    key = models.CharField(max_length=60)  # backup.restored
    subject = models.CharField(max_length=64)
    holds = models.BooleanField(default=True)  # a later row of the same key and subject replaces an earlier one
    proof = models.CharField(max_length=300)  # one line for the gate: 09-28 02:14 备份, 03:05 还原验证
    source = models.CharField(max_length=120)  # a run's number or a person
    at = models.DateTimeField(default=now)
    evidence = models.UUIDField()

    class Meta:
        indexes = [models.Index(fields=["item", "key", "-id"], name="facts_of_item")]


class Event(models.Model):
    """One line of an item's timeline that is not an opinion: a version written, a run ended, a notice sent."""

    item = models.ForeignKey(WorkItem, models.PROTECT, related_name="events")
    at = models.DateTimeField(default=now)
    actor = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")  # none for the machine
    kind = models.CharField(max_length=20)  # file, run, notice, flow, hand
    words = models.CharField(max_length=400)
    link = models.CharField(max_length=200, default="")
    evidence = models.UUIDField(null=True)


from weilu.process import drafted as drafted  # noqa: E402  (flows being written, items moved: this room's too)
from weilu.process import kept as kept  # noqa: E402  (the rows of lists are models of this room too)
