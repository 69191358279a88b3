"""The inbox."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts.reader import reader
from weilu.kernel.rights import SIGNED_IN, right
from weilu.notify.actions import mark_all_read, mark_read
from weilu.notify.models import Notice

PAGE = 50


@right(SIGNED_IN)
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """What I was told, the newest first, fifty to a page."""
    before = request.GET.get("before", "")
    notices = Notice.objects.of(reader(request))
    if before.isascii() and before.isdigit() and len(before) < 19:
        notices = notices.filter(id__lt=int(before))
    rows = list(notices[: PAGE + 1])
    more = rows[PAGE - 1].id if len(rows) > PAGE else None
    return render(request, "notify/inbox.html", {"rows": rows[:PAGE], "more": more})


@right(SIGNED_IN)
@require_POST
def read(request: HttpRequest, uid: str) -> HttpResponse:
    """Mark a notice as read, and go where it leads."""
    notice = Notice.objects.of(reader(request)).fetch(reader(request), uid)
    mark_read(reader(request), notice)
    return redirect(notice.link or "notify:inbox")


@right(SIGNED_IN)
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    mark_all_read(reader(request))
    return redirect("notify:inbox")
