"""Wrong passwords: counted before they are looked at, so that guesses at once are all counted; locks end."""

import secrets
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import check_password as matches
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import transaction
from django.db.models import F, Q, QuerySet

from weilu.accounts import rules
from weilu.accounts.credentials import Guesses
from weilu.accounts.directory import Entry, entry_of
from weilu.accounts.models import Person
from weilu.accounts.register import note, place_of
from weilu.accounts.watched import SecurityEvent
from weilu.evidence.actions import stage
from weilu.kernel import text
from weilu.kernel.refused import Refused
from weilu.kernel.times import iso, now

MOST_DEVICES = 8  # people whose device one browser may be
COOKIE = "weilu_device"
SALT = "weilu.accounts.device"
KNOWN_FOR = timedelta(days=365)
PASSWORD, CODE, SIGNATURE, WHILE_LOCKED = (
    "password",
    "code",
    "signature",
    "while locked",
)  # what failed, in the register


@dataclass(frozen=True)
class Count:
    """One of the counts that a guess is added to, and how many it lets pass."""

    key: str
    tries: int
    everywhere: bool = False  # of an account: each address counts at most rules.TRIES times


@dataclass(frozen=True)
class Held:
    """What a guess reserved: its locks as they were before, and the locks it began."""

    before: dict[str, datetime | None]
    left: int
    locked: dict[str, datetime]


def try_password(
    username: str,
    person: Person | None,
    password: str,
    address: str,
    *,
    admit: Callable[[Entry], Person | None],
    device: str = "",
    again: bool = False,
) -> Person:
    """The person whose password it is; raises Refused, and the failure stays counted.

    `device` is what the browser kept of an earlier sign-in (see `device_cookie`): a known one has its own count,
    so that strangers lock nobody out of their own browser. `again` is for somebody who is signed in. Where the
    password is not Weilu's, the directory is asked, and `admit` says who its entry is.
    """
    known = known_device(device, person)
    counts = _counts(username, address, known, again)
    try:
        held = _reserve(counts)
    except Refused:
        note(SecurityEvent.Kind.FAILED, person=person, address=address, act=WHILE_LOCKED)
        raise
    # An unknown name costs the same hash as a known one, so that names cannot be told by the clock.
    right = matches(printable(password), person.password if person else _decoy())
    let_in = person if right else _by_directory(username, password, held, admit)
    if let_in is None:
        note(SecurityEvent.Kind.FAILED, person=person, address=address, act=SIGNATURE if again else PASSWORD)
        if held.locked:
            _record_lock(person, address, held.locked)
        raise rules.wrong_password(held.left, max(held.locked.values(), default=None), now())
    _forgive(held)
    return let_in


@dataclass
class Outcome:
    """What became of a code: set `right` inside `counted`."""

    right: bool = False


@contextmanager
def counted(person: Person, address: str, device: str) -> Iterator[Outcome]:
    """Count the code that somebody gives after the password; raises Refused unless `right` is set inside."""
    base, known = f"second:{_folded(person.username)}", known_device(device, person)
    counts = [Count(f"{base}|{known or place_of(address)}", rules.TRIES)]
    if not known:
        counts.append(Count(base, rules.TRIES_OF_ACCOUNT, everywhere=True))
    try:
        held = _reserve(counts)
    except Refused as refused:
        note(SecurityEvent.Kind.FAILED, person=person, address=address, act=WHILE_LOCKED)
        refused.field = "code"
        raise
    outcome = Outcome()
    yield outcome
    if outcome.right:
        _forgive(held)
        return
    note(SecurityEvent.Kind.FAILED, person=person, address=address, act=CODE)
    if held.locked:
        _record_lock(person, address, held.locked)
    raise rules.wrong_code(held.left, max(held.locked.values(), default=None), now())


def _by_directory(username: str, password: str, held: Held, admit: Callable[[Entry], Person | None]) -> Person | None:
    """Whom the directory lets in; a directory that cannot tell is no failure of the guess."""
    try:
        found = entry_of(username, password)
    except Refused:
        _take_back(held)
        raise
    return admit(found) if found else None


def as_typed(username: str) -> str:
    """The name in half-width, fit to ask a database for; what no name can hold becomes a sign that no name has."""
    return printable(username.translate(text.FULL_WIDTH).strip())[:40]


def printable(typed: str) -> str:
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in typed)


def locks_of(person: Person) -> list[Guesses]:
    """The locks on this person's sign-in that hold now, apart from those of whole addresses."""
    return list(_of(person).filter(until__gt=now()).order_by("-until"))


def forget(person: Person) -> int:
    """Drop every count against this person; how many locks held."""
    held = len(locks_of(person))
    _of(person).delete()
    return held


def known_device(cookie: str, person: Person | None) -> str:
    """The device of `person` that `cookie` proves; "" for none."""
    return _devices(cookie).get(str(person.uid), "") if person else ""


