"""The pages of runs: the list, one run as it happens, cancelling and answering."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from weilu.accounts.models import Person
from weilu.evidence.looking import seen
from weilu.execution import actions, pages
from weilu.execution.models import Run
from weilu.kernel.rights import SIGNED_IN, right
from weilu.kernel.times import SHANGHAI, now

PAGE = 50


@right(SIGNED_IN)
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """Every run one may see, newest first."""
    after = _number(request.GET.get("after", ""))
    found = (
        Run.objects.visible_to(_person(request))
        .select_related("item", "installation__system", "ordered_by")
        .order_by("-id")
    )
    rows = list(found.filter(id__lt=after)[:PAGE] if after else found[:PAGE])
    more = rows[-1].id if len(rows) == PAGE else 0
    return render(request, "execution/runs.html", {"rows": [(one, pages.look_of(one)) for one in rows], "more": more})


@right(SIGNED_IN)
@require_GET
def run(request: HttpRequest, uid: str) -> HttpResponse:
    """One run, followed live while it lasts."""
    found = _fetch(request, uid)
    _seen(request, found, "run")
    return render(request, "execution/run.html", {"view": pages.run_view(found, _person(request), now())})


@right(SIGNED_IN)
@require_GET
def live(request: HttpRequest, uid: str) -> HttpResponse:
    """The moving part of the page; 204 while there is nothing newer than `after`."""
    found = _fetch(request, uid)
    _seen(request, found, "run", counted=False)
    after = _number(request.GET.get("after", ""))
    if found.live and not found.events.filter(seq__gt=after).exists():
        return HttpResponse(status=204)
    return render(request, "execution/live.html", {"view": pages.run_view(found, _person(request), now())})


@right(SIGNED_IN)
@require_GET
def log(request: HttpRequest, uid: str) -> HttpResponse:
    """The whole log as text."""
    found = _fetch(request, uid)
    if asking := _seen(request, found, "run_log", ask=True):
        return asking
    lines = (
        f"{event.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S} {event.text}\n" for event in found.events.order_by("seq")
    )
    answer = HttpResponse("".join(lines), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{found.number}.log"'
    return answer


@right(SIGNED_IN)
@require_POST
def cancel(request: HttpRequest, uid: str) -> HttpResponse:
    actions.cancel_run(_person(request), _fetch(request, uid))
    return redirect("execution:run", uid)


@right(SIGNED_IN)
@require_POST
def answer(request: HttpRequest, uid: str) -> HttpResponse:
    actions.answer_step(_person(request), _fetch(request, uid), answer=request.POST.get("answer", ""))
    return redirect("execution:run", uid)


def _seen(request: HttpRequest, run: Run, kind: str, *, ask: bool = False, counted: bool = True) -> HttpResponse | None:
    """Register the look; where a purpose is missing, the page that asks."""
    return seen(
        request, org=run.owner.code, kind=kind, what=run.uid, words=run.number, item=str(run.item.uid), ask=ask,
        counted=counted,
    )  # fmt: skip


def _fetch(request: HttpRequest, uid: str) -> Run:
    rows = Run.objects.select_related(
        "item", "owner", "installation__system", "ordered_by__organisation", "cancelled_by"
    )
    found: Run = rows.fetch(_person(request), uid)
    return found


def _number(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(_("参数不是数"))
    return int(text or 0)


def _person(request: HttpRequest) -> Person:
    """Who asks; the sign-in middleware has seen to it that somebody does."""
    assert isinstance(request.user, Person)  # noqa: S101
    return request.user
