"""Putting looks on record: a line with the page that is read, and a digest of the closed lines on the log."""

from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any, Protocol

from cryptography.hazmat.primitives import hashes
from django.db import transaction
from django.db.models import F, Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from weilu.evidence.actions import stage
from weilu.evidence.files import FileRef
from weilu.evidence.looks import Look, LookBatch, text_of
from weilu.evidence.words import look_word
from weilu.kernel.clauses import Clause
from weilu.kernel.refused import Refused
from weilu.kernel.times import now
from weilu.ui.address import address_of

REGISTERED = Clause("OPS-5")
EVERY_LOOK = Clause("CON-9")
KIND = "evidence.looks_recorded"
TOGETHER = timedelta(minutes=10)  # looks at the same thing within this time are one line
SLACK = timedelta(minutes=1)  # between clocks of several machines
MOST_LINES = 2000  # of one batch
SHORTEST, LONGEST = 2, 200  # characters of a purpose
MOST_KEPT = 100  # purposes a session keeps

WORKING = gettext_noop("办理工单")
READING = gettext_noop("查看")
BY_TOKEN = gettext_noop("程序经访问令牌读取")


class Looker(Protocol):
    """What the register asks of whoever reads; people live in a room above this one."""

    actor: str
    organisation: Any
    limited_to: frozenset[str] | None


_works_on: list[Callable[[Any, str], bool]] = []


def name_workers(works_on: Callable[[Any, str], bool]) -> None:
    """Let `works_on(person, item)` say whether somebody has a place in the work item with this uid."""
    _works_on[:] = [works_on]


def check_purpose(purpose: str) -> str:
    """REGISTERED: what is fetched, exported or read as a log is read for a purpose; as it is kept."""
    said = " ".join(purpose.split())
    if len(said) < SHORTEST or not said.isprintable():
        raise Refused(_("用途没有写明，写几个字：为什么要看"), REGISTERED, field="purpose")
    if len(said) > LONGEST:
        raise Refused(_("用途最多 %(most)d 个字，现在 %(n)d 个") % {"most": LONGEST, "n": len(said)}, field="purpose")
    return said


def look(
    by: Looker, *, org: str, kind: str, what: object, words: str, item: str = "", purpose: str = READING,
    address: str = "", counted: bool = True,
) -> None:  # fmt: skip
    """EVERY_LOOK: write that `by` looks at something of the customer `org`, before it is shown.

    `kind` is a key of `words.LOOKS`, `what` the thing's uid, digest or place, `words` its number or title. With
    `counted` false, a look that has its line already leaves that as it is: for pages that ask again by themselves.
    """
    instant, side = now(), str(by.organisation.code)
    same = Look.objects.filter(
        batch=None, kind=kind, what=str(what), actor=by.actor, org=org, purpose=purpose, address=address,
        at__gt=instant - TOGETHER,
    )  # fmt: skip
    if not counted and same.exists():
        return
    if not same.update(times=F("times") + 1, last=instant):
        Look.objects.create(
            org=org, actor=by.actor, side=side, kind=kind, what=str(what), words=words[:200], item=item,
            purpose=purpose, address=address, at=instant, last=instant,
        )  # fmt: skip


def seen(
    request: HttpRequest, *, org: str, kind: str, what: object, words: str, item: str = "", ask: bool = False,
    counted: bool = True,
) -> HttpResponse | None:  # fmt: skip
    """`look` for the person of this request. Where a purpose must be said first, answers the page that asks for it.

    Whoever has a place in the work item is working on it and is not asked; others say it once for each item and
    session where `ask` is true. A program says it as `?purpose=` (Refused without).
    """
    by: Any = request.user
    purpose = purpose_of(request, kind, str(what), item)
    if not purpose and ask:
        if by.limited_to is not None or request.path.startswith("/api/"):
            purpose = check_purpose(request.GET.get("purpose", ""))
        else:
            return ask_purpose(request, key_of(kind, str(what), item), f"{look_word(kind)} {words}".strip())
    usual = READING if by.limited_to is None else BY_TOKEN
    look(
        by, org=org, kind=kind, what=what, words=words, item=item, purpose=purpose or usual,
        address=address_of(request), counted=counted,
    )  # fmt: skip
    return None


def key_of(kind: str, what: str, item: str) -> str:
    """Under what a session keeps a purpose: for the work item, else for the thing."""
    return item or f"{kind}:{what}"


def purpose_of(request: HttpRequest, kind: str, what: str, item: str) -> str:
    """What this person reads it for, as far as that is known: their work on the item, or what they said before."""
    by: Any = request.user
    if by.limited_to is None:
        kept = request.session.get("purposes", {}).get(key_of(kind, what, item), "")
        if kept:
            return str(kept)
    return WORKING if item and any(works_on(by, item) for works_on in _works_on) else ""


def keep_purpose(request: HttpRequest, key: str, purpose: str) -> None:
    """Keep a purpose with the session, so that nobody is asked at every click."""
    kept = dict(request.session.get("purposes", {}))
    kept.pop(key, None)
    request.session["purposes"] = dict([*kept.items(), (key, check_purpose(purpose))][-MOST_KEPT:])


def ask_purpose(
    request: HttpRequest, key: str, thing: str, *, onward: str = "", refused: Refused | None = None
) -> HttpResponse:
    """The page that asks what something is read for, and then leads on to it."""
    shown = {
        "key": key, "thing": thing, "onward": onward or request.get_full_path(), "refused": refused,
        "typed": request.POST.get("purpose", ""), "most": LONGEST,
    }  # fmt: skip
    return render(request, "evidence/purpose.html", shown, status=409 if refused else 200)


@transaction.atomic
def record_looks() -> int:
    """Stage one entry for each customer with closed lines; how many lines."""
    closed = Look.objects.filter(batch=None, at__lte=now() - TOGETHER - SLACK).order_by("id")
    waiting: dict[str, list[Look]] = defaultdict(list)
    for one in closed.select_for_update()[:MOST_LINES]:
        waiting[one.org].append(one)
    for org, looks in waiting.items():
        _record(org, looks)
    return sum(len(looks) for looks in waiting.values())


def _record(org: str, looks: list[Look]) -> None:
    text, number = text_of(looks), (LookBatch.objects.filter(org=org).aggregate(last=Max("number"))["last"] or 0) + 1
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(text)
    file = FileRef(sha256(text).hexdigest(), sm3.finalize().hex(), len(text), f"looks-{number}.jsonl")
    ref = stage(KIND, {"batch": number, "lines": len(looks)}, actor="weilu", org=org, files=[file])
    batch = LookBatch.objects.create(
        org=org, number=number, entry=ref, sha256=file.sha256, lines=len(looks), until=max(one.last for one in looks)
    )
    Look.objects.filter(id__in=[one.id for one in looks]).update(batch=batch)
