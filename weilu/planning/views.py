"""The calendar: what is planned, what is in the way of it, and moving it."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts.reader import reader
from weilu.kernel.refused import Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import SHANGHAI, now
from weilu.planning import forms, pages
from weilu.planning.models import Booking
from weilu.planning.moving import move_booking
from weilu.ui.dates import window


@right(SIGNED_IN)
@require_GET
def calendar(request: HttpRequest) -> HttpResponse:
    """Some weeks of every system one sees; with `booking`, beside it that one, at the time `starts` where given."""
    chosen = request.GET.get("booking", "")
    side = _panel(request, _booking(request, chosen)) if chosen else None
    return _page(request, side)


@right(SIGNED_IN)
@require_GET
def check(request: HttpRequest) -> HttpResponse:
    """The side panel alone, for whoever drags: the same words as the page's."""
    if not request.GET.get("booking"):
        raise BadRequest(_("没有说是哪一个安排"))
    side = _panel(request, _booking(request, request.GET["booking"]))
    return render(request, "planning/panel.html", {"panel": side})


@right(SIGNED_IN)
@require_POST
def move(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Plan the same work for another start; refused, the page says why beside the calendar."""
    booking, person = _booking(request, uid), reader(request)
    try:
        starts = forms.instant(request.POST.get("starts", ""), _("改到"), "starts")
        moved = move_booking(person, booking, starts=starts)
    except Refused as problem:
        booking = _booking(request, uid)
        return _page(request, pages.panel(person, booking, None, problem), 409)
    span = window(moved.starts, moved.ends, now())
    messages.success(request, _("%(number)s 已改到 %(span)s") % {"number": moved.item.number, "span": span})
    day = moved.starts.astimezone(SHANGHAI).date().isoformat()
    back = request.POST.get("from", "")
    return redirect(f"{reverse('planning:calendar')}?from={_day(back) or day}&booking={moved.uid}")


def _page(request: HttpRequest, side: pages.Panel | None, status: int = 200) -> HttpResponse:
    at = now()
    query = request.GET.copy()
    if side is not None and "from" not in query:
        query["from"] = side.booking.starts.astimezone(SHANGHAI).date().isoformat()
    shown = forms.shown(query, at.astimezone(SHANGHAI).date())
    found = pages.calendar_view(reader(request), shown, at)
    spans = [(7, _("一周")), (14, _("两周")), (28, _("四周"))]
    return render(request, "planning/calendar.html", {"view": found, "panel": side, "spans": spans}, status=status)


def _panel(request: HttpRequest, booking: Booking) -> pages.Panel:
    written = request.GET.get("starts", "")
    refused: Refused | None = None
    starts: datetime | None = None
    if written:
        try:
            starts = forms.instant(written, _("改到"), "starts")
        except Refused as problem:
            refused = problem
    return pages.panel(reader(request), booking, starts, refused)


def _booking(request: HttpRequest, uid: UUID | str) -> Booking:
    rows = Booking.objects.select_related("item__owner", "item__flow", "system__owner", "by")
    found: Booking = rows.fetch(reader(request), uid)
    return found


def _day(written: str) -> str:
    """A day as it stands in the address; "" for anything else."""
    try:
        return datetime.fromisoformat(written).date().isoformat() if written else ""
    except ValueError:
        return ""
