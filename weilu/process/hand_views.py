"""Pages of what people do with their place besides signing, and of absences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods, require_POST

from weilu.accounts.models import Organisation, Person
from weilu.accounts.reader import reader
from weilu.kernel.refused import NotVisible, Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import SHANGHAI, now
from weilu.process import absence, hand
from weilu.process.models import Delegation, WorkItem
from weilu.process.pages import item_url
from weilu.process.queries import ItemView, item_view

ENTRIES = ("act", "to", "words", "of", "person", "when")
ABSENCE = ("owner", "person", "delegate", "since", "until", "reason")


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def hand_on(request: HttpRequest, uid: str) -> HttpResponse:
    """Hand on, add a signer, copy, urge, take back: one form at a time; what was typed stays when turned down."""
    item = WorkItem.objects.select_related("flow", "owner").fetch(reader(request), uid)
    typed = {name: request.POST.get(name, "") for name in ENTRIES}
    refused = None
    if request.method == "POST":
        act = ACTS.get(typed["act"])
        try:
            if act is None:
                raise NotVisible(typed["act"])
            messages.success(request, act(request, item, typed))
            return redirect(item_url(item))
        except Refused as problem:
            refused = problem
            item = WorkItem.objects.select_related("flow", "owner").fetch(reader(request), uid)
    view = item_view(item, reader(request))
    people = [one for one in hand.those_who_see(item.owner_id) if one != reader(request)]
    waiting = [person for step in view.steps for person in step.waiting]
    manages = reader(request).may("people.manage", item.owner_id)
    offered = _offered(view, reader(request), manages, waiting)
    wanted = typed["act"] or request.GET.get("act", "")
    shown = {
        "item": item, "view": view, "people": people, "typed": typed, "refused": refused, "back": item_url(item),
        "waiting": waiting, "manages": manages, "copied": request.POST.getlist("people"),
        "acts": offered, "act": wanted if wanted in offered else next(iter(offered)),
    }  # fmt: skip
    return render(request, "process/hand.html", shown, status=409 if refused else 200)


def _offered(view: ItemView, me: Person, manages: bool, waiting: list[Person]) -> dict[str, str]:
    """The acts that make sense for the reader, with their words; whether one is allowed is asked when it is done."""
    own = view.seat is not None and view.behalf is None
    return {
        **({"transfer": pgettext("act", "转办")} if own or (manages and waiting) else {}),
        **({"add": pgettext("act", "加签")} if view.seat else {}),
        "copy": pgettext("act", "抄送"),
        **({"urge": pgettext("act", "催办")} if any(one != me for one in waiting) else {}),
        **({"withdraw": _("撤回")} if view.signed and view.step else {}),
    }


def _withdraw(request: HttpRequest, item: WorkItem, _typed: dict[str, str]) -> str:
    hand.withdraw(reader(request), item, turn=_turn(request))
    return _("已撤回 %(number)s 的签名") % {"number": item.number}


def _transfer(request: HttpRequest, item: WorkItem, typed: dict[str, str]) -> str:
    to, of = _named(item.owner_id, typed["to"], "to"), None
    if typed["of"]:
        of = _named(item.owner_id, typed["of"], "of")
    hand.transfer(reader(request), item, turn=_turn(request), to=to, words=typed["words"], of=of)
    return _("已转给%(name)s") % {"name": to.name}


def _add(request: HttpRequest, item: WorkItem, typed: dict[str, str]) -> str:
    person = _named(item.owner_id, typed["person"], "person")
    before = typed["when"] != "after"
    hand.add_signer(reader(request), item, turn=_turn(request), person=person, before=before, words=typed["words"])
    return _("已请%(name)s签") % {"name": person.name}


def _urge(request: HttpRequest, item: WorkItem, _typed: dict[str, str]) -> str:
    people = hand.urge(reader(request), item)
    return _("已催办：%(names)s") % {"names": _("、").join(person.name for person in people)}


def _copy(request: HttpRequest, item: WorkItem, typed: dict[str, str]) -> str:
    people = [_named(item.owner_id, name, "people") for name in request.POST.getlist("people")]
    if not people:
        raise Refused(_("还没有选抄送给谁"), field="people")
    hand.copy_to(reader(request), item, people=people, words=typed["words"])
    return _("已抄送%(names)s") % {"names": _("、").join(person.name for person in people)}


ACTS: dict[str, Callable[[HttpRequest, WorkItem, dict[str, str]], str]] = {
    "withdraw": _withdraw, "transfer": _transfer, "add": _add, "urge": _urge, "copy": _copy,
}  # fmt: skip


def _turn(request: HttpRequest) -> int:
    """The turn the page showed; one that is no number is older than any."""
    shown = request.POST.get("turn", "")
    return int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 10 else -1


def _named(owner_id: int, username: str, field: str) -> Person:
    found = hand.those_who_see(owner_id).filter(username=username.replace("\0", "")).first()
    if found is None:
        raise Refused(_("没有选人，或选的人已不在这个单位办事"), field=field)
    return found


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def absences(request: HttpRequest) -> HttpResponse:
    """Who stands in for whom, and a form for one's own absence; administrators arrange it for others too."""
    me = reader(request)
    owners = list(Organisation.objects.filter(id__in=me.owner_ids).order_by("name"))
    typed: dict[str, Any] = {name: request.POST.get(name, "") for name in ABSENCE}
    refused = None
    if request.method == "POST":
        try:
            made = _arrange(me, owners, typed)
            messages.success(request, _("%(name)s代办已安排") % {"name": made.delegate.name})
            return redirect("process:absences")
        except Refused as problem:
            refused = problem
    managed = [owner for owner in owners if me.may("people.manage", owner.id)]
    rows = Delegation.objects.filter(owner__in=owners).select_related("owner", "person", "delegate", "made_by")
    mine = [
        one for one in rows.order_by("-since", "-id")[:200] if me in (one.person, one.delegate) or one.owner in managed
    ]
    people = list({one.id: one for owner in owners for one in hand.those_who_see(owner.id)}.values())
    shown = {
        "rows": [(one, _standing(one), one.person == me or one.owner in managed) for one in mine],
        "owners": owners, "managed": managed, "people": people, "me": me, "typed": typed, "refused": refused,
        "colleagues": [one for one in people if one.organisation_id == me.organisation_id or managed],
    }  # fmt: skip
    return render(request, "process/absences.html", shown, status=422 if refused else 200)


