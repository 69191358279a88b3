"""Reading what is watched: the register, and from the log who signed in, privileged acts and changed settings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from weilu.accounts.models import Grant, Organisation, Person
from weilu.accounts.roles import ROLES
from weilu.accounts.watched import Alarm, SecurityEvent
from weilu.evidence.models import Entry
from weilu.evidence.words import kind_word
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.times import SHANGHAI
from weilu.ui.narrowing import Narrowed, key_of

PAGE = 50
SIGNED_IN = ("accounts.signed_in", "accounts.visit_ended", "accounts.other_visits_ended")
PRIVILEGED = (
    "accounts.organisation_founded", "accounts.organisation_renamed", "accounts.department_added",
    "accounts.department_renamed", "accounts.department_closed", "accounts.person_added", "accounts.person_amended",
    "accounts.person_let_go", "accounts.person_taken_back", "accounts.role_given", "accounts.role_ended",
    "accounts.head_named", "accounts.token_made", "accounts.token_revoked", "accounts.second_factor_reset",
    "accounts.sign_in_unlocked", "accounts.password_set", "accounts.alarm_raised", "accounts.alarm_closed",
    "systems.system_registered", "systems.installation_registered", "vault.credential_added",
    "vault.credential_retired", "vault.access_given", "vault.access_taken",
    "vault.keys_rotated", "vault.keys_lost", "vault.host_key_refused", "process.flow_published",
    "process.delegated", "process.delegation_ended", "records.number_cancelled", "evidence.exported",
    "evidence.export_failed", "evidence.witness_enrolled", "evidence.witness_retired", "evidence.witness_disagrees",
    "log.reopened", "jobs.tried_again",
)  # fmt: skip
SETTINGS = (
    "accounts.second_factor_required", "accounts.second_factor_begun", "accounts.second_factor_confirmed",
    "accounts.second_factor_dropped", "accounts.password_changed", "accounts.alarms_set", "accounts.sign_in_locked",
    "notify.address_confirmed", "notify.chosen",
)  # fmt: skip
GROUPS = {"signed-in": SIGNED_IN, "privileged": PRIVILEGED, "settings": SETTINGS}
OF_ALL = (
    "evidence.witness_enrolled", "evidence.witness_retired", "evidence.witness_disagrees", "log.reopened",
    "vault.keys_rotated", "vault.keys_lost",
)  # fmt: skip


def may_see(by: Person, owner: Organisation, right: str = "security.see") -> None:
    """Raises Refused for whoever does not look after the security of this customer."""
    if not by.may(right, owner.id):
        raise Refused(_("安全监测要由信息安全办或系统管理员看"), help=_("系统管理员可以授予"), who="administrator")


def watched_ids(person: Person, right: str = "security.see") -> list[int]:
    """The ids of the customers whose security `person` looks after."""
    return sorted(person.owners_with(right))


def watched_by(person: Person, right: str = "security.see") -> list[Organisation]:
    """The customers whose security `person` looks after."""
    return list(Organisation.objects.filter(id__in=watched_ids(person, right)).order_by("code"))


def seen_by(owners: Collection[int]) -> QuerySet[SecurityEvent]:
    """Events of these customers: of their own people, of whoever saw their work at that time, and of nobody known."""
    sees = Grant.objects.filter(person=OuterRef("person"), organisation__in=owners, since__lte=OuterRef("last_at"))
    sees = sees.filter(Q(until=None) | Q(until__gt=OuterRef("at")))
    return SecurityEvent.objects.filter(Q(person=None) | Q(person__organisation__in=owners) | Exists(sees))


@dataclass(frozen=True)
class Filters(Narrowed):
    """What a list is narrowed by; "" is no restriction.

    `kind` is an event's, a group of entries of the log, or the verdict on an alarm.
    """

    kind: str = ""
    person: str = ""  # a username
    since: str = ""  # days of Asia/Shanghai
    until: str = ""

    def period(self) -> tuple[datetime | None, datetime | None]:
        """From when, and before when."""
        first, last = _day(self.since), _day(self.until)
        return _midnight(first) if first else None, _midnight(last + timedelta(days=1)) if last else None


def read_filters(given: Mapping[str, str], kinds: Collection[str]) -> Filters:
    """The filters an address names; raises ValueError for a kind or a day that there is not."""
    found = Filters(**{name: str(given.get(name, "")).strip()[:40] for name in ("kind", "person", "since", "until")})
    if found.kind and found.kind not in kinds:
        raise ValueError(found.kind)
    if "\0" in found.person:
        raise ValueError("person")
    for day in (found.since, found.until):
        if day and _day(day) is None:
            raise ValueError(day)
    return found


def events(person: Person, filters: Filters, after: str = "", most: int = PAGE) -> list[SecurityEvent]:
    """The register for whoever looks after security, newest first; the next page by the key of the last row."""
    rows = seen_by(watched_ids(person)).select_related("person__organisation")
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.person:
        rows = rows.filter(person__username=filters.person)
    since, until = filters.period()
    rows = rows.filter(last_at__gte=since) if since else rows
    rows = rows.filter(at__lt=until) if until else rows
    rows = rows.filter(id__lt=key_of(after)) if after else rows
    return list(rows.order_by("-id")[:most])


@dataclass(frozen=True)
class Line:
    """One entry of the log as this page tells it."""

    index: int
    at: datetime
    word: str
    actor: str
    about: str
    visible: bool  # whether the entry's own page opens for whoever looks after security


def entries(person: Person, filters: Filters, after: str = "", most: int = PAGE) -> list[Line]:
    """Who signed in, privileged acts and changed settings, from the log, newest first."""
    owners = watched_by(person)
    codes = {one.code for one in owners}
    kinds = GROUPS[filters.kind] if filters.kind else (*SIGNED_IN, *PRIVILEGED, *SETTINGS)
    serving = Person.objects.filter(grants__organisation__in=owners).exclude(organisation__in=owners).distinct()
    mine = Q(org__in=codes) | Q(org="", kind__in=OF_ALL)
    mine |= Q(actor__in=[one.actor for one in serving], kind__in=(*SIGNED_IN, *SETTINGS))
    rows = Entry.objects.filter(mine, kind__in=kinds)
    if filters.person:
        found = Person.objects.filter(username=filters.person).first()
        rows = rows.filter(actor__endswith=f"<{found.username}@{found.organisation.code}>") if found else rows.none()
    since, until = filters.period()
    rows = rows.filter(at__gte=since) if since else rows
    rows = rows.filter(at__lt=until) if until else rows
    rows = rows.filter(index__lt=key_of(after)) if after else rows
    return [
        _line(one, codes, {*codes, *(two.organisation.code for two in serving)})
        for one in rows.order_by("-index")[:most]
    ]


def _line(entry: Entry, codes: Collection[str], known: Iterable[str]) -> Line:
    """A witness is every customer's matter; who of another customer enrolled it is not."""
    ours = any(entry.actor.endswith(f"@{code}>") for code in known) or "@" not in entry.actor
    data = entry.said["data"]
    if data.get("role") in ROLES:
        data["role"] = ROLES[data["role"]].title
    names = ("person", "role", "name", "department", "flow", "number", "witness", "head")
    about = [str(data[name]) for name in names if data.get(name)]
    words = _("、").join(about) if ours or entry.org in codes else ""
    return Line(
        entry.index, entry.at, kind_word(entry.kind), entry.actor if ours else _("另一单位的管理员"), words,
        entry.org in codes,
    )  # fmt: skip


def alarms(person: Person, filters: Filters | None = None, most: int = PAGE) -> list[Alarm]:
    """The alarms of the customers whose security `person` looks after: open ones first, then the newest.

    The filters' kind is a verdict: what was found to be an attack, a misuse, a fault or nothing.
    """
    filters = filters or Filters()
    rows = Alarm.objects.filter(owner__in=watched_ids(person)).select_related(
        "owner", "person__organisation", "closed_by"
    )
    rows = rows.filter(verdict=filters.kind) if filters.kind else rows
    rows = rows.filter(person__username=filters.person) if filters.person else rows
    since, until = filters.period()
    rows = rows.filter(last_at__gte=since) if since else rows
    rows = rows.filter(at__lt=until) if until else rows
    return sorted(rows.order_by("-id")[:most], key=lambda one: one.closed_at is not None)


def alarm_seen(person: Person, uid: Any) -> Alarm:
    """One of those; raises NotVisible."""
    found = Alarm.objects.filter(owner__in=watched_ids(person), uid=uid).select_related("owner", "person").first()
    if found is None:
        raise NotVisible(str(uid))
    return found


def _day(given: str) -> date | None:
    try:
        return parse_date(given) if given else None
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)
