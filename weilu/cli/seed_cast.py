"""The people and systems that made-up work items need: many of them, at two customers, made by the ordinary actions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from django.db import transaction

from weilu.accounts.actions import add_person, give_role
from weilu.accounts.house import name_head
from weilu.accounts.models import Department, Organisation, Person
from weilu.cli import seed_words as words
from weilu.demo import FLOWS, make_cast
from weilu.process.flow_actions import install_flow
from weilu.process.models import FlowVersion
from weilu.systems.actions import register_installation, register_system
from weilu.systems.models import Installation, System

REQUESTERS = {"JZ": 42, "HN": 14}
CONTRACT = "合同 SEED-HT-001"
ROLES = (("technical_head", "技术部门负责人"), ("leader", "中心副主任"), ("security_office", "信息安全办公室"))


@dataclass(frozen=True)
class Customer:
    """One customer with whoever acts in its items."""

    owner: Organisation
    flow: FlowVersion
    requesters: list[Person]
    heads: dict[int, int]  # the head's id by the requester's id
    roles: dict[str, list[int]]  # ids by role
    installed: list[Installation]


def customers() -> list[Customer]:
    """Both customers, made at the first call."""
    if not Organisation.objects.exists():
        make_cast()
    found = []
    for code in REQUESTERS:
        owner = Organisation.objects.get(code=code)
        if not Person.objects.filter(username=f"seed-{code.lower()}-0").exists():
            with transaction.atomic():
                _people(owner)
                _systems(owner)
        found.append(_customer(owner))
    return found


def is_ours() -> bool:
    """Whether the database is empty or the demo's: nobody works in it."""
    ours = Person.objects.filter(username="wangmin", organisation__code="JZ", holdings__owner__code="JZ")
    return ours.exists() or not Organisation.objects.exists()


def _people(owner: Organisation) -> None:
    """Departments with their heads, requesters, and the roles the flow asks for where nobody holds them.

    Nobody signs in as one of them: their passwords are random and not kept.
    """
    code = owner.code.lower()
    vendor = Organisation.objects.get(code="HC")
    for place in range(REQUESTERS[owner.code]):
        department = words.DEPARTMENTS[place % len(words.DEPARTMENTS)]
        person = _add(owner, f"seed-{code}-{place}", words.name(place * 7 + len(code)), "科员", department)
        give_role(None, person, owner, "requester")
    for place, name in enumerate(words.DEPARTMENTS):
        found = Department.objects.get(organisation=owner, name=name)
        if found.head is None:
            head = _add(owner, f"seed-{code}-head-{place}", words.name(600 + place), f"{name}科长", name)
            give_role(None, head, owner, "department_head")
            name_head(None, found, head)
    for place, (role, title) in enumerate(ROLES):
        if not Person.objects.holding(role, owner).exists():
            give_role(None, _add(owner, f"seed-{code}-{role}", words.name(700 + place), title, ""), owner, role)
    for role, title, count in (("engineer", "维护工程师", 2), ("development_head", "软件开发负责人", 1)):
        for place in range(count):
            person = _add(vendor, f"seed-{code}-{role}-{place}", words.name(800 + place), title, "")
            give_role(None, person, owner, role, source=CONTRACT)
    if not FlowVersion.objects.filter(owner=owner, key="changes.normal").exists():
        install_flow(owner, (FLOWS / "normal.yaml").read_text("utf-8"))


def _add(home: Organisation, username: str, name: str, title: str, department: str) -> Person:
    return add_person(
        None, home, username=username, name=name, password=secrets.token_urlsafe(18), title=title,
        department=department,
    )  # fmt: skip


def _systems(owner: Organisation) -> None:
    administrator = Person.objects.holding("administrator", owner)[0]
    for place, (code, name) in enumerate(words.SYSTEMS):
        system = register_system(
            administrator, owner, code=code, name=name, running=place % 5 != 4,
            importance=System.Importance.IMPORTANT if place % 3 == 0 else System.Importance.NORMAL,
        )  # fmt: skip
        register_installation(
            administrator, system, name=f"{code.lower()}-web", host=f"{code.lower()}-app-{1 + place % 3:02d}",
            root=f"/srv/{code.lower()}", url=f"http://{code.lower()}.example:8080",
            channel=str(Path("/srv/channel") / code.lower()), keyring="/srv/channel/keyring.gpg", version="5.3.1",
        )  # fmt: skip


def _customer(owner: Organisation) -> Customer:
    requesters = list(
        Person.objects.filter(username__startswith=f"seed-{owner.code.lower()}-", title="科员")
        .select_related("department")
        .order_by("id")
    )
    flow = FlowVersion.objects.filter(owner=owner, key="changes.normal").order_by("-number")[0]
    heads = {one.id: one.department.head_id for one in requesters if one.department and one.department.head_id}
    codes = [code for code, _name in words.SYSTEMS]
    installed = Installation.objects.filter(owner=owner, system__code__in=codes).select_related("system").order_by("id")
    roles = ("technical_head", "leader", "security_office", "engineer", "development_head")
    holders = {role: [one.id for one in Person.objects.holding(role, owner)] for role in roles}
    return Customer(owner, flow, requesters, heads, holders, list(installed))
