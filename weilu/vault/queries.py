"""Reading credentials and how hosts answered: for whoever manages them, and for the page of a host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from weilu.accounts.models import Organisation, Person
from weilu.kernel.refused import NotVisible
from weilu.kernel.times import now
from weilu.systems.keys import fingerprint
from weilu.systems.models import Host, HostGroup
from weilu.ui.narrowing import key_of
from weilu.vault.models import Access, Credential, Reaching
from weilu.vault.rules import RIGHT

PAGE = 50
PATIENCE = timedelta(minutes=1)  # a host that nobody went to for so long has no worker of its pool
LOOKS = {
    Reaching.State.OK: ("passed", "check"), Reaching.State.UNPINNED: ("watch", "key"),
    Reaching.State.REFUSED: ("refused", "ban"), Reaching.State.UNREACHED: ("refused", "x"),
    Reaching.State.NO_KEY: ("watch", "key"), Reaching.State.DENIED: ("refused", "lock"),
    Reaching.State.NO_SUDO: ("watch", "alert-triangle"), Reaching.State.HALF: ("watch", "alert-triangle"),
}  # fmt: skip
NEVER = ("idle", "circle-dashed", _("没有测试过"))


@dataclass(frozen=True)
class Line:
    """A credential with what it opens, as its list shows it."""

    credential: Credential
    print_: str  # of its public half; "" for a password
    places: list[str]


@dataclass(frozen=True)
class Key:
    """What opens a host: a credential, and whether it is the host's own or its group's."""

    access: Access
    own: bool


@dataclass(frozen=True)
class Reached:
    """How a host answered, as its page shows it."""

    host: Host
    row: Reaching | None
    look: tuple[str, str, Any]  # colour, icon, word
    offered: str  # fingerprint of a key it showed that is not pinned
    waits: bool  # somebody waits for it to be gone to
    alone: bool  # and nobody has come for it
    keys: list[Key]
    may_test: bool
    manages: bool
    pins: bool
    choices: list[Credential]


def owners_of(person: Person) -> list[Organisation]:
    """The customers whose credentials this person manages, by code."""
    return list(Organisation.objects.filter(id__in=person.owners_with(RIGHT)).order_by("code"))


def credentials_of(person: Person, *, retired: bool = False) -> QuerySet[Any]:
    """The credentials this person manages, newest first, with what they open."""
    rows = Credential.objects.visible_to(person).filter(owner__in=person.owners_with(RIGHT))
    rows = rows.filter(retired_at__isnull=not retired)
    opens = Access.objects.select_related("host", "group__environment__system").order_by("id")
    rows = rows.select_related("owner", "made_by__organisation", "retired_by")
    found: QuerySet[Any] = rows.prefetch_related(Prefetch("accesses", opens)).order_by("-id")
    return found


def page_of(person: Person, *, retired: bool, after: str) -> tuple[list[Line], str]:
    """One page and the key of the next, "" on the last. Raises ValueError for a key that no page gave."""
    rows = credentials_of(person, retired=retired)
    if after:
        rows = rows.filter(id__lt=key_of(after))
    found = list(rows[: PAGE + 1])
    return [line_of(one) for one in found[:PAGE]], str(found[PAGE - 1].id) if len(found) > PAGE else ""


def line_of(credential: Credential) -> Line:
    places = [place_words(one) for one in credential.accesses.all()]
    return Line(credential, fingerprint(credential.public), places)


def place_words(access: Access) -> str:
    """A host by its name, a group with its system and environment."""
    if access.host is not None:
        return str(access.host.name)
    assert access.group is not None  # noqa: S101
    environment = access.group.environment
    return f"{environment.system.name} · {environment.name} · {access.group.name}"


def credential_of(person: Person, uid: object) -> Credential:
    """One of those, retired or not; raises NotVisible."""
    found: Credential = Credential.objects.select_related("owner", "made_by__organisation", "retired_by").fetch(
        person, str(uid)
    )
    if not person.may(RIGHT, found.owner_id):
        raise NotVisible(str(uid))
    return found


def groups_for(credential: Credential) -> list[HostGroup]:
    """Groups of its customer that it could open and does not."""
    rows = HostGroup.objects.filter(owner=credential.owner_id).exclude(accesses__credential=credential)
    rows = rows.select_related("environment__system")
    return list(rows.order_by("environment__system__name", "environment_id", "id")[:500])


def keys_of(host: Host) -> list[Key]:
    """What opens it now: of each kind the host's own before its group's."""
    rows = Access.objects.filter(Q(host=host) | Q(group=host.group_id)).select_related("credential")
    found: dict[str, Key] = {}
    for one in rows.order_by("host_id", "id"):
        if one.kind not in found or one.host_id is not None:
            found[one.kind] = Key(one, one.host_id is not None)
    return [found[kind] for kind in Credential.Kind.values if kind in found]


def reached(person: Person, host: Host) -> Reached | None:
    """What the page of a host shows; None for a retired one."""
    if host.retired_at is not None:
        return None
    row = Reaching.objects.filter(host=host).first()
    manages = person.may(RIGHT, host.owner_id)
    engineer = manages or person.holds("engineer", host.owner)
    waits = row is not None and row.asked_at is not None
    choices = Credential.objects.active().filter(owner=host.owner_id).order_by("kind", "name") if manages else []
    return Reached(
        host=host, row=row, look=look_of(row), waits=waits,
        offered=fingerprint(row.offered) if row else "",
        alone=waits and row is not None and row.asked_at is not None and row.asked_at < now() - PATIENCE,
        keys=keys_of(host), may_test=engineer, manages=manages, pins=person.may("systems.manage", host.owner_id),
        choices=list(choices),
    )  # fmt: skip


def look_of(row: Reaching | None) -> tuple[str, str, Any]:
    """Colour, icon and word of a state."""
    if row is None or not row.state:
        return NEVER
    state = Reaching.State(row.state)
    return (*LOOKS[state], state.label)


def on_host(person: Person, host: Host) -> dict[str, Any] | None:
    """The box on the page of a host; None for a retired one."""
    found = reached(person, host)
    return {"reached": found} if found else None
