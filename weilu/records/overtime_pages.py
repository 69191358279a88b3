"""Pages of overtime: entering it for an item, answering it on the sheet."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from weilu.accounts.models import Person, RoleHolding
from weilu.accounts.reader import address_of, reader
from weilu.kernel import text
from weilu.kernel.refused import Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import SHANGHAI, now
from weilu.process.models import WorkItem
from weilu.records.models import Overtime, RecordSheet
from weilu.records.overtime import drop_overtime, enter_overtime, may_enter, refuse_overtime, sign_overtime
from weilu.records.rules import VENDOR_ROLES
from weilu.records.views import refused_here, strokes_in
from weilu.ui.dates import span


@right(SIGNED_IN)
@never_cache
@require_http_methods(["GET", "POST"])
def overtime(request: HttpRequest, uid: str) -> HttpResponse:
    """The overtime of an item, and the form to enter some."""
    item = WorkItem.objects.select_related("owner").fetch(reader(request), uid)
    if request.method != "POST":
        return _page(request, item)
    post = request.POST
    try:
        enter_overtime(
            reader(request), item, person=_person(item, post.get("person", "")), reason=post.get("reason", ""),
            since=_instant(post.get("since", ""), _("开始时间"), "since"),
            until=_instant(post.get("until", ""), _("结束时间"), "until"),
        )  # fmt: skip
    except Refused as refused:
        return _page(request, item, 409, refused=refused, typed=post.dict())
    return redirect("records:overtime", uid=uid)


@right(SIGNED_IN)
@require_POST
def drop(request: HttpRequest, uid: str) -> HttpResponse:
    """Take an entry back."""
    item = WorkItem.objects.select_related("owner").fetch(reader(request), uid)
    row = Overtime.objects.filter(item=item).fetch(reader(request), request.POST.get("overtime", ""))
    try:
        drop_overtime(reader(request), row)
    except Refused as refused:
        return _page(request, item, 409, refused=refused)
    return redirect("records:overtime", uid=uid)


@right(SIGNED_IN)
@require_POST
def sign(request: HttpRequest, uid: str) -> HttpResponse:
    """Confirm the overtime, for the customer."""
    found, post = RecordSheet.objects.fetch(reader(request), uid), request.POST
    try:
        sign_overtime(
            reader(request), found, password=post.get("password", ""), address=address_of(request),
            digest=post.get("digest", ""), strokes=strokes_in(post.get("strokes", "")),
            name_instead=post.get("name_instead") == "1",
        )  # fmt: skip
    except Refused as refused:
        return refused_here(request, found, refused, "overtime")
    return redirect("records:sheet", uid=uid)


@right(SIGNED_IN)
@require_POST
def refuse(request: HttpRequest, uid: str) -> HttpResponse:
    """Refuse the overtime, for the customer, with the reason."""
    found, post = RecordSheet.objects.fetch(reader(request), uid), request.POST
    try:
        refuse_overtime(
            reader(request), found, reason=post.get("reason", ""), password=post.get("password", ""),
            address=address_of(request), digest=post.get("digest", ""),
        )  # fmt: skip
    except Refused as refused:
        return refused_here(request, found, refused, "overtime-refuse")
    return redirect("records:sheet", uid=uid)


def _page(request: HttpRequest, item: WorkItem, status: int = 200, **more: Any) -> HttpResponse:
    rows = list(item.overtime.select_related("person__organisation", "by").order_by("since", "id"))
    shown = {
        "item": item, "entries": [(row, span(row.minutes, days=False)) for row in rows],
        "total": span(sum(row.minutes for row in rows), days=False),
        "may_enter": may_enter(reader(request), item), "engineers": _engineers(item),
    }  # fmt: skip
    return render(request, "records/overtime.html", shown | more, status=status)


def _engineers(item: WorkItem) -> list[Person]:
    """The vendors' people who may have worked overtime for this customer."""
    held = RoleHolding.objects.in_force(now()).filter(owner_id=item.owner_id, role__in=VENDOR_ROLES)
    found = Person.objects.filter(id__in=held.values("person_id"), organisation__kind="vendor", is_active=True)
    return list(found.order_by("name", "id"))


def _person(item: WorkItem, uid: str) -> Person | None:
    """Who worked, as chosen on the page; None: whoever enters it."""
    if not uid:
        return None
    found = next((one for one in _engineers(item) if str(one.uid) == uid), None)
    if found is None:
        raise Refused(_("加班人员不在名单里。重新选"), field="person")
    return found


def _instant(value: str, label: str, field: str) -> datetime:
    """A date and time of Asia/Shanghai as the browser or a person writes it."""
    written = text.code(value, label, field=field, longest=30).replace("/", "-")
    try:
        return datetime.fromisoformat(written).replace(tzinfo=SHANGHAI)
    except ValueError:
        words = _("%(label)s「%(value)s」不是日期时间，应写成 2026-09-29 22:00")
        raise Refused(words % {"label": label, "value": written}, field=field) from None
