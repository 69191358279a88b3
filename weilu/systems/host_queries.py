"""Reading the register of hosts: a system's tree, the list of hosts, one host with its history."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, IntegerField, Q, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Abs, Cast, Coalesce
from django.db.models.lookups import GreaterThan
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Person
from weilu.evidence.models import Entry
from weilu.kernel.times import now
from weilu.systems.facts import DRIFTS
from weilu.systems.models import Environment, Host, HostEvent, HostGroup, System
from weilu.ui.narrowing import Narrowed, key_of

PAGE, CAP = 50, 1000
MOST_IN_TREE = 200  # hosts on a system's page; the list has the rest
LATE = timedelta(days=7)  # not reached for so long
STATES = {
    "unpinned": _("未固定密钥"), "unreached": _("从未连通"), "late": _("七天没有连通"), "drift": _("时钟偏差"),
    "retired": _("已停用"),
}  # fmt: skip
TITLES = {
    "group": _("主机组"), "name": _("主机名"), "address": _("地址"), "port": pgettext_lazy("label", "端口"),
    "user": _("登录用户"), "become": "sudo", "site": pgettext_lazy("label", "机房"),
    "zone": pgettext_lazy("label", "网络区"), "pool": _("工作机标签"), "python": "Python",
}  # fmt: skip
NAMES = ("state", "system", "kind", "site", "zone", "q")


@dataclass(frozen=True)
class Asked(Narrowed):
    """What the list of hosts is narrowed by; "" is no restriction, `system` a uid, `kind` one of environments."""

    state: str = ""
    system: str = ""
    kind: str = ""
    site: str = ""
    zone: str = ""
    q: str = ""


def read_asked(given: Mapping[str, str]) -> Asked:
    """What an address asks for; raises ValueError for a value that no choice offers."""
    said = Asked(**{name: str(given.get(name, "")).replace("\0", "").strip()[:100] for name in NAMES})
    for value, choices in ((said.state, STATES), (said.kind, Environment.Kind.values)):
        if value and value not in choices:
            raise ValueError(value)
    return said.but(system=str(uuid.UUID(said.system))) if said.system else said


def hosts_of(person: Person, asked: Asked) -> QuerySet[Any]:
    """The hosts that `person` sees and `asked` leaves, by name."""
    rows = Host.objects.visible_to(person).select_related("owner", "group__environment__system")
    rows = rows.exclude(retired_at=None) if asked.state == "retired" else rows.filter(retired_at=None)
    wanted = _in_state(asked.state)
    named = {
        "group__environment__system__uid": asked.system, "group__environment__kind": asked.kind, "site": asked.site,
        "zone": asked.zone,
    }  # fmt: skip
    wanted &= Q(**{path: value for path, value in named.items() if value})
    if asked.q:
        wanted &= Q(name__icontains=asked.q) | Q(address__icontains=asked.q.lower())
    return rows.filter(wanted).order_by("name", "id")


def _in_state(state: str) -> Q:
    match state:
        case "unpinned":
            return Q(key="")
        case "unreached":
            return Q(facts_at=None)
        case "late":
            return Q(facts_at__lt=now() - LATE)
        case "drift":
            drift, unsure = (Cast(KT(f"facts__{key}"), IntegerField()) for key in ("drift_ms", "unsure_ms"))
            return Q(GreaterThan(Abs(drift) - Coalesce(unsure, 0), DRIFTS))  # as facts.is_off
    return Q()


def page_of(person: Person, asked: Asked, after: str, limit: int = PAGE) -> tuple[list[Host], str]:
    """One page and the key of the next, "" on the last; `after` is the id of the last row of the page before.

    Raises ValueError for a key that no page gave.
    """
    rows = hosts_of(person, asked)
    if after:
        last = Host.objects.visible_to(person).filter(id=key_of(after)).first()
        if last is None:
            raise ValueError(after)
        rows = rows.filter(Q(name__gt=last.name) | Q(name=last.name, id__gt=last.id))
    found = list(rows[: limit + 1])
    return found[:limit], str(found[limit - 1].id) if len(found) > limit else ""


def counts_of(person: Person, asked: Asked) -> dict[str, int]:
    """How many hosts each state would show, and all of them under ""; each to CAP at most."""
    return {
        state: hosts_of(person, asked.but(state=state)).order_by()[:CAP].count()
        for state in ("", *STATES)
    }  # fmt: skip


def choices_of(person: Person) -> dict[str, list[tuple[str, str]]]:
    """What the list can be narrowed to: systems with environments, kinds, sites and zones in use."""
    systems = System.objects.visible_to(person).filter(environments__isnull=False).distinct().order_by("name")
    used = Host.objects.visible_to(person).filter(retired_at=None)
    places = {
        field: [(name, name) for name in used.exclude(**{field: ""}).order_by(field).values_list(field, flat=True)
                .distinct()[:100]]
        for field in ("site", "zone")
    }  # fmt: skip
    named = [(str(uid), name) for uid, name in systems.values_list("uid", "name")[:200]]
    return {"system": named, "kind": [(key, str(word)) for key, word in Environment.Kind.choices], **places}


@dataclass(frozen=True)
class GroupLines:
    """A group of a system's tree: the hosts that are shown, and how many there are."""

    group: HostGroup
    hosts: list[Host]

    @property
    def total(self) -> int:
        return int(self.group.total)  # type: ignore[attr-defined]

    @property
    def hidden(self) -> int:
        return self.total - len(self.hosts)


