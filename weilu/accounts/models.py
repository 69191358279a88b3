"""Organisations, people, the roles they hold and the grants by which they see."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Exists, OuterRef, Q

from weilu.accounts import credentials, watched  # noqa: F401  (their tables belong to this room's)
from weilu.accounts.roles import ROLES
from weilu.kernel.ids import uuid7
from weilu.kernel.refused import NotVisible
from weilu.kernel.statements import Prepared, slot
from weilu.kernel.times import now


class Organisation(models.Model):
    """A customer 甲方 (a tenant, owner of rows), a vendor 乙方, or an end-user organisation."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer", "甲方"
        VENDOR = "vendor", "乙方"
        END_USER = "end-user", "最终用户方"

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    code = models.CharField(max_length=20, unique=True)  # stands in numbers: JZ-BG-2026-0147
    name = models.CharField(max_length=100)
    short_name = models.CharField(max_length=30)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    second_factor_required = models.BooleanField(default=False)  # of its own people, at sign-in
    keeper = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="kept"
    )  # the customer that registered a vendor here and adds its people

    def __str__(self) -> str:
        return self.name


class Department(models.Model):
    """A part of an organisation and the person who heads it."""

    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="departments")
    name = models.CharField(max_length=60)
    head = models.ForeignKey("Person", models.PROTECT, null=True, related_name="heads")
    closed_at = models.DateTimeField(null=True)  # nobody joins it any more; its name is free again

    def __str__(self) -> str:
        return self.name


class People(BaseUserManager["Person"]):
    def get_queryset(self) -> models.QuerySet[Person]:
        """People with their organisation: whoever is named is named with it."""
        return super().get_queryset().select_related("organisation")

    def holding(self, role: str, owner: Organisation | int, at: datetime | None = None) -> models.QuerySet[Person]:
        """Active people who hold `role` towards the customer `owner` at the instant `at`."""
        at = at or now()
        return (
            self.filter(  # in one call: each further one could mean another of their holdings
                Q(holdings__until=None) | Q(holdings__until__gt=at),
                is_active=True,
                holdings__role=role,
                holdings__owner=owner,
                holdings__since__lte=at,
            )
            .order_by("id")
            .distinct()
        )