def device_cookie(cookie: str, person: Person) -> str:
    """`cookie` with this browser known as a device of `person`, signed."""
    devices = _devices(cookie)
    device = devices.pop(str(person.uid), "") or secrets.token_urlsafe(12)
    kept = dict(list(devices.items())[1 - MOST_DEVICES :])
    return signing.dumps(kept | {str(person.uid): device}, salt=SALT)


def _devices(cookie: str) -> dict[str, str]:
    try:
        return dict(signing.loads(cookie, salt=SALT, max_age=KNOWN_FOR)) if cookie else {}
    except signing.BadSignature:
        return {}


def _counts(username: str, address: str, device: str, again: bool) -> list[Count]:
    username = _folded(username)
    if again:
        return [Count(f"again:{username}", rules.TRIES)]
    if device:
        return [Count(f"device:{username}|{device}", rules.TRIES)]
    place = place_of(address)
    return [
        Count(f"here:{username}|{place}", rules.TRIES),
        Count(f"account:{username}", rules.TRIES_OF_ACCOUNT, everywhere=True),
        Count(f"address:{place}", rules.TRIES_OF_ADDRESS),
    ]


def _folded(username: str) -> str:
    """One spelling of all those that a directory lets in as one name (RFC 4518: case, compatible letters, blanks)."""
    return " ".join(unicodedata.normalize("NFKC", username).casefold().split())[:60]


def _reserve(counts: Sequence[Count]) -> Held:
    """Count a guess in advance; raises Refused, and counts nothing, while one of the counts is locked."""
    instant = now()
    Guesses.objects.filter(at__lt=instant - rules.FORGOTTEN).delete()
    before: dict[str, datetime | None] = {}
    left, locked, at_once = rules.TRIES, {}, 0
    with transaction.atomic():
        rows = _locked(sorted(count.key for count in counts))
        rules.check_not_locked([row.until for row in rows.values()], instant)
        for place, count in enumerate(counts):
            row = rows[count.key]
            if count.everywhere and at_once > rules.TRIES:
                continue  # one address alone locks nobody out elsewhere
            before[count.key] = row.until
            row.failures, row.at = row.failures + 1, instant
            at_once = row.failures if place == 0 else at_once
            length = rules.lock_length(row.failures, count.tries)
            if length:
                row.until = locked[count.key] = instant + length
            left = min(left, count.tries - row.failures)
            row.save()
    return Held(before, max(left, 0), locked)


def _locked(keys: Sequence[str]) -> dict[str, Guesses]:
    """The rows of `keys`, there from now on and locked, always in the order of their keys."""
    Guesses.objects.bulk_create([Guesses(key=key) for key in keys], ignore_conflicts=True)
    return {row.key: row for row in Guesses.objects.select_for_update().filter(key__in=keys).order_by("key")}


@transaction.atomic
def _forgive(held: Held) -> None:
    """The guess was right: its counts begin anew; of its address only this guess is taken back."""
    for key, until in held.before.items():
        if key.startswith("address:"):
            _take_one_back(held, key, until)
        else:
            Guesses.objects.filter(key=key).delete()


@transaction.atomic
def _take_back(held: Held) -> None:
    """The guess was none: the counts are as they were before."""
    for key, until in held.before.items():
        _take_one_back(held, key, until)


def _take_one_back(held: Held, key: str, until: datetime | None) -> None:
    """One guess less under `key`; a lock that others began meanwhile stays."""
    rows = Guesses.objects.filter(key=key, failures__gt=0)
    rows.filter(until=held.locked.get(key, until)).update(until=until)
    rows.update(failures=F("failures") - 1)
    Guesses.objects.filter(key=key, failures=0).delete()


@transaction.atomic
def _record_lock(person: Person | None, address: str, locked: dict[str, datetime]) -> None:
    """Enter the locks that began. A name that is nobody's stays out: people type passwords there."""
    for key, until in locked.items():
        kind = key.partition(":")[0]
        note(SecurityEvent.Kind.LOCKED, person=None if kind == "address" else person, address=address, act=kind)
        data = {"lock": kind, "address": address, "until": iso(until)}
        if kind == "address":
            stage("accounts.sign_in_locked", data, actor="weilu", org="")
        elif person:
            org = person.organisation.code
            stage("accounts.sign_in_locked", data | {"person": person.actor}, actor="weilu", org=org)


def _of(person: Person) -> QuerySet[Guesses]:
    name = _folded(person.username)
    return Guesses.objects.filter(
        Q(key__in=[f"account:{name}", f"again:{name}", f"second:{name}"])
        | Q(key__startswith=f"here:{name}|")
        | Q(key__startswith=f"second:{name}|")
        | Q(key__startswith=f"device:{name}|")
    )


_decoys: list[str] = []


def _decoy() -> str:
    if not _decoys:
        _decoys.append(make_password("nobody has this password"))
    return _decoys[0]