@dataclass(frozen=True)
class EnvironmentLines:
    """An environment of a system's tree."""

    environment: Environment
    groups: list[GroupLines]
    total: int
    unpinned: int


def tree_of(system: System, most: int = MOST_IN_TREE) -> list[EnvironmentLines]:
    """Environments, their groups and the first `most` hosts; three queries."""
    present = Q(hosts__retired_at=None)
    groups = HostGroup.objects.filter(environment__system=system).order_by("id")
    counted = groups.annotate(
        total=Count("hosts", filter=present), unpinned=Count("hosts", filter=present & Q(hosts__key=""))
    )
    rows = Host.objects.filter(group__environment__system=system, retired_at=None).order_by("group_id", "name", "id")
    hosts: dict[int, list[Host]] = {}
    for host in rows[:most]:
        hosts.setdefault(host.group_id, []).append(host)
    inside: dict[int, list[Any]] = {}
    for group in counted:
        inside.setdefault(group.environment_id, []).append(group)
    found = []
    for environment in system.environments.order_by("id"):
        mine = inside.get(environment.id, [])
        lines = [GroupLines(group, hosts.get(group.id, [])) for group in mine]
        sums = (sum(group.total for group in mine), sum(group.unpinned for group in mine))
        found.append(EnvironmentLines(environment, lines, *sums))
    return found


def dependencies_of(system: System) -> dict[str, list[System]]:
    """The systems it needs, and those that need it."""
    return {
        "needs": list(System.objects.filter(needed_by__system=system).order_by("code")),
        "needed_by": list(System.objects.filter(needs__on=system).order_by("code")),
    }


@dataclass(frozen=True)
class Told:
    """One line of a host's history, with the place of its entry in the log; None while that waits for one."""

    event: HostEvent
    index: int | None

    @property
    def changes(self) -> list[tuple[str, ...]]:
        """Title, old and new of each field that changed."""
        said = self.event.data.get("changed", {})
        return [(str(title), *map(shown, said[name])) for name, title in TITLES.items() if name in said]


def history_of(host: Host, most: int = PAGE) -> list[Told]:
    """What happened to it, newest first; two queries."""
    events = list(host.events.order_by("-id")[:most])
    placed = dict(Entry.objects.filter(ref__in=[one.ref for one in events]).values_list("ref", "index"))
    return [Told(one, placed.get(one.ref)) for one in events]


def shown(value: object) -> str:
    """A value of a field as people read it."""
    if isinstance(value, bool):
        return gettext("是") if value else gettext("否")
    return str(value) if value != "" else gettext("空")


def twins_of(host: Host) -> list[Host]:
    """Other hosts with the very same key: one machine twice, or a clone that kept its key."""
    if not host.key:
        return []
    others = Host.objects.filter(owner_id=host.owner_id, key=host.key, retired_at=None).exclude(id=host.id)
    return list(others.order_by("name")[:5])