def _arrange(me: Person, owners: list[Organisation], typed: dict[str, str]) -> Delegation:
    owner = next((one for one in owners if one.code == typed["owner"]), owners[0] if len(owners) == 1 else None)
    if owner is None:
        raise Refused(_("还没有选单位"), field="owner")
    person = _named(owner.id, typed["person"], "person") if typed["person"] else me
    return absence.delegate(
        me,
        owner=owner,
        person=person,
        delegate=_named(owner.id, typed["delegate"], "delegate"),
        since=_instant(typed["since"], "since"),
        until=_instant(typed["until"], "until"),
        reason=typed["reason"],
    )


def _instant(given: str, field: str) -> datetime:
    """The entry of a date and time in Shanghai as an instant."""
    try:
        found = parse_datetime(given)
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise Refused(_("时间「%(given)s」不完整，要有日期和钟点") % {"given": given[:30]}, field=field)
    return found.replace(tzinfo=SHANGHAI)


def _standing(one: Delegation) -> str:
    if one.ended_at is not None or one.until <= now():
        return _("已结束")
    return _("代办中") if one.since <= now() else _("还没有开始")


@right(SIGNED_IN)
@require_POST
def end_absence(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The absent one is back."""
    absence.end_delegation(reader(request), Delegation.objects.fetch(reader(request), uid))
    messages.success(request, _("委托已结束"))
    return redirect("process:absences")