class Person(AbstractBaseUser):
    """Somebody who signs in; belongs to one organisation, may hold roles towards several."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    username = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=60)
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="people")
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="people")
    title = models.CharField(max_length=60, default="")  # what the door says: 技术部门负责人
    is_active = models.BooleanField(default=True)
    language = models.CharField(max_length=10, default="")  # of the pages; empty until chosen: the browser's

    USERNAME_FIELD = "username"
    objects = People()
    limited_to: frozenset[str] | None = None  # the scope of the token by which a program acts; None: the person does

    def __str__(self) -> str:
        return self.name

    @property
    def actor(self) -> str:
        """The name under which evidence records what this person did."""
        return f"{self.name} <{self.username}@{self.organisation.code}>"

    def holds(self, role: str, owner: Organisation | int) -> bool:
        """Whether this person is active and holds the role towards the customer now, as the database has it."""
        return type(self).objects.holding(role, owner).filter(id=self.id).exists()

    @cached_property
    def owner_ids(self) -> frozenset[int]:
        """The customer organisations whose rows this person may see now: the grants, nothing else."""
        return frozenset(SEES(person=self.id, at=now()))

    @cached_property
    def owner_codes(self) -> frozenset[str]:
        """The codes of `owner_ids`, for rooms below that know organisations as text."""
        codes = Organisation.objects.filter(id__in=self.owner_ids).values_list("code", flat=True)
        return frozenset(codes)

    def codes_with(self, right: str) -> frozenset[str]:
        """The codes of the customers towards whom a role held now carries `right`."""
        return frozenset(Organisation.objects.filter(id__in=self.owners_with(right)).values_list("code", flat=True))

    def owners_with(self, right: str) -> frozenset[int]:
        """The ids of the customers towards whom a role held now carries `right`."""
        return frozenset(owner for owner, rights in self.rights_by_owner.items() if right in rights)

    @cached_property
    def rights(self) -> frozenset[str]:
        """The rights of every role held now, whatever the customer: which pages may open at all."""
        return frozenset(right for rights in self.rights_by_owner.values() for right in rights)

    def may(self, right: str, owner_id: int) -> bool:
        """Whether a role held towards this customer carries `right`."""
        return right in self.rights_by_owner.get(owner_id, frozenset())

    @cached_property
    def rights_by_owner(self) -> dict[int, frozenset[str]]:
        """For each customer (id) towards whom roles are held now: the rights they carry (see `roles`)."""
        held: dict[int, frozenset[str]] = {}
        for owner_id, role in HOLDS(person=self.id, at=now()):
            held[owner_id] = held.get(owner_id, frozenset()) | ROLES[role].rights
        if self.limited_to is not None:
            scope = self.limited_to
            return {owner: frozenset(r for r in has if r in scope or r.endswith(".see")) for owner, has in held.items()}
        return held


class DatedRows(models.QuerySet[Any]):
    def in_force(self, at: datetime) -> Self:
        """Rows whose period holds the instant `at`."""
        return self.filter(Q(until=None) | Q(until__gt=at), since__lte=at)


class RoleHolding(models.Model):
    """A person holds a role towards a customer organisation, for a time."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="holdings")
    owner = models.ForeignKey(Organisation, models.PROTECT, related_name="holdings")
    role = models.CharField(max_length=40)
    since = models.DateTimeField(default=now)
    until = models.DateTimeField(null=True)

    objects = DatedRows.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "owner", "role"], condition=Q(until=None), name="one_holding")
        ]  # a role that ended may be given again: the old period stays

    @property
    def title(self) -> object:
        """The name people know the role by."""
        return ROLES[self.role].title


class Grant(models.Model):
    """A person may see the rows of a customer organisation, for a time and from a source."""

    person = models.ForeignKey(Person, models.PROTECT, related_name="grants")
    organisation = models.ForeignKey(Organisation, models.PROTECT, related_name="grants")
    scope = models.CharField(max_length=40, default="all")
    right = models.CharField(max_length=40, default="see")
    since = models.DateTimeField(default=now)
    until = models.DateTimeField(null=True)
    source = models.CharField(max_length=100)  # 在职, a contract's number

    objects = DatedRows.as_manager()


# What every page asks about its reader.
# A role carries nothing while the grant to see its customer does not hold.
HOLDS = Prepared(
    lambda: (
        RoleHolding.objects.in_force(slot("at"))
        .filter(
            Exists(
                Grant.objects.in_force(slot("at")).filter(person=OuterRef("person"), organisation=OuterRef("owner"))
            ),
            person=slot("person"),
        )
        .values_list("owner_id", "role")
    )
)
SEES = Prepared(
    lambda: Grant.objects.in_force(slot("at")).filter(person=slot("person")).values_list("organisation_id", flat=True)
)


class OwnedRows(models.QuerySet[Any]):
    def visible_to(self, person: Person) -> Self:
        """The rows of the customers that `person`'s grants name."""
        return self.filter(owner_id__in=person.owner_ids)

    def fetch(self, person: Person, uid: uuid.UUID | str) -> Any:
        """The visible row with this uid; raises NotVisible whether it is hidden or does not exist."""
        try:
            found = self.visible_to(person).filter(uid=uuid.UUID(str(uid))).first()
        except ValueError:
            found = None
        if found is None:
            raise NotVisible(str(uid))
        return found


class Owned(models.Model):
    """A row that belongs to one customer organisation and is named by a uid outside."""

    uid = models.UUIDField(default=uuid7, unique=True, editable=False)
    owner = models.ForeignKey(Organisation, models.PROTECT, related_name="+")

    objects = OwnedRows.as_manager()

    class Meta:
        abstract = True
