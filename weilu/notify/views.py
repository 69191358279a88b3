"""The inbox."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from weilu.accounts.reader import reader
from weilu.kernel.refused import Refused
from weilu.kernel.rights import SIGNED_IN, right
from weilu.notify.actions import choose, mark_all_read, mark_read
from weilu.notify.addresses import confirm_address
from weilu.notify.kinds import KINDS
from weilu.notify.mailing import wanted
from weilu.notify.models import Choice, Notice, When

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


@right(SIGNED_IN)
@require_http_methods(["GET", "POST"])
def choices(request: HttpRequest) -> HttpResponse:
    """Choose where and how I am told, or confirm the address; what was typed stays when it is refused."""
    kept = Choice.objects.filter(person=reader(request)).first()
    shown = kept or Choice(person=reader(request))
    refused = None
    if request.method == "POST":
        if "code" in request.POST:
            return _confirm(request, shown)
        typed, hour = request.POST.get("email", ""), request.POST.get("digest_hour", "")
        chosen = {key: request.POST[key] for key in KINDS if key in request.POST}
        number = int(hour) if hour.isascii() and hour.isdigit() and len(hour) < 4 else -1
        try:
            choose(reader(request), email=typed, digest_hour=number, choices=chosen)
            messages.success(request, _("通知设置已保存"))
            return redirect("notify:choices")
        except Refused as problem:
            refused = problem
            shown = Choice(person=reader(request), email=typed, digest_hour=max(0, number), choices=chosen)
    return _choices_page(request, shown, refused)


def _confirm(request: HttpRequest, shown: Choice) -> HttpResponse:
    try:
        confirm_address(reader(request), code=request.POST.get("code", ""))
    except Refused as problem:
        return _choices_page(request, shown, problem)
    messages.success(request, _("邮件地址已确认"))
    return redirect("notify:choices")


def _choices_page(request: HttpRequest, shown: Choice, refused: Refused | None) -> HttpResponse:
    usual = Choice(person=shown.person, email="-", choices=shown.choices)
    page = {
        "choice": shown, "refused": refused, "hours": range(24), "mails": settings.CONFIG.smtp is not None,
        "kinds": [(kind, wanted(usual, kind.key)) for kind in KINDS.values()], "ways": When.choices,
    }  # fmt: skip
    return render(request, "notify/choices.html", page, status=422 if refused else 200)
